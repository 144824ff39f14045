//! Alternate content sources: servers nearby that have files which others are known by.

use serde_json::{Value as Json, json};

use super::super::{Access, Action, ActionRun, Field, Filter, Kind, Operation, Record, Resource, Scope, Target};
use super::repository::Names;
use super::{base_fields, identity_filters, ordering, show_reference};
use crate::auth::policy::Owned;

const REMOTE_TYPE: &str = "(SELECT r.pulp_type FROM remote r WHERE r.id = t.remote_id)";

impl Resource {
    /// Sources of one format.
    pub fn alternate_content_source(names: Names, policy: Owned) -> Self {
        let mut filters = Filter::name("name", "t.name");
        filters.extend(identity_filters());
        Self {
            kind: Kind::AlternateContentSource,
            from: "alternate_content_source t".into(),
            fields: fields(),
            filters,
            ordering: ordering(&[
                ("last_refreshed", "t.last_refreshed"),
                ("name", "t.name"),
                ("pulp_type", "t.pulp_type"),
            ]),
            can: vec![
                Operation::List,
                Operation::Create,
                Operation::Read,
                Operation::Update,
                Operation::PartialUpdate,
                Operation::Delete,
            ],
            policy: policy.action("refresh").policy(),
            ..names.resource()
        }
        .action(refresh())
    }
}

fn fields() -> Vec<Field> {
    let remote = "/pulp/api/v3/remotes/file/file/01a1fe65-f11d-7279-bc62-9ba6227b67be/";
    let remote = Field::href(
        "remote",
        Target::Kind(Kind::Remote),
        "The remote of the server that has the files. It downloads on demand.",
        remote,
    );
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "A name, unique among all alternate content sources.", "nearby").required(),
        Field::date_time("last_refreshed", "When it was last found out what the server has.").nullable(),
        Field::texts(
            "paths",
            "Where below the remote's address there is what a remote reads; unless given, at that address.",
            json!(["releases/9/"]),
        )
        .initial(json!([])),
        Field { access: Access::ReadWrite, ..remote.required().shown(&["remote_id", REMOTE_TYPE], remote_href) },
    ]);
    fields
}

fn remote_href(scope: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    show_reference(scope, record, Kind::Remote, "t.remote_id", REMOTE_TYPE)
}

fn refresh() -> Action {
    Action {
        name: "refresh",
        run: ActionRun::Refresh,
        fields: vec![],
        schema: "",
        description: "Find out what the server has, one task for each path.",
    }
}
