//! Content units.

use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

use super::super::{Access, Field, Filter, FilterContext, Input, Kind, Operation, Record, Resource, Scope, Target};
use super::repository::Names;
use super::{base_fields, identity_filters, label_filter, ordering, type_filters, vulnerability_report};
use crate::auth::policy::Policy;
use crate::db::{Conn, Value};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::resource::filter::Clause;

/// The digests shown of an artifact, with their columns.
pub const DIGEST_COLUMNS: [(&str, &str); 6] = [
    ("md5", "a.md5"),
    ("sha1", "a.sha1"),
    ("sha224", "a.sha224"),
    ("sha256", "a.sha256"),
    ("sha384", "a.sha384"),
    ("sha512", "a.sha512"),
];

const IN_VERSION: &str = "EXISTS (SELECT 1 FROM repository_content c WHERE c.content_id = t.id AND c.repository_id = {}
    AND c.version_added <= {} AND (c.version_removed IS NULL OR c.version_removed > {}))";

/// The report of what is known to be wrong with a unit.
const REPORT: &str = "(SELECT p.id FROM vulnerability_report p WHERE p.content_id = t.id)";

impl Resource {
    /// Units made of one file each, in the plugin's `table`, called `u`.
    pub fn file_content(names: Names, table: &str, repository: &'static str) -> Self {
        let mut fields = fields();
        fields.extend(origin_fields());
        Self {
            kind: Kind::Content,
            from: format!(
                "content t JOIN {table} u ON u.content_id = t.id LEFT JOIN content_artifact ca ON ca.content_id = t.id \
                 LEFT JOIN artifact a ON a.id = ca.artifact_id"
            ),
            fields,
            filters: filters(),
            ordering: order(),
            can: vec![Operation::List, Operation::Create, Operation::Read],
            policy: Policy::content(names.app, repository),
            ..names.resource()
        }
        .labelled()
    }

    /// Units made of no file, or of none that is shown, in the plugin's `table`, called `u`.
    pub fn plain_content(names: Names, table: &str, repository: &'static str) -> Self {
        let mut fields = fields();
        fields.extend(origin_fields());
        fields.retain(|field| field.name != "artifact");
        Self {
            from: format!("content t JOIN {table} u ON u.content_id = t.id"),
            fields,
            ..Self::file_content(names, table, repository)
        }
    }

    /// Units that clients describe by fields alone, without any file; see
    /// [`crate::plugin::ContentType::compose`].
    pub fn composed_content(names: Names, table: &str, repository: &'static str) -> Self {
        let mut resource = Self::plain_content(names, table, repository);
        resource.fields.retain(|field| !["file", "upload", "file_url", "downloader_config"].contains(&field.name));
        resource
    }

    /// Units can be uploaded without a repository by those who have the role `role`, which permits `permission`.
    pub fn uploaded_by(mut self, permission: &str, role: &str) -> Self {
        self.policy = self.policy.uploaded_by(permission, role);
        self
    }

    /// Of several files of a unit, the one whose path is in this column is shown.
    pub fn main_file(mut self, column: &str) -> Self {
        let first = "ca.content_id = t.id";
        self.from = self.from.replace(first, &format!("{first} AND ca.relative_path = {column}"));
        self
    }

    /// Units that clients do not make.
    pub fn not_created(mut self) -> Self {
        self.can.retain(|operation| *operation != Operation::Create);
        self.fields.retain(|field| field.access == Access::ReadOnly || field.name == "pulp_labels");
        self
    }

    /// All content, whatever its type.
    pub fn contents(types: Vec<&'static str>) -> Self {
        let mut filters = filters();
        filters.extend(type_filters(types));
        let mut fields = fields();
        fields.push(
            Field::any("artifacts", "", "The files by their paths.", json!({"1.iso": "/pulp/api/v3/artifacts/…/"}))
                .shown(&[], |_, _, _| json!({})),
        );
        Self {
            kind: Kind::Content,
            from: "content t".into(),
            fields,
            filters,
            ordering: vec![("pk", "t.id")],
            can: vec![Operation::List],
            policy: Policy::all_content(),
            enrich: Some(add_artifacts),
            ..Self::generic("content/", "content", "MultipleArtifactContent", "Content")
        }
    }
}

fn fields() -> Vec<Field> {
    let mut fields = base_fields();
    fields.push(Field::labels());
    fields.push(
        Field::text("vuln_report", "The report of this unit's vulnerabilities, if there is one.", "").nullable().shown(
            &[REPORT],
            |scope, _, record| {
                let href = |id: Id| format!("{}{}{id}/", scope.api, vulnerability_report::PATH);
                json!(record.get::<Id>(REPORT).map(href))
            },
        ),
    );
    fields
}

/// Where the bytes of a new unit come from, and where the unit goes.
fn origin_fields() -> Vec<Field> {
    let artifact = "/pulp/api/v3/artifacts/01a1fe65-416a-70c5-90a6-de34fa5d5db0/";
    let upload = "/pulp/api/v3/uploads/01a1fe66-624f-739c-9836-772484277785/";
    let repository = "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/";
    let shown = Field::href("artifact", Target::Kind(Kind::Artifact), "The file, once it is here.", artifact)
        .nullable()
        .shown(&["ca.artifact_id"], |scope, _, record| {
            let path = |id: Id| format!("{}artifacts/{id}/", scope.api);
            json!(record.get::<Id>("ca.artifact_id").map(path))
        });
    vec![
        Field { access: Access::ReadWrite, ..shown },
        Field::file("A file to make the unit of."),
        Field::href("upload", Target::Kind(Kind::Upload), "A chunked upload to make the unit of.", upload).input(),
        Field::text("file_url", "An address to fetch the file from.", "http://localhost/1.iso").input(),
        Field::any(
            "downloader_config",
            "RemoteNetworkConfig",
            "How to fetch it: what a remote says of certificates, credentials, proxy, timeouts and retries.",
            json!({"total_timeout": 60.0}),
        )
        .input(),
        Field::href("repository", Target::Kind(Kind::Repository), "A repository to add the unit to.", repository)
            .input(),
        Field::boolean("overwrite", "Whether the unit may replace one of the same name in the repository.", true)
            .default(json!(true))
            .input(),
    ]
}

/// The digests of a unit's one file.
pub fn digest_fields() -> Vec<Field> {
    let describe = |name| match name {
        "sha256" => "The SHA-256 of the file.",
        _ => "A digest of the file, where this algorithm is allowed.",
    };
    let field = |(name, column)| Field::text(name, describe(name), "0dc7ddc5…").nullable().column(column).read_only();
    DIGEST_COLUMNS.map(field).to_vec()
}

fn order() -> Vec<(&'static str, &'static str)> {
    ordering(&[
        ("pulp_labels", "t.labels"),
        ("pulp_type", "t.pulp_type"),
        ("timestamp_of_interest", "t.timestamp_of_interest"),
    ])
}

fn filters() -> Vec<Filter> {
    let mut filters = vec![
        label_filter(),
        Filter::custom(
            "repository_version",
            Input::Text,
            "Keep the units of this version, or of a repository's newest.",
            |context, text| {
                let (repository, number) = context.version(text)?;
                Ok(Clause::new(IN_VERSION, [repository.into(), number.into(), number.into()]))
            },
        ),
        Filter::custom(
            "repository_version_added",
            Input::Text,
            "Keep the units that this version added.",
            |context, text| changed(context, text, "version_added"),
        ),
        Filter::custom(
            "repository_version_removed",
            Input::Text,
            "Keep the units that this version removed.",
            |context, text| changed(context, text, "version_removed"),
        ),
        Filter::custom(
            "added_between",
            Input::TextList,
            "Keep the units that the second of two versions has and the first has not.",
            |context, text| between(context, "added_between", text, false),
        ),
        Filter::custom(
            "removed_between",
            Input::TextList,
            "Keep the units that the first of two versions has and the second has not.",
            |context, text| between(context, "removed_between", text, true),
        ),
        Filter::custom(
            "orphaned_for",
            Input::Number,
            "Keep the units that have been in no version for so many minutes.",
            |_, text| orphaned_for(text, "NOT EXISTS (SELECT 1 FROM repository_content c WHERE c.content_id = t.id)"),
        ),
    ];
    filters.extend(identity_filters());
    filters
}

/// Since when something nobody uses has been so, at least `text` minutes ago.
pub(crate) fn orphaned_for(text: &str, unused: &str) -> Result<Clause> {
    if text.is_empty() {
        return Ok(Clause::always());
    }
    let minutes: f64 = text
        .parse()
        .ok()
        .filter(|minutes: &f64| minutes.is_finite())
        .ok_or_else(|| Error::field("orphaned_for", "Enter a number."))?;
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a few thousand years")]
    let seconds = (minutes * 60.0).clamp(-1e11, 1e11) as i64;
    let before = now() - chrono::TimeDelta::seconds(seconds);
    Ok(Clause::new(format!("{unused} AND t.timestamp_of_interest <= {{}}"), [before.into()]))
}

fn changed(context: &mut FilterContext<'_>, text: &str, column: &str) -> Result<Clause> {
    let (repository, number) = context.version(text)?;
    // What a deleted version did counts for the next one: all since the version before.
    let sql = format!(
        "EXISTS (SELECT 1 FROM repository_content c WHERE c.content_id = t.id AND c.repository_id = {{}}
             AND c.{column} <= {{}} AND c.{column} > (SELECT coalesce(max(v.number), -1) FROM repository_version v
                 WHERE v.repository_id = {{}} AND v.number < {{}}))"
    );
    Ok(Clause::new(sql, [repository.into(), number.into(), repository.into(), number.into()]))
}

fn between(context: &mut FilterContext<'_>, name: &str, text: &str, removed: bool) -> Result<Clause> {
    let [first, second] = text.split(',').collect::<Vec<_>>()[..] else {
        return Err(Error::field(name, "Range query expects two values."));
    };
    let (first, second) = (context.version(first)?, context.version(second)?);
    let (without, with) = if removed { (second, first) } else { (first, second) };
    let present = |(repository, number): (Id, i64)| {
        Clause::new(IN_VERSION, [Value::from(repository), number.into(), number.into()])
    };
    Ok(Clause::joined(vec![present(with), present(without).negated()], " AND "))
}

/// The files of a unit as clients see artifacts, by their paths; those that only an upstream has are left out.
pub fn shown_artifacts(scope: &Scope<'_>, conn: &mut Conn, unit: Id) -> Result<HashMap<String, Json>> {
    let resource = scope.registry.resources.iter().find(|resource| resource.kind == Kind::Artifact);
    let resource = resource.ok_or_else(|| Error::internal("artifacts have no collection"))?;
    let rows = conn.query(
        "SELECT relative_path, artifact_id FROM content_artifact WHERE content_id = $1 AND artifact_id IS NOT NULL",
        &[Value::Id(unit)],
    )?;
    let mut files = HashMap::new();
    for row in rows {
        if let Some(artifact) = resource.load(scope, conn, row.get::<Id>(1)?)? {
            files.insert(row.get(0)?, artifact);
        }
    }
    Ok(files)
}

fn add_artifacts(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let ids: Vec<Id> = records.iter().filter_map(Record::id).collect();
    let rows = conn.query(
        "SELECT content_id, relative_path, artifact_id FROM content_artifact WHERE content_id = ANY($1) ORDER BY relative_path",
        &[Value::Ids(ids)],
    )?;
    let mut files: HashMap<Id, Map<String, Json>> = HashMap::new();
    for row in rows {
        let href = row.get::<Option<Id>>(2)?.map(|id| format!("{}artifacts/{id}/", scope.api));
        files.entry(row.get(0)?).or_default().insert(row.get(1)?, json!(href));
    }
    for (record, json) in records.iter().zip(shown) {
        if let (Some(artifacts), Some(id)) = (json.get_mut("artifacts"), record.id()) {
            *artifacts = Json::Object(files.remove(&id).unwrap_or_default());
        }
    }
    Ok(())
}
