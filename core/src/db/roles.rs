//! Roles, and who was given which: for everything, for a domain, on one object.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::{Conn, Lock, Value};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::params;

/// An object that roles are given on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKey {
    Id(Id),
    /// Groups are numbered.
    Number(i64),
}

/// Whom a role is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    User(i64),
    Group(i64),
}

/// What a role is given for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    Everything,
    Domain(Id),
    /// The object's type, `file.filerepository`, and its key.
    Object(String, ObjectKey),
}

/// What somebody holds, as far as it matters for one request.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub everywhere: Vec<String>,
    pub in_domain: Vec<String>,
    pub on_object: Vec<String>,
    pub groups: Vec<String>,
    /// The access policy, where it was changed.
    pub policy: Option<super::access_policies::Changed>,
}

impl ObjectKey {
    fn id(self) -> Option<Id> {
        if let Self::Id(id) = self { Some(id) } else { None }
    }

    fn number(self) -> Option<i64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    pub fn value(self) -> Value {
        match self {
            Self::Id(id) => id.into(),
            Self::Number(number) => number.into(),
        }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl Extent {
    fn columns(&self) -> [Value; 4] {
        match self {
            Self::Everything => [Value::Null, Value::Null, Value::Null, Value::Null],
            Self::Domain(id) => [(*id).into(), Value::Null, Value::Null, Value::Null],
            Self::Object(name, key) => [Value::Null, name.into(), key.id().into(), key.number().into()],
        }
    }

    /// The condition that an assignment is for this, with its parameters from `$3` on.
    fn condition(&self) -> (&'static str, Vec<Value>) {
        match self {
            Self::Everything => ("domain_id IS NULL AND object_type IS NULL", vec![]),
            Self::Domain(id) => ("domain_id = $3 AND object_type IS NULL", vec![(*id).into()]),
            Self::Object(name, ObjectKey::Id(id)) => {
                ("object_type = $3 AND object_id = $4", vec![name.into(), (*id).into()])
            }
            Self::Object(name, ObjectKey::Number(number)) => {
                ("object_type = $3 AND object_number = $4", vec![name.into(), (*number).into()])
            }
        }
    }
}

impl Principal {
    fn columns(self) -> [Value; 2] {
        match self {
            Self::User(id) => [id.into(), Value::Null],
            Self::Group(id) => [Value::Null, id.into()],
        }
    }

    fn column(self) -> (&'static str, i64) {
        match self {
            Self::User(id) => ("user_id", id),
            Self::Group(id) => ("group_id", id),
        }
    }
}

/// Assignments of a user `{user}`, own and of groups, as a table `a` with the permissions `p` of the roles.
const OF_USER: &str = "role_assignment a JOIN role_permission p ON p.role_id = a.role_id WHERE a.user_id = {user}";
const OF_GROUPS: &str = "group_member m JOIN role_assignment a ON a.group_id = m.group_id
    JOIN role_permission p ON p.role_id = a.role_id WHERE m.user_id = {user}";

/// A statement over all assignments of a user: `columns` of those that meet `condition`.
pub fn of_user(columns: &str, user: &str, condition: &str) -> String {
    let part = |from: &str| format!("SELECT {columns} FROM {} AND {condition}", from.replace("{user}", user));
    format!("{} UNION ALL {}", part(OF_USER), part(OF_GROUPS))
}

/// A statement over the objects of a type on which a user holds a permission; each may come several times. Its
/// parameters are written `{}`: user, type and permission, and what the condition `is_asked` on the `column` has; all
/// of them twice.
///
/// The roles come first, of which there are few: what was given by each is then one range of an index, in the order of
/// the objects.
pub fn objects_of_user(column: &str, is_asked: &str) -> String {
    let given = format!(
        "a.object_type = {{}} AND a.role_id IN (SELECT p.role_id FROM role_permission p WHERE p.permission = {{}})
         AND a.{column} {is_asked}"
    );
    format!(
        "SELECT a.{column} FROM role_assignment a WHERE a.user_id = {{}} AND {given}
         UNION ALL SELECT a.{column} FROM group_member m CROSS JOIN role_assignment a
             WHERE m.user_id = {{}} AND a.group_id = m.group_id AND {given}"
    )
}

/// What a user holds for everything and on an object, the user's groups, and what was changed of an access policy;
/// one statement.
pub fn held(conn: &mut Conn, user: Option<i64>, domain: Id, object: Option<ObjectKey>, viewset: &str) -> Result<Held> {
    let nothing = "CAST(NULL AS text), CAST(NULL AS text)";
    let everywhere = of_user(
        &format!("CASE WHEN a.domain_id IS NULL THEN 0 ELSE 1 END, p.permission, {nothing}"),
        "$1",
        "a.object_type IS NULL AND (a.domain_id IS NULL OR a.domain_id = $2)",
    );
    let on_object = match object {
        Some(ObjectKey::Number(_)) => of_user(&format!("2, p.permission, {nothing}"), "$1", "a.object_number = $4"),
        _ => of_user(&format!("2, p.permission, {nothing}"), "$1", "a.object_id = $4"),
    };
    let sql = format!(
        "{everywhere} UNION ALL {on_object}
         UNION ALL SELECT 3, g.name, {nothing} FROM group_member m JOIN auth_group g ON g.id = m.group_id
             WHERE m.user_id = $1
         UNION ALL SELECT 4, CAST(statements AS text), CAST(creation_hooks AS text), CAST(queryset_scoping AS text)
             FROM access_policy WHERE viewset_name = $3 AND customized"
    );
    let key = object.map_or(Value::Null, ObjectKey::value);
    let mut held = Held::default();
    for row in conn.query(&sql, &[user.into(), domain.into(), viewset.into(), key])? {
        let text = |at: usize| row.get::<Option<String>>(at);
        let list = match row.get::<i64>(0)? {
            0 => &mut held.everywhere,
            1 => &mut held.in_domain,
            2 => &mut held.on_object,
            3 => &mut held.groups,
            _ => {
                let json = |at| -> Result<Option<Json>> {
                    text(at)?.map(|text| serde_json::from_str(&text).map_err(Error::internal)).transpose()
                };
                held.policy = Some(super::access_policies::Changed {
                    statements: json(1)?,
                    creation_hooks: json(2)?,
                    queryset_scoping: json(3)?,
                });
                continue;
            }
        };
        list.extend(text(1)?);
    }
    Ok(held)
}

/// A role as it is to be kept.
#[derive(Clone, Debug, Default)]
pub struct RoleDetails {
    pub name: Option<String>,
    /// None: stays as it is.
    pub description: Option<Option<String>>,
    pub permissions: Option<Vec<String>>,
}

/// Adds a role.
///
/// # Errors
/// `Duplicate` when the name is taken.
pub fn insert(conn: &mut Conn, details: &RoleDetails, locked: bool) -> Result<Id> {
    let (id, now) = (Id::new(), now());
    let description = details.description.clone().flatten();
    conn.execute(
        "INSERT INTO role (id, created, updated, name, description, locked) VALUES ($1, $2, $2, $3, $4, $5)",
        params![id, now, details.name.clone().unwrap_or_default(), description, locked],
    )?;
    set_permissions(conn, id, details.permissions.as_deref().unwrap_or_default())?;
    Ok(id)
}

/// # Errors
/// `Duplicate` when the name is taken.
pub fn update(conn: &mut Conn, id: Id, details: &RoleDetails) -> Result<()> {
    conn.execute(
        "UPDATE role SET updated = $2, name = coalesce($3, name) WHERE id = $1",
        params![id, now(), details.name.clone()],
    )?;
    if let Some(description) = &details.description {
        conn.execute("UPDATE role SET description = $2 WHERE id = $1", params![id, description.clone()])?;
    }
    if let Some(permissions) = &details.permissions {
        conn.execute("DELETE FROM role_permission WHERE role_id = $1", params![id])?;
        set_permissions(conn, id, permissions)?;
    }
    Ok(())
}

fn set_permissions(conn: &mut Conn, id: Id, permissions: &[String]) -> Result<()> {
    let rows: Vec<Vec<Value>> = permissions.iter().map(|name| vec![id.into(), name.into()]).collect();
    conn.insert_ignoring("role_permission", &["role_id", "permission"], &rows).map(drop)
}

pub fn delete(conn: &mut Conn, id: Id) -> Result<()> {
    conn.execute("DELETE FROM role WHERE id = $1", params![id]).map(drop)
}

/// Whether the role with this id is locked; none when there is none.
pub fn is_locked(conn: &mut Conn, id: Id) -> Result<Option<bool>> {
    let row = conn.query_opt("SELECT locked FROM role WHERE id = $1", params![id])?;
    row.map(|row| row.get(0)).transpose()
}

/// The id of a role.
pub fn by_name(conn: &mut Conn, name: &str) -> Result<Option<Id>> {
    let row = conn.query_opt("SELECT id FROM role WHERE name = $1", params![name])?;
    row.map(|row| row.get(0)).transpose()
}

/// The permissions of roles, sorted.
pub fn permissions(conn: &mut Conn, roles: &[Id]) -> Result<HashMap<Id, Vec<String>>> {
    let rows = conn.query(
        "SELECT role_id, permission FROM role_permission WHERE role_id = ANY($1) ORDER BY permission",
        params![roles.to_vec()],
    )?;
    let mut permissions: HashMap<Id, Vec<String>> = HashMap::new();
    for row in rows {
        permissions.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(permissions)
}

/// Sees to it that these roles are there, locked and with just these permissions. One of the same name that
/// somebody made before becomes the locked one.
pub fn ensure_locked(conn: &mut Conn, roles: &[(&str, &[String])]) -> Result<()> {
    let rows = conn.query("SELECT id, name, locked FROM role", &[])?;
    let mut known: HashMap<String, (Id, bool)> = HashMap::new();
    for row in rows {
        known.insert(row.get(1)?, (row.get(0)?, row.get(2)?));
    }
    let ids: Vec<Id> = known.values().map(|(id, _)| *id).collect();
    let held = permissions(conn, &ids)?;
    for (name, wanted) in roles {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let details = RoleDetails { permissions: Some(wanted.clone()), ..RoleDetails::default() };
        match known.get(*name) {
            None => drop(insert(conn, &RoleDetails { name: Some((*name).to_owned()), ..details }, true)?),
            Some((id, locked)) => {
                if !locked {
                    conn.execute("UPDATE role SET locked = $2 WHERE id = $1", params![*id, true])?;
                }
                if held.get(id).map(Vec::as_slice).unwrap_or_default() != wanted {
                    update(conn, *id, &details)?;
                }
            }
        }
    }
    Ok(())
}

/// Gives a role, unless somebody has it for just this already: then nothing is done and it is none. Who gives the same
/// at the same time waits for the end of this transaction.
pub fn give_once(conn: &mut Conn, role: Id, to: Principal, extent: &Extent) -> Result<Option<Id>> {
    conn.lock(&Lock::Resource(format!("role {role} of {to:?} for {extent:?}")))?;
    if is_given(conn, role, to, extent)? { Ok(None) } else { give(conn, role, to, extent).map(Some) }
}

fn is_given(conn: &mut Conn, role: Id, to: Principal, extent: &Extent) -> Result<bool> {
    let (column, principal) = to.column();
    let mut values = vec![role.into(), principal.into()];
    let (condition, further) = extent.condition();
    values.extend(further);
    let sql = format!("SELECT 1 FROM role_assignment WHERE role_id = $1 AND {column} = $2 AND {condition}");
    Ok(conn.query_opt(&sql, &values)?.is_some())
}

fn give(conn: &mut Conn, role: Id, to: Principal, extent: &Extent) -> Result<Id> {
    let (id, now) = (Id::new(), now());
    let mut row: Vec<Value> = vec![id.into(), now.into(), now.into(), role.into()];
    row.extend(to.columns());
    row.extend(extent.columns());
    let columns = [
        "id",
        "created",
        "updated",
        "role_id",
        "user_id",
        "group_id",
        "domain_id",
        "object_type",
        "object_id",
        "object_number",
    ];
    conn.insert_all("role_assignment", &columns, &[row])?;
    Ok(id)
}

/// Takes a role away. Returns false when it was not given for just this.
pub fn take(conn: &mut Conn, role: Id, from: Principal, extent: &Extent) -> Result<bool> {
    let (column, principal) = from.column();
    let mut values = vec![role.into(), principal.into()];
    let (condition, further) = extent.condition();
    values.extend(further);
    let sql = format!("DELETE FROM role_assignment WHERE role_id = $1 AND {column} = $2 AND {condition}");
    Ok(conn.execute(&sql, &values)? > 0)
}

/// Takes away what one assignment gave to somebody. Returns false when there is no such assignment.
pub fn take_one(conn: &mut Conn, id: Id, from: Principal) -> Result<bool> {
    let (column, principal) = from.column();
    let sql = format!("DELETE FROM role_assignment WHERE id = $1 AND {column} = $2");
    Ok(conn.execute(&sql, params![id, principal])? > 0)
}

/// Whether somebody has the assignment with this id.
pub fn has_one(conn: &mut Conn, id: Id, of: Principal) -> Result<bool> {
    let (column, principal) = of.column();
    let sql = format!("SELECT 1 FROM role_assignment WHERE id = $1 AND {column} = $2");
    Ok(conn.query_opt(&sql, params![id, principal])?.is_some())
}

/// A role on an object: its name, and the user or the group that has it.
pub struct OnObject {
    pub role: String,
    pub user: Option<(i64, String)>,
    pub group: Option<(i64, String)>,
}

/// All roles that were given on an object itself; with a permission only those that have it.
pub fn on_object(conn: &mut Conn, object: ObjectKey, permission: Option<&str>) -> Result<Vec<OnObject>> {
    let column = if matches!(object, ObjectKey::Id(_)) { "object_id" } else { "object_number" };
    let sql = format!(
        "SELECT r.name, u.id, u.username, g.id, g.name FROM role_assignment a JOIN role r ON r.id = a.role_id
         LEFT JOIN auth_user u ON u.id = a.user_id LEFT JOIN auth_group g ON g.id = a.group_id
         WHERE a.{column} = $1 AND ($2 = '' OR EXISTS (SELECT 1 FROM role_permission p
             WHERE p.role_id = a.role_id AND p.permission = $2))
         ORDER BY r.name, u.username, g.name"
    );
    let rows = conn.query(&sql, &[object.value(), permission.unwrap_or_default().into()])?;
    rows.iter()
        .map(|row| {
            let named = |id: usize| -> Result<Option<(i64, String)>> {
                Ok(row.get::<Option<i64>>(id)?.zip(row.get::<Option<String>>(id + 1)?))
            };
            Ok(OnObject { role: row.get(0)?, user: named(1)?, group: named(3)? })
        })
        .collect()
}

/// Gives roles, by their names, on a new object. Roles that do not exist are passed over.
pub fn give_on_new(
    conn: &mut Conn,
    roles: &[String],
    to: Principal,
    object_type: &str,
    object: ObjectKey,
) -> Result<()> {
    let extent = Extent::Object(object_type.to_owned(), object);
    for row in conn.query("SELECT id FROM role WHERE name = ANY($1)", params![roles.to_vec()])? {
        give_once(conn, row.get(0)?, to, &extent)?;
    }
    Ok(())
}

/// From now on the roles on a row of one of these tables go when the row does, however it goes.
pub fn forget_with_rows(conn: &mut Conn, tables: &[&str]) -> Result<()> {
    tables.iter().try_for_each(|table| conn.delete_along(table, "role_assignment", "object_id"))
}
