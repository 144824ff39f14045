//! The few shapes that the rights of all resources have, as builder functions.

use super::requirement::Subject;
use super::{LockedRole, Policy, Principal, Requirement, Rule, Scope, Verb};

/// What it takes to label content.
pub const CONTENT_LABELS: &str = "core.manage_content_labels";

/// What it takes to delete versions, where that has a permission of its own.
const DELETE_VERSION: &str = "delete_{}_version";

impl Policy {
    /// Readable without logging in, changeable by nobody: status, documentation, liveness.
    pub fn open() -> Self {
        Self::of(vec![Rule::new([Verb::List, Verb::Read], Principal::Anyone, vec![])])
    }

    /// For administrators only: artifacts, repair.
    pub fn administrators() -> Self {
        Self::of(vec![])
    }

    /// For administrators only, as a policy that can be changed.
    pub fn of_administrators(verbs: impl Into<Vec<Verb>>) -> Self {
        Self::of(vec![Rule::new(verbs, Principal::Administrator, vec![])])
    }

    /// What concerns only the one who asks: the own account and session.
    pub fn own() -> Self {
        Self::of(vec![Rule::new([Verb::Any], Principal::Authenticated, vec![])])
    }

    /// What belongs to one user each, who alone makes, sees and deletes it.
    pub fn personal() -> Self {
        let verbs = [Verb::List, Verb::Read, Verb::Create, Verb::Delete];
        Self { scope: Scope::Permitted, ..Self::of(vec![Rule::new(verbs, Principal::Authenticated, vec![])]) }
    }

    /// Content units: seen by those who may view a repository that holds them, created by those who may
    /// modify the repository they go into. `repository` is a model, `filerepository`.
    pub fn content(app: &str, repository: &str) -> Self {
        let uploads = ["modify", "view"].map(|verb| Requirement::upload_repository(permission(app, verb, repository)));
        let mut create = uploads.to_vec();
        create.push(Requirement::parameter("upload", vec!["core.change_upload".into()]));
        Self {
            scope: Scope::Permitted,
            ..Self::of(vec![
                Rule::new([Verb::List, Verb::Read], Principal::Authenticated, vec![]),
                Rule::new([Verb::Create], Principal::Authenticated, create),
                Rule::new(
                    [Verb::Action("set_label"), Verb::Action("unset_label")],
                    Principal::Authenticated,
                    vec![Requirement::model(CONTENT_LABELS)],
                ),
            ])
        }
    }

    /// Units can be uploaded without a repository, too, by those with this permission; the role that ships it.
    pub fn uploaded_by(mut self, permission: &str, role: &str) -> Self {
        let requires = vec![Requirement::model(permission)];
        self.rules.push(Rule::new([Verb::Action("upload")], Principal::Authenticated, requires));
        self.locked_roles.push(LockedRole { name: role.into(), permissions: vec![permission.into()] });
        self
    }

    /// What lies in the path of a repository, its versions: as the repository's own rights say. Where `permissions`, all
    /// those on repositories, have one for deleting versions, either that or the one for deleting the repository will do.
    pub fn of_repository(app: &str, repository: &str, permissions: &[String]) -> Self {
        let repository = &*repository.to_ascii_lowercase();
        let needs = |verbs: &[&str]| {
            verbs.iter().map(|verb| Requirement::repository(permission(app, verb, repository))).collect::<Vec<_>>()
        };
        let authenticated = Principal::Authenticated;
        let mut rules = vec![
            Rule::new([Verb::List, Verb::Read, Verb::Action("scan")], authenticated, needs(&["view"])),
            Rule::new([Verb::Delete], authenticated, needs(&["delete", "view"])),
            Rule::new([Verb::Action("repair")], authenticated, needs(&["repair", "view"])),
        ];
        if permissions.contains(&permission(app, DELETE_VERSION, repository)) {
            rules.push(Rule::new([Verb::Delete], authenticated, needs(&[DELETE_VERSION, "view"])));
        }
        Self::of(rules)
    }

    /// Small objects in the path of a repository: seen by those who may view it, made and deleted by those who may
    /// modify it.
    pub fn part_of_repository(app: &str, repository: &str) -> Self {
        let repository = &*repository.to_ascii_lowercase();
        let needs = |verbs: &[&str]| {
            verbs.iter().map(|verb| Requirement::repository(permission(app, verb, repository))).collect::<Vec<_>>()
        };
        Self::of(vec![
            Rule::new([Verb::List, Verb::Read], Principal::Authenticated, needs(&["view"])),
            Rule::new([Verb::Create, Verb::Delete], Principal::Authenticated, needs(&["modify", "view"])),
        ])
    }

    /// Operations of a native face: reads are everybody's, writes are for who may change the repository that is served, by
    /// this permission. Both by the names of their actions.
    pub fn of_face(reads: Vec<&'static str>, writes: Vec<&'static str>, permission: &str) -> Self {
        let verbs = |names: Vec<&'static str>| names.into_iter().map(Verb::Action).collect::<Vec<_>>();
        let mut rules = vec![];
        if !reads.is_empty() {
            rules.push(Rule::new(verbs(reads), Principal::Anyone, vec![]));
        }
        if !writes.is_empty() {
            let requires = vec![Requirement::index_repository(permission)];
            rules.push(Rule::new(verbs(writes), Principal::Authenticated, requires));
        }
        Self::of(rules)
    }

    /// Lists of all objects of a kind, whatever their type: each reader sees what the types let them see.
    pub fn mixed() -> Self {
        Self { scope: Scope::Permitted, ..Self::of(vec![Rule::new([Verb::List], Principal::Authenticated, vec![])]) }
    }

    /// All content, and the role for whoever labels it.
    pub fn all_content() -> Self {
        let role = LockedRole { name: "core.content_labeler".into(), permissions: vec![CONTENT_LABELS.into()] };
        Self { locked_roles: vec![role], ..Self::mixed() }
    }

    /// Groups of tasks: seen by those who see one of the tasks. Whoever may change each of them may ask all to stop, which
    /// no condition of an access policy says.
    pub fn task_groups() -> Self {
        let verbs = [Verb::List, Verb::Read, Verb::Update];
        Self { scope: Scope::Permitted, ..Self::of(vec![Rule::new(verbs, Principal::Authenticated, vec![])]) }
    }

    /// The users of a group, as the group's own rights say.
    pub fn group_members() -> Self {
        let needs = |verb: &str| {
            let requirement = Requirement::repository(permission("core", verb, "group")).outside_domains();
            vec![Requirement { subject: Subject::Group, ..requirement }]
        };
        let authenticated = Principal::Authenticated;
        Self::of(vec![
            Rule::new([Verb::List], authenticated, needs("view")),
            Rule::new([Verb::Create, Verb::Delete], authenticated, needs("change")),
        ])
    }

    fn of(rules: Vec<Rule>) -> Self {
        Self { rules, locked_roles: vec![], creator_roles: vec![], scope: Scope::All, permissions: vec![] }
    }
}

/// Objects that belong to whoever creates them: repositories, remotes, distributions, publications, tasks,
/// groups. Brings the roles `creator`, `owner` and `viewer`; further actions are added one by one.
pub struct Owned {
    app: &'static str,
    model: &'static str,
    rules: Vec<Rule>,
    /// What the owner may do besides viewing and giving roles.
    owner_verbs: Vec<&'static str>,
    /// Further roles that whoever creates an object is given on it, with what they permit.
    further: Vec<(&'static str, &'static str)>,
    /// Further roles that ship.
    shipped: Vec<LockedRole>,
    has_creators: bool,
    is_outside_domains: bool,
}

impl Owned {
    pub fn new(app: &'static str, model: &'static str) -> Self {
        let authenticated = Principal::Authenticated;
        let object = |verb: &str| Requirement::object(permission(app, verb, model));
        let roles = ["list_roles", "add_role", "remove_role"].map(Verb::Action);
        Self {
            app,
            model,
            rules: vec![
                Rule::new([Verb::List, Verb::Read, Verb::Action("my_permissions")], authenticated, vec![]),
                Rule::new([Verb::Create], authenticated, vec![Requirement::model(permission(app, "add", model))]),
                Rule::new([Verb::Delete], authenticated, vec![object("delete"), object("view")]),
                Rule::new([Verb::Update], authenticated, vec![object("change"), object("view")]),
                Rule::new(roles, authenticated, vec![object("manage_roles")]),
            ],
            owner_verbs: vec!["change", "delete"],
            further: vec![],
            shipped: vec![],
            has_creators: true,
            is_outside_domains: false,
        }
    }

    /// Labels are set by those who may change the object.
    pub fn labelled(mut self) -> Self {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.verbs.contains(&Verb::Update)) {
            rule.verbs.extend([Verb::Action("set_label"), Verb::Action("unset_label")]);
        }
        self
    }

    /// An action that whoever may change the object may do.
    pub fn changed_by(mut self, name: &'static str) -> Self {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.verbs.contains(&Verb::Update)) {
            rule.verbs.push(Verb::Action(name));
        }
        self
    }

    /// Objects whose verbs do without the permission to view them.
    pub fn without_viewing(mut self) -> Self {
        let view = permission(self.app, "view", self.model);
        for rule in &mut self.rules {
            rule.requires.retain(|requirement| requirement.permissions != [view.clone()]);
        }
        self
    }

    /// An action with a permission of its own, `sync_filerepository`, which the owner has.
    pub fn action(self, name: &'static str) -> Self {
        self.action_by(name, name)
    }

    /// An action that needs the permission of this verb, which the owner has.
    pub fn action_by(mut self, name: &'static str, verb: &'static str) -> Self {
        let requires = [verb, "view"].map(|verb| Requirement::object(permission(self.app, verb, self.model)));
        self.rules.push(Rule::new([Verb::Action(name)], Principal::Authenticated, requires.to_vec()));
        self.permission(verb)
    }

    /// An action on the collection that is everybody's who is logged in.
    pub fn common_action(mut self, name: &'static str) -> Self {
        self.rules.push(Rule::new([Verb::Action(name)], Principal::Authenticated, vec![]));
        self
    }

    /// A further way to create objects, for those who may create them.
    pub fn created_by(mut self, name: &'static str) -> Self {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.verbs.contains(&Verb::Create)) {
            rule.verbs.push(Verb::Action(name));
        }
        self
    }

    /// Objects that are never changed.
    pub fn unchanged(mut self) -> Self {
        self.rules.retain(|rule| !rule.verbs.contains(&Verb::Update));
        self.owner_verbs.retain(|verb| *verb != "change");
        self
    }

    /// Objects that clients do not delete.
    pub fn kept(mut self) -> Self {
        self.rules.retain(|rule| !rule.verbs.contains(&Verb::Delete));
        self.owner_verbs.retain(|verb| *verb != "delete");
        self
    }

    /// Objects that clients do not create as such.
    pub fn not_created(mut self) -> Self {
        self.rules.retain(|rule| !rule.verbs.contains(&Verb::Create));
        self.has_creators = false;
        self
    }

    /// Objects that belong to no domain.
    pub fn outside_domains(mut self) -> Self {
        self.is_outside_domains = true;
        self
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

    /// A role that ships beside those; names are full.
    pub fn shipped_role(mut self, name: &str, permissions: &[&str]) -> Self {
        let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
        self.shipped.push(LockedRole { name: name.to_owned(), permissions });
        self
    }

    /// These verbs also need one of the permissions on the object that a field of the body names.
    pub fn with_parameter(mut self, verbs: &[Verb], field: &'static str, permissions: &[&str]) -> Self {
        for rule in self.rules.iter_mut().filter(|rule| rule.verbs.iter().any(|verb| verbs.contains(verb))) {
            let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
            rule.requires.push(Requirement::parameter(field, permissions));
        }
        self
    }

    pub fn policy(self) -> Policy {
        let mut owner_verbs = self.owner_verbs.clone();
        owner_verbs.extend(["manage_roles", "view"]);
        let mut locked_roles = vec![self.role("owner", &owner_verbs), self.role("viewer", &["view"])];
        if self.has_creators {
            locked_roles.insert(0, self.role("creator", &["add"]));
        }
        let mut creator_roles = vec![format!("{}.{}_owner", self.app, self.model)];
        for (role, verb) in &self.further {
            let role = self.role(role, &[verb]);
            creator_roles.push(role.name.clone());
            locked_roles.push(role);
        }
        let mut permissions: Vec<String> = locked_roles.iter().flat_map(|role| role.permissions.clone()).collect();
        permissions.push(permission(self.app, "add", self.model));
        permissions.sort_unstable();
        permissions.dedup();
        locked_roles.extend(self.shipped);
        let mut rules = self.rules;
        if self.is_outside_domains {
            for requirement in rules.iter_mut().flat_map(|rule| &mut rule.requires) {
                *requirement = requirement.clone().outside_domains();
            }
        }
        Policy { locked_roles, creator_roles, scope: Scope::Permitted, rules, permissions }
    }

    fn role(&self, name: &str, verbs: &[&str]) -> LockedRole {
        let mut permissions: Vec<String> = verbs.iter().map(|verb| permission(self.app, verb, self.model)).collect();
        permissions.sort_unstable();
        permissions.dedup();
        LockedRole { name: format!("{}.{}_{name}", self.app, self.model), permissions }
    }
}

/// `file.view_filerepository`. A verb may say where the model stands: `view_{}_profile_artifacts`.
fn permission(app: &str, verb: &str, model: &str) -> String {
    match verb.split_once("{}") {
        Some((before, after)) => format!("{app}.{before}{model}{after}"),
        None => format!("{app}.{verb}_{model}"),
    }
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
