//! Domains: parts of the installation with names, contents and stores of their own.

use serde_json::{Map, Value as Json, json};

use super::super::{Draft, Errors, Field, Filter, Kind, Operation, Record, Resource, Scope, Target};
use super::{base_fields, identity_filters, label_filter, ordering};
use crate::auth::policy::Owned;
use crate::id::Id;
use crate::resource::DomainStores;

const GUARD_TYPE: &str = "(SELECT g.pulp_type FROM content_guard g WHERE g.id = t.default_content_guard_id)";
/// No name is longer.
const LONGEST_NAME: usize = 50;
/// What stands in their place in paths.
const RESERVED: [&str; 2] = ["api", "content"];

impl Resource {
    /// The domains of the installation. `stores` says which stores there are and how their settings are shown.
    pub fn domains(stores: DomainStores) -> Self {
        let own = [
            ("description", "t.description"),
            ("hide_guarded_distributions", "t.hide_guarded_distributions"),
            ("name", "t.name"),
            ("pulp_labels", "t.labels"),
            ("redirect_to_object_storage", "t.redirect_to_object_storage"),
            ("storage_class", "t.storage_class"),
            ("storage_settings", "t.storage_settings"),
        ];
        let mut filters = Filter::name("name", "t.name");
        filters.extend(identity_filters());
        filters.push(label_filter());
        Self {
            kind: Kind::Domain,
            noun: "domain",
            href_parameter: "domain_href",
            from: "domain t".into(),
            fields: fields(stores),
            filters,
            ordering: ordering(&own),
            can: vec![
                Operation::List,
                Operation::Create,
                Operation::Read,
                Operation::Update,
                Operation::PartialUpdate,
                Operation::Delete,
            ],
            policy: Owned::new("core", "domain").changed_by("migrate").labelled().outside_domains().policy(),
            check: Some(check_name),
            description: "Parts of the installation with names, contents and stores of their own.",
            ..Self::generic("domains/", "domains", "Domain", "Domains")
        }
        .labelled()
    }
}

fn fields(stores: DomainStores) -> Vec<Field> {
    let guard = "/pulp/api/v3/contentguards/core/rbac/01a1fe65-ed86-7239-9e42-33410d1bb681/";
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "A name that stands in addresses: letters, digits, `-` and `_`.", "team").required(),
        Field::text("description", "What the domain is for.", "what the team ships").nullable(),
        Field::labels(),
        Field::choice("storage_class", stores.classes, "What kind of store its files are in.", stores.classes[0])
            .named("StorageClassEnum")
            .required(),
        read_write(
            Field::any("storage_settings", "", "Where that store is and how it is reached.", json!({"location": ""}))
                .required(),
            &["storage_class", "storage_settings", "secrets"],
            stores.show,
        ),
        Field::boolean(
            "redirect_to_object_storage",
            "Whether readers are sent to the bucket for files, where the store is one.",
            true,
        )
        .default(json!(true)),
        Field::boolean("hide_guarded_distributions", "Whether listings leave guarded distributions out.", false)
            .default(json!(false)),
        read_write(
            Field::href(
                "default_content_guard",
                Target::Kind(Kind::ContentGuard),
                "The guard of this domain that its new distributions get which name none.",
                guard,
            )
            .nullable(),
            &["default_content_guard_id", GUARD_TYPE, "name"],
            show_guard,
        ),
        Field::text("default_content_guard_prn", "The PRN of that guard.", "")
            .nullable()
            .shown(&["default_content_guard_id", GUARD_TYPE], guard_prn),
    ]);
    fields
}

fn read_write(field: Field, columns: &'static [&'static str], show: super::super::Show) -> Field {
    field.shown(columns, show).writable()
}

/// In the domain that is shown, whichever is spoken to.
fn show_guard(scope: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    let guard = record.get::<Id>("t.default_content_guard_id").zip(record.get::<String>(GUARD_TYPE));
    let address = guard.zip(record.get::<String>("t.name")).and_then(|((id, pulp_type), domain)| {
        let path = scope.registry.typed(Kind::ContentGuard, &pulp_type)?.path;
        Some(format!("{}{path}{id}/", scope.api.within(&domain)))
    });
    json!(address)
}

fn guard_prn(scope: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    let guard = record.get::<Id>("t.default_content_guard_id").zip(record.get::<String>(GUARD_TYPE));
    json!(guard.and_then(|(id, name)| Some(scope.registry.typed(Kind::ContentGuard, &name)?.prn(id))))
}

fn check_name(draft: &Draft, errors: &mut Errors) {
    let Some(name) = draft.get("name").and_then(Json::as_str) else { return };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.bytes().all(fits) {
        errors.add("name", "Enter a valid \"slug\" consisting of letters, numbers, underscores or hyphens.");
    }
    if name.chars().count() > LONGEST_NAME {
        errors.add("name", format!("Ensure this field has no more than {LONGEST_NAME} characters."));
    }
    if RESERVED.contains(&name) {
        errors.add("name", "Name can not be 'api' or 'content'.");
    }
}

/// The secrets of a domain as its record has them; an empty map where they cannot be read.
pub fn secrets(scope: &Scope<'_>, record: &Record) -> Map<String, Json> {
    let opened = record.get::<String>("t.secrets").and_then(|sealed| scope.secrets.open(&sealed).ok());
    opened.and_then(|secrets| secrets.as_object().cloned()).unwrap_or_default()
}
