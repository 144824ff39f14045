//! Signing services. Administrators add and remove them by the command line.

use serde_json::{Value as Json, json};

use super::super::{Field, Filter, Input, Kind, Operation, Record, Resource, Scope};
use super::{base_fields, identity_filters, ordering};
use crate::auth::policy::Policy;
use crate::resource::filter::Clause;
use crate::signing::in_one_file;

impl Resource {
    /// All signing services.
    pub fn signing_services() -> Self {
        let own = ["name", "pubkey_fingerprint", "public_key", "script"];
        let columns = ["t.name", "t.pubkey_fingerprint", "t.public_key", "t.script"];
        Self {
            kind: Kind::SigningService,
            noun: "signing service",
            href_parameter: "signing_service_href",
            from: "signing_service t LEFT JOIN signing_successor n ON n.id = t.id".into(),
            fields: fields(),
            filters: filters(),
            ordering: ordering(&own.into_iter().zip(columns).collect::<Vec<_>>()),
            can: vec![Operation::List, Operation::Read],
            policy: Policy::administrators(),
            description: "What signs metadata and packages: a key that the server keeps, or a script.",
            ..Self::generic("signing-services/", "signing_services", "SigningService", "Signing-Services")
        }
    }
}

fn fields() -> Vec<Field> {
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n…\n-----END PGP PUBLIC KEY BLOCK-----\n";
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "A name, unique among all signing services.", "releases").required(),
        Field::raw_text("public_key", "The key by which clients verify its signatures.", key)
            .shown(&["public_key", "n.public_key"], show_keys)
            .writable()
            .required(),
        Field::text("pubkey_fingerprint", "The fingerprint of that key.", "0C1A894EBB86AFAE218424CADDEF3019C2D4A8CF")
            .required(),
        Field::text(
            "script",
            "The path of the program that signs; empty where the server keeps the key itself.",
            "/usr/local/bin/sign-metadata",
        )
        .required(),
    ]);
    fields
}

/// While a service changes its key, clients need both.
fn show_keys(_: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    let keys = ["t.public_key", "n.public_key"].map(|column| record.get::<String>(column));
    json!(in_one_file(keys.iter().flatten().map(String::as_str)))
}

fn filters() -> Vec<Filter> {
    let mut filters = vec![Filter::custom("name", Input::Text, "Keep the one of this name.", |_, name| {
        Ok(Clause::new("t.name = {}", [name.into()]))
    })];
    filters.extend(identity_filters());
    filters
}
