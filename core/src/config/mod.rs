//! The configuration: every key is described once, in [`keys`], from which come the reading of `pith.toml`
//! and of `PITH_<KEY>` variables, the errors and `docs/configuration.md`. Nothing else in core reads the
//! environment. A [`Config`] never changes once loaded.

mod addresses;
mod checks;
mod error;
mod keys;
mod kind;
mod reference;
mod sources;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

pub use addresses::{DatabaseAddress, Network, Secret, StorageAddress};
pub use error::{ConfigError, Source, StartError};
pub use reference::reference;
pub use sources::Overrides;

/// The file looked for in the data folder when no other is named.
pub const FILE_NAME: &str = "pith.toml";

/// What the administrator decided, complete and checked. Field names are the keys; their meaning, unit and
/// default stand in the table of keys and in `docs/configuration.md`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `host:port`; port 0 lets the system choose one.
    pub listen: String,
    /// Absolute.
    pub data_dir: PathBuf,
    pub database: DatabaseAddress,
    pub database_pool_size: u32,
    pub storage: StorageAddress,
    pub s3_endpoint: Option<String>,
    pub s3_region: String,
    pub s3_access_key_id: Option<Secret>,
    pub s3_secret_access_key: Option<Secret>,
    pub s3_allow_http: bool,
    pub redirect_to_object_storage: bool,
    pub roles: BTreeSet<Role>,
    pub workers: usize,
    pub admin_password: Option<Secret>,
    pub secret_key_file: PathBuf,
    pub log_format: LogFormat,
    /// A filter as `tracing` reads it: `info`, or `info,pith_core=debug`.
    pub log_level: String,
    pub access_log: bool,
    pub metrics: MetricsReaders,
    /// `host:port`
    pub metrics_listen: Option<String>,
    pub otlp_traces_url: Option<String>,
    pub trusted_proxies: Vec<Network>,
    pub remote_user_header: Option<String>,
    pub authentication_json_header: Option<String>,
    pub authentication_json_header_jq_filter: Option<String>,
    pub oidc_issuer: Option<String>,
    pub oidc_audience: Option<String>,
    pub oidc_username_claim: String,
    pub oidc_username_prefix: Option<String>,
    pub oidc_groups_claim: Option<String>,
    /// `theirs=ours`
    pub oidc_groups: Vec<String>,
    pub create_remote_users: bool,
    /// `https://host[:port]` without a path; none means the origin of each request.
    pub content_origin: Option<String>,
    /// Starts and ends with `/`.
    pub api_root: String,
    /// Starts and ends with `/`.
    pub content_path_prefix: String,
    pub domain_enabled: bool,
    /// Absolute.
    pub domain_storage_paths: Vec<PathBuf>,
    pub hide_guarded_distributions: bool,
    pub envvar_header_content_guard_allowed_vars: Vec<String>,
    /// What those hold, nothing for one that is not set. Read from the environment at the start, never from the file.
    #[serde(skip)]
    pub guard_variables: BTreeMap<String, Option<Secret>>,
    #[serde(deserialize_with = "seconds")]
    pub distributed_publication_retention_period: Duration,
    #[serde(deserialize_with = "seconds")]
    pub remote_content_fetch_failure_cooldown: Duration,
    /// Always holds `sha256`.
    pub allowed_content_checksums: Vec<String>,
    pub allowed_import_paths: Vec<PathBuf>,
    pub allowed_export_paths: Vec<PathBuf>,
    pub osv_url: String,
    /// Below one of `allowed_import_paths`.
    pub osv_dump: Option<PathBuf>,
    pub sigstore_trusted_roots: Vec<PathBuf>,
    pub keep_changelog_limit: usize,
    pub default_uln_server_base_url: String,
    pub allow_automatic_unsafe_advisory_conflict_resolution: bool,
    #[serde(deserialize_with = "minutes")]
    pub orphan_protection_time: Duration,
    /// Zero is never.
    #[serde(deserialize_with = "minutes")]
    pub orphan_cleanup_interval: Duration,
    /// Zero keeps finished tasks for ever.
    #[serde(deserialize_with = "minutes")]
    pub task_protection_time: Duration,
    /// Zero keeps unfinished uploads for ever.
    #[serde(deserialize_with = "minutes")]
    pub upload_protection_time: Duration,
    /// Zero keeps temporary files for ever.
    #[serde(deserialize_with = "minutes")]
    pub tmpfile_protection_time: Duration,
    pub task_diagnostics: Vec<String>,
    #[serde(deserialize_with = "seconds")]
    pub task_grace_interval: Duration,
    #[serde(deserialize_with = "seconds")]
    pub worker_ttl: Duration,
    #[serde(deserialize_with = "seconds")]
    pub api_app_ttl: Duration,
    #[serde(deserialize_with = "seconds")]
    pub content_app_ttl: Duration,
    pub json_body_limit: usize,
    /// In bytes; zero is no limit.
    pub upload_size_limit: u64,
    pub path_cache_entries: u64,
    pub body_cache_bytes: u64,
    pub page_cache_bytes: u64,
}

/// What one process does for the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Api,
    Content,
    Worker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Who may read the metrics at the server's own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricsReaders {
    Administrators,
    Everybody,
    Nobody,
}

/// The environment variables that set keys; some of them are secret.
pub fn variables() -> impl Iterator<Item = String> {
    sources::variables()
}

impl Config {
    /// Joins the sources: command line before environment before file before default. Variables not named
    /// `PITH_…` are passed over; an unknown key, a wrong type or an impossible value is an error naming the
    /// key. `file` must exist when given; without it `pith.toml` of the data folder is read if there is one.
    pub fn load(
        command_line: &Overrides,
        environment: impl Iterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let environment: Vec<(String, String)> = environment.collect();
        let given = sources::Given::gather(command_line, environment.iter().cloned(), file)?;
        let mut values: Map<String, Value> = given.values();
        derive_from_data_dir(&mut values)?;
        let mut config = serde_json::from_value::<Self>(Value::Object(values)).map_err(ConfigError::table)?;
        let value = |name: &String| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let names = config.envvar_header_content_guard_allowed_vars.iter();
        config.guard_variables = names.map(|name| (name.clone(), value(name).map(Secret::from))).collect();
        config.check_together(&given)?;
        Ok(config)
    }

    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The largest file taken, in bytes; none for no limit.
    pub fn largest_upload(&self) -> Option<u64> {
        (self.upload_size_limit > 0).then_some(self.upload_size_limit)
    }

    /// What no key can tell alone.
    fn check_together(&self, given: &sources::Given) -> Result<(), ConfigError> {
        if self.s3_access_key_id.is_some() != self.s3_secret_access_key.is_some() {
            let (set, missing) = match self.s3_access_key_id {
                Some(_) => ("s3_access_key_id", "s3_secret_access_key"),
                None => ("s3_secret_access_key", "s3_access_key_id"),
            };
            return Err(given.error(missing, format!("is needed as well, since `{set}` is set")));
        }
        if self.content_path_prefix.starts_with(&format!("{}api/", self.api_root)) {
            let problem = format!("must not lie below the API, which answers at `{}api/`", self.api_root);
            return Err(given.error("content_path_prefix", problem));
        }
        let is_allowed = |dump: &Path| self.allowed_import_paths.iter().any(|allowed| dump.starts_with(allowed));
        if self.osv_dump.as_deref().is_some_and(|dump| !is_allowed(dump)) {
            return Err(given.error("osv_dump", "must lie below one of `allowed_import_paths`".into()));
        }
        for (key, value) in [
            ("remote_user_header", &self.remote_user_header),
            ("authentication_json_header", &self.authentication_json_header),
        ] {
            // Without it nobody would be believed, or everybody, and neither is what was meant.
            if value.is_some() && self.trusted_proxies.is_empty() {
                return Err(given.error("trusted_proxies", format!("is needed as well, since `{key}` is set")));
            }
        }
        for (set, key, needed, missing) in [
            (self.oidc_issuer.is_some(), "oidc_issuer", self.oidc_audience.is_some(), "oidc_audience"),
            (self.oidc_audience.is_some(), "oidc_audience", self.oidc_issuer.is_some(), "oidc_issuer"),
            (!self.oidc_groups.is_empty(), "oidc_groups", self.oidc_groups_claim.is_some(), "oidc_groups_claim"),
        ] {
            if set && !needed {
                return Err(given.error(missing, format!("is needed as well, since `{key}` is set")));
            }
        }
        if self.authentication_json_header.is_some() != self.authentication_json_header_jq_filter.is_some() {
            let (one, other) = ("authentication_json_header", "authentication_json_header_jq_filter");
            let (set, missing) = if self.authentication_json_header.is_some() { (one, other) } else { (other, one) };
            return Err(given.error(missing, format!("is needed as well, since `{set}` is set")));
        }
        if self.content_path_prefix == "/" {
            return Err(given.error("content_path_prefix", "must name a folder, as `/pulp/content/` does".into()));
        }
        Ok(())
    }
}

/// Fills what has no fixed default: the database, the store and the key file live in the data folder.
fn derive_from_data_dir(values: &mut Map<String, Value>) -> Result<(), ConfigError> {
    let folder = values.get("data_dir").and_then(Value::as_str).unwrap_or_default();
    let folder = std::path::absolute(folder).map_err(|cause| ConfigError::new("data_dir", None, cause.to_string()))?;
    // Not every path is text; the derived ones must be, since they pass through the same reading as given ones.
    let Some(text) = folder.to_str() else {
        return Err(ConfigError::new("data_dir", None, "must be a path of UTF-8 text".into()));
    };
    let text = text.trim_end_matches('/').to_owned();
    for (key, derived) in [
        ("database", format!("sqlite:{text}/pith.db")),
        ("storage", format!("{text}/store")),
        ("secret_key_file", format!("{text}/secret.key")),
    ] {
        if values.get(key).is_none_or(Value::is_null) {
            values.insert(key.into(), derived.into());
        }
    }
    values.insert("data_dir".into(), if text.is_empty() { "/".into() } else { text.into() });
    Ok(())
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(|minutes| Duration::from_secs(minutes.saturating_mul(60)))
}

#[cfg(test)]
mod tests;
