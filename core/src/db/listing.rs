//! Folders of the content face: whether one exists, and what lies in it, page by page. Names are cut to
//! the next segment by the database, so a page is as long as its lines, whatever lies below them.

use super::artifact_distribution::ARTIFACTS;
use super::delivery::{Entry, Tree};
use super::placement::Placement;
use super::{Conn, Row, Value};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::params;

/// Lines per statement of a listing.
pub const PAGE: usize = 10_000;

/// So many paths below a folder are probed one by one before the version itself is read instead.
const PROBES: i64 = 1_000;
/// As [`PROBES`], for a listing, which needs all of them.
const LISTED_PROBES: i64 = 20_000;

/// The paths below a folder, as a range of their byte order: `a/` up to `a0`, the character after `/`.
/// The root's range has no end.
fn range(folder: &str) -> (String, String) {
    match folder.strip_suffix('/') {
        Some(name) => (folder.to_owned(), format!("{name}0")),
        // No path is as great as this: it is the greatest character there is.
        None => (String::new(), char::MAX.to_string()),
    }
}

/// Whether anything lies below `folder`, which is empty for the root and else ends with `/`. A name that
/// is nowhere a folder, the usual case of a wrong path, costs one statement.
pub fn is_folder(conn: &mut Conn, tree: &Tree, folder: &str) -> Result<bool> {
    let (start, end) = range(folder);
    let (ids, versions) = match tree {
        Tree::Publications(ids) => (
            ids.clone(),
            "SELECT v.repository_id, v.number FROM publication p
             JOIN repository_version v ON v.id = p.repository_version_id WHERE p.id = ANY($1) AND p.pass_through",
        ),
        Tree::Version(id) => {
            (vec![*id], "SELECT v.repository_id, v.number FROM repository_version v WHERE v.id = ANY($1)")
        }
    };
    let somewhere = conn.query_opt(
        "SELECT kind FROM (SELECT 0 AS kind FROM published_metadata
             WHERE publication_id = ANY($1) AND relative_path >= $2 AND relative_path < $3 LIMIT 1) m
         UNION ALL
         SELECT kind FROM (SELECT 0 AS kind FROM published_artifact
             WHERE publication_id = ANY($1) AND relative_path >= $2 AND relative_path < $3 LIMIT 1) p
         UNION ALL
         SELECT kind FROM (SELECT 1 AS kind FROM content_artifact
             WHERE relative_path >= $2 AND relative_path < $3 LIMIT 1) c
         ORDER BY 1 LIMIT 1",
        params![ids.clone(), start.clone(), end.clone()],
    )?;
    match somewhere.map(|row| row.get::<i64>(0)).transpose()? {
        None => return is_placed(conn, tree, folder),
        Some(0) => return Ok(true),
        Some(_) => {}
    }
    for version in conn.query(versions, params![ids])? {
        if version_has(conn, &version, &start, &end)? {
            return Ok(true);
        }
    }
    is_placed(conn, tree, folder)
}

/// A version whose files a publication serves where a rule has them.
#[derive(Clone, Debug)]
pub struct PlacedVersion {
    pub id: Id,
    pub placement: Placement,
    row: Row,
}

/// The versions whose files these publications place: those that they serve besides first, then their own.
pub fn placed_versions(conn: &mut Conn, publications: &[Id]) -> Result<Vec<PlacedVersion>> {
    let rows = conn.query(
        "SELECT v.repository_id, v.number, p.placement, v.id, 1 AS own FROM publication p
         JOIN repository_version v ON v.id = p.repository_version_id
         WHERE p.id = ANY($1) AND p.placement IS NOT NULL
         UNION ALL
         SELECT v.repository_id, v.number, s.placement, v.id, 0 FROM published_version s
         JOIN repository_version v ON v.id = s.version_id WHERE s.publication_id = ANY($1)
         ORDER BY 5",
        params![publications.to_vec()],
    )?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        let Ok(placement) = row.get::<String>(2)?.parse() else { continue };
        versions.push(PlacedVersion { id: row.get(3)?, placement, row });
    }
    Ok(versions)
}

/// Whether anything is placed below `folder`.
fn is_placed(conn: &mut Conn, tree: &Tree, folder: &str) -> Result<bool> {
    let Tree::Publications(ids) = tree else { return Ok(false) };
    for PlacedVersion { placement, row, .. } in placed_versions(conn, ids)? {
        for (start, end) in placement.names_below(folder) {
            if version_has(conn, &row, &start, &end)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Other repositories may hold any number of paths below the folder, and this one may be large too: a few
/// paths are probed, and only when that decides nothing the version is read.
fn version_has(conn: &mut Conn, version: &Row, start: &str, end: &str) -> Result<bool> {
    let of_version = [version.get::<Value>(0)?, version.get::<Value>(1)?, start.into(), end.into()];
    let inside = "rc.repository_id = $1 AND rc.version_added <= $2
        AND (rc.version_removed IS NULL OR rc.version_removed > $2)";
    if !start.is_empty() {
        let probed = conn.query_one(
            &format!(
                "SELECT count(*), count(CASE WHEN inside THEN 1 END) FROM (
                     SELECT EXISTS (SELECT 1 FROM repository_content rc
                         WHERE rc.content_id = ca.content_id AND {inside}) AS inside
                     FROM content_artifact ca
                     WHERE ca.relative_path >= $3 AND ca.relative_path < $4 LIMIT {PROBES}) probe"
            ),
            &of_version,
        )?;
        let (seen, hits) = (probed.get::<i64>(0)?, probed.get::<i64>(1)?);
        if hits > 0 || seen < PROBES {
            return Ok(hits > 0);
        }
    }
    let row = conn.query_opt(
        &format!(
            "SELECT 1 FROM repository_content rc JOIN content_artifact ca ON ca.content_id = rc.content_id
             WHERE {inside} AND ca.relative_path >= $3 AND ca.relative_path < $4 LIMIT 1"
        ),
        &of_version,
    )?;
    Ok(row.is_some())
}

/// The lines of a folder whose names are greater than `after`, in byte order, at most [`PAGE`].
pub fn entries(conn: &mut Conn, tree: &Tree, folder: &str, after: &str) -> Result<Vec<Entry>> {
    let (start, end) = range(folder);
    let order = join_order(conn, &start, &end)?;
    let (ids, mut files) = match tree {
        Tree::Publications(ids) => (ids.clone(), published_paths(order)),
        Tree::Version(id) => (vec![*id], version_paths("repository_version v", "v.id = ANY($1)", order)),
    };
    let mut values = params![ids.clone(), start, end, after].to_vec();
    if matches!(tree, Tree::Publications(_)) {
        for placement in placements(conn, &ids, OWN_PLACEMENTS)? {
            push_placed(&mut files, &mut values, &placement, folder, OWN);
        }
        for placement in placements(conn, &ids, FURTHER_PLACEMENTS)? {
            push_placed(&mut files, &mut values, &placement, folder, FURTHER);
        }
    }
    let sql = grouped(&files, folder, "max(created), max(size)", "$4");
    let rows = conn.query(&sql, &values)?;
    rows.iter().map(entry).collect()
}

const OWN_PLACEMENTS: &str =
    "SELECT DISTINCT placement FROM publication WHERE id = ANY($1) AND placement IS NOT NULL ORDER BY placement";
const FURTHER_PLACEMENTS: &str =
    "SELECT DISTINCT placement FROM published_version WHERE publication_id = ANY($1) ORDER BY placement";

/// The version of a publication (`p`), and a further one that it serves: where they stand, and on which condition.
type Placed = (&'static str, &'static str);
const OWN: Placed = ("publication p", "p.id = ANY($1) AND v.id = p.repository_version_id");
const FURTHER: Placed = ("published_version p", "p.publication_id = ANY($1) AND v.id = p.version_id");

fn placements(conn: &mut Conn, publications: &[Id], sql: &str) -> Result<Vec<Placement>> {
    let rows = conn.query(sql, params![publications.to_vec()])?;
    let texts = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?;
    Ok(texts.iter().filter_map(|text| text.parse().ok()).collect())
}

/// Adds the paths that a rule gives to files below `folder`.
fn push_placed(
    files: &mut String,
    values: &mut Vec<Value>,
    placement: &Placement,
    folder: &str,
    (from_table, is_of): Placed,
) {
    let mut parameter = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    for (from, below) in placement.names_below(folder) {
        let [from, below] = [from, below].map(|bound| parameter(bound.into()));
        let rule = parameter(placement.to_string().into());
        let path = placement.path_sql("ca.relative_path", &parameter(placement.clone().into_folder().into()));
        files.push_str(&format!(
            " UNION ALL SELECT {path} AS path, c.created AS created, {SIZE} AS size
             FROM {from_table} CROSS JOIN repository_version v CROSS JOIN repository_content rc
             CROSS JOIN content_artifact ca CROSS JOIN content c LEFT JOIN artifact a ON a.id = ca.artifact_id
             WHERE {is_of} AND p.placement = {rule}
               AND rc.repository_id = v.repository_id AND rc.version_added <= v.number
               AND (rc.version_removed IS NULL OR rc.version_removed > v.number)
               AND ca.content_id = rc.content_id AND c.id = rc.content_id
               AND ca.relative_path >= {from} AND ca.relative_path < {below} AND strpos(ca.relative_path, '/') = 0"
        ));
    }
}

/// Whether a folder's paths are looked up in the version or the version's units in the folder: what is
/// fewer, as far as a bounded count tells.
fn join_order(conn: &mut Conn, start: &str, end: &str) -> Result<&'static str> {
    let below = conn.query_one(
        &format!(
            "SELECT count(*) FROM (SELECT 1 FROM content_artifact
                 WHERE relative_path >= $1 AND relative_path < $2 LIMIT {LISTED_PROBES}) probe"
        ),
        params![start, end],
    )?;
    Ok(match below.get::<i64>(0)? < LISTED_PROBES {
        true => "content_artifact ca CROSS JOIN repository_content rc",
        false => "repository_content rc CROSS JOIN content_artifact ca",
    })
}

fn entry(row: &Row) -> Result<Entry> {
    let size = row.get::<Option<i64>>(2)?.map(u64::try_from).transpose().map_err(Error::internal)?;
    let name: String = row.get(0)?;
    let size = size.filter(|_| !name.ends_with('/'));
    Ok(Entry { name, created: row.get(1)?, size })
}

/// Which distributions are listed, of those that are not hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    All,
    Unguarded,
}

impl Listed {
    /// By whether guarded distributions are hidden.
    pub fn of(hides_guarded: bool) -> Self {
        if hides_guarded { Self::Unguarded } else { Self::All }
    }
}

/// The next segments of base paths below `folder` which are not hidden.
pub fn base_paths(conn: &mut Conn, domain: Id, folder: &str, after: &str, listed: Listed) -> Result<Vec<Entry>> {
    let (start, end) = range(folder);
    let guarded = match listed {
        Listed::All => "",
        Listed::Unguarded => "AND content_guard_id IS NULL",
    };
    let paths = format!(
        "SELECT base_path || '/' AS path FROM distribution
         WHERE NOT hidden AND pulp_type <> '{ARTIFACTS}' AND base_path >= $1 AND base_path < $2
           AND domain_id = $4 {guarded}"
    );
    let rows = conn.query(&grouped(&paths, folder, "1", "$3"), params![start, end, after, domain])?;
    rows.iter().map(|row| Ok(Entry { name: row.get(0)?, created: None, size: None })).collect()
}

/// Cuts `paths` to the segment below `folder`, the slash of a subfolder included, and leaves out those up
/// to the parameter `after`.
fn grouped(paths: &str, folder: &str, columns: &str, after: &str) -> String {
    let from = folder.chars().count() + 1;
    format!(
        "SELECT name, {columns} FROM (
             SELECT CASE WHEN strpos(substr(path, {from}), '/') > 0
                 THEN substr(path, {from}, strpos(substr(path, {from}), '/')) ELSE substr(path, {from}) END AS name,
                 files.* FROM ({paths}) files) named
         WHERE name > {after} GROUP BY name ORDER BY name LIMIT {PAGE}"
    )
}

fn published_paths(order: &str) -> String {
    let passed = version_paths(
        "publication p CROSS JOIN repository_version v",
        "p.id = ANY($1) AND p.pass_through AND v.id = p.repository_version_id",
        order,
    );
    format!(
        "SELECT m.relative_path AS path, a.created AS created, a.size AS size
         FROM published_metadata m JOIN artifact a ON a.id = m.artifact_id
         WHERE m.publication_id = ANY($1) AND m.relative_path >= $2 AND m.relative_path < $3
         UNION ALL
         SELECT p.relative_path, c.created, {SIZE}
         FROM published_artifact p JOIN content_artifact ca ON ca.id = p.content_artifact_id
         JOIN content c ON c.id = ca.content_id LEFT JOIN artifact a ON a.id = ca.artifact_id
         WHERE p.publication_id = ANY($1) AND p.relative_path >= $2 AND p.relative_path < $3
         UNION ALL {passed}"
    )
}

/// A unit's date is that of the version that brought it, where that still exists. SQLite joins in the order
/// written.
fn version_paths(from: &str, condition: &str, order: &str) -> String {
    format!(
        "SELECT ca.relative_path AS path, coalesce(added.created, c.created) AS created, {SIZE} AS size
         FROM {from} CROSS JOIN {order} CROSS JOIN content c
         LEFT JOIN artifact a ON a.id = ca.artifact_id
         LEFT JOIN repository_version added
             ON added.repository_id = rc.repository_id AND added.number = rc.version_added
         WHERE {condition} AND ca.relative_path >= $2 AND ca.relative_path < $3
           AND ca.content_id = rc.content_id AND c.id = rc.content_id
           AND rc.repository_id = v.repository_id AND rc.version_added <= v.number
           AND (rc.version_removed IS NULL OR rc.version_removed > v.number)"
    )
}

const SIZE: &str = "coalesce(a.size, (SELECT max(r.size) FROM remote_artifact r WHERE r.content_artifact_id = ca.id))";
