//! Small objects below a repository that only its format understands: `{repository}blocklist_entries/`. They are
//! listed, made, read and deleted, never changed.

use serde_json::Value as Json;

use super::super::{Draft, Errors, Field, Kind, Operation, Resource, Target};
use super::repository::Names;
use super::{base_fields, identity_filters, ordering, show_reference};
use crate::auth::policy::Policy;

const REPOSITORY_TYPE: &str = "(SELECT r.pulp_type FROM repository r WHERE r.id = t.repository_id)";

/// What a resource of parts adds to a resource.
#[derive(Clone, Copy, Debug)]
pub struct PartOf {
    /// Completes a new object and says what is wrong with it beside those there are.
    pub check: fn(&mut Draft, &[Json], &mut Errors),
}

impl Resource {
    /// Parts of repositories; in the path of `names` a `{}` stands for the repository. Values of `fields` that
    /// clients give are kept under their names in the column `fields`.
    pub fn part(names: Names, repository_model: &'static str, of: PartOf, fields: Vec<Field>) -> Self {
        let repository = "/pulp/api/v3/repositories/python/python/01a1fe65-ed86-7239-9e42-33410d1bb681/";
        let mut all = base_fields();
        all.push(
            Field::href("repository", Target::Kind(Kind::Repository), "The repository it belongs to.", repository)
                .shown(&["t.repository_id", REPOSITORY_TYPE], |scope, _, record| {
                    show_reference(scope, record, Kind::Repository, "t.repository_id", REPOSITORY_TYPE)
                }),
        );
        all.extend(fields);
        all.push(
            Field::text("added_by", "The PRN of the user who made it.", "prn:auth.user:1")
                .column("(t.fields->>'added_by')")
                .read_only(),
        );
        Self {
            kind: Kind::Part,
            pulp_type: None,
            from: "repository_part t".into(),
            fields: all,
            filters: identity_filters(),
            ordering: ordering(&[("added_by", "(t.fields->>'added_by')")]),
            can: vec![Operation::List, Operation::Create, Operation::Read, Operation::Delete],
            policy: Policy::part_of_repository(names.app, repository_model),
            part: Some(of),
            ..names.resource()
        }
    }
}
