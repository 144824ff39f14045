//! The rows of a dump by what they belong to: sixteen bytes of memory a row, whatever the rows hold.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::error::Result;
use crate::exchange::{Facts, RowReader};
use crate::storage::{Staged, StagedReader};

/// See the module.
pub struct Index {
    /// Hashes of owners with the places of rows, in order.
    places: Vec<(u64, u64)>,
    reader: RowReader<StagedReader>,
    owner: fn(&Facts) -> String,
    /// Removed with this.
    _file: Staged,
}

fn hash(owner: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    owner.hash(&mut hasher);
    hasher.finish()
}

impl Index {
    /// Reads the dump once. Blocks.
    pub fn build(name: &str, file: Staged, owner: fn(&Facts) -> String) -> Result<Self> {
        let mut reader = RowReader::new(name, file.reader()?);
        let mut places = Vec::new();
        while let Some(row) = reader.next_row()? {
            places.push((hash(&owner(&row.facts)), row.offset));
        }
        places.sort_unstable();
        Ok(Self { places, reader, owner, _file: file })
    }

    /// The rows of an owner, in the order of the dump. Blocks.
    pub fn rows(&mut self, of: &str) -> Result<Vec<Facts>> {
        let wanted = hash(of);
        let start = self.places.partition_point(|(hash, _)| *hash < wanted);
        let places: Vec<u64> =
            self.places[start..].iter().take_while(|(hash, _)| *hash == wanted).map(|(_, place)| *place).collect();
        let mut rows = Vec::with_capacity(places.len());
        for place in places {
            let facts = self.reader.row_at(place)?;
            if (self.owner)(&facts) == of {
                rows.push(facts);
            }
        }
        Ok(rows)
    }
}
