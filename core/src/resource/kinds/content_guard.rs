//! Content guards: who may read what a distribution serves. Each type adds its settings as details.

use super::super::{Field, Filter, Kind, Operation, Resource};
use super::repository::Names;
use super::{base_fields, identity_filters, ordering, type_filters};
use crate::auth::policy::Policy;

impl Resource {
    /// Guards of one type with these settings beside a name and a description.
    pub fn content_guard(names: Names, settings: Vec<Field>, policy: Policy) -> Self {
        Self {
            fields: fields().into_iter().chain(settings).collect(),
            can: vec![
                Operation::List,
                Operation::Create,
                Operation::Read,
                Operation::Update,
                Operation::PartialUpdate,
                Operation::Delete,
            ],
            policy,
            ..Self { kind: Kind::ContentGuard, ..names.resource() }.listed()
        }
    }

    /// All guards, whatever their type.
    pub fn content_guards(types: Vec<&'static str>) -> Self {
        let generic = Self::generic("contentguards/", "contentguards", "ContentGuard", "Contentguards");
        let mut resource = Self {
            noun: "content guard",
            fields: fields(),
            can: vec![Operation::List],
            policy: Policy::mixed(),
            ..Self { kind: Kind::ContentGuard, ..generic }.listed()
        };
        resource.filters.extend(type_filters(types));
        resource
    }

    fn listed(self) -> Self {
        let mut filters = Filter::name("name", "t.name");
        filters.extend(identity_filters());
        let by = ordering(&[("description", "t.description"), ("name", "t.name"), ("pulp_type", "t.pulp_type")]);
        Self { from: "content_guard t".into(), filters, ordering: by, ..self }
    }
}

fn fields() -> Vec<Field> {
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "A name, unique among all guards.", "customers").required(),
        Field::text("description", "What the guard is for.", "readers with a contract").nullable(),
    ]);
    fields
}
