//! Remotes: where and how to read from an upstream.

use serde_json::{Value as Json, json};

use super::super::{Field, Filter, Kind, Operation, Record, Resource, Scope};
use super::repository::Names;
use super::{base_fields, identity_filters, label_filter, ordering, type_filters};
use crate::auth::policy::{Owned, Policy};

/// Fields whose values are kept encrypted and never shown, in the order `hidden_fields` lists them.
pub const SECRETS: [&str; 5] = ["client_key", "proxy_username", "proxy_password", "username", "password"];

impl Resource {
    /// Remotes of one format; `policies` are the download policies it knows. With none of them remotes have no such field:
    /// files are always here after a synchronization.
    pub fn remote(names: Names, policies: &'static [&'static str], policy: Owned) -> Self {
        let mut filters = filters();
        filters.extend(identity_filters());
        Self {
            kind: Kind::Remote,
            from: "remote t".into(),
            fields: fields(policies),
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

    /// All remotes, whatever their type.
    pub fn remotes(types: Vec<&'static str>) -> Self {
        let mut filters = filters();
        filters.extend(identity_filters());
        filters.extend(type_filters(types));
        Self {
            kind: Kind::Remote,
            from: "remote t".into(),
            fields: fields(&["immediate", "on_demand", "streamed"]),
            filters,
            ordering: order(),
            can: vec![Operation::List],
            policy: Policy::mixed(),
            ..Self::generic("remotes/", "remotes", "GenericRemote", "Remotes")
        }
    }
}

fn fields(policies: &'static [&'static str]) -> Vec<Field> {
    let pem = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n";
    let timeout = |name, what| Field::number(name, 0.0, what, 30.0).nullable();
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "A name, unique among all remotes.", "upstream").required(),
        Field::text("url", "The address to read from.", "http://localhost/upstream/").required(),
        Field::labels(),
        Field::choice(
            "policy",
            policies,
            "When files are downloaded: at the sync, at the first request and then kept, or at every request.",
            "immediate",
        )
        .named("Policy692Enum")
        .default(json!("immediate")),
        Field::any(
            "hidden_fields",
            "",
            "Fields that are never shown, and whether each is set.",
            json!([{"name": "password", "is_set": false}]),
        )
        .shown(&["secrets"], |scope, _, record| hidden_fields(scope, record, &SECRETS)),
        Field::raw_text("ca_cert", "PEM of the authorities that may sign the upstream's certificate.", pem).nullable(),
        Field::raw_text("client_cert", "PEM of the certificate to show to the upstream.", pem).nullable(),
        Field::raw_text("client_key", "PEM of that certificate's key.", "-----BEGIN PRIVATE KEY-----\n…").secret(),
        Field::boolean("tls_validation", "Whether the upstream's certificate is checked.", true).initial(json!(true)),
        Field::text("proxy_url", "The proxy to go through, without credentials.", "http://proxy:3128").nullable(),
        Field::raw_text("proxy_username", "User name for the proxy.", "user").secret(),
        Field::raw_text("proxy_password", "Password for the proxy.", "…").secret(),
        Field::raw_text("username", "User name for the upstream.", "user").secret(),
        Field::raw_text("password", "Password for the upstream.", "…").secret(),
        Field::integer("max_retries", None, "How often a failed download is tried again.", 3).nullable(),
        timeout("total_timeout", "Seconds that one download may take."),
        timeout("connect_timeout", "Seconds until a connection is usable, waiting for a free one included."),
        timeout("sock_connect_timeout", "Seconds to connect to a new address."),
        timeout("sock_read_timeout", "Seconds without a byte before a download is given up."),
        Field::headers("headers", "Headers to send with every request.").nullable(),
        Field::integer("download_concurrency", Some(1), "How many downloads go on at once.", 10).nullable(),
        Field::integer("rate_limit", None, "Requests per second at most.", 20).nullable(),
    ]);
    if policies.is_empty() {
        fields.retain(|field| field.name != "policy");
    }
    fields
}

/// Which of the secrets of a record are set.
pub(super) fn hidden_fields(scope: &Scope<'_>, record: &Record, names: &[&str]) -> Json {
    let sealed: Option<String> = record.get("t.secrets");
    let secrets = sealed.and_then(|sealed| scope.secrets.open(&sealed).ok()).unwrap_or(Json::Null);
    let list =
        names.iter().map(|name| json!({"name": name, "is_set": secrets.get(name).is_some_and(|v| !v.is_null())}));
    Json::Array(list.collect())
}

fn order() -> Vec<(&'static str, &'static str)> {
    ordering(&[
        ("ca_cert", "t.ca_cert"),
        ("client_cert", "t.client_cert"),
        ("connect_timeout", "t.connect_timeout"),
        ("download_concurrency", "t.download_concurrency"),
        ("max_retries", "t.max_retries"),
        ("name", "t.name"),
        ("policy", "t.policy"),
        ("proxy_url", "t.proxy_url"),
        ("pulp_labels", "t.labels"),
        ("pulp_type", "t.pulp_type"),
        ("rate_limit", "t.rate_limit"),
        ("sock_connect_timeout", "t.sock_connect_timeout"),
        ("sock_read_timeout", "t.sock_read_timeout"),
        ("tls_validation", "t.tls_validation"),
        ("total_timeout", "t.total_timeout"),
        ("url", "t.url"),
    ])
}

fn filters() -> Vec<Filter> {
    let mut filters = Filter::name("name", "t.name");
    filters.extend(Filter::date_time("pulp_last_updated", "t.updated"));
    filters.push(label_filter());
    filters
}
