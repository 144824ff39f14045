//! The HTTP client that the settings of a remote describe. Redirects are not its business: `upstream`
//! follows them, deciding at each hop what the next server may know.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::header::{TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use reqwest::redirect::Policy;
use reqwest::{Client, Proxy};
use url::Url;

use super::{RemoteSettings, tls};
use crate::error::{Error, Result};

const DEFAULT_TIMEOUT: f64 = 60.0;
const USER_AGENT: &str = concat!("pith/", env!("CARGO_PKG_VERSION"));

/// These speak about one connection, which is the client's own business.
const OF_THE_CONNECTION: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

pub(super) fn build(settings: &RemoteSettings) -> Result<Client> {
    tls::install_tls_provider();
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .tls_backend_preconfigured(tls::client_config(settings)?);
    if let Some(timeout) = seconds("total_timeout", settings.total_timeout)? {
        builder = builder.timeout(timeout);
    }
    if let Some(timeout) = connect_timeout(settings)? {
        builder = builder.connect_timeout(timeout);
    }
    let read_timeout = settings.sock_read_timeout.or(Some(DEFAULT_TIMEOUT));
    if let Some(timeout) = seconds("sock_read_timeout", read_timeout)? {
        builder = builder.read_timeout(timeout);
    }
    if let Some(proxy) = proxy(settings)? {
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(Error::internal)
}

/// What only the remote's own server is told: custom headers and credentials.
pub(super) fn secret_headers(settings: &RemoteSettings) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(username) = &settings.username {
        let password = settings.password.as_deref().unwrap_or_default();
        let text = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
        headers.insert(AUTHORIZATION, sensitive(&text).map_err(|_| Error::field("username", "is not usable"))?);
    }
    for (name, value) in &settings.headers {
        let wrong = || Error::field("headers", format!("`{}` is not a valid header.", name.escape_default()));
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        let value = sensitive(value).map_err(|_| wrong())?;
        if !OF_THE_CONNECTION.contains(&name) {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// Headers that somebody other than the remote's owner asks for, without those that are the client's own business.
///
/// # Errors
/// `Upstream` naming the one that is none.
pub(super) fn headers(given: &[(String, String)]) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = Vec::with_capacity(given.len());
    for (name, value) in given {
        let wrong = || Error::upstream(format!("`{}` is not a valid header", name.escape_default()));
        let (name, value) = (HeaderName::try_from(name).map_err(|_| wrong())?, sensitive(value).map_err(|_| wrong())?);
        if !OF_THE_CONNECTION.contains(&name) && name != HOST {
            headers.push((name, value));
        }
    }
    Ok(headers)
}

fn sensitive(text: &str) -> Result<HeaderValue, reqwest::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Zero switches a timeout off, as it does for Pulp's remotes.
fn seconds(field: &str, timeout: Option<f64>) -> Result<Option<Duration>> {
    match timeout {
        None | Some(0.0) => Ok(None),
        Some(timeout) => {
            let duration = Duration::try_from_secs_f64(timeout);
            duration.map(Some).map_err(|_| Error::field(field, "Ensure this value is greater than or equal to 0.0."))
        }
    }
}

fn connect_timeout(settings: &RemoteSettings) -> Result<Option<Duration>> {
    let connect = seconds("connect_timeout", settings.connect_timeout.or(Some(DEFAULT_TIMEOUT)))?;
    let sock_connect = seconds("sock_connect_timeout", settings.sock_connect_timeout)?;
    Ok(connect.into_iter().chain(sock_connect).min())
}

fn proxy(settings: &RemoteSettings) -> Result<Option<Proxy>> {
    let Some(text) = settings.proxy_url.as_deref().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = |message: &str| Error::field("proxy_url", message);
    let mut url = Url::parse(text).map_err(|_| wrong("Enter a valid URL."))?;
    if !matches!(url.scheme(), "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h") {
        return Err(wrong("The scheme of a proxy must be http, https, socks4, socks4a, socks5 or socks5h."));
    }
    if url.host().is_none() {
        return Err(wrong("Enter a valid URL."));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("The URL of a proxy must have neither path nor query."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("proxy_url must not contain credentials"));
    }
    if let Some(username) = &settings.proxy_username {
        url.set_username(username).map_err(|()| wrong("Enter a valid URL."))?;
        url.set_password(settings.proxy_password.as_deref()).map_err(|()| wrong("Enter a valid URL."))?;
    }
    // The cause would repeat the address with its credentials.
    Proxy::all(url).map(Some).map_err(|_| wrong("Enter a valid URL."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: RemoteSettings) -> String {
        let headers = secret_headers(&settings).and_then(|_| build(&settings));
        headers.err().map(|error| error.public_text()).unwrap_or_default()
    }

    #[test]
    fn settings_that_cannot_work_name_their_field() {
        for proxy in ["proxy:3128", "ftp://h", "http://h/path", "http://u:p@h", "::", "http://"] {
            let text = refused(RemoteSettings { proxy_url: Some(proxy.into()), ..Default::default() });
            assert!(text.starts_with("proxy_url: "), "{proxy} {text}");
        }
        let text = refused(RemoteSettings { headers: vec![("X\n".into(), "v".into())], ..Default::default() });
        assert!(text.starts_with("headers: "), "{text}");
        for timeout in [-1.0, f64::NAN, f64::INFINITY] {
            let text = refused(RemoteSettings { total_timeout: Some(timeout), ..Default::default() });
            assert!(text.starts_with("total_timeout: "), "{text}");
        }
    }

    #[test]
    fn settings_that_work_are_taken() {
        for proxy in ["http://h:3128", "https://h/", "socks5h://h:1080"] {
            let (proxy_username, proxy_password) = (Some("u@".into()), Some("p:/".into()));
            let proxy_url = Some(proxy.into());
            assert_eq!(refused(RemoteSettings { proxy_url, proxy_username, proxy_password, ..Default::default() }), "");
        }
        let headers = vec![("Connection".into(), "keep-alive".into())];
        assert_eq!(refused(RemoteSettings { headers, total_timeout: Some(0.0), ..Default::default() }), "");
    }
}
