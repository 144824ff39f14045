//! From the settings of a domain to its store, and where stores may be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use url::{Host, Url};

use super::location::real;
use super::settings::{FILE_SYSTEM, S3, Settings};
use crate::app::storage_config;
use crate::auth::Secrets;
use crate::config::{Config, StorageAddress};
use crate::db::domains::{Domain, Store};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::DEFAULT_DOMAIN;
use crate::storage::StorageConfig;

/// The settings of a store with its secrets.
///
/// # Errors
/// `Internal` when the secrets cannot be opened.
pub fn opened(secrets: &Secrets, store: &Store) -> Result<Settings> {
    let secret = store.secrets.as_deref().map(|sealed| secrets.open(sealed)).transpose()?;
    let map = |json: Option<Json>| json.and_then(|json| json.as_object().cloned()).unwrap_or_default();
    Ok(Settings { shown: map(Some(store.settings.clone())), secret: map(secret) })
}

pub(super) fn text<'a>(map: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    map.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// What the default domain shows of the configuration.
pub fn of_installation(config: &Config) -> Store {
    let (class, settings) = match &config.storage {
        StorageAddress::Local(folder) => (
            FILE_SYSTEM,
            json!({
                "location": folder, "base_url": "", "file_permissions_mode": null, "directory_permissions_mode": null,
            }),
        ),
        StorageAddress::S3 { bucket, prefix } => (
            S3[0],
            json!({
                "bucket_name": bucket, "endpoint_url": config.s3_endpoint, "region_name": config.s3_region,
                "location": prefix,
            }),
        ),
    };
    Store { class: class.to_owned(), settings, secrets: None }
}

/// How to reach the store of a domain, whichever it is: the default one keeps to the configuration.
///
/// # Errors
/// As [`of`].
pub fn of_any(settings: &Config, secrets: &Secrets, domain: &Domain) -> Result<StorageConfig> {
    if domain.name == DEFAULT_DOMAIN { storage_config(settings) } else { of(settings, secrets, domain) }
}

/// How to reach the store of a domain that is not the default one, and the second one beside it. A second one that is
/// not allowed any more is done without.
///
/// # Errors
/// `Storage` when the configuration does not allow any more what the domain has.
pub fn of(settings: &Config, secrets: &Secrets, domain: &Domain) -> Result<StorageConfig> {
    let second = domain.second.as_ref().map(|second| &second.store);
    let second = second.and_then(|store| match of_store(settings, secrets, (domain.id, &domain.name), store) {
        Ok(place) => Some(Box::new(place)),
        Err(error) => {
            tracing::warn!(%error, "the store that files move from or to cannot be used");
            None
        }
    });
    let own = of_store(settings, secrets, (domain.id, &domain.name), &domain.store)?;
    Ok(StorageConfig { second, ..own })
}

/// How to reach one store of a domain that is not the default one; the domain is told by its id and its name.
///
/// # Errors
/// As [`of`].
pub fn of_store(
    settings: &Config,
    secrets: &Secrets,
    (domain, name): (Id, &str),
    store: &Store,
) -> Result<StorageConfig> {
    config(settings, domain, &store.class, &opened(secrets, store)?)
        .map_err(|wrong| Error::storage(format!("cannot use the store of the domain `{name}`"), wrong))
}

/// How to reach the store of a domain other than the default one. The bytes of each domain lie below its id, so that
/// several may share a folder or a bucket, and the store of the installation.
///
/// # Errors
/// What is wrong, by the names of settings.
pub fn config(config: &Config, domain: Id, class: &str, settings: &Settings) -> Result<StorageConfig, Json> {
    let own = storage_config(config).map_err(|error| json!([error.to_string()]))?;
    let own = StorageConfig { domain: Some(domain), ..own };
    if class.is_empty() {
        return Ok(own);
    }
    if class == FILE_SYSTEM {
        let folder = folder(config, text(&settings.shown, "location").unwrap_or_default());
        let folder = folder.map_err(|message| json!({"location": [message]}))?;
        // What was taken before it was obeyed may leave nobody anything.
        let mode = |name, owner: u64| {
            let mode = settings.shown.get(name).and_then(Json::as_u64)?;
            u32::try_from(mode).ok().filter(|_| mode <= 0o777 && mode & owner == owner)
        };
        return Ok(StorageConfig {
            url: folder.display().to_string(),
            file_mode: mode("file_permissions_mode", 0o400),
            folder_mode: mode("directory_permissions_mode", 0o700),
            ..own
        });
    }
    let bucket = text(&settings.shown, "bucket_name").unwrap_or_default();
    if bucket.contains('/') {
        return Err(json!({"bucket_name": ["is no name of a bucket"]}));
    }
    let endpoint = text(&settings.shown, "endpoint_url");
    if let Some(endpoint) = endpoint
        && !Url::parse(endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    {
        return Err(json!({"endpoint_url": ["Enter a valid URL."]}));
    }
    let location = text(&settings.shown, "location").unwrap_or_default().trim_matches('/');
    if location.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(json!({"location": ["must be a path without `.` and `..`"]}));
    }
    let virtual_hosts = match text(&settings.shown, "addressing_style") {
        Some("virtual") if endpoint.is_some_and(has_address) => {
            let message = "an endpoint that is an address has no host names for buckets";
            return Err(json!({"addressing_style": [message]}));
        }
        Some("virtual") => true,
        Some("path") => false,
        // Chosen by us: only Amazon is known to have host names for buckets, for those whose names fit into one.
        _ => endpoint.is_none() && fits_into_a_host(bucket),
    };
    let secret = |name| text(&settings.secret, name).map(str::to_owned);
    Ok(StorageConfig {
        url: format!("s3://{bucket}/{location}"),
        endpoint: endpoint.map(str::to_owned),
        region: text(&settings.shown, "region_name").map(str::to_owned).or(own.region),
        access_key_id: secret("access_key"),
        secret_access_key: secret("secret_key"),
        session_token: secret("security_token"),
        virtual_hosts,
        signed_for: settings
            .shown
            .get("querystring_expire")
            .and_then(Json::as_u64)
            .map(|seconds| Duration::from_secs(seconds.min(super::settings::LONGEST_SIGNED))),
        allow_http: endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")),
        ..own
    })
}

fn has_address(endpoint: &str) -> bool {
    let url = Url::parse(endpoint).ok();
    url.is_some_and(|url| matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))))
}

fn fits_into_a_host(bucket: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=63).contains(&bucket.len()) && bucket.bytes().all(fits)
}

/// The folder that a location means: the store of the installation when it is empty, else one that the administrator
/// of this machine allows. Who may make domains does not thereby write wherever the server may.
fn folder(config: &Config, location: &str) -> Result<PathBuf, String> {
    let own = match &config.storage {
        StorageAddress::Local(path) => Some(path.clone()),
        StorageAddress::S3 { .. } => None,
    };
    if location.is_empty() {
        return own.ok_or_else(|| "is needed: the store of this installation is no folder".to_owned());
    }
    let path = Path::new(location);
    if !path.is_absolute() || location.contains('\0') || location.split('/').any(|part| part == "..") {
        return Err("must be an absolute path without `..`".into());
    }
    let path: PathBuf = path.components().collect();
    if own.as_deref() == Some(path.as_path()) {
        return Ok(path);
    }
    let really = real(&path);
    let allowed = |folder: &PathBuf| path.starts_with(folder) && really.starts_with(real(folder));
    match config.domain_storage_paths.iter().any(allowed) {
        true => Ok(path),
        false => Err("must lie below one of the folders that `domain_storage_paths` allows".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn a_location_lies_where_the_administrator_allows() {
        let home = tempfile::tempdir().unwrap();
        let allowed = home.path().join("allowed");
        std::fs::create_dir_all(&allowed).unwrap();
        std::os::unix::fs::symlink("/etc", allowed.join("link")).unwrap();
        let data = home.path().join("data");
        let overrides = Overrides { data_dir: Some(data.display().to_string()), ..Overrides::default() };
        let variables = [("PITH_DOMAIN_STORAGE_PATHS".to_owned(), format!("[\"{}\"]", allowed.display()))];
        let config = Config::load(&overrides, variables.into_iter(), None).unwrap();
        let own = data.join("store");
        let inside = |path: &str| allowed.join(path).display().to_string();
        for good in [String::new(), own.display().to_string(), inside(""), inside("a/b")] {
            assert!(folder(&config, &good).is_ok(), "{good}");
        }
        let outside = home.path().join("allowed-not").display().to_string();
        let below_own = own.join("artifact").display().to_string();
        let bad = ["/".into(), "/etc".into(), "relative".into(), inside("../x"), inside("link/x"), outside, below_own];
        for bad in bad {
            assert!(folder(&config, &bad).is_err(), "{bad}");
        }
    }
}
