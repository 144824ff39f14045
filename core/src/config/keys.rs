//! The table of keys: each with its name, type, default and meaning, and nowhere else.
//!
//! Keys that Pulp has carry Pulp's name in lower case, with Pulp's default and unit.

use serde_json::Value;

use super::checks::{
    absolute_path, absolute_paths, any_text, checksums, database, diagnostics, header_name, http_address,
    listen_address, networks, origin, pairs, roles, slashed_path, storage, variable_names,
};
use super::kind::Kind;

pub struct Key {
    pub name: &'static str,
    pub group: Group,
    pub kind: Kind,
    pub default: Default,
    /// One paragraph of Markdown for `docs/configuration.md`.
    pub about: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Server,
    Storage,
    Security,
    Delivery,
    Content,
    Tasks,
    Limits,
}

/// What holds when nobody gives a value.
pub enum Default {
    Text(&'static str),
    Number(u64),
    Flag(bool),
    List(&'static [&'static str]),
    /// Nothing fixed: the text tells what happens then.
    Derived(&'static str),
}

impl Default {
    pub fn value(&self) -> Value {
        match self {
            Self::Text(text) => (*text).into(),
            Self::Number(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(texts) => (*texts).into(),
            Self::Derived(_) => Value::Null,
        }
    }
}

/// The key of this name, if there is one.
pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const SECONDS: Kind = Kind::Integer { least: 0, most: 1_000_000_000, unit: "seconds" };
const LIFETIME: Kind = Kind::Integer { least: 3, most: 86_400, unit: "seconds" };
const MINUTES: Kind = Kind::Integer { least: 0, most: 100_000_000, unit: "minutes" };
const BYTES: Kind = Kind::Integer { least: 0, most: u64::MAX, unit: "bytes" };

pub static KEYS: &[Key] = &[
    Key {
        name: "listen",
        group: Group::Server,
        kind: Kind::Text(listen_address),
        default: Default::Text("127.0.0.1:8080"),
        about: "The address and port on which the server answers. `0.0.0.0:8080` answers on all IPv4 addresses of \
                the machine, `[::]:8080` on all; put a proxy that speaks TLS before it then. Port 0 takes a free one.",
    },
    Key {
        name: "data_dir",
        group: Group::Server,
        kind: Kind::Text(any_text),
        default: Default::Text("./pith-data"),
        about: "The folder of this installation: its `pith.toml` is read at the start, and unless told otherwise the \
                database, the store and the key file lie in it. It is made when it does not exist.",
    },
    Key {
        name: "roles",
        group: Group::Server,
        kind: Kind::TextList(roles),
        default: Default::List(&["api", "content", "worker"]),
        about: "What this process does: `api` answers the REST API, `content` serves files, `worker` runs tasks. \
                Several hosts on one PostgreSQL and one object store may share the roles as they like.",
    },
    Key {
        name: "log_format",
        group: Group::Server,
        kind: Kind::Choice(&["text", "json"]),
        default: Default::Text("text"),
        about: "How log lines look on standard error: `text` for people, `json` (one object a line) for collectors.",
    },
    Key {
        name: "log_level",
        group: Group::Server,
        kind: Kind::Text(any_text),
        default: Default::Text("info"),
        about: "What is logged: `error`, `warn`, `info`, `debug` or `trace`, also by part of the program as in \
                `info,pith_core::tasks=debug`.",
    },
    Key {
        name: "access_log",
        group: Group::Server,
        kind: Kind::Boolean,
        default: Default::Flag(false),
        about: "Logs a line for every request that was answered, with the level `info` and the part `access`: who, \
                what, the status, the bytes and the time, and the correlation id of requests to the API. No header \
                and no query, which may hold credentials.",
    },
    Key {
        name: "metrics",
        group: Group::Server,
        kind: Kind::Choice(&["administrators", "everybody", "nobody"]),
        default: Default::Text("administrators"),
        about: "Who may read `/metrics` at `listen`. Administrators log in with HTTP basic.",
    },
    Key {
        name: "metrics_listen",
        group: Group::Server,
        kind: Kind::Text(listen_address),
        default: Default::Derived("none"),
        about: "A further address and port, which answers `/metrics`, `/livez` and `/readyz` and nothing else, to \
                whoever reaches it, without a login.",
    },
    Key {
        name: "otlp_traces_url",
        group: Group::Server,
        kind: Kind::Text(http_address),
        default: Default::Derived("none"),
        about: "Where traces are sent: a collector that takes OTLP as JSON over HTTP, as \
                `http://127.0.0.1:4318/v1/traces`. There is a span for each request, task and question to an \
                upstream; the id of a trace is the correlation id.",
    },
    Key {
        name: "database",
        group: Group::Storage,
        kind: Kind::Text(database),
        default: Default::Derived("`pith.db` in the data folder"),
        about: "Where the database is: `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST/NAME` when several hosts \
                share one. An SQLite file must lie on a local disk, not on a network share.",
    },
    Key {
        name: "database_pool_size",
        group: Group::Storage,
        kind: Kind::Integer { least: 1, most: 1_000, unit: "" },
        default: Default::Number(16),
        about: "How many connections to the database this process opens at most.",
    },
    Key {
        name: "storage",
        group: Group::Storage,
        kind: Kind::Text(storage),
        default: Default::Derived("`store` in the data folder"),
        about: "Where the files are kept: a folder, or `s3://BUCKET/PREFIX` for a service that speaks S3.",
    },
    Key {
        name: "s3_endpoint",
        group: Group::Storage,
        kind: Kind::Text(http_address),
        default: Default::Derived("the endpoint of AWS for the region"),
        about: "The address of the S3 service when it is not AWS, as `https://s3.example.org:9000`.",
    },
    Key {
        name: "s3_region",
        group: Group::Storage,
        kind: Kind::Text(any_text),
        default: Default::Text("us-east-1"),
        about: "The region of the bucket. Services other than AWS mostly take any.",
    },
    Key {
        name: "s3_access_key_id",
        group: Group::Storage,
        kind: Kind::Secret,
        default: Default::Derived("the role of the machine, where the service offers one"),
        about: "The name of the key pair for S3; needs `s3_secret_access_key`.",
    },
    Key {
        name: "s3_secret_access_key",
        group: Group::Storage,
        kind: Kind::Secret,
        default: Default::Derived("the role of the machine, where the service offers one"),
        about: "The secret of the key pair for S3; needs `s3_access_key_id`.",
    },
    Key {
        name: "s3_allow_http",
        group: Group::Storage,
        kind: Kind::Boolean,
        default: Default::Flag(false),
        about: "Permits an `s3_endpoint` without TLS. Files and signatures then cross the network in clear.",
    },
    Key {
        name: "redirect_to_object_storage",
        group: Group::Storage,
        kind: Kind::Boolean,
        default: Default::Flag(true),
        about: "On S3, answers a download with a redirect to a signed address of the object store. When false the \
                bytes pass through this server. Without meaning for a local folder.",
    },
    Key {
        name: "admin_password",
        group: Group::Security,
        kind: Kind::Secret,
        default: Default::Derived("a generated password, shown once"),
        about: "The password which the user `admin` gets when an empty database is set up. Later it has no effect: \
                use `pith user set-password admin`.",
    },
    Key {
        name: "secret_key_file",
        group: Group::Security,
        kind: Kind::Text(any_text),
        default: Default::Derived("`secret.key` in the data folder"),
        about: "The file with the keys that encrypt stored credentials of remotes. It is made when it does not exist. \
                Each line is 32 random bytes in base64, the newest key first: to change the key, add a line at the \
                top and keep the old ones. Back it up apart from the database; all hosts need the same.",
    },
    Key {
        name: "trusted_proxies",
        group: Group::Security,
        kind: Kind::TextList(networks),
        default: Default::List(&[]),
        about: "The addresses and networks of the proxies in front of the server, as `[\"127.0.0.1\", \"10.1.0.0/16\"]`. \
                From them, and from no others, the header `X-Forwarded-For` is believed where it matters who the client \
                is: when failed logins are counted by address. Without them a proxy counts as one client. From them \
                alone users are taken that `remote_user_header` or `authentication_json_header` names.",
    },
    Key {
        name: "remote_user_header",
        group: Group::Security,
        kind: Kind::Text(header_name),
        default: Default::Derived("no header names users"),
        about: "The header in which a proxy of `trusted_proxies` names the user that it has asked who they are, as \
                `X-Remote-User`. The proxy has to remove it from what clients send. Needs `trusted_proxies`.",
    },
    Key {
        name: "authentication_json_header",
        group: Group::Security,
        kind: Kind::Text(header_name),
        default: Default::Derived("no header names users"),
        about: "The header in which a proxy of `trusted_proxies` tells of the user in JSON, encoded in base64; \
                `HTTP_X_IDENTITY` is the same as `X-Identity`. Needs `trusted_proxies` and \
                `authentication_json_header_jq_filter`.",
    },
    Key {
        name: "authentication_json_header_jq_filter",
        group: Group::Security,
        kind: Kind::Text(any_text),
        default: Default::Derived("nothing"),
        about: "The filter of jq that finds the name of the user in `authentication_json_header`, as \
                `.identity.user.username`.",
    },
    Key {
        name: "oidc_issuer",
        group: Group::Security,
        kind: Kind::Text(http_address),
        default: Default::Derived("no provider is believed"),
        about: "The provider of OpenID Connect whose bearer tokens let users in, by its `issuer` as its tokens have it, such \
                as `https://id.example.org/realms/team`. Its keys are found below \
                `/.well-known/openid-configuration`. Needs `oidc_audience`.",
    },
    Key {
        name: "oidc_audience",
        group: Group::Security,
        kind: Kind::Text(any_text),
        default: Default::Derived("nothing"),
        about: "For whom tokens of `oidc_issuer` must be (`aud`): how the provider calls this server.",
    },
    Key {
        name: "oidc_username_claim",
        group: Group::Security,
        kind: Kind::Text(any_text),
        default: Default::Text("sub"),
        about: "The claim of such a token that names the user; `a.b` is `b` within `a`. Take one that people cannot choose \
                for themselves.",
    },
    Key {
        name: "oidc_username_prefix",
        group: Group::Security,
        kind: Kind::Text(any_text),
        default: Default::Derived("nothing"),
        about: "Stands before the names that the provider gives, as `id:`, so that they are none of other users.",
    },
    Key {
        name: "oidc_groups_claim",
        group: Group::Security,
        kind: Kind::Text(any_text),
        default: Default::Derived("groups stay as they are"),
        about: "The claim of such a token that lists the user's groups, as `groups` or `realm_access.roles`.",
    },
    Key {
        name: "oidc_groups",
        group: Group::Security,
        kind: Kind::TextList(pairs),
        default: Default::List(&[]),
        about: "Groups as the provider calls them, and as they are called here: `[\"dev=builders\"]`. Who sends a token is \
                put into the groups here that it names and taken out of the others of this list. Other groups, and those \
                that do not exist, are left alone.",
    },
    Key {
        name: "create_remote_users",
        group: Group::Security,
        kind: Kind::Boolean,
        default: Default::Flag(false),
        about: "Makes users that somebody else has asked who they are, when they are here for the first time. They have \
                no password and no rights. When false only users that exist already get in that way.",
    },
    Key {
        name: "content_origin",
        group: Group::Delivery,
        kind: Kind::Text(origin),
        default: Default::Derived("the scheme and host of each request"),
        about: "The public address under which clients fetch files, as `https://packages.example.org`; it begins the \
                `base_url` of distributions.",
    },
    Key {
        name: "api_root",
        group: Group::Delivery,
        kind: Kind::Text(slashed_path),
        default: Default::Text("/pulp/"),
        about: "The path below which the API lies; `api/v3/` follows it. Starts and ends with `/`.",
    },
    Key {
        name: "content_path_prefix",
        group: Group::Delivery,
        kind: Kind::Text(slashed_path),
        default: Default::Text("/pulp/content/"),
        about: "The path below which distributions are served. Starts and ends with `/`.",
    },
    Key {
        name: "hide_guarded_distributions",
        group: Group::Delivery,
        kind: Kind::Boolean,
        default: Default::Flag(false),
        about: "Leaves distributions with a content guard out of the list that `content_path_prefix` shows.",
    },
    Key {
        name: "envvar_header_content_guard_allowed_vars",
        group: Group::Delivery,
        kind: Kind::TextList(variable_names),
        default: Default::List(&[]),
        about: "The variables of the environment that content guards of the type `envvar_header` may name, on each host \
                with the role `content`. None of them is a key of this configuration.",
    },
    Key {
        name: "distributed_publication_retention_period",
        group: Group::Delivery,
        kind: SECONDS,
        default: Default::Number(3 * 24 * 60 * 60),
        about: "How long the files of a publication are still served after a distribution went on to a newer one, so \
                that clients with old metadata can finish.",
    },
    Key {
        name: "remote_content_fetch_failure_cooldown",
        group: Group::Delivery,
        kind: SECONDS,
        default: Default::Number(300),
        about: "How long an upstream address that failed to deliver a file is left alone.",
    },
    Key {
        name: "domain_enabled",
        group: Group::Content,
        kind: Kind::Boolean,
        default: Default::Flag(false),
        about: "Whether there are domains: parts of the installation with names, contents and stores of their own. Each \
                answers below its name, as in `/pulp/<domain>/api/v3/` and `/pulp/content/<domain>/`; what exists when \
                this is turned on is in the domain `default`. Pulp has the same key.",
    },
    Key {
        name: "domain_storage_paths",
        group: Group::Content,
        kind: Kind::TextList(absolute_paths),
        default: Default::List(&[]),
        about: "Folders of this machine below which domains may keep their files (`location` of a domain's \
                `storage_settings`). Without any, a domain's files lie in the store of the installation or in a bucket. \
                Where several hosts serve, all of them must reach these folders.",
    },
    Key {
        name: "allowed_content_checksums",
        group: Group::Content,
        kind: Kind::TextList(checksums),
        default: Default::List(&["sha224", "sha256", "sha384", "sha512"]),
        about: "The digests computed and accepted for files: of `md5`, `sha1`, `sha224`, `sha256`, `sha384` and \
                `sha512`. `sha256` cannot be left out.",
    },
    Key {
        name: "allowed_import_paths",
        group: Group::Content,
        kind: Kind::TextList(absolute_paths),
        default: Default::List(&[]),
        about: "Folders of this machine from which users may sync (`file://` addresses) and import.",
    },
    Key {
        name: "allowed_export_paths",
        group: Group::Content,
        kind: Kind::TextList(absolute_paths),
        default: Default::List(&[]),
        about: "Folders of this machine to which users may export.",
    },
    Key {
        name: "osv_url",
        group: Group::Content,
        kind: Kind::Text(http_address),
        default: Default::Text("https://api.osv.dev/v1/query"),
        about: "Where a scan of a repository version asks about known vulnerabilities: the address of a service that \
                answers as `/v1/query` of OSV does. Names and versions of packages are sent there.",
    },
    Key {
        name: "osv_dump",
        group: Group::Content,
        kind: Kind::Text(absolute_path),
        default: Default::Derived("none, `osv_url` is asked"),
        about: "Known vulnerabilities on this machine, which are then asked instead of `osv_url`: a folder with records \
                of OSV in files `*.json`, or a zip archive of such files, as `all.zip` of each ecosystem is. Lies below \
                one of `allowed_import_paths`, on each host with the role `worker`.",
    },
    Key {
        name: "keep_changelog_limit",
        group: Group::Content,
        kind: Kind::Integer { least: 0, most: 1_000_000, unit: "entries" },
        default: Default::Number(10),
        about: "How many entries of a package's changelog are kept, the newest, of packages that are synchronized or \
                uploaded.",
    },
    Key {
        name: "sigstore_trusted_roots",
        group: Group::Content,
        kind: Kind::TextList(absolute_paths),
        default: Default::List(&[]),
        about: "Files `trusted_root.json` of Sigstore instances whose attestations of packages are believed as those of \
                the public instance are, on each host with the role `api` or `worker`.",
    },
    Key {
        name: "allow_automatic_unsafe_advisory_conflict_resolution",
        group: Group::Content,
        kind: Kind::Boolean,
        default: Default::Flag(false),
        about: "Whether the newer of two advisories with one id is taken where they contradict each other, so that at \
                least one of them must be wrong. Otherwise a repository that has one refuses the other.",
    },
    Key {
        name: "default_uln_server_base_url",
        group: Group::Content,
        kind: Kind::Text(http_address),
        default: Default::Text("https://linux-update.oracle.com/"),
        about: "The server of the Unbreakable Linux Network that has the channels of remotes without a server of their \
                own (`uln_server_base_url` of a remote).",
    },
    Key {
        name: "orphan_protection_time",
        group: Group::Content,
        kind: MINUTES,
        default: Default::Number(24 * 60),
        about: "How long content that is in no repository version is safe from orphan clean-up, counted from its last \
                use.",
    },
    Key {
        name: "orphan_cleanup_interval",
        group: Group::Content,
        kind: MINUTES,
        default: Default::Number(24 * 60),
        about: "How often orphans are cleaned up without being asked, by the usual protection time; 0 is never. The \
                schedule is shown under `task-schedules/`.",
    },
    Key {
        name: "upload_protection_time",
        group: Group::Content,
        kind: MINUTES,
        default: Default::Number(0),
        about: "After how long an unfinished upload is removed; 0 keeps it.",
    },
    Key {
        name: "tmpfile_protection_time",
        group: Group::Content,
        kind: MINUTES,
        default: Default::Number(0),
        about: "After how long a temporary file left by a task is removed; 0 keeps it.",
    },
    Key {
        name: "workers",
        group: Group::Tasks,
        kind: Kind::Integer { least: 1, most: 256, unit: "" },
        default: Default::Number(2),
        about: "How many tasks a process with the role `worker` runs at the same time.",
    },
    Key {
        name: "task_protection_time",
        group: Group::Tasks,
        kind: MINUTES,
        default: Default::Number(0),
        about: "After how long a finished task is removed; 0 keeps it.",
    },
    Key {
        name: "task_grace_interval",
        group: Group::Tasks,
        kind: SECONDS,
        default: Default::Number(2),
        about: "How long a task that was asked to stop may take before it is ended. Pulp gives it ten minutes; \
                here a task may be ended at any point without harm.",
    },
    Key {
        name: "task_diagnostics",
        group: Group::Tasks,
        kind: Kind::TextList(diagnostics),
        default: Default::List(&[]),
        about: "What is recorded about each task for `profile_artifacts`: `memory`, or nothing.",
    },
    Key {
        name: "worker_ttl",
        group: Group::Tasks,
        kind: LIFETIME,
        default: Default::Number(30),
        about: "A worker that gave no sign of life for this long counts as missing, and its task as failed.",
    },
    Key {
        name: "api_app_ttl",
        group: Group::Tasks,
        kind: LIFETIME,
        default: Default::Number(120),
        about: "The same for a process with the role `api`, as `status/` shows it.",
    },
    Key {
        name: "content_app_ttl",
        group: Group::Tasks,
        kind: LIFETIME,
        default: Default::Number(30),
        about: "The same for a process with the role `content`.",
    },
    Key {
        name: "json_body_limit",
        group: Group::Limits,
        kind: Kind::Integer { least: 1_024, most: 1 << 30, unit: "bytes" },
        default: Default::Number(16 << 20),
        about: "The largest request body of JSON or form fields; uploaded files do not count.",
    },
    Key {
        name: "upload_size_limit",
        group: Group::Limits,
        kind: BYTES,
        default: Default::Number(0),
        about: "The largest file that may be uploaded; 0 is no limit but the store's.",
    },
    Key {
        name: "path_cache_entries",
        group: Group::Limits,
        kind: Kind::Integer { least: 0, most: 100_000_000, unit: "paths" },
        default: Default::Number(100_000),
        about: "How many paths of the content face are remembered together with what they lead to; 0 remembers none.",
    },
    Key {
        name: "body_cache_bytes",
        group: Group::Limits,
        kind: BYTES,
        default: Default::Number(32 << 20),
        about: "How much memory holds small files, listings and pages that are fetched often; 0 holds none.",
    },
    Key {
        name: "page_cache_bytes",
        group: Group::Limits,
        kind: BYTES,
        default: Default::Number(1 << 30),
        about: "How much of this host's disk holds large pages of native faces, such as the index of a repository \
                of many projects; 0 holds none.",
    },
];
