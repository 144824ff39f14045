//! Who may do what, declared as data: every resource carries a [`Policy`] made by one of a few builder
//! functions, since the rights of all resources have a few shapes. [`permits`] is the one place that decides.
//!
//! The names are Pulp's: permissions `file.view_filerepository`, roles `file.filerepository_owner`,
//! conditions `has_model_or_domain_or_obj_perms:…`, so that access policies can be shown and roles carried over.

mod shapes;

use serde_json::{Value, json};

pub use shapes::Owned;

use crate::error::{Error, Result};
use crate::id::Id;

/// What is asked of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    List,
    Create,
    Read,
    Update,
    Delete,
    /// By the last segment of its path: `sync`, `set_label`.
    Action(&'static str),
}

/// Whoever sent the request, already verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub user_id: i64,
    pub username: String,
    pub is_superuser: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Also without logging in.
    Anyone,
    Authenticated,
    Administrator,
}

/// What has to hold besides the principal. Permissions are full names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Held for the whole installation or the domain.
    Model(String),
    /// Held for all objects, the domain, or the object asked for.
    Object(String),
    /// Held for the repository in whose path the object lies.
    Repository(String),
    /// Held for the object that this field of the body names, if it names one; any of the permissions will do.
    Parameter { field: &'static str, permissions: Vec<String> },
    /// Held for the repository that an upload goes into.
    UploadRepository(String),
}

/// One statement: these verbs, for this principal, when all of this holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub verbs: Vec<Verb>,
    pub principal: Principal,
    pub requires: Vec<Requirement>,
}

/// A role that ships with the program and cannot be edited. Permissions are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedRole {
    pub name: String,
    pub permissions: Vec<String>,
}

/// Which rows of a list its reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Those for which the reader holds the view permission.
    Permitted,
    /// Nothing but what is the reader's own: everybody who is logged in may do everything with it.
    Own,
}

/// The rights of one resource. A verb that no rule names is for administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub rules: Vec<Rule>,
    pub locked_roles: Vec<LockedRole>,
    /// What whoever creates an object is given on it.
    pub creator_roles: Vec<String>,
    pub scope: Scope,
}

impl Policy {
    /// Whether nobody needs to say who they are for this.
    pub fn is_open_for(&self, verb: Verb) -> bool {
        self.rules.iter().any(|rule| rule.principal == Principal::Anyone && rule.verbs.contains(&verb))
    }
}

/// Whether the actor may do this: the seam at which roles will be consulted. For now the administrator may do
/// everything and others what is open to anyone or concerns themselves alone.
pub fn permits(actor: Option<&Actor>, policy: &Policy, verb: Verb) -> Result<()> {
    match actor {
        _ if policy.is_open_for(verb) => Ok(()),
        Some(actor) if actor.is_superuser || policy.scope == Scope::Own => Ok(()),
        Some(_) => Err(Error::Forbidden),
        None => Err(Error::Unauthenticated("Authentication credentials were not provided.".into())),
    }
}

/// Whether the actor holds a permission, a full name, on the object with this id: the seam at which roles will be
/// consulted where no operation of the API is asked for. For now the administrator holds all and others none.
pub fn holds(actor: Option<&Actor>, _permission: &str, _object: Id) -> bool {
    actor.is_some_and(|actor| actor.is_superuser)
}

impl Verb {
    /// The names under which Pulp's policies know it.
    pub fn action_names(self) -> Vec<&'static str> {
        match self {
            Self::List => vec!["list"],
            Self::Create => vec!["create"],
            Self::Read => vec!["retrieve"],
            Self::Update => vec!["update", "partial_update"],
            Self::Delete => vec!["destroy"],
            Self::Action(name) => vec![name],
        }
    }
}

impl Requirement {
    /// As a condition of an access policy.
    pub fn condition(&self) -> String {
        match self {
            Self::Model(permission) => format!("has_model_or_domain_perms:{permission}"),
            Self::Object(permission) => format!("has_model_or_domain_or_obj_perms:{permission}"),
            Self::Repository(permission) => format!("has_repository_model_or_domain_or_obj_perms:{permission}"),
            Self::Parameter { field, permissions } => {
                format!("has_{field}_param_model_or_domain_or_obj_perms:{}", permissions.join(","))
            }
            Self::UploadRepository(permission) => format!("has_required_repo_perms_on_upload:{permission}"),
        }
    }
}

impl Rule {
    pub fn new(verbs: impl Into<Vec<Verb>>, principal: Principal, requires: Vec<Requirement>) -> Self {
        Self { verbs: verbs.into(), principal, requires }
    }

    /// As a statement of an access policy.
    pub fn statement(&self) -> Value {
        let actions: Vec<&str> = self.verbs.iter().flat_map(|verb| verb.action_names()).collect();
        let principal = match self.principal {
            Principal::Anyone => "*",
            Principal::Authenticated => "authenticated",
            Principal::Administrator => "admin",
        };
        let conditions: Vec<String> = self.requires.iter().map(Requirement::condition).collect();
        let mut statement = json!({"action": actions, "effect": "allow", "principal": principal});
        if !conditions.is_empty() {
            statement["condition"] = json!(conditions);
        }
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(is_superuser: bool) -> Actor {
        Actor { user_id: 1, username: "somebody".into(), is_superuser }
    }

    #[test]
    fn the_administrator_may_all_and_others_what_is_open() {
        let (open, owned) = (Policy::open(), Owned::new("file", "filerepository").policy());
        let verbs = [Verb::List, Verb::Create, Verb::Read, Verb::Update, Verb::Delete, Verb::Action("sync")];
        for verb in verbs {
            assert!(permits(Some(&actor(true)), &owned, verb).is_ok());
            assert!(matches!(permits(Some(&actor(false)), &owned, verb), Err(Error::Forbidden)));
            assert!(matches!(permits(None, &owned, verb), Err(Error::Unauthenticated(_))));
        }
        assert!(permits(None, &open, Verb::Read).is_ok() && permits(None, &open, Verb::List).is_ok());
        assert!(permits(None, &open, Verb::Create).is_err());
    }

    #[test]
    fn only_the_administrator_holds_permissions() {
        let holds = |actor| holds(actor, "core.download_rbaccontentguard", Id::new());
        let (administrator, other) = (actor(true), actor(false));
        assert!(holds(Some(&administrator)) && !holds(Some(&other)) && !holds(None));
    }

    #[test]
    fn everybody_may_do_everything_with_their_own() {
        let own = Policy::own();
        for verb in [Verb::Read, Verb::Create, Verb::Update, Verb::Delete] {
            assert!(permits(Some(&actor(false)), &own, verb).is_ok());
            assert!(matches!(permits(None, &own, verb), Err(Error::Unauthenticated(_))));
        }
    }
}
