//! The files that a publication or a version serves, page by page, each at a cost that does not depend on the pages
//! before. What they are is said in `delivery`, which looks them up one by one.

use std::collections::HashSet;

use super::listing::{self, PlacedVersion};
use super::placement::Placement;
use super::versions::{self, Version};
use super::{Conn, Row, artifact_bytes, exchange};
use crate::error::Result;
use crate::id::{Id, Sha256};
use crate::params;

/// Where served files come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Metadata that a publication made.
    Metadata(Id),
    /// Files that a publication names.
    Named(Id),
    /// The files of a version: at their own paths, or where the rule of a publication has them.
    Version(Id, Option<Placement>),
}

/// A file as it is served.
#[derive(Clone, Debug)]
pub struct PublishedFile {
    pub path: String,
    /// None while only an upstream has it.
    pub sha256: Option<Sha256>,
    artifact: Option<Id>,
    /// By which it is known where the upstream has it; none of metadata.
    pub content_artifact: Option<Id>,
}

/// Where a page ended.
#[derive(Clone, Debug)]
pub enum Cursor {
    Path(String),
    Unit(Id),
}

/// The sources of a publication. Of files at one path, the one that is served is of the last source.
pub fn of_publication(conn: &mut Conn, publication: Id) -> Result<Vec<Source>> {
    let placed = listing::placed_versions(conn, &[publication])?;
    let mut sources: Vec<Source> =
        placed.into_iter().map(|PlacedVersion { id, placement, .. }| Source::Version(id, Some(placement))).collect();
    let passed = conn
        .query("SELECT repository_version_id FROM publication WHERE id = $1 AND pass_through", params![publication])?;
    for row in passed {
        sources.push(Source::Version(row.get(0)?, None));
    }
    sources.extend([Source::Named(publication), Source::Metadata(publication)]);
    Ok(sources)
}

impl Source {
    /// The files after `after` without those artifacts of units that the version `start` has, and where they end: none
    /// at the end of all.
    pub fn page(
        &self,
        conn: &mut Conn,
        start: Option<Id>,
        after: Option<Cursor>,
        limit: i64,
    ) -> Result<(Vec<PublishedFile>, Option<Cursor>)> {
        let start = start.map(|start| versions::version(conn, start)).transpose()?;
        match self {
            Self::Metadata(publication) => by_path(conn, METADATA, *publication, after, limit),
            Self::Named(publication) => {
                let (mut files, end) = by_path(conn, NAMED, *publication, after, limit)?;
                without(conn, start, &mut files)?;
                Ok((files, end))
            }
            Self::Version(version, placement) => {
                let after = match after {
                    Some(Cursor::Unit(unit)) => Some(unit),
                    _ => None,
                };
                let units = artifact_bytes::units_of_version(conn, *version, after, limit)?;
                let mut files = of_units(conn, &units, placement.as_ref())?;
                without(conn, start, &mut files)?;
                Ok((files, units.last().copied().map(Cursor::Unit)))
            }
        }
    }
}

const METADATA: &str = "SELECT m.relative_path, a.sha256, m.artifact_id, NULL
    FROM published_metadata m JOIN artifact a ON a.id = m.artifact_id
    WHERE m.publication_id = $1 AND m.relative_path > $2 ORDER BY m.relative_path LIMIT $3";
const NAMED: &str = "SELECT p.relative_path, a.sha256, ca.artifact_id, ca.id
    FROM published_artifact p JOIN content_artifact ca ON ca.id = p.content_artifact_id
    LEFT JOIN artifact a ON a.id = ca.artifact_id
    WHERE p.publication_id = $1 AND p.relative_path > $2 ORDER BY p.relative_path LIMIT $3";

fn by_path(
    conn: &mut Conn,
    sql: &str,
    publication: Id,
    after: Option<Cursor>,
    limit: i64,
) -> Result<(Vec<PublishedFile>, Option<Cursor>)> {
    let after = match after {
        Some(Cursor::Path(path)) => path,
        _ => String::new(),
    };
    let rows = conn.query(sql, params![publication, after, limit])?;
    let files = rows.iter().map(file).collect::<Result<Vec<_>>>()?;
    let end = files.last().map(|file| Cursor::Path(file.path.clone()));
    Ok((files, end))
}

fn file(row: &Row) -> Result<PublishedFile> {
    Ok(PublishedFile { path: row.get(0)?, sha256: row.get(1)?, artifact: row.get(2)?, content_artifact: row.get(3)? })
}

fn of_units(conn: &mut Conn, units: &[Id], placement: Option<&Placement>) -> Result<Vec<PublishedFile>> {
    let rows = conn.query(
        "SELECT u.relative_path, a.sha256, u.artifact_id, u.id FROM content_artifact u
         LEFT JOIN artifact a ON a.id = u.artifact_id WHERE u.content_id = ANY($1)
         ORDER BY u.content_id, u.relative_path",
        params![units.to_vec()],
    )?;
    let mut files = rows.iter().map(file).collect::<Result<Vec<_>>>()?;
    if let Some(placement) = placement {
        // Files with a folder of their own are not placed: publications name them.
        files.retain(|file| !file.path.contains('/'));
        for file in &mut files {
            file.path = placement.path(&file.path);
        }
        // Nobody can ask for `Packages/./.treeinfo`; publications name such a file elsewhere.
        files.retain(|file| !file.path.contains("/./"));
    }
    Ok(files)
}

fn without(conn: &mut Conn, start: Option<Version>, files: &mut Vec<PublishedFile>) -> Result<()> {
    let Some(start) = start else { return Ok(()) };
    let artifacts: Vec<Id> = files.iter().filter_map(|file| file.artifact).collect();
    let present: HashSet<Id> = exchange::present_artifacts(conn, start, &artifacts)?.into_iter().collect();
    files.retain(|file| file.artifact.is_none_or(|artifact| !present.contains(&artifact)));
    Ok(())
}
