//! What a format sees of the units of a repository version: rows of its own tables, a bounded number at a time.

use std::sync::Arc;

pub use crate::db::units::Version;
use crate::db::units::{self, Grouping, LARGE, Range, Waiting};
use crate::db::{Conn, Db, FromValue, Row, Value, content, pinned};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};
use crate::storage::Algorithm;

use super::{ContentType, Equal};
use crate::resource::Scope;

/// The units of a domain, in whatever version, whose columns have one of the values given for each; for resources that
/// show other units ([`crate::resource::Enrich`]). The first column must have an index; few units are expected.
pub fn units_of_domain(
    scope: &Scope<'_>,
    conn: &mut Conn,
    content_type: &str,
    columns: &'static [&'static str],
    equal: Equal<'_>,
) -> Result<Vec<UnitRow>> {
    let found = scope.registry.content_type(content_type);
    let table = found.ok_or_else(|| Error::internal(format!("no content type `{content_type}`")))?.table().name;
    let equal: Vec<_> = equal.iter().map(|(column, values)| (*column, Value::Texts(values.clone()))).collect();
    let rows = units::of_domain(conn, scope.domain, table, columns, &equal)?;
    rows.into_iter().map(UnitRow::new).collect()
}

/// Values of a group's column read together where a repository is large.
const VALUES: i64 = 5000;

/// The units of one version, and of a distribution those that wait for the next one. Cheap to clone; what it tells
/// never changes.
#[derive(Clone)]
pub struct VersionUnits {
    db: Db,
    version: Version,
    waiting: Option<Arc<Waiting>>,
    content_types: Arc<Vec<Arc<dyn ContentType>>>,
}

/// One unit: the columns that were asked for, by position.
#[derive(Clone, Debug)]
pub struct UnitRow {
    pub id: Id,
    /// When this server first had the unit.
    pub created: Instant,
    /// When the repository got it, in its present stay.
    pub added: Instant,
    row: Row,
}

impl UnitRow {
    pub(super) fn new(row: Row) -> Result<Self> {
        let created = row.get(1)?;
        Ok(Self { id: row.get(0)?, created, added: row.get::<Option<Instant>>(2)?.unwrap_or(created), row })
    }

    /// # Errors
    /// `Internal` when the column is of another type.
    pub fn get<T: FromValue>(&self, at: usize) -> Result<T> {
        self.row.get(at + 3)
    }
}

/// One file of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOfUnit {
    /// As a publication takes it.
    pub id: Id,
    pub unit: Id,
    pub relative_path: String,
}

/// Units that belong together because a column has the same value, such as the files of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub value: String,
    /// How it is called: the least label of its units.
    pub label: String,
    /// When the version was made in which anything of the group changed last.
    pub changed: Instant,
}

/// The column that makes groups, under one name in all these types' tables.
#[derive(Clone, Copy, Debug)]
pub struct GroupBy {
    /// A group exists while there is a unit of this type.
    pub content_type: &'static str,
    pub column: &'static str,
    /// A column of that type that says how a group is called.
    pub label: &'static str,
    /// Units of these types only count as changes.
    pub also: &'static [&'static str],
}

impl VersionUnits {
    pub(crate) fn new(db: Db, version: Version, content_types: Vec<Arc<dyn ContentType>>) -> Self {
        Self { db, version, waiting: None, content_types: Arc::new(content_types) }
    }

    /// The same with units that wait for the next version since `since` at most.
    pub(crate) fn with_waiting(self, units: &[Id], since: Instant) -> Self {
        let waiting = (!units.is_empty()).then(|| Arc::new(Waiting { units: units.to_vec(), since }));
        Self { waiting, ..self }
    }

    /// When what it tells changed last.
    pub fn changed(&self) -> Instant {
        self.waiting.as_ref().map_or(self.version.created, |waiting| waiting.since.max(self.version.created))
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// The versions that a unit serves below folders, by folder.
    pub async fn pinned(&self, unit: Id) -> Result<Vec<(String, Self)>> {
        let found = self.db.read(move |conn| {
            let versions = pinned::of_unit(conn, unit)?.into_iter();
            versions.map(|(folder, id)| Ok((folder, units::version(conn, id)?))).collect::<Result<Vec<_>>>()
        });
        let of = |(folder, version): (String, Option<Version>)| {
            let version = version.ok_or_else(|| Error::not_found("RepositoryVersion"))?;
            let (db, content_types) = (self.db.clone(), self.content_types.clone());
            Ok((folder, Self { db, version, waiting: None, content_types }))
        };
        found.await?.into_iter().map(of).collect()
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
        let (version, table, waiting) = (self.version, self.table(content_type)?, self.waiting.clone());
        let rows = self.db.read(move |conn| {
            let equal: Vec<_> = equal.into_iter().map(|(column, values)| (column, Value::Texts(values))).collect();
            let mut rows = units::matching(conn, version, table, columns, &equal)?;
            if let Some(waiting) = waiting {
                rows.extend(units::waiting(conn, &waiting, table, columns, &equal)?);
            }
            Ok(rows)
        });
        distinct(rows.await?)
    }

    /// Those of these units that the version has, in the order of their ids.
    pub async fn of_ids(
        &self,
        content_type: &str,
        columns: &'static [&'static str],
        ids: Vec<Id>,
    ) -> Result<Vec<UnitRow>> {
        let (version, table) = (self.version, self.table(content_type)?);
        let equal = [("content_id", Value::Ids(ids))];
        let rows = self.db.read(move |conn| units::matching(conn, version, table, columns, &equal));
        distinct(rows.await?)
    }

    /// At most `limit` units after the unit `after`, in the order of their ids.
    pub async fn page(
        &self,
        content_type: &str,
        columns: &'static [&'static str],
        after: Option<Id>,
        limit: i64,
    ) -> Result<Vec<UnitRow>> {
        let (version, table, waiting) = (self.version, self.table(content_type)?, self.waiting.clone());
        let rows = self.db.read(move |conn| {
            let mut rows = units::page(conn, version, table, columns, after, limit)?;
            if let Some(waiting) = waiting {
                rows.extend(units::waiting(conn, &waiting, table, columns, &[])?);
            }
            Ok(rows)
        });
        let mut rows = distinct(rows.await?)?;
        rows.retain(|row| after.is_none_or(|after| row.id > after));
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    /// As [`VersionUnits::page`] for all of them one after the other: faster, without when the repository got them
    /// and without those that wait.
    pub async fn list(
        &self,
        content_type: &str,
        columns: &'static [&'static str],
        after: Option<Id>,
        limit: i64,
    ) -> Result<Vec<UnitRow>> {
        self.list_between(content_type, columns, (after, None), limit).await
    }

    /// As [`VersionUnits::list`] of units after the first id and up to the second.
    pub async fn list_between(
        &self,
        content_type: &str,
        columns: &'static [&'static str],
        range: (Option<Id>, Option<Id>),
        limit: i64,
    ) -> Result<Vec<UnitRow>> {
        let (version, table) = (self.version, self.table(content_type)?);
        let rows = self.db.read(move |conn| units::list(conn, version, table, columns, range, limit));
        rows.await?.into_iter().map(UnitRow::new).collect()
    }

    /// The units of a type that came or went between this version and the one of this number, of the same repository,
    /// in the order of their ids. What both have can be among them; what one of them lacks is. Costs what changed.
    pub async fn changed_since(&self, content_type: &str, number: i64) -> Result<Vec<Id>> {
        let (version, table) = (self.version, self.table(content_type)?);
        self.db.read(move |conn| units::changed_since(conn, version, table, number)).await
    }

    /// The digests of the files of units, as far as they are here and have one of this algorithm.
    pub async fn digests(&self, ids: Vec<Id>, algorithm: Algorithm) -> Result<Vec<(Id, String)>> {
        self.db.read(move |conn| units::digests(conn, ids, algorithm)).await
    }

    /// The files of units, in no order.
    pub async fn files(&self, units: Vec<Id>) -> Result<Vec<FileOfUnit>> {
        let files = self.db.read(move |conn| content::files(conn, &units)).await?;
        let file = |file: content::StoredFile| FileOfUnit {
            id: file.id,
            unit: file.content,
            relative_path: file.relative_path,
        };
        Ok(files.into_iter().map(file).collect())
    }

    /// The units that the repository got last, newest first, after so many of them.
    pub async fn newest(
        &self,
        content_type: &str,
        columns: &'static [&'static str],
        offset: i64,
        limit: i64,
    ) -> Result<Vec<UnitRow>> {
        let (version, table) = (self.version, self.table(content_type)?);
        let waiting = self.waiting.clone().filter(|_| offset == 0);
        let rows = self.db.read(move |conn| {
            let mut rows = match waiting {
                Some(waiting) => units::waiting(conn, &waiting, table, columns, &[])?,
                None => vec![],
            };
            rows.extend(units::newest(conn, version, table, columns, (offset, limit))?);
            Ok(rows)
        });
        rows.await?.into_iter().map(UnitRow::new).collect()
    }

    /// How many different combinations of values units of a type have in these columns. Costs the size of the
    /// version.
    pub async fn distinct(&self, content_type: &str, columns: &'static [&'static str]) -> Result<i64> {
        let (version, table, waiting) = (self.version, self.table(content_type)?, self.waiting.clone());
        let waiting = waiting.map_or_else(Vec::new, |waiting| waiting.units.clone());
        self.db.read(move |conn| units::distinct(conn, version, &waiting, table, columns)).await
    }

    /// How many units of a type there are.
    pub async fn count(&self, content_type: &'static str) -> Result<i64> {
        let (version, waiting) = (self.version, self.waiting.clone());
        let counted = self.db.read(move |conn| {
            let waiting = waiting.map(|waiting| units::waiting_count(conn, version, &waiting, content_type));
            Ok(units::count(conn, version.id, content_type)? + waiting.transpose()?.unwrap_or(0))
        });
        counted.await
    }

    /// One group; none when the version has none of this value.
    pub async fn group(&self, by: GroupBy, value: &str) -> Result<Option<Group>> {
        let (version, grouping, range) = (self.version, self.grouping(by)?, Range::One(value.to_owned()));
        let by = grouping.clone();
        let found = self.db.read(move |conn| {
            let groups = units::groups(conn, version, &by, &range)?;
            Ok((groups, units::instants(conn, version.repository)?))
        });
        let (groups, instants) = found.await?;
        let waiting = self.waiting_groups(&grouping).await?.into_iter().find(|group| group.value == value);
        Ok(waiting.or_else(|| self.named(groups, &instants).pop()))
    }

    /// All groups, in the byte order of their values, page by page.
    pub async fn groups(&self, by: GroupBy) -> Result<GroupReader> {
        let (repository, grouping) = (self.version.repository, self.grouping(by)?);
        let instants = self.db.read(move |conn| units::instants(conn, repository)).await?;
        let next = if self.count(by.content_type).await? > LARGE { Next::After(String::new()) } else { Next::All };
        let waiting = self.waiting_groups(&grouping).await?;
        Ok(GroupReader { units: self.clone(), grouping, instants, next, waiting })
    }

    /// Those of units that wait, in the byte order of their values.
    async fn waiting_groups(&self, by: &Grouping) -> Result<Vec<Group>> {
        let Some(waiting) = self.waiting.clone() else { return Ok(vec![]) };
        let (by, changed) = (by.clone(), waiting.since);
        let mut values = self.db.read(move |conn| units::waiting_groups(conn, &waiting, &by)).await?;
        values.sort_unstable();
        Ok(values.into_iter().map(|(value, label)| Group { value, label, changed }).collect())
    }

    fn grouping(&self, by: GroupBy) -> Result<Grouping> {
        let also = by.also.iter().map(|name| self.table(name)).collect::<Result<_>>()?;
        Ok(Grouping { table: self.table(by.content_type)?, column: by.column, label: by.label, also })
    }

    /// The instant of a version that is gone is that of the one it was merged into.
    fn named(&self, groups: Vec<units::Found>, instants: &[(i64, Instant)]) -> Vec<Group> {
        let instant = |number: i64| {
            let at = instants.partition_point(|(one, _)| *one < number);
            instants.get(at).map_or(self.version.created, |(_, created)| *created)
        };
        let named = |one: units::Found| Group { value: one.value, label: one.label, changed: instant(one.changed) };
        groups.into_iter().map(named).collect()
    }
}

/// Sorted by id, each unit once.
fn distinct(rows: Vec<Row>) -> Result<Vec<UnitRow>> {
    let mut rows = rows.into_iter().map(UnitRow::new).collect::<Result<Vec<_>>>()?;
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// Both lists in one, in the order of their values; of two with one value the later changed stays.
fn merged(mut groups: Vec<Group>, waiting: Vec<Group>) -> Vec<Group> {
    groups.extend(waiting);
    groups.sort_by(|a, b| a.value.cmp(&b.value).then(b.changed.cmp(&a.changed)));
    groups.dedup_by(|later, first| later.value == first.value);
    groups
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
    /// Groups of units that wait, not yet told.
    waiting: Vec<Group>,
}

impl GroupReader {
    /// Some thousand groups; none at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Group>>> {
        loop {
            let (version, by) = (self.units.version, self.grouping.clone());
            let (found, next) = match std::mem::replace(&mut self.next, Next::End) {
                Next::End if self.waiting.is_empty() => return Ok(None),
                Next::End => (vec![], Next::End),
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
                    match part.await? {
                        Some((found, last)) => (found, Next::After(last)),
                        None => (vec![], Next::End),
                    }
                }
            };
            let at = match &next {
                Next::After(last) => self.waiting.partition_point(|group| group.value <= *last),
                _ => self.waiting.len(),
            };
            let waiting = self.waiting.drain(..at).collect();
            self.next = next;
            let groups = merged(self.units.named(found, &self.instants), waiting);
            if !groups.is_empty() {
                return Ok(Some(groups));
            }
        }
    }
}
