//! How the server of a remote is entered, where that is a matter of the format.

use serde_json::Value as Json;

pub use crate::download::{Denied, Login};
pub use reqwest::header::HeaderName;

/// A remote that is about to be read from.
#[derive(Clone, Copy)]
pub struct AccessRequest<'a> {
    pub pulp_type: &'a str,
    pub url: &'a str,
    pub details: &'a Json,
    /// Empty when the remote has none.
    pub username: &'a str,
    pub password: &'a str,
}

/// What it takes.
#[derive(Clone, Default)]
pub struct RemoteAccess {
    /// Where the files are, when the remote's address is none of the network. What the format is told of the remote, and
    /// whom secrets are for, goes by this.
    pub url: Option<String>,
    /// Sent with every request to the remote's own server, beside the query of the address: where it wants its token
    /// there.
    pub query: Option<String>,
    /// The login that the server wants first. The remote's user name and password are then sent nowhere else.
    pub login: Option<Login>,
}
