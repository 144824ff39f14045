//! What the program brings of access control: locked roles, and a place for changes of each access policy; and what the
//! database does by itself. Written whenever a process starts, so that a format that appears is known too.

use crate::db::{Conn, Lock, access_policies, roles, tallies};
use crate::error::Result;
use crate::resource::Registry;

/// Safe to call from several hosts at once.
pub fn ensure(registry: &Registry, conn: &mut Conn) -> Result<()> {
    conn.lock(&Lock::Migrations)?;
    let locked = registry.resources.iter().flat_map(|resource| &resource.policy.locked_roles);
    let locked: Vec<_> = locked.map(|role| (role.name.as_str(), role.permissions.as_slice())).collect();
    roles::ensure_locked(conn, &locked)?;
    let viewsets: Vec<_> = registry.policies.iter().map(|policy| policy.viewset.as_str()).collect();
    access_policies::ensure(conn, &viewsets)?;
    let with_roles = registry.resources.iter().filter(|resource| resource.has_object_roles());
    let mut tables: Vec<_> =
        with_roles.filter(|resource| !resource.kind.is_numbered()).map(|resource| resource.kind.table()).collect();
    tables.sort_unstable();
    tables.dedup();
    roles::forget_with_rows(conn, &tables)?;
    tallies::ensure(conn)
}
