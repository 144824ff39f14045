//! Who may read what a distribution serves. A guard is loaded once, with all that it asks, and then judges each
//! request; what it cannot make sense of it refuses.
//!
//! Core's own types are here; those of components come through [`GuardType`].

mod header;
mod jq;
pub mod redirect;
pub mod resources;
pub mod variable;

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::db::{Conn, content_guards};
use crate::error::Result;
use crate::id::Id;
use crate::plugin::{Asked, Gate, GuardType, Refused};
use crate::resource::{Kind, Registry, Scope};
pub(crate) use header::BASE64;
use header::HeaderGuard;
pub(crate) use jq::Filter;
use redirect::RedirectGuard;
use variable::VARIABLE;

/// For readers who hold a permission.
pub const RBAC: &str = "core.rbac";
/// For whom one of several others admits.
pub const COMPOSITE: &str = "core.composite";

/// What a reader needs who is to pass a guard of type [`RBAC`].
pub const DOWNLOAD: &str = "core.download_rbaccontentguard";
/// So many guards are asked for one request at most, those inside others included; a guard that asks more refuses.
pub const MOST_ASKED: usize = 100;

const DENIED: Refused = Refused("Access denied.");

/// The guards whose permission somebody holds.
#[derive(Clone, Debug)]
pub enum Downloads {
    All,
    Of(Vec<Id>),
}

impl Downloads {
    /// Of somebody who did not say who they are.
    pub const NONE: Self = Self::Of(vec![]);

    fn reach(&self, guard: Id) -> bool {
        match self {
            Self::All => true,
            Self::Of(guards) => guards.contains(&guard),
        }
    }
}

/// A guard with all that it asks.
pub struct Guard {
    href: String,
    check: Check,
}

enum Check {
    Gate(Arc<dyn Gate>),
    /// Whoever holds the permission to download on the guard with this id.
    Permission(Id),
    /// Any of these will do. Without one everybody is admitted, as in Pulp.
    Any(Vec<Guard>),
    /// What cannot be understood lets nobody through.
    Nobody,
}

/// Core's types and those of the components.
fn guard_type(registry: &Registry, pulp_type: &str) -> Option<Arc<dyn GuardType>> {
    let own: [Arc<dyn GuardType>; 2] = [Arc::new(HeaderGuard), Arc::new(RedirectGuard)];
    let components = registry.plugins.iter().flat_map(|plugin| plugin.guards());
    own.into_iter().chain(components).find(|one| one.pulp_type() == pulp_type)
}

/// The secrets of a new guard of this type, none for a type without.
pub fn new_secrets(registry: &Registry, pulp_type: &str) -> Result<Map<String, Json>> {
    guard_type(registry, pulp_type).map(|one| one.secrets()).transpose().map(Option::unwrap_or_default)
}

/// Loads the guard with this id and those that it asks.
///
/// # Errors
/// Of the database only: a guard that cannot be understood is one that lets nobody through.
pub fn load(scope: &Scope<'_>, conn: &mut Conn, id: Id) -> Result<Guard> {
    let mut left = MOST_ASKED;
    load_within(scope, conn, id, &mut left)
}

fn load_within(scope: &Scope<'_>, conn: &mut Conn, id: Id, left: &mut usize) -> Result<Guard> {
    let nobody = Guard { href: String::new(), check: Check::Nobody };
    // Also what ends a circle, should there be one.
    let Some(rest) = left.checked_sub(1) else {
        tracing::error!(%id, "a content guard asks too many others");
        return Ok(nobody);
    };
    *left = rest;
    let Some(row) = content_guards::by_id(conn, id)? else { return Ok(nobody) };
    let href = scope.typed_href(Kind::ContentGuard, &row.pulp_type, id).unwrap_or_default();
    let check = match row.pulp_type.as_str() {
        RBAC => Check::Permission(id),
        COMPOSITE => {
            let members = content_guards::members(conn, &[id])?;
            let members = members.into_iter().map(|(_, member, _)| load_within(scope, conn, member, left));
            Check::Any(members.collect::<Result<_>>()?)
        }
        name => gate(scope, name, &row).unwrap_or_else(|error| {
            tracing::error!(%id, %error, "a content guard cannot be understood");
            Check::Nobody
        }),
    };
    Ok(Guard { href, check })
}

fn gate(scope: &Scope<'_>, pulp_type: &str, row: &content_guards::GuardRow) -> Result<Check> {
    if pulp_type == VARIABLE {
        return variable::gate(&row.details, scope.guard_variables).map(Check::Gate);
    }
    let secrets = row.secrets.as_deref().map(|sealed| scope.secrets.open(sealed)).transpose()?.unwrap_or_default();
    let known = guard_type(scope.registry, pulp_type);
    Ok(known.map(|one| one.gate(&row.details, &secrets)).transpose()?.map_or(Check::Nobody, Check::Gate))
}

impl Guard {
    /// The guards, itself and those it asks, for whose permission it must be told who asks.
    pub fn permissions(&self) -> Vec<Id> {
        match &self.check {
            Check::Permission(id) => vec![*id],
            Check::Any(members) => members.iter().flat_map(Self::permissions).collect(),
            Check::Gate(_) | Check::Nobody => vec![],
        }
    }

    /// Judges one request.
    ///
    /// # Errors
    /// Why it is refused, in one line for the client: of a guard that asks others, their addresses.
    pub fn admit(&self, asked: &Asked<'_>, held: &Downloads) -> Result<(), String> {
        let plain = |Refused(text): Refused| text.to_owned();
        match &self.check {
            Check::Gate(gate) => gate.admit(asked).map_err(plain),
            Check::Permission(id) if held.reach(*id) => Ok(()),
            Check::Permission(_) | Check::Nobody => Err(plain(DENIED)),
            Check::Any(members) if members.is_empty() => Ok(()),
            Check::Any(members) if members.iter().any(|member| member.admit(asked, held).is_ok()) => Ok(()),
            Check::Any(members) => {
                let asked: Vec<_> = members.iter().map(|member| member.href.as_str()).collect();
                Err(format!("Refused by all of {}", asked.join(", ")))
            }
        }
    }
}

/// Whether two texts are equal, in a time that does not tell where they differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    // A fresh key makes the compared values unknown to whoever chose the texts.
    let Ok(key) = ring::hmac::Key::generate(ring::hmac::HMAC_SHA256, &ring::rand::SystemRandom::new()) else {
        return false;
    };
    ring::hmac::verify(&key, other, ring::hmac::sign(&key, one).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::now;

    struct Fixed(bool);

    impl Gate for Fixed {
        fn admit(&self, _: &Asked<'_>) -> Result<(), Refused> {
            if self.0 { Ok(()) } else { Err(Refused("no")) }
        }
    }

    fn fixed(href: &str, admits: bool) -> Guard {
        Guard { href: href.into(), check: Check::Gate(Arc::new(Fixed(admits))) }
    }

    fn any(members: Vec<Guard>) -> Guard {
        Guard { href: "/any/".into(), check: Check::Any(members) }
    }

    fn admit(guard: &Guard, held: &Downloads) -> Result<(), String> {
        guard.admit(&Asked { path: "", address: "", query: "", now: now(), headers: &|_| vec![] }, held)
    }

    #[test]
    fn one_member_that_admits_is_enough() {
        let nobody = &Downloads::NONE;
        assert_eq!(admit(&any(vec![]), nobody), Ok(()));
        assert_eq!(admit(&any(vec![fixed("/a/", false), fixed("/b/", true)]), nobody), Ok(()));
        assert_eq!(admit(&any(vec![any(vec![fixed("/a/", true)])]), nobody), Ok(()));
        let refused = admit(&any(vec![fixed("/a/", false), any(vec![fixed("/b/", false)])]), nobody);
        assert_eq!(refused, Err("Refused by all of /a/, /any/".into()));
    }

    #[test]
    fn a_permission_is_asked_of_who_asks() {
        let id = Id::new();
        let guard = any(vec![Guard { href: String::new(), check: Check::Permission(id) }]);
        assert!(guard.permissions() == [id] && fixed("", true).permissions().is_empty());
        assert!(admit(&guard, &Downloads::All).is_ok() && admit(&guard, &Downloads::Of(vec![id])).is_ok());
        assert!(admit(&guard, &Downloads::Of(vec![Id::new()])).is_err() && admit(&guard, &Downloads::NONE).is_err());
    }

    #[test]
    fn what_is_not_understood_admits_nobody() {
        assert!(admit(&Guard { href: String::new(), check: Check::Nobody }, &Downloads::All).is_err());
    }

    #[test]
    fn texts_are_compared_whole() {
        assert!(is_equal(b"abc", b"abc") && is_equal(b"", b""));
        assert!(!is_equal(b"abc", b"abd") && !is_equal(b"abc", b"ab"));
    }
}
