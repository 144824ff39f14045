//! What is given to whom when an object is made: the creation hooks of access policies.

use serde_json::Value as Json;

use super::{Registry, Resource};
use crate::auth::policy::CreationHook;
use crate::db::roles::{ObjectKey, Principal};
use crate::db::{Conn, access_policies, groups, roles, users};
use crate::error::Result;

/// Gives the roles that the access policy says on an object that was just made. Belongs into the transaction that
/// makes it.
pub fn created(
    registry: &Registry,
    conn: &mut Conn,
    resource: &Resource,
    object: ObjectKey,
    creator: Option<i64>,
) -> Result<()> {
    if !resource.has_object_roles() {
        return Ok(());
    }
    let viewset = resource.viewset();
    let policy = registry.policy(&viewset).map(|policy| &policy.policy).unwrap_or(&resource.policy);
    let hooks = match access_policies::creation_hooks(conn, &viewset)? {
        Some(changed) => changed_hooks(&viewset, &changed),
        None => vec![CreationHook::Creator(policy.creator_roles.clone())],
    };
    let object_type = resource.object_type();
    for hook in hooks {
        let (roles, principals) = match hook {
            CreationHook::Creator(roles) => (roles, known_user(conn, creator)?),
            CreationHook::Users(roles, names) => (roles, named_users(conn, &names)?),
            CreationHook::Groups(roles, names) => {
                let known = groups::by_names(conn, &names)?;
                (roles, known.into_iter().map(|(id, _)| Principal::Group(id)).collect())
            }
        };
        for principal in principals {
            roles::give_on_new(conn, &roles, principal, &object_type, object)?;
        }
    }
    Ok(())
}

/// The creator, if there still is such a user.
fn known_user(conn: &mut Conn, creator: Option<i64>) -> Result<Vec<Principal>> {
    let Some(id) = creator else { return Ok(vec![]) };
    Ok(users::by_id(conn, id)?.into_iter().map(|user| Principal::User(user.id)).collect())
}

fn named_users(conn: &mut Conn, names: &[String]) -> Result<Vec<Principal>> {
    let mut found = Vec::new();
    for name in names {
        found.extend(users::by_name(conn, name)?.map(|user| Principal::User(user.id)));
    }
    Ok(found)
}

/// Hooks that were changed. They were read before they were kept; one that cannot be read any more does nothing.
fn changed_hooks(viewset: &str, hooks: &Json) -> Vec<CreationHook> {
    let list = hooks.as_array().into_iter().flatten();
    let read = list.map(CreationHook::parse).filter_map(|read| {
        read.inspect_err(|error| tracing::warn!(viewset, error, "a creation hook is passed over")).ok()
    });
    read.collect()
}
