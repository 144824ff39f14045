//! What must hold of upstream servers, and how they are reached.

use serde_json::Value as Json;
use url::Url;

use crate::app::App;
use crate::db::upstream_pulps::UpstreamRow;
use crate::db::{Conn, Value};
use crate::download::{self, Downloader, RemoteSettings};
use crate::error::{Error, Result};
use crate::ops::configured::Change;
use crate::resource::{Errors, FilterContext, Kind, Scope, expression};

/// Seconds that one page of a list may take unless the server's settings say otherwise: a server that sends a byte from
/// time to time must not keep a task for ever.
const PAGE_TIMEOUT: f64 = 300.0;

/// Checks the address, the certificates and the selection.
pub fn check(scope: &Scope<'_>, conn: &mut Conn, change: &mut Change, errors: &mut Errors) -> Result<()> {
    if let Some(url) = change.get::<String>("base_url")
        && !is_server(&url)
    {
        errors.add("base_url", "Enter a valid URL.");
    }
    for (name, value) in &mut change.columns {
        if let (true, Value::Text(pem)) = (name == "ca_cert" || name == "client_cert", &*value) {
            match download::clean_certificates(pem) {
                Ok(clean) => *value = clean.into(),
                Err(message) => errors.add(name, format!("Invalid {name} specified, error '{message}'")),
            }
        }
    }
    match change.get::<String>("q_select") {
        Some(selection) => check_selection(scope, conn, &selection, errors),
        None => Ok(()),
    }
}

fn is_server(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.fragment().is_none()
    })
}

/// Checks that the selection is an expression with the filters of distributions.
pub fn check_selection(scope: &Scope<'_>, conn: &mut Conn, selection: &str, errors: &mut Errors) -> Result<()> {
    let all = scope.registry.resources.iter().find(|one| one.kind == Kind::Distribution && one.pulp_type.is_none());
    let all = all.ok_or_else(|| Error::internal("no list of all distributions"))?;
    if selection.is_empty() {
        return Ok(());
    }
    // What it refers to is the upstream's, so only its form is checked.
    match expression::clause(&all.filters, &mut FilterContext { scope: *scope, conn }, selection) {
        Ok(_) => {}
        Err(Error::Invalid(messages)) => {
            messages.into_values().flatten().for_each(|message| errors.add("q_select", message));
        }
        Err(Error::InvalidBody(_)) => {}
        Err(other) => return Err(other),
    }
    Ok(())
}

/// What reads the upstream's lists.
pub(super) fn downloader(app: &App, upstream: &UpstreamRow) -> Result<Downloader> {
    let secrets = secrets(app, upstream)?;
    let secret = |name: &str| secrets.get(name).and_then(Json::as_str).map(str::to_owned);
    let count = |number: Option<i64>| number.map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX));
    let settings = RemoteSettings {
        url: upstream.base_url.clone(),
        ca_cert: upstream.ca_cert.clone(),
        client_cert: upstream.client_cert.clone(),
        client_key: secret("client_key"),
        tls_validation: upstream.tls_validation,
        username: secret("username"),
        password: secret("password"),
        download_concurrency: count(upstream.download_concurrency),
        max_retries: count(upstream.max_retries),
        total_timeout: upstream.total_timeout.filter(|seconds| *seconds > 0.0).or(Some(PAGE_TIMEOUT)),
        connect_timeout: upstream.connect_timeout,
        sock_connect_timeout: upstream.sock_connect_timeout,
        sock_read_timeout: upstream.sock_read_timeout,
        ..RemoteSettings::default()
    };
    Downloader::new(&settings, &[])
}

/// The secrets of an upstream server; an empty map where it has none.
pub(super) fn secrets(app: &App, upstream: &UpstreamRow) -> Result<Json> {
    Ok(upstream.secrets.as_deref().map(|sealed| app.secrets.open(sealed)).transpose()?.unwrap_or_default())
}

/// The root of the upstream's API, and the same of the domain that is replicated.
pub(super) fn addresses(upstream: &UpstreamRow) -> (String, String) {
    let server = upstream.base_url.trim_end_matches('/');
    let root = match upstream.api_root.trim_matches('/') {
        "" => format!("{server}/"),
        root => format!("{server}/{root}/"),
    };
    let domain = upstream.domain.as_deref().map(|domain| format!("{domain}/")).unwrap_or_default();
    (format!("{root}api/v3/"), format!("{root}{domain}api/v3/"))
}

/// Whether content at this address may be asked for with what the upstream is asked with: it lies on the same host, and
/// is not asked for more openly.
pub(super) fn may_know_secrets(upstream: &UpstreamRow, content: &Url) -> bool {
    Url::parse(&upstream.base_url)
        .is_ok_and(|base| base.host() == content.host() && (base.scheme() == "http" || content.scheme() == "https"))
}
