//! Statements of access policies, and what they come to for somebody who asks.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::requirement::{Levels, Requirement, Subject};
use super::{Actor, Principal, Rule};

/// Who a statement is about, in the words of access policies: `*`, `authenticated`, `id:4`, `group:builders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Anyone,
    Anonymous,
    Authenticated,
    Administrator,
    User(i64),
    Group(String),
}

/// One statement: these actions are allowed, or denied, to these when all of this holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub actions: Vec<String>,
    pub who: Vec<Who>,
    pub allows: bool,
    pub requires: Vec<Requirement>,
}

/// What the one who asks holds, as far as it matters for one request.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// Given for everything.
    pub everywhere: HashSet<String>,
    /// Given for the domain.
    pub in_domain: HashSet<String>,
    /// Given on the object that the path names first.
    pub on_object: HashSet<String>,
    /// The names of the groups of the one who asks.
    pub groups: HashSet<String>,
}

/// What is known of an object that the path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The path names none, or one that everybody sees.
    Unneeded,
    Seen,
    /// To the one who asks it does not exist.
    Hidden,
}

/// What the statements come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Refused,
    /// The object is one that the asker must not know of.
    NotFound,
    /// What the body names decides.
    Depends(Vec<Pending>),
}

/// A statement of which all holds but what the body must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub allows: bool,
    pub requires: Vec<Requirement>,
}

/// A request, as statements see it.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub actor: Option<&'a Actor>,
    pub action: &'a str,
    /// It changes nothing.
    pub is_safe: bool,
    pub rights: &'a Rights,
    pub sight: Sight,
}

/// Judges a request. What no statement allows is refused, and a statement that denies wins.
pub fn judge(statements: &[Statement], question: &Question<'_>) -> Verdict {
    let (mut is_allowed, mut pending) = (false, Vec::new());
    for statement in statements.iter().filter(|statement| statement.concerns(question)) {
        match statement.holds(question) {
            Holds::No => {}
            Holds::Hidden => return Verdict::NotFound,
            Holds::Yes if !statement.allows => return Verdict::Refused,
            Holds::Yes => is_allowed = true,
            Holds::Later(requires) => pending.push(Pending { allows: statement.allows, requires }),
        }
    }
    if is_allowed {
        pending.retain(|pending| !pending.allows);
        if !pending.is_empty() {
            pending.push(Pending { allows: true, requires: vec![] });
        }
    }
    match (is_allowed, pending.iter().any(|pending| pending.allows)) {
        (false, false) => Verdict::Refused,
        _ if question.sight == Sight::Hidden => Verdict::NotFound,
        (true, false) => Verdict::Allowed,
        (_, true) => Verdict::Depends(pending),
    }
}

enum Holds {
    Yes,
    No,
    Hidden,
    Later(Vec<Requirement>),
}

impl Statement {
    /// Reads a statement as clients send it.
    ///
    /// # Errors
    /// What is wrong with it, for the client.
    pub fn parse(json: &Json) -> Result<Self, String> {
        known(json, "a statement", &["action", "effect", "principal", "condition"])?;
        let texts = |name: &str| match json.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(vec![text.clone()])),
            Some(Json::Array(list)) if list.iter().all(Json::is_string) => {
                Ok(Some(list.iter().filter_map(Json::as_str).map(str::to_owned).collect()))
            }
            Some(_) => Err(format!("`{name}` of a statement is a text or a list of texts")),
        };
        let needed = |name: &str| texts(name)?.ok_or_else(|| format!("a statement needs `{name}`"));
        let allows = match json.get("effect").and_then(Json::as_str) {
            Some("allow") => true,
            Some("deny") => false,
            _ => return Err("`effect` of a statement is `allow` or `deny`".into()),
        };
        let read = |text: &String| Requirement::parse(text).ok_or_else(|| format!("there is no condition `{text}`"));
        Ok(Self {
            actions: needed("action")?,
            who: needed("principal")?.iter().map(|text| Who::parse(text)).collect::<Result<_, _>>()?,
            allows,
            requires: texts("condition")?.unwrap_or_default().iter().map(read).collect::<Result<_, _>>()?,
        })
    }

    /// What stands for a statement that was kept and cannot be read any more, unless it allows something: nobody is let
    /// through whom it may have denied.
    pub fn denying_all() -> Self {
        Self { actions: vec!["*".into()], who: vec![Who::Anyone], allows: false, requires: vec![] }
    }

    fn concerns(&self, question: &Question<'_>) -> bool {
        let is_action = self.actions.iter().any(|action| {
            action == "*" || action == question.action || (action == "<safe_methods>" && question.is_safe)
        });
        is_action && self.who.iter().any(|who| who.is(question.actor, &question.rights.groups))
    }

    fn holds(&self, question: &Question<'_>) -> Holds {
        let mut later = Vec::new();
        for requirement in &self.requires {
            match requirement.subject {
                Subject::Parameter(_) | Subject::Upload | Subject::Index | Subject::IndexRepository => {
                    later.push(requirement.clone());
                }
                Subject::Object if requirement.levels.object && question.sight == Sight::Hidden => {
                    return Holds::Hidden;
                }
                Subject::Object | Subject::Repository | Subject::Group => {
                    if !question.rights.hold(requirement.levels, &requirement.permissions) {
                        return Holds::No;
                    }
                }
            }
        }
        if later.is_empty() { Holds::Yes } else { Holds::Later(later) }
    }
}

impl Rights {
    /// Whether any of the permissions is held at one of the levels.
    pub fn hold(&self, levels: Levels, permissions: &[String]) -> bool {
        permissions.iter().any(|permission| {
            (levels.model && self.everywhere.contains(permission))
                || (levels.domain && self.in_domain.contains(permission))
                || (levels.object && self.on_object.contains(permission))
        })
    }

    /// Whether the permission is held for the object, from wherever.
    pub fn reach(&self, permission: &str) -> bool {
        self.on_object.contains(permission) || self.reach_all(permission)
    }

    /// Whether the permission is held for all objects.
    pub fn reach_all(&self, permission: &str) -> bool {
        self.everywhere.contains(permission) || self.in_domain.contains(permission)
    }
}

impl Who {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "*" => Self::Anyone,
            "anonymous" => Self::Anonymous,
            "authenticated" => Self::Authenticated,
            "admin" => Self::Administrator,
            _ => match text.split_once(':') {
                Some(("group", name)) => Self::Group(name.to_owned()),
                Some(("id", number)) => Self::User(number.parse().map_err(|_| format!("`{text}` names no user"))?),
                _ => return Err(format!("there is no principal `{text}`")),
            },
        })
    }

    fn is(&self, actor: Option<&Actor>, groups: &HashSet<String>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Anonymous => actor.is_none(),
            Self::Authenticated => actor.is_some(),
            Self::Administrator => actor.is_some_and(|actor| actor.is_superuser),
            Self::User(id) => actor.is_some_and(|actor| actor.user_id == *id),
            Self::Group(name) => groups.contains(name),
        }
    }
}

impl From<&Rule> for Statement {
    fn from(rule: &Rule) -> Self {
        let who = match rule.principal {
            Principal::Anyone => Who::Anyone,
            Principal::Authenticated => Who::Authenticated,
            Principal::Administrator => Who::Administrator,
        };
        let actions = rule.verbs.iter().flat_map(|verb| verb.action_names()).map(str::to_owned).collect();
        Self { actions, who: vec![who], allows: true, requires: rule.requires.clone() }
    }
}

/// Nothing is passed over that may have been meant to restrict.
fn known(json: &Json, of: &str, names: &[&str]) -> Result<(), String> {
    let given = json.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    match given.into_iter().find(|name| !names.contains(name)) {
        Some(name) => Err(format!("there is no `{name}` in {of}")),
        None => Ok(()),
    }
}

/// What is done for new objects, in the words of access policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreationHook {
    /// Whoever made the object gets these roles on it.
    Creator(Vec<String>),
    Users(Vec<String>, Vec<String>),
    Groups(Vec<String>, Vec<String>),
}

impl CreationHook {
    /// # Errors
    /// What is wrong with it, for the client.
    pub fn parse(json: &Json) -> Result<Self, String> {
        known(json, "a creation hook", &["function", "parameters"])?;
        let takes = |names: &[&str]| json.get("parameters").map_or(Ok(()), |given| known(given, "the function", names));
        let listed = |name: &str| match json.get("parameters").and_then(|parameters| parameters.get(name)) {
            Some(Json::String(text)) => Ok(vec![text.clone()]),
            Some(Json::Array(list)) if list.iter().all(Json::is_string) => {
                Ok(list.iter().filter_map(Json::as_str).map(str::to_owned).collect())
            }
            _ => Err(format!("a creation hook needs `{name}`, a text or a list of texts, among its parameters")),
        };
        match json.get("function").and_then(Json::as_str) {
            Some("add_roles_for_object_creator") => {
                takes(&["roles"])?;
                Ok(Self::Creator(listed("roles")?))
            }
            Some("add_roles_for_users") => {
                takes(&["roles", "users"])?;
                Ok(Self::Users(listed("roles")?, listed("users")?))
            }
            Some("add_roles_for_groups") => {
                takes(&["roles", "groups"])?;
                Ok(Self::Groups(listed("roles")?, listed("groups")?))
            }
            _ => Err("there is no such function for creation hooks".into()),
        }
    }

    /// The hook of a policy that gives roles to whoever creates.
    pub fn shown(roles: &[String]) -> Json {
        let roles = if let [one] = roles { json!(one) } else { json!(roles) };
        json!({"function": "add_roles_for_object_creator", "parameters": {"roles": roles}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(user_id: i64) -> Actor {
        Actor { user_id, username: format!("u{user_id}"), is_superuser: false, token: None }
    }

    fn check(statements: Json, who: Option<i64>, action: &str, rights: &Rights, sight: Sight) -> Verdict {
        let list = statements.as_array().expect("a list").iter();
        let statements: Vec<_> = list.map(|json| Statement::parse(json).expect("a statement")).collect();
        let actor = who.map(actor);
        let question = Question { actor: actor.as_ref(), action, is_safe: action == "list", rights, sight };
        judge(&statements, &question)
    }

    fn rights(everywhere: &[&str], on_object: &[&str], groups: &[&str]) -> Rights {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Rights { everywhere: set(everywhere), on_object: set(on_object), groups: set(groups), ..Rights::default() }
    }

    #[test]
    fn who_a_statement_is_about() {
        let none = Rights::default();
        let in_group = rights(&[], &[], &["builders"]);
        let allow = |principal: &str| json!([{"action": "list", "effect": "allow", "principal": principal}]);
        for (principal, who, rights, verdict) in [
            ("*", None, &none, Verdict::Allowed),
            ("anonymous", None, &none, Verdict::Allowed),
            ("anonymous", Some(4), &none, Verdict::Refused),
            ("authenticated", None, &none, Verdict::Refused),
            ("authenticated", Some(4), &none, Verdict::Allowed),
            ("admin", Some(4), &none, Verdict::Refused),
            ("id:4", Some(4), &none, Verdict::Allowed),
            ("id:4", Some(5), &none, Verdict::Refused),
            ("group:builders", Some(4), &none, Verdict::Refused),
            ("group:builders", Some(4), &in_group, Verdict::Allowed),
        ] {
            assert_eq!(check(allow(principal), who, "list", rights, Sight::Unneeded), verdict, "{principal} {who:?}");
        }
    }

    #[test]
    fn a_denial_wins_and_silence_refuses() {
        let none = Rights::default();
        let both = json!([
            {"action": "*", "effect": "allow", "principal": "*"},
            {"action": ["destroy"], "effect": "deny", "principal": "id:4"},
        ]);
        assert_eq!(check(both.clone(), Some(4), "destroy", &none, Sight::Seen), Verdict::Refused);
        assert_eq!(check(both.clone(), Some(5), "destroy", &none, Sight::Seen), Verdict::Allowed);
        assert_eq!(check(json!([]), Some(5), "destroy", &none, Sight::Seen), Verdict::Refused);
        let safe = json!([{"action": "<safe_methods>", "effect": "allow", "principal": "*"}]);
        assert_eq!(check(safe.clone(), None, "list", &none, Sight::Unneeded), Verdict::Allowed);
        assert_eq!(check(safe, None, "destroy", &none, Sight::Unneeded), Verdict::Refused);
    }

    #[test]
    fn an_object_out_of_sight_does_not_exist_and_one_in_sight_may_be_refused() {
        let needs = json!([{"action": "destroy", "effect": "allow", "principal": "authenticated",
            "condition": "has_model_or_obj_perms:file.delete_filerepository"}]);
        let (none, owner) = (Rights::default(), rights(&[], &["file.delete_filerepository"], &[]));
        let global = rights(&["file.delete_filerepository"], &[], &[]);
        assert_eq!(check(needs.clone(), Some(4), "destroy", &none, Sight::Hidden), Verdict::NotFound);
        assert_eq!(check(needs.clone(), Some(4), "destroy", &none, Sight::Seen), Verdict::Refused);
        assert_eq!(check(needs.clone(), Some(4), "destroy", &owner, Sight::Seen), Verdict::Allowed);
        assert_eq!(check(needs.clone(), Some(4), "destroy", &global, Sight::Seen), Verdict::Allowed);
        assert_eq!(check(needs.clone(), None, "destroy", &none, Sight::Hidden), Verdict::Refused);
        let open = json!([{"action": "retrieve", "effect": "allow", "principal": "authenticated"}]);
        assert_eq!(check(open, Some(4), "retrieve", &none, Sight::Hidden), Verdict::NotFound);
    }

    #[test]
    fn what_the_body_names_is_judged_later() {
        let remote = "has_remote_param_model_or_domain_or_obj_perms:file.view_fileremote";
        let create = json!([{"action": "create", "effect": "allow", "principal": "authenticated",
            "condition": ["has_model_or_domain_perms:file.add_filerepository", remote]}]);
        let creator = rights(&["file.add_filerepository"], &[], &[]);
        assert_eq!(check(create.clone(), Some(4), "create", &Rights::default(), Sight::Unneeded), Verdict::Refused);
        let later = vec![Pending { allows: true, requires: vec![Requirement::parse(remote).expect("a condition")] }];
        assert_eq!(check(create, Some(4), "create", &creator, Sight::Unneeded), Verdict::Depends(later));
    }

    #[test]
    fn statements_that_cannot_be_understood_are_refused_by_name() {
        for (statement, named) in [
            (json!({"action": "x"}), "effect"),
            (json!({"action": "list", "effect": "nope", "principal": "*"}), "effect"),
            (json!({"effect": "allow", "principal": "*"}), "action"),
            (json!({"action": 5, "effect": "allow", "principal": "*"}), "action"),
            (json!({"action": "list", "effect": "allow", "principal": "x:y"}), "x:y"),
            (json!({"action": "list", "effect": "allow", "principal": "*", "condition": "nope:x"}), "nope:x"),
            (json!("text"), "effect"),
            (json!({"action": "list", "effect": "allow", "principal": "*", "conditions": "x"}), "conditions"),
            (json!({"action": "list", "effect": "deny", "principal": "*", "condition_expression": "x"}), "expression"),
        ] {
            let wrong = Statement::parse(&statement).expect_err("refused");
            assert!(wrong.contains(named), "{wrong}");
        }
    }

    #[test]
    fn hooks_that_cannot_be_understood_are_refused_by_name() {
        let creator = "add_roles_for_object_creator";
        for (hook, named) in [
            (json!({"function": "nope"}), "function"),
            (json!({"function": creator}), "roles"),
            (json!({"function": creator, "parameters": {"roles": "x"}, "when": "never"}), "when"),
            (json!({"function": creator, "parameters": {"roles": "x", "users": ["y"]}}), "users"),
        ] {
            let wrong = CreationHook::parse(&hook).expect_err("refused");
            assert!(wrong.contains(named), "{wrong}");
        }
    }
}
