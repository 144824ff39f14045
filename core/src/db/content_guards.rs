//! Content guards as rows, and which of them ask which others.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{Conn, roles};
use crate::error::Result;
use crate::id::Id;
use crate::params;

/// A guard; its secrets are still sealed.
#[derive(Clone, Debug)]
pub struct GuardRow {
    pub id: Id,
    pub pulp_type: String,
    pub secrets: Option<String>,
    pub details: Json,
}

pub fn by_id(conn: &mut Conn, id: Id) -> Result<Option<GuardRow>> {
    let row = conn.query_opt("SELECT pulp_type, secrets, details FROM content_guard WHERE id = $1", params![id])?;
    row.map(|row| Ok(GuardRow { id, pulp_type: row.get(0)?, secrets: row.get(1)?, details: row.get(2)? })).transpose()
}

/// The guards that these ask: (who asks, who is asked, the latter's type), in the order they are asked in.
pub fn members(conn: &mut Conn, composites: &[Id]) -> Result<Vec<(Id, Id, String)>> {
    let rows = conn.query(
        "SELECT m.composite_id, m.member_id, g.pulp_type FROM content_guard_member m
         JOIN content_guard g ON g.id = m.member_id
         WHERE m.composite_id = ANY($1) ORDER BY m.composite_id, m.position",
        params![composites.to_vec()],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
}

/// Replaces the guards that a composite one asks. The list has none twice.
pub fn set_members(conn: &mut Conn, composite: Id, members: &[Id]) -> Result<()> {
    conn.execute("DELETE FROM content_guard_member WHERE composite_id = $1", params![composite])?;
    for (position, member) in (0i64..).zip(members) {
        conn.execute(
            "INSERT INTO content_guard_member (composite_id, member_id, position) VALUES ($1, $2, $3)",
            params![composite, *member, position],
        )?;
    }
    Ok(())
}

/// These guards and all that they ask, directly or through others. The search ends after `most`.
pub fn reached(conn: &mut Conn, from: &[Id], most: usize) -> Result<HashSet<Id>> {
    let mut found: HashSet<Id> = from.iter().copied().collect();
    let mut next: Vec<Id> = from.to_vec();
    while !next.is_empty() && found.len() <= most {
        let asked = members(conn, &next)?;
        next = asked.into_iter().map(|(_, member, _)| member).filter(|member| found.insert(*member)).collect();
    }
    Ok(found)
}

/// Of these guards, those on which a user holds a permission, from wherever.
pub fn held(conn: &mut Conn, user: i64, permission: &str, guards: &[Id]) -> Result<Vec<Id>> {
    let given = roles::of_user("a.object_id, a.object_type, a.domain_id", "$1", "p.permission = $2");
    let rows = conn.query(
        &format!(
            "SELECT g.id FROM content_guard g WHERE g.id = ANY($3) AND EXISTS (SELECT 1 FROM ({given}) held
                 WHERE held.object_id = g.id OR (held.object_type IS NULL
                     AND (held.domain_id IS NULL OR held.domain_id = g.domain_id)))"
        ),
        params![user, permission, guards.to_vec()],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}
