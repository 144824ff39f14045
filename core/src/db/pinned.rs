//! Versions of repositories that users do not see. Each is pinned by a unit, such as an installable tree, that serves
//! it below a folder. Such a repository is filled by the synchronization of one other repository, its owner.

use serde_json::json;

use super::{Conn, Value, orphans};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::params;

/// A version that a unit pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    pub folder: String,
    pub version: Id,
}

/// Pins versions by a unit that was just made.
pub fn pin(conn: &mut Conn, unit: Id, versions: &[(String, Id)]) -> Result<()> {
    let row = |(folder, version): &(String, Id)| -> Vec<Value> { vec![unit.into(), folder.into(), (*version).into()] };
    let rows: Vec<_> = versions.iter().map(row).collect();
    conn.insert_all("pinned_version", &["content_id", "folder", "version_id"], &rows).map(drop)
}

/// The folders of a unit and the versions they serve, by folder.
pub fn of_unit(conn: &mut Conn, unit: Id) -> Result<Vec<(String, Id)>> {
    let rows = conn
        .query("SELECT folder, version_id FROM pinned_version WHERE content_id = $1 ORDER BY folder", params![unit])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// What the units of the newest version of a repository pin, by folder.
pub fn of_newest(conn: &mut Conn, repository: Id) -> Result<Vec<Pinned>> {
    let rows = conn.query(
        "SELECT p.folder, p.version_id FROM pinned_version p CROSS JOIN repository_content c
         WHERE c.repository_id = $1 AND c.content_id = p.content_id
           AND c.version_added <= (SELECT max(n.number) FROM repository_version n WHERE n.repository_id = $1)
           AND (c.version_removed IS NULL
             OR c.version_removed > (SELECT max(n.number) FROM repository_version n WHERE n.repository_id = $1))
         ORDER BY p.folder",
        params![repository],
    )?;
    rows.iter().map(|row| Ok(Pinned { folder: row.get(0)?, version: row.get(1)? })).collect()
}

/// The hidden repository that a repository fills below a folder. What the units of its versions pin there may be of
/// another one: trees that are equal are one unit.
pub fn owned(conn: &mut Conn, owner: Id, folder: &str) -> Result<Option<Id>> {
    let sql = "SELECT repository_id FROM hidden_repository WHERE owner_id = $1 AND folder = $2";
    conn.query_opt(sql, params![owner, folder])?.map(|row| row.get(0)).transpose()
}

/// Makes a hidden repository of the owner's type, without any version. The owner has none below that folder.
pub fn create(conn: &mut Conn, owner: Id, folder: &str) -> Result<Id> {
    let row = conn.query_opt("SELECT domain_id, pulp_type FROM repository WHERE id = $1", params![owner])?;
    let row = row.ok_or_else(|| Error::not_found("Repository"))?;
    let (domain, pulp_type): (Id, String) = (row.get(0)?, row.get(1)?);
    let id = Id::new();
    // Its id makes the name one that nobody has taken.
    let name = format!("{folder}-{id}");
    conn.execute(
        "INSERT INTO repository (id, domain_id, created, updated, pulp_type, name, labels, next_version, user_hidden,
             details)
         VALUES ($1, $2, $3, $3, $4, $5, $6, 0, TRUE, $7)",
        params![id, domain, now(), pulp_type, name, json!({}), json!({})],
    )?;
    conn.execute(
        "INSERT INTO hidden_repository (repository_id, owner_id, folder) VALUES ($1, $2, $3)",
        params![id, owner, folder],
    )?;
    Ok(id)
}

/// Keeps the repository from being deleted until the end of the transaction; `false` when it is gone.
pub fn hold(conn: &mut Conn, repository: Id) -> Result<bool> {
    Ok(conn.execute("UPDATE repository SET updated = $2 WHERE id = $1", params![repository, now()])? > 0)
}

/// Hidden repositories of a domain with versions that nothing pins.
pub fn loose(conn: &mut Conn, domain: Id, after: Option<Id>, limit: i64) -> Result<Vec<Id>> {
    let loose = loose_but("");
    let rows = conn.query(
        &format!(
            "SELECT r.id FROM repository r WHERE r.id > $1 AND r.domain_id = $3 AND r.user_hidden AND EXISTS (
                 SELECT 1 FROM repository_version v WHERE v.repository_id = r.id AND {loose})
             ORDER BY r.id LIMIT $2"
        ),
        params![after.unwrap_or(Id::LEAST), limit, domain],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The versions of a repository that nothing pins, and whether there are others.
pub fn loose_versions(conn: &mut Conn, repository: Id) -> Result<(Vec<Id>, bool)> {
    let loose = loose_but("");
    let sql = format!("SELECT v.id, {loose} FROM repository_version v WHERE v.repository_id = $1 ORDER BY v.number");
    let (mut loose, mut is_pinned) = (vec![], false);
    for row in conn.query(&sql, params![repository])? {
        if row.get(1)? { loose.push(row.get(0)?) } else { is_pinned = true }
    }
    Ok((loose, is_pinned))
}

/// Version `v` is neither pinned nor served by a publication. `but` may say which pins `p` do not count.
fn loose_but(but: &str) -> String {
    format!(
        "(NOT EXISTS (SELECT 1 FROM pinned_version p WHERE p.version_id = v.id{but})
    AND NOT EXISTS (SELECT 1 FROM published_version s WHERE s.version_id = v.id))"
    )
}

/// A condition on membership `m`: that it is still there when the orphans of before `$2` are gone and, with them, the
/// versions of hidden repositories that nothing else pins. What is in a version under construction is.
pub(super) fn outlives_orphans() -> String {
    let orphan = orphans::orphan("");
    let loose = loose_but(&format!(" AND NOT EXISTS (SELECT 1 FROM content c WHERE c.id = p.content_id AND {orphan})"));
    format!(
        "NOT EXISTS (SELECT 1 FROM repository h WHERE h.id = m.repository_id AND h.user_hidden
             AND m.version_added <= (SELECT max(n.number) FROM repository_version n WHERE n.repository_id = h.id)
             AND NOT EXISTS (SELECT 1 FROM repository_version v WHERE v.repository_id = h.id
                 AND v.number >= m.version_added AND (m.version_removed IS NULL OR v.number < m.version_removed)
                 AND NOT {loose}))"
    )
}

/// Deletes a hidden repository.
pub fn delete(conn: &mut Conn, repository: Id) -> Result<()> {
    conn.execute("DELETE FROM repository WHERE id = $1 AND user_hidden", params![repository]).map(drop)
}
