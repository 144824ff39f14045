//! Who may do what, declared as data: every resource carries a [`Policy`] made by one of a few builder
//! functions, since the rights of all resources have a few shapes. [`statement::judge`] is the one place that
//! decides; `rest/authorize.rs` brings it what it needs to know.
//!
//! The names are Pulp's: permissions `file.view_filerepository`, roles `file.filerepository_owner`,
//! conditions `has_model_or_domain_or_obj_perms:…`, so that access policies can be shown and roles carried over.

pub mod requirement;
mod shapes;
pub mod statement;

use std::sync::Arc;

use serde_json::{Value, json};

pub use requirement::Requirement;
pub use shapes::{CONTENT_LABELS, Owned};
pub use statement::{CreationHook, Rights, Statement};

use super::token::Grant;

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
    /// Whatever can be asked.
    Any,
}

/// Whoever sent the request, already verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub user_id: i64,
    pub username: String,
    pub is_superuser: bool,
    /// The token that speaks for the user, which may be for less than the user may do.
    pub token: Option<Arc<Grant>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Also without logging in.
    Anyone,
    Authenticated,
    Administrator,
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
    /// Those for which the reader holds the view permission; of what has none of its own, those that belong to
    /// something for which the reader does.
    Permitted,
}

/// The rights of one resource. A verb that no rule names is for administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub rules: Vec<Rule>,
    pub locked_roles: Vec<LockedRole>,
    /// What whoever creates an object is given on it.
    pub creator_roles: Vec<String>,
    pub scope: Scope,
    /// All permissions on objects of this kind, sorted; empty where roles cannot be given on them.
    pub permissions: Vec<String>,
}

impl Policy {
    /// Whether nobody needs to say who they are for this.
    pub fn is_open_for(&self, verb: Verb) -> bool {
        self.rules.iter().any(|rule| rule.principal == Principal::Anyone && rule.verbs.contains(&verb))
    }

    /// Whether roles are given on single objects.
    pub fn has_object_roles(&self) -> bool {
        !self.permissions.is_empty()
    }

    pub fn statements(&self) -> Vec<Statement> {
        self.rules.iter().map(Statement::from).collect()
    }

    /// The statements as clients see them.
    pub fn shown_statements(&self) -> Value {
        self.rules.iter().map(Rule::statement).collect()
    }

    /// The creation hooks as clients see them; null where there are none.
    pub fn shown_hooks(&self) -> Value {
        match self.creator_roles.as_slice() {
            [] => Value::Null,
            roles => json!([CreationHook::shown(roles)]),
        }
    }

    /// The scoping as clients see it; null where all rows are seen.
    pub fn shown_scoping(&self) -> Value {
        match self.scope {
            Scope::Permitted => json!({"function": SCOPING}),
            Scope::All => Value::Null,
        }
    }
}

/// The one way of scoping there is.
pub const SCOPING: &str = "scope_queryset";

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
            Self::Any => vec!["*"],
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
