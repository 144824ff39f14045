//! Distributions: under which path what is served.

use serde_json::{Value as Json, json};

use super::super::{
    Access, Field, Filter, FilterContext, Input, Kind, Lookup, Operation, Record, Resource, Scope, Target,
};
use super::repository::Names;
use super::{
    base_fields, foreign_key, identity_filters, label_filter, latest, ordering, show_reference, show_version,
    type_filters,
};
use crate::auth::policy::{Owned, Policy};
use crate::db::Value;
use crate::db::artifact_distribution::ARTIFACTS;
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::resource::filter::Clause;

const REPOSITORY_TYPE: &str = "(SELECT r.pulp_type FROM repository r WHERE r.id = t.repository_id)";
const PUBLICATION_TYPE: &str = "(SELECT p.pulp_type FROM publication p WHERE p.id = t.publication_id)";
const GUARD_TYPE: &str = "(SELECT g.pulp_type FROM content_guard g WHERE g.id = t.content_guard_id)";
const REMOTE_TYPE: &str = "(SELECT r.pulp_type FROM remote r WHERE r.id = t.remote_id)";
const VERSION_REPOSITORY: &str =
    "(SELECT v.repository_id FROM repository_version v WHERE v.id = t.repository_version_id)";
const VERSION_TYPE: &str = "(SELECT r.pulp_type FROM repository_version v JOIN repository r ON r.id = v.repository_id \
                            WHERE v.id = t.repository_version_id)";
const VERSION_NUMBER: &str = "(SELECT v.number FROM repository_version v WHERE v.id = t.repository_version_id)";
const LATEST_CONTENT: &str =
    "(SELECT max(v.created) FROM repository_version v WHERE v.repository_id = t.repository_id)";
const LATEST_PUBLICATION: &str = "(SELECT max(p.created) FROM publication p JOIN repository_version v ON \
                                  v.id = p.repository_version_id WHERE v.repository_id = t.repository_id \
                                  OR v.id = t.repository_version_id)";

impl Resource {
    /// Distributions of one format. `publishes`: they can serve publications; `pulls_through`: they take a remote.
    pub fn distribution(names: Names, policy: Owned) -> Self {
        let mut fields = fields();
        fields.push(reference(
            "publication",
            Target::Typed(Kind::Publication, names.pulp_type),
            "The publication that is served.",
            &["publication_id", PUBLICATION_TYPE],
            |scope, _, record| show_reference(scope, record, Kind::Publication, "t.publication_id", PUBLICATION_TYPE),
        ));
        fields.push(
            Field::boolean("checkpoint", "Whether the checkpoints of the repository are served, by their time.", false)
                .initial(json!(false)),
        );
        let mut filters = filters();
        filters.extend(identity_filters());
        Self {
            kind: Kind::Distribution,
            from: "distribution t".into(),
            fields,
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
        .labelled()
    }

    /// The distribution that serves artifacts by their ids, which the program makes and keeps.
    pub fn artifact_distributions() -> Self {
        let names = Names {
            app: "core",
            model: "ArtifactDistribution",
            noun: "artifact distribution",
            pulp_type: ARTIFACTS,
            path: "distributions/core/artifacts/",
            operations: "distributions_core_artifacts",
            href_parameter: "artifact_distribution_href",
            tag: "Distributions: Artifacts",
            description: "Where artifacts are served by their ids, to whoever comes with an address that was signed.",
        };
        let mut fields = fields();
        fields.retain(|field| field.name != "repository");
        let mut filters = filters();
        filters.extend(identity_filters());
        Self {
            kind: Kind::Distribution,
            from: "distribution t".into(),
            fields,
            filters,
            ordering: order(),
            can: vec![Operation::List, Operation::Read],
            ..names.resource()
        }
    }

    /// All distributions, whatever their type.
    pub fn distributions(types: Vec<&'static str>) -> Self {
        let mut filters = filters();
        filters.extend(identity_filters());
        filters.extend(type_filters(types));
        Self {
            kind: Kind::Distribution,
            from: "distribution t".into(),
            fields: fields(),
            filters,
            ordering: order(),
            can: vec![Operation::List],
            policy: Policy::mixed(),
            ..Self::generic("distributions/", "distributions", "Distribution", "Distributions")
        }
    }

    /// Distributions of a format whose versions are served as they are.
    pub fn without_publications(mut self) -> Self {
        self.fields.retain(|field| !["publication", "checkpoint"].contains(&field.name));
        self
    }

    /// Lets distributions fetch what they lack through a remote.
    /// `remote_types` are the types that it may have.
    pub fn pulling_through(self, remote_types: &'static [&'static str]) -> Self {
        self.with_fields([reference(
            "remote",
            Target::OneOf(Kind::Remote, remote_types),
            "The remote that files are fetched from which the distribution lacks.",
            &["remote_id", REMOTE_TYPE],
            |scope, _, record| show_reference(scope, record, Kind::Remote, "t.remote_id", REMOTE_TYPE),
        )])
    }
}

fn reference(
    name: &'static str,
    target: Target,
    description: &'static str,
    columns: &'static [&'static str],
    show: super::super::Show,
) -> Field {
    let example = "/pulp/api/v3/publications/file/file/01a1fe66-05ba-7c21-9a49-2512fa7aff4a/";
    let field = Field::href(name, target, description, example).nullable().shown(columns, show);
    Field { access: Access::ReadWrite, ..field }
}

fn fields() -> Vec<Field> {
    let mut fields = base_fields();
    fields.extend([
        Field::text(
            "base_path",
            "The path below which it is served; distributions must not overlap.",
            "releases/stable",
        )
        .required(),
        Field::text("base_url", "The full address.", "http://localhost/pulp/content/releases/stable/").shown(
            &["base_path"],
            |scope, _, record| {
                json!(record.get::<String>("t.base_path").map(|path| format!("{}{path}/", scope.content)))
            },
        ),
        reference(
            "content_guard",
            Target::Kind(Kind::ContentGuard),
            "The guard that decides who may read.",
            &["content_guard_id", GUARD_TYPE],
            |scope, _, record| show_reference(scope, record, Kind::ContentGuard, "t.content_guard_id", GUARD_TYPE),
        ),
        Field::text("content_guard_prn", "The PRN of that guard.", "")
            .nullable()
            .shown(&["content_guard_id", GUARD_TYPE], guard_prn),
        Field::date_time("no_content_change_since", "Since when what is served is the same.")
            .nullable()
            .shown(&["updated", "repository_id", LATEST_CONTENT, LATEST_PUBLICATION], unchanged_since),
        Field::boolean("hidden", "Whether listings leave it out.", false).default(json!(false)),
        Field::labels(),
        Field::text("name", "A name, unique among all distributions.", "stable").required(),
        reference(
            "repository",
            Target::Kind(Kind::Repository),
            "The repository whose newest content is served.",
            &["repository_id", REPOSITORY_TYPE],
            |scope, _, record| show_reference(scope, record, Kind::Repository, "t.repository_id", REPOSITORY_TYPE),
        ),
        reference(
            "repository_version",
            Target::Kind(Kind::RepositoryVersion),
            "The version that is served.",
            &[VERSION_REPOSITORY, VERSION_TYPE, VERSION_NUMBER],
            |scope, _, record| show_version(scope, record, VERSION_REPOSITORY, VERSION_TYPE, VERSION_NUMBER),
        ),
    ]);
    fields
}

fn guard_prn(scope: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    let guard = record.get::<Id>("t.content_guard_id").zip(record.get::<String>(GUARD_TYPE));
    let prn = guard.and_then(|(id, name)| Some(scope.registry.typed(Kind::ContentGuard, &name)?.prn(id)));
    json!(prn)
}

fn unchanged_since(_: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    let content = record.get::<Id>("t.repository_id").and_then(|_| record.get::<Instant>(LATEST_CONTENT));
    // A version may be published, or published anew, without being new.
    latest([record.get("t.updated"), content, record.get(LATEST_PUBLICATION)])
}

fn order() -> Vec<(&'static str, &'static str)> {
    ordering(&[
        ("base_path", "t.base_path"),
        ("checkpoint", "t.checkpoint"),
        ("hidden", "t.hidden"),
        ("name", "t.name"),
        ("pulp_labels", "t.labels"),
        ("pulp_type", "t.pulp_type"),
    ])
}

fn filters() -> Vec<Filter> {
    let mut filters = Filter::name("name", "t.name");
    let paths = [Lookup::Exact, Lookup::Contains, Lookup::Icontains, Lookup::In];
    filters.extend(Filter::text("base_path", "t.base_path", &paths));
    filters.extend(Filter::boolean("checkpoint", "t.checkpoint"));
    filters.push(label_filter());
    filters.push(Filter::custom(
        "repository",
        Input::Text,
        "Keep the distributions of this repository, or `null`.",
        of_repository,
    ));
    filters.push(Filter::custom(
        "repository__in",
        Input::TextList,
        "Keep the distributions of these repositories.",
        |context, text| {
            let one = |text: &str| of_repository(context, text);
            let clauses = text.split(',').filter(|text| !text.is_empty()).map(one).collect::<Result<Vec<_>>>()?;
            Ok(if clauses.is_empty() { Clause::always() } else { Clause::joined(clauses, " OR ") })
        },
    ));
    filters.push(Filter::custom(
        "with_content",
        Input::Text,
        "Keep the distributions that serve this unit.",
        with_content,
    ));
    filters
}

fn of_repository(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    Ok(foreign_key(context, text, "t.repository_id", Kind::Repository)?.unwrap_or_else(Clause::always))
}

/// A publication counts that is served itself, or as the newest one of the repository or version served.
fn with_content(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    let id = context.object(text, Kind::Content, "content")?;
    Ok(Clause::new(
        "EXISTS (SELECT 1 FROM publication p JOIN repository_version v ON v.id = p.repository_version_id
             JOIN repository_content c ON c.repository_id = v.repository_id AND c.version_added <= v.number
                  AND (c.version_removed IS NULL OR c.version_removed > v.number)
             WHERE c.content_id = {} AND p.id = coalesce(t.publication_id,
                 (SELECT n.id FROM publication n JOIN repository_version w ON w.id = n.repository_version_id
                  WHERE w.repository_id = t.repository_id OR w.id = t.repository_version_id
                  ORDER BY w.number DESC, n.created DESC LIMIT 1)))",
        [Value::Id(id)],
    ))
}
