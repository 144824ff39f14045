//! Upstream servers: whose distributions are replicated, and what becomes of those that it has no more.

use serde_json::json;

use super::super::{Action, ActionRun, Field, Filter, Kind, Operation, Resource};
use super::remote::hidden_fields;
use super::{base_fields, identity_filters, ordering};
use crate::auth::policy::Owned;

/// Fields whose values are kept encrypted and never shown.
const SECRETS: [&str; 3] = ["client_key", "username", "password"];

impl Resource {
    /// The servers whose distributions are replicated.
    pub fn upstream_pulps() -> Self {
        let policy = Owned::new("core", "upstreampulp")
            .action("replicate")
            .without_viewing()
            .shipped_role("core.upstreampulp_user", &["core.replicate_upstreampulp", "core.view_upstreampulp"]);
        let mut filters = Filter::name("base_url", "t.base_url");
        filters.extend(Filter::date_time("last_replication", "t.last_replication"));
        filters.extend(Filter::name("name", "t.name"));
        filters.extend(identity_filters());
        Self {
            kind: Kind::UpstreamPulp,
            noun: "upstream server",
            href_parameter: "upstream_pulp_href",
            from: "upstream_pulp t".into(),
            fields: fields(),
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
            description: "Servers whose distributions are replicated.",
            ..Self::generic("upstream-pulps/", "upstream_pulps", "UpstreamPulp", "Upstream-Pulps")
        }
        .action(replicate())
    }
}

fn order() -> Vec<(&'static str, &'static str)> {
    ordering(&[
        ("api_root", "t.api_root"),
        ("base_url", "t.base_url"),
        ("ca_cert", "t.ca_cert"),
        ("client_cert", "t.client_cert"),
        ("connect_timeout", "t.connect_timeout"),
        ("domain", "t.domain"),
        ("download_concurrency", "t.download_concurrency"),
        ("last_replication", "t.last_replication"),
        ("max_retries", "t.max_retries"),
        ("name", "t.name"),
        ("policy", "t.policy"),
        ("q_select", "t.q_select"),
        ("remote_policy", "t.remote_policy"),
        ("sock_connect_timeout", "t.sock_connect_timeout"),
        ("sock_read_timeout", "t.sock_read_timeout"),
        ("tls_validation", "t.tls_validation"),
        ("total_timeout", "t.total_timeout"),
    ])
}

fn fields() -> Vec<Field> {
    let pem = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n";
    let timeout = |name, what| Field::number(name, 0.0, what, 30.0).nullable();
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "A name, unique among all upstream servers.", "headquarters").required(),
        Field::text("base_url", "The address of the server, without the path of its API.", "https://pulp.example.com")
            .required(),
        Field::text("api_root", "The path of its API.", "/pulp/").required(),
        Field::text("domain", "The domain of that server, if it has domains.", "default").nullable(),
        Field::raw_text("ca_cert", "PEM of the authorities that may sign the server's certificate.", pem).nullable(),
        Field::raw_text("client_cert", "PEM of the certificate to show to the server.", pem).nullable(),
        Field::raw_text("client_key", "PEM of that certificate's key.", "-----BEGIN PRIVATE KEY-----\n…").secret(),
        Field::boolean("tls_validation", "Whether the server's certificate is checked.", true).initial(json!(true)),
        Field::raw_text("username", "User name for the server.", "user").secret(),
        Field::raw_text("password", "Password for the server.", "…").secret(),
        Field::integer("download_concurrency", Some(1), "How many downloads go on at once.", 10).nullable(),
        Field::integer("max_retries", None, "How often a failed download is tried again.", 3).nullable(),
        timeout("total_timeout", "Seconds that one download may take."),
        timeout("connect_timeout", "Seconds until a connection is usable, waiting for a free one included."),
        timeout("sock_connect_timeout", "Seconds to connect to a new address."),
        timeout("sock_read_timeout", "Seconds without a byte before a download is given up."),
        Field::choice(
            "remote_policy",
            &["immediate", "on_demand", "streamed"],
            "When the files are downloaded; if not given, at the replication.",
            "immediate",
        )
        .named("RemotePolicyEnum")
        .nullable(),
        Field::any(
            "hidden_fields",
            "",
            "Fields that are never shown, and whether each is set.",
            json!([{"name": "password", "is_set": false}]),
        )
        .shown(&["secrets"], |scope, _, record| hidden_fields(scope, record, &SECRETS)),
        Field::text(
            "q_select",
            "Which distributions are replicated, in the language of the `q` filter; all unless given.",
            "pulp_label_select='stage=prod'",
        )
        .blank()
        .nullable(),
        Field::date_time("last_replication", "When the last replication began that came to its end.").read_only(),
        Field::choice(
            "policy",
            &["all", "labeled", "nodelete"],
            "What is deleted of what the upstream has no more: what this upstream has brought and what one has brought \
             that is gone (`all`), what this one has brought (`labeled`), or nothing.",
            "all",
        )
        .named("Policy357Enum")
        .default(json!("all")),
    ]);
    fields
}

fn replicate() -> Action {
    Action {
        name: "replicate",
        run: ActionRun::Replicate,
        fields: vec![
            Field::text(
                "q_select",
                "Replicate these distributions only, in place of those that the server is set to, and delete nothing.",
                "name='stable'",
            )
            .blank()
            .nullable()
            .input(),
        ],
        schema: "UpstreamPulpReplicate",
        description: "Make what the server distributes available here, a task for each repository.",
    }
}
