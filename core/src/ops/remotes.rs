//! The rules of remotes, and what a download needs of one.

use serde_json::{Map, Value as Json};

use super::configured::Change;
use crate::app::App;
use crate::db::Conn;
use crate::download;
use crate::download::RemoteSettings;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::params;
use crate::resource::{Draft, Errors};

/// Checks addresses, certificates and the proxy's credentials; certificates are stored without what stands around them.
pub fn check(
    app: &App,
    conn: &mut Conn,
    draft: &Draft,
    change: &mut Change,
    existing: Option<Id>,
    errors: &mut Errors,
) -> Result<()> {
    if let Some(url) = change.get::<String>("url")
        && let Err(message) = download::check_url(&url, &app.config.allowed_import_paths)
    {
        errors.add("url", message);
    }
    for (name, value) in &mut change.columns {
        if let (true, crate::db::Value::Text(pem)) = (name == "ca_cert" || name == "client_cert", &*value) {
            match download::clean_certificates(pem) {
                Ok(clean) => *value = clean.into(),
                Err(_) if !pem.contains("-----BEGIN") => {
                    errors.add(name, format!("No {name} specified in string {pem}"))
                }
                Err(message) => errors.add(name, format!("Invalid {name} specified, error '{message}'")),
            }
        }
    }
    if let Some(proxy) = change.get::<String>("proxy_url")
        && url::Url::parse(&proxy).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
    {
        errors.add("proxy_url", "proxy_url must not contain credentials");
    }
    if errors.is_empty() {
        check_proxy_credentials(app, conn, draft, change, existing, errors)?;
    }
    Ok(())
}

fn check_proxy_credentials(
    app: &App,
    conn: &mut Conn,
    draft: &Draft,
    change: &Change,
    existing: Option<Id>,
    errors: &mut Errors,
) -> Result<()> {
    let stored = existing.map(|id| stored(app, conn, id)).transpose()?.unwrap_or_default();
    let after = |name: &str, stored: bool| draft.get(name).map_or(stored, |value| !value.is_null());
    let proxy = change.column("proxy_url").map_or(stored.proxy, |value| *value != crate::db::Value::Null);
    let username = after("proxy_username", stored.username);
    let password = after("proxy_password", stored.password);
    if (username || password) && !proxy {
        errors.non_field("proxy credentials cannot be specified without a proxy");
    } else if username != password {
        errors.non_field("proxy username and password can only be specified together");
    }
    Ok(())
}

/// Which of the proxy's settings a remote has.
#[derive(Default)]
struct Proxy {
    proxy: bool,
    username: bool,
    password: bool,
}

fn stored(app: &App, conn: &mut Conn, id: Id) -> Result<Proxy> {
    let row = conn.query_one("SELECT proxy_url, secrets FROM remote WHERE id = $1", params![id])?;
    let secrets = row.get::<Option<String>>(1)?.map(|sealed| app.secrets.open(&sealed)).transpose()?;
    let has = |name: &str| secrets.as_ref().and_then(|map| map.get(name)).is_some_and(|value| *value != Json::Null);
    Ok(Proxy {
        proxy: row.get::<Option<String>>(0)?.is_some(),
        username: has("proxy_username"),
        password: has("proxy_password"),
    })
}

/// The settings that a client gives for one download, of the names that remotes have.
///
/// # Errors
/// `Invalid` under `downloader_config`, naming what is no such setting.
pub fn read_network_settings(given: &Map<String, Json>, settings: &mut RemoteSettings) -> Result<()> {
    for (name, value) in given {
        let text = || value.as_str().map(str::to_owned);
        let number = || value.as_f64().filter(|number| *number >= 0.0);
        let count = || value.as_u64().and_then(|number| u32::try_from(number).ok());
        match name.as_str() {
            "ca_cert" => settings.ca_cert = text(),
            "client_cert" => settings.client_cert = text(),
            "client_key" => settings.client_key = text(),
            "tls_validation" => settings.tls_validation = value.as_bool().unwrap_or(true),
            "proxy_url" => settings.proxy_url = text(),
            "proxy_username" => settings.proxy_username = text(),
            "proxy_password" => settings.proxy_password = text(),
            "username" => settings.username = text(),
            "password" => settings.password = text(),
            "max_retries" => settings.max_retries = count(),
            "rate_limit" => settings.rate_limit = count(),
            "download_concurrency" => settings.download_concurrency = count(),
            "total_timeout" => settings.total_timeout = number(),
            "connect_timeout" => settings.connect_timeout = number(),
            "sock_connect_timeout" => settings.sock_connect_timeout = number(),
            "sock_read_timeout" => settings.sock_read_timeout = number(),
            "headers" => settings.headers = super::remote::headers(Some(value)),
            other => return Err(Error::field("downloader_config", format!("`{other}` is no setting of a download"))),
        }
    }
    Ok(())
}
