//! Reading from the upstream that a remote describes.

use serde_json::Value as Json;

use crate::app::App;
use crate::auth::Secrets;
use crate::db::remotes::RemoteRow;
use crate::download::{Downloader, RemoteSettings};
use crate::error::Result;
use crate::plugin::{AccessRequest, RemoteAccess};

/// A downloader with the settings of the remote.
///
/// # Errors
/// `Invalid` naming the field that cannot work.
pub fn downloader(app: &App, remote: &RemoteRow) -> Result<Downloader> {
    let mut settings = settings(remote, &app.secrets)?;
    let access = access(app, remote, &settings)?;
    settings.query = access.query;
    if access.login.is_some() {
        // They are for the login alone.
        (settings.username, settings.password) = (None, None);
    }
    settings.login = access.login;
    settings.url = access.url.unwrap_or(settings.url);
    Downloader::new(&settings, &app.config.allowed_import_paths)
}

/// The remote with the address under which its server is really asked, where its own is none of the network.
///
/// # Errors
/// As [`downloader`].
pub fn reached(app: &App, remote: RemoteRow) -> Result<RemoteRow> {
    let access = access(app, &remote, &settings(&remote, &app.secrets)?)?;
    Ok(RemoteRow { url: access.url.unwrap_or(remote.url), ..remote })
}

fn access(app: &App, remote: &RemoteRow, settings: &RemoteSettings) -> Result<RemoteAccess> {
    let Some(plugin) = app.registry.plugin(&remote.pulp_type) else { return Ok(RemoteAccess::default()) };
    plugin.remote_access(&AccessRequest {
        pulp_type: &remote.pulp_type,
        url: &remote.url,
        details: &remote.details,
        username: settings.username.as_deref().unwrap_or_default(),
        password: settings.password.as_deref().unwrap_or_default(),
    })
}

fn settings(remote: &RemoteRow, secrets: &Secrets) -> Result<RemoteSettings> {
    let opened = remote.secrets.as_deref().map(|sealed| secrets.open(sealed)).transpose()?.unwrap_or_default();
    let secret = |name: &str| opened.get(name).and_then(Json::as_str).map(str::to_owned);
    // A negative number was never a limit.
    let count = |number: Option<i64>| number.map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX));
    Ok(RemoteSettings {
        url: remote.url.clone(),
        ca_cert: remote.ca_cert.clone(),
        client_cert: remote.client_cert.clone(),
        client_key: secret("client_key"),
        tls_validation: remote.tls_validation,
        proxy_url: remote.proxy_url.clone(),
        proxy_username: secret("proxy_username"),
        proxy_password: secret("proxy_password"),
        username: secret("username"),
        password: secret("password"),
        headers: headers(remote.headers.as_ref()),
        query: None,
        login: None,
        download_concurrency: count(remote.download_concurrency),
        max_retries: count(remote.max_retries),
        rate_limit: count(remote.rate_limit),
        total_timeout: remote.total_timeout,
        connect_timeout: remote.connect_timeout,
        sock_connect_timeout: remote.sock_connect_timeout,
        sock_read_timeout: remote.sock_read_timeout,
    })
}

/// The headers of a list of maps, as remotes keep them.
pub fn headers(list: Option<&Json>) -> Vec<(String, String)> {
    let maps = list.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object);
    maps.flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_are_a_list_of_maps() {
        let list = json!([{"a": "1", "b": "2"}, 5, {"c": "3"}]);
        let names: Vec<_> = headers(Some(&list)).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(headers(None).is_empty());
    }
}
