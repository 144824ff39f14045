//! Repositories.

use serde_json::{Value as Json, json};

use super::super::{
    Action, ActionRun, Field, Filter, FilterContext, Input, Kind, Operation, Record, Resource, Scope, Target, Wire,
};
use super::{
    base_fields, foreign_key, identity_filters, label_filter, ordering, show_href, show_reference, type_filters,
};
use crate::auth::policy::{Owned, Policy};
use crate::db::Value;
use crate::error::Result;
use crate::resource::filter::Clause;
use crate::resource::registry::SHOWN;

const REMOTE_TYPE: &str = "(SELECT r.pulp_type FROM remote r WHERE r.id = t.remote_id)";
const LATEST: &str = "(SELECT max(v.number) FROM repository_version v WHERE v.repository_id = t.id)";

impl Resource {
    /// Repositories of one format. `policy` names what its owner may do beyond the usual.
    pub fn repository(names: Names, policy: Owned) -> Self {
        let mut filters = filters();
        filters.extend(identity_filters());
        Self {
            kind: Kind::Repository,
            from: format!("{SHOWN} t"),
            fields: fields(Target::Typed(Kind::Remote, names.pulp_type)),
            filters,
            ordering: order(),
            can: vec![
                Operation::List,
                Operation::Create,
                Operation::Read,
                Operation::Update,
                Operation::PartialUpdate,
                Operation::Delete,
            ],
            policy: policy.policy(),
            ..names.resource()
        }
        .action(modify())
        .labelled()
    }

    /// Lets repositories read from remotes of any of these types.
    pub fn reading_from(mut self, remote_types: &'static [&'static str]) -> Self {
        if let Some(field) = self.fields.iter_mut().find(|field| field.name == "remote") {
            field.wire = Wire::Href(Target::OneOf(Kind::Remote, remote_types));
        }
        self
    }

    /// All repositories, whatever their type.
    pub fn repositories(types: Vec<&'static str>) -> Self {
        let mut filters = filters();
        filters.extend(identity_filters());
        filters.extend(type_filters(types));
        Self {
            kind: Kind::Repository,
            from: format!("{SHOWN} t"),
            fields: fields(Target::Kind(Kind::Remote)),
            filters,
            ordering: order(),
            can: vec![Operation::List],
            policy: Policy::mixed(),
            ..Self::generic("repositories/", "repositories", "Repository", "Repositories")
        }
    }
}

/// The names of a typed resource.
#[derive(Clone, Copy)]
pub struct Names {
    pub app: &'static str,
    pub model: &'static str,
    pub noun: &'static str,
    pub pulp_type: &'static str,
    pub path: &'static str,
    pub operations: &'static str,
    pub href_parameter: &'static str,
    pub tag: &'static str,
    pub description: &'static str,
}

impl Names {
    pub(super) fn resource(self) -> Resource {
        Resource {
            kind: Kind::Repository,
            app: self.app,
            model: self.model,
            noun: self.noun,
            pulp_type: Some(self.pulp_type),
            path: self.path,
            operations: self.operations,
            href_parameter: self.href_parameter,
            tag: self.tag,
            from: String::new(),
            fields: vec![],
            filters: vec![],
            ordering: vec![],
            can: vec![],
            actions: vec![],
            derivations: vec![],
            policy: Policy::administrators(),
            description: self.description,
            enrich: None,
            check: None,
            part: None,
        }
    }
}

impl Resource {
    /// A core resource without a type of its own; its rows may have several.
    pub(crate) fn generic(
        path: &'static str,
        operations: &'static str,
        model: &'static str,
        tag: &'static str,
    ) -> Self {
        Self {
            kind: Kind::Repository,
            app: "core",
            model,
            noun: model,
            pulp_type: None,
            path,
            operations,
            href_parameter: "",
            tag,
            from: String::new(),
            fields: vec![],
            filters: vec![],
            ordering: vec![],
            can: vec![],
            actions: vec![],
            derivations: vec![],
            policy: Policy::administrators(),
            description: "",
            enrich: None,
            check: None,
            part: None,
        }
    }

    /// Adds `set_label` and `unset_label`.
    pub(super) fn labelled(self) -> Self {
        let key = || Field::text("key", "The label's key.", "env").required().input();
        let value = Field { blank: true, ..Field::text("value", "The label's value, or nothing.", "dev").required() };
        self.action(Action {
            name: "set_label",
            run: ActionRun::SetLabel,
            fields: vec![key(), value.nullable().input()],
            schema: "SetLabel",
            description: "Set one label; the others stay.",
        })
        .action(Action {
            name: "unset_label",
            run: ActionRun::UnsetLabel,
            fields: vec![key()],
            schema: "UnsetLabel",
            description: "Take one label away.",
        })
    }
}

fn fields(remote: Target) -> Vec<Field> {
    let least = Some(1);
    let href = "/pulp/api/v3/remotes/file/file/01a1fe65-f11d-7279-bc62-9ba6227b67be/";
    let versions = "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/versions/";
    let mut fields = base_fields();
    fields.extend([
        Field::href("versions_href", Target::Nothing, "The address of the list of versions.", versions)
            .shown(&["id"], |scope, resource, record| json!(versions_href(scope, resource, record))),
        Field::labels(),
        Field::href("latest_version_href", Target::Nothing, "The address of the newest version.", versions)
            .shown(&["id", LATEST], latest_version),
        Field::text("name", "A name, unique among all repositories.", "releases").required(),
        Field::text("description", "What the repository is for.", "nightly builds").nullable(),
        Field::integer(
            "retain_repo_versions",
            least,
            "How many versions to keep; older ones are deleted unless they are distributed. Nothing keeps all.",
            10,
        )
        .nullable(),
        Field::integer("retain_checkpoints", least, "How many checkpoint publications to keep. Nothing keeps all.", 5)
            .nullable(),
        Field {
            source: super::super::Source::Shown(&["remote_id", REMOTE_TYPE], remote_href),
            ..Field::href("remote", remote, "The remote that a sync without one reads from.", href).nullable()
        },
    ]);
    fields
}

fn versions_href(scope: &Scope<'_>, resource: &Resource, record: &Record) -> Option<String> {
    show_href(scope, resource, record).as_str().map(|href| format!("{href}versions/"))
}

fn latest_version(scope: &Scope<'_>, resource: &Resource, record: &Record) -> Json {
    let number: Option<i64> = record.get(LATEST);
    json!(versions_href(scope, resource, record).zip(number).map(|(href, number)| format!("{href}{number}/")))
}

fn remote_href(scope: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    show_reference(scope, record, Kind::Remote, "t.remote_id", REMOTE_TYPE)
}

fn modify() -> Action {
    let unit = "/pulp/api/v3/content/file/files/01a1fe65-417b-759b-8cee-a2cea5afd109/";
    Action {
        name: "modify",
        run: ActionRun::Modify,
        fields: vec![
            Field::hrefs("add_content_units", "The units to add.", unit),
            Field::hrefs("remove_content_units", "The units to remove; `*` alone removes all.", unit),
            Field::href(
                "base_version",
                Target::Kind(Kind::RepositoryVersion),
                "The version, of any repository, whose content the new one starts from.",
                "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/versions/1/",
            )
            .input(),
            Field::boolean("overwrite", "Whether an added unit may replace one of the same name.", true)
                .default(json!(true))
                .input(),
        ],
        schema: "RepositoryAddRemoveContent",
        description: "Make a new version by removing and adding units, in this order.",
    }
}

fn order() -> Vec<(&'static str, &'static str)> {
    ordering(&[
        ("description", "t.description"),
        ("name", "t.name"),
        ("next_version", "t.next_version"),
        ("pulp_labels", "t.labels"),
        ("pulp_type", "t.pulp_type"),
        ("retain_checkpoints", "t.retain_checkpoints"),
        ("retain_repo_versions", "t.retain_repo_versions"),
        ("user_hidden", "t.user_hidden"),
    ])
}

fn filters() -> Vec<Filter> {
    let mut filters = Filter::name("name", "t.name");
    filters.extend(Filter::optional_integer("retain_repo_versions", "t.retain_repo_versions"));
    filters.extend(Filter::optional_integer("retain_checkpoints", "t.retain_checkpoints"));
    filters.push(label_filter());
    filters.push(Filter::custom(
        "remote",
        Input::Text,
        "Keep the repositories with this remote, or `null`.",
        |context, text| Ok(foreign_key(context, text, "t.remote_id", Kind::Remote)?.unwrap_or_else(Clause::always)),
    ));
    filters.push(Filter::custom(
        "with_content",
        Input::Text,
        "Keep the repositories that hold this unit in any version.",
        |context, text| with_content(context, text, "1 = 1"),
    ));
    filters.push(Filter::custom(
        "latest_with_content",
        Input::Text,
        "Keep the repositories that hold this unit in their newest version.",
        |context, text| with_content(context, text, "c.version_removed IS NULL"),
    ));
    filters
}

fn with_content(context: &mut FilterContext<'_>, text: &str, when: &str) -> Result<Clause> {
    let id = context.object(text, Kind::Content, "content")?;
    Ok(Clause::new(
        format!(
            "EXISTS (SELECT 1 FROM repository_content c WHERE c.repository_id = t.id AND c.content_id = {{}} AND {when})"
        ),
        [Value::Id(id)],
    ))
}
