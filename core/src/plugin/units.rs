//! What a format sees of the units of a repository version: rows of its own tables, a bounded number at a time.

use std::sync::Arc;

pub use crate::db::units::Version;
use crate::db::units::{self, Grouping, LARGE, Range};
use crate::db::{Db, FromValue, Row, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};

use super::ContentType;

/// Values of a group's column read together where a repository is large.
const VALUES: i64 = 5000;

/// The units of one version. Cheap to clone; what it tells never changes.
#[derive(Clone)]
pub struct VersionUnits {
    db: Db,
    version: Version,
    content_types: Arc<Vec<Arc<dyn ContentType>>>,
}

/// One unit: the columns that were asked for, by position.
#[derive(Clone, Debug)]
pub struct UnitRow {
    pub id: Id,
    /// When this server first had the unit.
    pub created: Instant,
    row: Row,
}

impl UnitRow {
    pub(super) fn new(row: Row) -> Result<Self> {
        Ok(Self { id: row.get(0)?, created: row.get(1)?, row })
    }

    /// # Errors
    /// `Internal` when the column is of another type.
    pub fn get<T: FromValue>(&self, at: usize) -> Result<T> {
        self.row.get(at + 2)
    }
}

/// Units that belong together because a column has the same value, such as the files of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub value: String,
    /// When the version was made in which anything of the group changed last.
    pub changed: Instant,
}

/// The column that makes groups, under one name in all these types' tables.
#[derive(Clone, Copy, Debug)]
pub struct GroupBy {
    /// A group exists while there is a unit of this type.
    pub content_type: &'static str,
    pub column: &'static str,
    /// Units of these types only count as changes.
    pub also: &'static [&'static str],
}

impl VersionUnits {
    pub(crate) fn new(db: Db, version: Version, content_types: Vec<Arc<dyn ContentType>>) -> Self {
        Self { db, version, content_types: Arc::new(content_types) }
    }

    pub fn version(&self) -> Version {
        self.version
    }

    fn table(&self, content_type: &str) -> Result<&'static str> {
        let found = self.content_types.iter().find(|one| one.pulp_type() == content_type);
        found.map(|one| one.table().name).ok_or_else(|| Error::internal(format!("no content type `{content_type}`")))
    }

    /// The units whose columns have one of the values given for each, in the order of their ids. The first column
    /// must have an index; few units are expected.
    pub async fn matching(
        &self,
        content_type: &str,
        columns: &'static [&'static str],
        equal: Vec<(&'static str, Vec<String>)>,
    ) -> Result<Vec<UnitRow>> {
        let (version, table) = (self.version, self.table(content_type)?);
        let rows = self.db.read(move |conn| {
            let equal: Vec<_> = equal.into_iter().map(|(column, values)| (column, Value::Texts(values))).collect();
            units::matching(conn, version, table, columns, &equal)
        });
        rows.await?.into_iter().map(UnitRow::new).collect()
    }

    /// At most `limit` units after the unit `after`, in the order of their ids.
    pub async fn page(
        &self,
        content_type: &str,
        columns: &'static [&'static str],
        after: Option<Id>,
        limit: i64,
    ) -> Result<Vec<UnitRow>> {
        let (version, table) = (self.version, self.table(content_type)?);
        let rows = self.db.read(move |conn| units::page(conn, version, table, columns, after, limit));
        rows.await?.into_iter().map(UnitRow::new).collect()
    }

    /// How many units of a type there are.
    pub async fn count(&self, content_type: &'static str) -> Result<i64> {
        let version = self.version.id;
        self.db.read(move |conn| units::count(conn, version, content_type)).await
    }

    /// One group; none when the version has none of this value.
    pub async fn group(&self, by: GroupBy, value: &str) -> Result<Option<Group>> {
        let (version, by, range) = (self.version, self.grouping(by)?, Range::One(value.to_owned()));
        let found = self.db.read(move |conn| {
            let groups = units::groups(conn, version, &by, &range)?;
            Ok((groups, units::instants(conn, version.repository)?))
        });
        let (groups, instants) = found.await?;
        Ok(self.named(groups, &instants).pop())
    }

    /// All groups, in the byte order of their values, page by page.
    pub async fn groups(&self, by: GroupBy) -> Result<GroupReader> {
        let (repository, grouping) = (self.version.repository, self.grouping(by)?);
        let instants = self.db.read(move |conn| units::instants(conn, repository)).await?;
        let next = if self.count(by.content_type).await? > LARGE { Next::After(String::new()) } else { Next::All };
        Ok(GroupReader { units: self.clone(), grouping, instants, next })
    }

    fn grouping(&self, by: GroupBy) -> Result<Grouping> {
        let also = by.also.iter().map(|name| self.table(name)).collect::<Result<_>>()?;
        Ok(Grouping { table: self.table(by.content_type)?, column: by.column, also })
    }

    /// The instant of a version that is gone is that of the one it was merged into.
    fn named(&self, groups: Vec<(String, i64)>, instants: &[(i64, Instant)]) -> Vec<Group> {
        let instant = |number: i64| {
            let at = instants.partition_point(|(one, _)| *one < number);
            instants.get(at).map_or(self.version.created, |(_, created)| *created)
        };
        groups.into_iter().map(|(value, number)| Group { value, changed: instant(number) }).collect()
    }
}

enum Next {
    All,
    After(String),
    End,
}

/// See [`VersionUnits::groups`].
pub struct GroupReader {
    units: VersionUnits,
    grouping: Grouping,
    instants: Vec<(i64, Instant)>,
    next: Next,
}

impl GroupReader {
    /// Some thousand groups; none at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Group>>> {
        loop {
            let (version, by) = (self.units.version, self.grouping.clone());
            let (found, next) = match std::mem::replace(&mut self.next, Next::End) {
                Next::End => return Ok(None),
                Next::All => {
                    let all = self.units.db.read(move |conn| units::groups(conn, version, &by, &Range::All));
                    (all.await?, Next::End)
                }
                Next::After(after) => {
                    let part = self.units.db.read(move |conn| {
                        let Some(last) = units::next_values(conn, &by, &after, VALUES)? else { return Ok(None) };
                        let found = units::groups(conn, version, &by, &Range::Between(after, last.clone()))?;
                        Ok(Some((found, last)))
                    });
                    let Some((found, last)) = part.await? else { return Ok(None) };
                    (found, Next::After(last))
                }
            };
            self.next = next;
            if !found.is_empty() {
                return Ok(Some(self.units.named(found, &self.instants)));
            }
        }
    }
}
