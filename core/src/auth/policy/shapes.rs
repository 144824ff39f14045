//! The few shapes that the rights of all resources have, as builder functions.

use super::{LockedRole, Policy, Principal, Requirement, Rule, Scope, Verb};

impl Policy {
    /// Readable without logging in, changeable by nobody: status, documentation, liveness.
    pub fn open() -> Self {
        Self::of(vec![Rule::new([Verb::List, Verb::Read], Principal::Anyone, vec![])])
    }

    /// For administrators only: artifacts, repair.
    pub fn administrators() -> Self {
        Self::of(vec![])
    }

    /// What concerns only the one who asks: the own account and session.
    pub fn own() -> Self {
        let verbs = [Verb::Read, Verb::Create, Verb::Update, Verb::Delete];
        Self { scope: Scope::Own, ..Self::of(vec![Rule::new(verbs, Principal::Authenticated, vec![])]) }
    }

    /// Readable by all who are logged in, changed by administrators: workers, access policies.
    pub fn readable() -> Self {
        Self::of(vec![Rule::new([Verb::List, Verb::Read], Principal::Authenticated, vec![])])
    }

    /// Content units: seen by those who may view a repository that holds them, created by those who may
    /// modify the repository they go into. `repository` is a model, `filerepository`.
    pub fn content(app: &str, repository: &str) -> Self {
        let uploads = ["modify", "view"].map(|verb| Requirement::UploadRepository(permission(app, verb, repository)));
        let mut create = uploads.to_vec();
        create.push(Requirement::Parameter { field: "upload", permissions: vec!["core.change_upload".into()] });
        Self {
            scope: Scope::Permitted,
            ..Self::of(vec![
                Rule::new([Verb::List, Verb::Read], Principal::Authenticated, vec![]),
                Rule::new([Verb::Create, Verb::Action("upload")], Principal::Authenticated, create),
                Rule::new(
                    [Verb::Action("set_label"), Verb::Action("unset_label")],
                    Principal::Authenticated,
                    vec![Requirement::Model("core.manage_content_labels".into())],
                ),
            ])
        }
    }

    /// What lies in the path of a repository, its versions: as the repository's own rights say.
    pub fn of_repository(app: &str, repository: &str) -> Self {
        let needs = |verbs: &[&str]| {
            verbs.iter().map(|verb| Requirement::Repository(permission(app, verb, repository))).collect::<Vec<_>>()
        };
        let authenticated = Principal::Authenticated;
        Self::of(vec![
            Rule::new([Verb::List, Verb::Read, Verb::Action("scan")], authenticated, needs(&["view"])),
            Rule::new([Verb::Delete], authenticated, needs(&["delete", "view"])),
            Rule::new([Verb::Action("repair")], authenticated, needs(&["repair", "view"])),
        ])
    }

    fn of(rules: Vec<Rule>) -> Self {
        Self { rules, locked_roles: vec![], creator_roles: vec![], scope: Scope::All }
    }
}

/// Objects that belong to whoever creates them: repositories, remotes, distributions, publications, tasks,
/// groups. Brings the roles `creator`, `owner` and `viewer`; further actions are added one by one.
pub struct Owned {
    app: &'static str,
    model: &'static str,
    rules: Vec<Rule>,
    /// What the owner may do besides viewing, changing, deleting and giving roles.
    owner_verbs: Vec<&'static str>,
    /// Further roles that whoever creates an object is given on it, with what they permit.
    further: Vec<(&'static str, &'static str)>,
}

impl Owned {
    pub fn new(app: &'static str, model: &'static str) -> Self {
        let authenticated = Principal::Authenticated;
        let object = |verb: &str| Requirement::Object(permission(app, verb, model));
        let roles = ["list_roles", "add_role", "remove_role"].map(Verb::Action);
        Self {
            app,
            model,
            rules: vec![
                Rule::new([Verb::List, Verb::Read, Verb::Action("my_permissions")], authenticated, vec![]),
                Rule::new([Verb::Create], authenticated, vec![Requirement::Model(permission(app, "add", model))]),
                Rule::new([Verb::Delete], authenticated, vec![object("delete"), object("view")]),
                Rule::new([Verb::Update], authenticated, vec![object("change"), object("view")]),
                Rule::new(roles, authenticated, vec![object("manage_roles")]),
            ],
            owner_verbs: vec![],
            further: vec![],
        }
    }

    /// Labels are set by those who may change the object.
    pub fn labelled(mut self) -> Self {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.verbs.contains(&Verb::Update)) {
            rule.verbs.extend([Verb::Action("set_label"), Verb::Action("unset_label")]);
        }
        self
    }

    /// An action with a permission of its own, `sync_filerepository`, which the owner has.
    pub fn action(mut self, name: &'static str) -> Self {
        let requires = [name, "view"].map(|verb| Requirement::Object(permission(self.app, verb, self.model)));
        self.rules.push(Rule::new([Verb::Action(name)], Principal::Authenticated, requires.to_vec()));
        self.permission(name)
    }

    /// A permission of the owner that is needed elsewhere: `repair_filerepository`, for versions.
    pub fn permission(mut self, verb: &'static str) -> Self {
        self.owner_verbs.push(verb);
        self
    }

    /// A role beside the owner's for one permission of its own, which the creator is given too.
    pub fn role_for(mut self, role: &'static str, verb: &'static str) -> Self {
        self.further.push((role, verb));
        self
    }

    /// These verbs also need one of the permissions on the object that a field of the body names.
    pub fn with_parameter(mut self, verbs: &[Verb], field: &'static str, permissions: &[&str]) -> Self {
        for rule in self.rules.iter_mut().filter(|rule| rule.verbs.iter().any(|verb| verbs.contains(verb))) {
            let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
            rule.requires.push(Requirement::Parameter { field, permissions });
        }
        self
    }

    pub fn policy(self) -> Policy {
        let mut owner_verbs = self.owner_verbs.clone();
        owner_verbs.extend(["change", "delete", "manage_roles", "view"]);
        let mut locked_roles =
            vec![self.role("creator", &["add"]), self.role("owner", &owner_verbs), self.role("viewer", &["view"])];
        let mut creator_roles = vec![format!("{}.{}_owner", self.app, self.model)];
        for (role, verb) in &self.further {
            let role = self.role(role, &[verb]);
            creator_roles.push(role.name.clone());
            locked_roles.push(role);
        }
        Policy { locked_roles, creator_roles, scope: Scope::Permitted, rules: self.rules }
    }

    fn role(&self, name: &str, verbs: &[&str]) -> LockedRole {
        let mut permissions: Vec<String> = verbs.iter().map(|verb| permission(self.app, verb, self.model)).collect();
        permissions.sort_unstable();
        permissions.dedup();
        LockedRole { name: format!("{}.{}_{name}", self.app, self.model), permissions }
    }
}

fn permission(app: &str, verb: &str, model: &str) -> String {
    format!("{app}.{verb}_{model}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file_repository() -> Policy {
        Owned::new("file", "filerepository")
            .labelled()
            .action("sync")
            .action("modify")
            .permission("repair")
            .with_parameter(&[Verb::Create, Verb::Update], "remote", &["file.view_fileremote"])
            .with_parameter(&[Verb::Action("sync")], "remote", &["file.view_fileremote", "file.view_filegitremote"])
            .policy()
    }

    #[test]
    fn a_file_repository_has_the_roles_of_pulp() {
        let policy = file_repository();
        let names: Vec<_> = policy.locked_roles.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(names, ["file.filerepository_creator", "file.filerepository_owner", "file.filerepository_viewer"]);
        assert_eq!(policy.creator_roles, ["file.filerepository_owner"]);
        let verbs = ["change", "delete", "manage_roles", "modify", "repair", "sync", "view"];
        assert_eq!(policy.locked_roles[1].permissions, verbs.map(|verb| permission("file", verb, "filerepository")));
    }

    #[test]
    fn a_further_role_is_the_creators_too() {
        let policy = Owned::new("core", "rbaccontentguard").role_for("downloader", "download").policy();
        assert_eq!(policy.creator_roles, ["core.rbaccontentguard_owner", "core.rbaccontentguard_downloader"]);
        assert_eq!(policy.locked_roles[3].permissions, ["core.download_rbaccontentguard"]);
    }

    #[test]
    fn its_statements_are_those_of_pulp() {
        let object = |verb: &str| format!("has_model_or_domain_or_obj_perms:file.{verb}_filerepository");
        let remote = "has_remote_param_model_or_domain_or_obj_perms:file.view_fileremote";
        let allowed = |actions: &[&str], conditions: &[&str]| match conditions {
            [] => json!({"action": actions, "effect": "allow", "principal": "authenticated"}),
            some => json!({"action": actions, "effect": "allow", "condition": some, "principal": "authenticated"}),
        };
        let expected = [
            allowed(&["list", "retrieve", "my_permissions"], &[]),
            allowed(&["create"], &["has_model_or_domain_perms:file.add_filerepository", remote]),
            allowed(&["destroy"], &[&object("delete"), &object("view")]),
            allowed(
                &["update", "partial_update", "set_label", "unset_label"],
                &[&object("change"), &object("view"), remote],
            ),
            allowed(&["list_roles", "add_role", "remove_role"], &[&object("manage_roles")]),
            allowed(&["sync"], &[&object("sync"), &object("view"), &format!("{remote},file.view_filegitremote")]),
            allowed(&["modify"], &[&object("modify"), &object("view")]),
        ];
        assert_eq!(file_repository().rules.iter().map(Rule::statement).collect::<Vec<_>>(), expected);
    }
}
