//! Groups of users.

use super::{Conn, Row};
use crate::error::Result;
use crate::params;

/// Adds a group and returns its number.
///
/// # Errors
/// `Duplicate` when the name is taken.
pub fn insert(conn: &mut Conn, name: &str) -> Result<i64> {
    conn.query_one("INSERT INTO auth_group (name) VALUES ($1) RETURNING id", params![name])?.get(0)
}

/// # Errors
/// `Duplicate` when the name is taken.
pub fn rename(conn: &mut Conn, id: i64, name: &str) -> Result<()> {
    conn.execute("UPDATE auth_group SET name = $2 WHERE id = $1", params![id, name]).map(drop)
}

/// Removes a group with what was given to it. Returns false when there is no such group.
pub fn delete(conn: &mut Conn, id: i64) -> Result<bool> {
    Ok(conn.execute("DELETE FROM auth_group WHERE id = $1", params![id])? > 0)
}

/// The name of a group.
pub fn name(conn: &mut Conn, id: i64) -> Result<Option<String>> {
    let row = conn.query_opt("SELECT name FROM auth_group WHERE id = $1", params![id])?;
    row.map(|row| row.get(0)).transpose()
}

/// The numbers of the groups with these names, with the names.
pub fn by_names(conn: &mut Conn, names: &[String]) -> Result<Vec<(i64, String)>> {
    let rows = conn.query("SELECT id, name FROM auth_group WHERE name = ANY($1)", params![names.to_vec()])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Adds a user to a group; one who is in it stays.
pub fn add_member(conn: &mut Conn, group: i64, user: i64) -> Result<()> {
    conn.execute(
        "INSERT INTO group_member (group_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        params![group, user],
    )
    .map(drop)
}

/// Returns false when the user is not in the group.
pub fn remove_member(conn: &mut Conn, group: i64, user: i64) -> Result<bool> {
    let gone = conn.execute("DELETE FROM group_member WHERE group_id = $1 AND user_id = $2", params![group, user])?;
    Ok(gone > 0)
}

/// Whether a user is in the `wanted` of these groups and in no other of them, by their names. Names of groups that do not
/// exist are passed over.
pub fn is_in_just(conn: &mut Conn, user: i64, among: &[String], wanted: &[String]) -> Result<bool> {
    let rows = conn.query(
        "SELECT g.name, m.user_id FROM auth_group g LEFT JOIN group_member m ON m.group_id = g.id AND m.user_id = $1
         WHERE g.name = ANY($2)",
        params![user, among.to_vec()],
    )?;
    for row in rows {
        let (name, member): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        if member.is_some() != wanted.contains(&name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts a user into the `wanted` of these groups and takes the user out of the others of them.
pub fn put_in_just(conn: &mut Conn, user: i64, among: &[String], wanted: &[String]) -> Result<()> {
    for (group, name) in by_names(conn, among)? {
        match wanted.contains(&name) {
            true => add_member(conn, group, user)?,
            false => drop(remove_member(conn, group, user)?),
        }
    }
    Ok(())
}

/// How many users a group has, and a page of them: number and name.
pub fn members(conn: &mut Conn, group: i64, limit: i64, offset: i64) -> Result<(i64, Vec<(i64, String)>)> {
    let count = conn.query_one("SELECT count(*) FROM group_member WHERE group_id = $1", params![group])?.get(0)?;
    let rows = conn.query(
        "SELECT u.id, u.username FROM group_member m JOIN auth_user u ON u.id = m.user_id
         WHERE m.group_id = $1 ORDER BY u.id LIMIT $2 OFFSET $3",
        params![group, limit, offset],
    )?;
    Ok((count, rows.iter().map(named).collect::<Result<_>>()?))
}

/// The groups of users: user, number and name of the group.
pub fn of_users(conn: &mut Conn, users: &[i64]) -> Result<Vec<(i64, i64, String)>> {
    let rows = conn.query(
        "SELECT m.user_id, g.id, g.name FROM group_member m JOIN auth_group g ON g.id = m.group_id
         WHERE m.user_id = ANY($1) ORDER BY g.id",
        params![users.to_vec()],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
}

fn named(row: &Row) -> Result<(i64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}
