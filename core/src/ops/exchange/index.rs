//! The rows of a dump by what they belong to: sixteen bytes of memory a row, whatever the rows hold.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::error::{Error, Result};
use crate::exchange::{Facts, RowReader, unusable};
use crate::storage::{Staged, StagedReader};
use crate::tasks::TaskContext;

/// No dump has more rows.
const MOST_ROWS: usize = 20_000_000;
/// No unit has more, nor more bytes of them: they are held together.
const MOST_OF_ONE: usize = 200_000;
const MOST_BYTES_OF_ONE: usize = 64 << 20;
/// So many rows are read before it is asked whether the task is to stop.
const PAUSE: usize = 1000;

/// See the module.
pub struct Index {
    /// Hashes of owners with the places of rows, in order.
    places: Vec<(u64, u64)>,
    reader: RowReader<StagedReader>,
    owner: fn(&Facts) -> String,
    name: String,
    /// Removed with this.
    _file: Staged,
}

fn hash(owner: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    owner.hash(&mut hasher);
    hasher.finish()
}

impl Index {
    /// Reads the dump once. Rows that say of nothing that they belong to it are nobody's. Blocks.
    ///
    /// # Errors
    /// `Canceled`; `Conflict` when there are more rows than a dump has.
    pub fn build(name: &str, file: Staged, owner: fn(&Facts) -> String, context: &TaskContext) -> Result<Self> {
        let mut reader = RowReader::new(name, file.reader()?);
        let (mut places, mut count) = (Vec::new(), 0usize);
        while let Some(row) = reader.next_row()? {
            if count.is_multiple_of(PAUSE) {
                context.check()?;
            }
            count += 1;
            let of = owner(&row.facts);
            if !of.is_empty() {
                places.push((hash(&of), row.offset));
            }
            if places.len() > MOST_ROWS {
                return Err(too_many(name, MOST_ROWS));
            }
        }
        places.sort_unstable();
        Ok(Self { places, reader, owner, name: name.to_owned(), _file: file })
    }

    /// The rows of an owner, in the order of the dump. Blocks.
    ///
    /// # Errors
    /// `Conflict` when there are more, or larger ones, than a unit has.
    pub fn rows(&mut self, of: &str) -> Result<Vec<Facts>> {
        let wanted = hash(of);
        let start = self.places.partition_point(|(hash, _)| *hash < wanted);
        let count = self.places[start..].partition_point(|(hash, _)| *hash == wanted);
        if count > MOST_OF_ONE {
            return Err(too_many(&self.name, MOST_OF_ONE));
        }
        let (mut rows, mut bytes) = (Vec::with_capacity(count), 0);
        for (_, place) in &self.places[start..start + count] {
            let row = self.reader.row_at(*place)?;
            if (self.owner)(&row.facts) != of {
                continue;
            }
            bytes += row.size;
            if bytes > MOST_BYTES_OF_ONE {
                let problem = format!("has more than the {MOST_BYTES_OF_ONE} bytes of rows that a unit may have");
                return Err(unusable(&self.name, problem));
            }
            rows.push(row.facts);
        }
        Ok(rows)
    }
}

fn too_many(dump: &str, most: usize) -> Error {
    unusable(dump, format!("has more than the {most} rows that a dump, or a unit, may have"))
}
