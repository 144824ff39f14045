//! Which rows of a list somebody sees: conditions that the database joins with what was given to whom, so that the
//! cost does not depend on how many ids that are.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Clause, Kind, Registry, Resource};
use crate::auth::policy::{Scope, Verb};
use crate::db::roles::ObjectKey;
use crate::db::{Conn, Value, roles};
use crate::error::Result;
use crate::id::Id;

/// Somebody who does not see everything.
#[derive(Clone, Debug)]
pub struct Reader {
    /// None: did not log in.
    pub user: Option<i64>,
    pub domain: Id,
    /// The permissions held for everything.
    pub everywhere: Arc<HashSet<String>>,
}

impl Resource {
    /// The type of its objects as roles know it: `file.filerepository`.
    pub fn object_type(&self) -> String {
        format!("{}.{}", self.app, self.model.to_ascii_lowercase())
    }

    /// `file.view_filerepository`
    pub fn view_permission(&self) -> String {
        self.permission("view")
    }

    /// What a repository asks of whoever modifies it: `file.modify_filerepository`, or what its format calls that.
    pub fn modify_permission(&self) -> String {
        let modify = Verb::Action("modify");
        let rule = self.policy.rules.iter().find(|rule| rule.verbs.contains(&modify));
        let asked = rule.and_then(|rule| rule.requires.first()?.permissions.first().cloned());
        asked.unwrap_or_else(|| self.permission("modify"))
    }

    /// The permission for this on objects of the type, as it is usually called.
    pub(super) fn permission(&self, verb: &str) -> String {
        format!("{}.{verb}_{}", self.app, self.model.to_ascii_lowercase())
    }

    /// What access policies call it: `repositories/file/file`.
    pub fn viewset(&self) -> String {
        self.path.replace("{}/", "").trim_end_matches('/').to_owned()
    }

    /// Whether roles on objects of its own decide who sees which.
    pub fn has_object_roles(&self) -> bool {
        self.policy.scope == Scope::Permitted && self.policy.has_object_roles()
    }
}

impl Reader {
    /// Whether the reader sees the object with this key.
    pub fn sees(&self, registry: &Registry, conn: &mut Conn, resource: &Resource, key: ObjectKey) -> Result<bool> {
        let seen = match resource.has_object_roles() {
            true => self.holds_on(resource, &resource.view_permission(), key),
            false => self.clause(registry, resource),
        };
        resource.has_any(conn, &Clause::joined(vec![Clause::new("t.id = {}", [key.value()]), seen], " AND "))
    }

    /// Whether the reader may change every task of a group.
    pub fn may_change_all(&self, registry: &Registry, conn: &mut Conn, group: Id) -> Result<bool> {
        let Some(tasks) = registry.untyped(Kind::Task) else { return Ok(false) };
        let kept = Clause::joined(
            vec![
                Clause::new("t.task_group_id = {}", [group.into()]),
                self.holds(tasks, "core.change_task", "t").negated(),
            ],
            " AND ",
        );
        tasks.has_any(conn, &kept).map(|is_any_kept| !is_any_kept)
    }

    /// The condition that a row of the resource's lists is one that the reader sees.
    pub fn clause(&self, registry: &Registry, resource: &Resource) -> Clause {
        match resource.kind {
            _ if resource.has_object_roles() => self.own(resource, "t"),
            Kind::Content => {
                let repositories = self.any_type(registry, Kind::Repository, "r");
                let held = "EXISTS (SELECT 1 FROM repository_content rc JOIN repository r ON r.id = rc.repository_id
                     WHERE rc.content_id = t.id AND ";
                Clause { sql: format!("{held}({}))", repositories.sql), params: repositories.params }
            }
            Kind::RepositoryVersion => self.any_type(registry, Kind::Repository, "r"),
            Kind::TaskGroup => {
                let tasks = registry.untyped(Kind::Task).map_or_else(Clause::never, |tasks| self.own(tasks, "k"));
                let sql = format!("EXISTS (SELECT 1 FROM task k WHERE k.task_group_id = t.id AND ({}))", tasks.sql);
                Clause { sql, params: tasks.params }
            }
            Kind::Token => match self.user {
                Some(user) => Clause::new("t.user_id = {}", [user.into()]),
                None => Clause::never(),
            },
            kind => self.any_type(registry, kind, "t"),
        }
    }

    /// Rows of a table that several types share: each as its type says.
    fn any_type(&self, registry: &Registry, kind: Kind, alias: &str) -> Clause {
        let mut clauses = Vec::new();
        let typed = registry.resources.iter().filter(|one| one.kind == kind && one.has_object_roles());
        for (resource, pulp_type) in typed.filter_map(|one| Some((one, one.pulp_type?))) {
            let is_type = Clause::new(format!("{alias}.pulp_type = {{}}"), [Value::from(pulp_type)]);
            clauses.push(Clause::joined(vec![is_type, self.own(resource, alias)], " AND "));
        }
        if clauses.is_empty() { Clause::never() } else { Clause::joined(clauses, " OR ") }
    }

    /// Rows of one type, by the permission to view them.
    fn own(&self, resource: &Resource, alias: &str) -> Clause {
        self.holds(resource, &resource.view_permission(), alias)
    }

    /// Rows of one type for which a permission is held.
    fn holds(&self, resource: &Resource, permission: &str, alias: &str) -> Clause {
        self.given(resource, permission, alias, Clause::new("IS NOT NULL", []))
    }

    /// The same of one row alone: the others are not gathered.
    fn holds_on(&self, resource: &Resource, permission: &str, key: ObjectKey) -> Clause {
        self.given(resource, permission, "t", Clause::new("= {}", [key.value()]))
    }

    fn given(&self, resource: &Resource, permission: &str, alias: &str, is_asked: Clause) -> Clause {
        if self.everywhere.contains(permission) {
            return Clause::always();
        }
        let Some(user) = self.user else { return Clause::never() };
        let column = if resource.kind.is_numbered() { "object_number" } else { "object_id" };
        let given = roles::objects_of_user(column, &is_asked.sql);
        let mut one: Vec<Value> = vec![user.into(), resource.object_type().into(), permission.into()];
        one.extend(is_asked.params);
        // PostgreSQL joins what is but a member of something, and takes minutes where it does not know yet how much was
        // given to somebody. What is asked for the truth of that is gathered once and looked up, on both databases.
        Clause::new(format!("({alias}.id IN ({given})) IS TRUE"), [one.clone(), one].concat())
    }
}
