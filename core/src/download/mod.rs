//! Everything that is read from an upstream server: requests with the settings of a remote, their
//! retries, limits and checks. Knows neither the database nor any format.
//!
//! The upstream is taken to be hostile: redirects are bounded and never leave http(s), credentials and
//! custom headers stay with the remote's own server, sizes and digests are checked while the bytes
//! arrive, and no text of an error carries a user name, a password or a query string.

mod address;
mod body;
mod client;
mod failure;
mod fetch;
mod file_url;
mod pace;
mod page;
mod retry;
mod server_certificate;
mod session;
mod stream;
mod tls;
mod upstream;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

pub use address::{is_below, join_path, join_reference, redacted, resolve};
pub use failure::Refusal;
pub use fetch::{Fetched, Tried, Wanted};
pub use file_url::{allowed_path, check_url};
pub use page::{PageAnswer, PageHead, PageRequest};
pub use session::{Denied, Login};
pub use stream::{ByteRange, Streamed};
pub use tls::{clean_certificates, install_tls_provider};
pub use upstream::Posted;

use crate::error::{Error, Result};
use upstream::Upstream;

/// A client for servers that the configuration names.
pub(crate) fn plain_client() -> Result<reqwest::Client> {
    client::build(&RemoteSettings { tls_validation: true, ..RemoteSettings::default() })
}

/// What a remote says about reading from its server; `None` means the default.
#[derive(Clone, Default)]
pub struct RemoteSettings {
    pub url: String,
    /// PEM. Replaces the system's authorities, as in Pulp.
    pub ca_cert: Option<String>,
    /// PEM; the key may stand in it or in `client_key`.
    pub client_cert: Option<String>,
    pub client_key: Option<String>,
    pub tls_validation: bool,
    /// `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h`, without a path.
    pub proxy_url: Option<String>,
    pub proxy_username: Option<String>,
    pub proxy_password: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub headers: Vec<(String, String)>,
    /// Appended to the query of each request to the remote's own server: where an upstream wants its token.
    pub query: Option<String>,
    /// How to get the token that requests to the remote's own server carry, where it wants that.
    pub login: Option<Login>,
    /// Requests at the same time; 10.
    pub download_concurrency: Option<u32>,
    /// Further attempts after the first; 3.
    pub max_retries: Option<u32>,
    /// Requests per second; unlimited.
    pub rate_limit: Option<u32>,
    /// Seconds for one attempt including its body; unlimited. For all four, 0 means unlimited.
    pub total_timeout: Option<f64>,
    /// Seconds until a connection stands; 60. The smaller of the two counts.
    pub connect_timeout: Option<f64>,
    pub sock_connect_timeout: Option<f64>,
    /// Seconds without a byte; 60.
    pub sock_read_timeout: Option<f64>,
}

/// Reads from one remote. Clones share connections, the concurrency limit and the rate limit, so one
/// downloader serves a whole synchronization.
#[derive(Clone)]
pub struct Downloader {
    upstream: Arc<Upstream>,
}

impl Downloader {
    /// Files are read only below `allowed_import_paths`. Settings that cannot work are an
    /// `Error::Invalid` naming the field; nothing is sent yet.
    pub fn new(settings: &RemoteSettings, allowed_import_paths: &[PathBuf]) -> Result<Self> {
        Ok(Self { upstream: Arc::new(Upstream::new(settings, allowed_import_paths)?) })
    }

    /// The path of the folder of this host that a file:// address names.
    ///
    /// # Errors
    /// `Upstream` when there is none, and unless it lies below the allowed import paths.
    pub async fn folder(&self, url: &str) -> Result<PathBuf> {
        let parsed =
            url::Url::parse(url).map_err(|_| Error::upstream(format!("not a valid URL: '{}'", redacted(url))))?;
        self.upstream.folder(parsed).await.map_err(failure::Failure::into_error)
    }

    /// The address of a file that a manifest of this remote names by its path relative to itself; see
    /// [`resolve`].
    pub fn resolve(&self, relative: &str) -> String {
        resolve(&self.upstream.url, relative)
    }
}
