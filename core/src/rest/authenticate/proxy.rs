//! Users that a proxy names in a header, after it asked them itself: by name, or somewhere in JSON.
//!
//! Only a connection from one of `trusted_proxies` is believed. From everybody else the headers mean nothing, as if
//! they had not been sent. Who is believed has to set or remove the headers of every request it passes on.

use actix_web::HttpRequest;
use actix_web::http::Method;
use base64::Engine;
use serde_json::Value as Json;

use super::address;
use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::error::{Error, Result};
use crate::guards::{BASE64, Filter};

/// The headers that name users; none unless the configuration says so.
#[derive(Default)]
pub struct Proxies {
    /// Its value is the name.
    plain: Option<String>,
    /// Its value is JSON in base64, where the filter finds the name.
    json: Option<(String, Filter)>,
}

impl Proxies {
    /// # Errors
    /// The filter cannot be read.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let names = (&config.authentication_json_header, &config.authentication_json_header_jq_filter);
        let json = match names {
            (Some(header), Some(filter)) => {
                let wrong = |problem| ConfigError::for_key("authentication_json_header_jq_filter", problem);
                Some((header_name(header), Filter::parse(filter).map_err(wrong)?))
            }
            _ => None,
        };
        Ok(Self { plain: config.remote_user_header.as_deref().map(header_name), json })
    }

    /// The name that a trusted proxy gives; none where none does.
    ///
    /// # Errors
    /// `Unauthenticated` when the header says nothing that can be read, `CrossSite` when a page of another site sent
    /// the request.
    pub fn named(&self, app: &App, request: &HttpRequest) -> Result<Option<String>> {
        if (self.plain.is_none() && self.json.is_none()) || !address::is_from_proxy(app, request) {
            return Ok(None);
        }
        let name = match self.plain.as_ref().map(|header| value(request, header)).transpose()?.flatten() {
            Some(name) => Some(name.to_owned()),
            None => self.named_in_json(request)?,
        };
        if name.is_some() {
            refuse_other_sites(app, request)?;
        }
        Ok(name)
    }

    fn named_in_json(&self, request: &HttpRequest) -> Result<Option<String>> {
        let Some((header, filter)) = &self.json else { return Ok(None) };
        let Some(text) = value(request, header)? else { return Ok(None) };
        let read = || {
            let json: Json = serde_json::from_slice(&BASE64.decode(text).ok()?).ok()?;
            filter.first(&json)?.as_str().map(str::to_owned)
        };
        read().map(Some).ok_or_else(|| unreadable(header))
    }
}

/// The value of a header that is there once.
fn value<'r>(request: &'r HttpRequest, header: &str) -> Result<Option<&'r str>> {
    let mut values = request.headers().get_all(header);
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim).filter(|text| !text.is_empty() && values.next().is_none());
    text.map(Some).ok_or_else(|| unreadable(header))
}

fn unreadable(header: &str) -> Error {
    Error::Unauthenticated(format!("the header {header} names no user"))
}

/// The name as it is sent: Pulp's settings have it as the variables of CGI do, `HTTP_X_IDENTITY`.
fn header_name(configured: &str) -> String {
    match configured.strip_prefix("HTTP_") {
        Some(name) => name.replace('_', "-"),
        None => configured.to_owned(),
    }
}

/// A browser that is known to the proxy lets any page send requests in its user's name. Such a page cannot hide where
/// it comes from.
fn refuse_other_sites(app: &App, request: &HttpRequest) -> Result<()> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return Ok(());
    }
    let Some(origin) = request.headers().get("Origin") else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let (own, asked) = (app.config.content_origin.as_deref(), request.connection_info());
    let is_own = own == Some(origin) || origin.split_once("://").is_some_and(|(_, host)| host == asked.host());
    if is_own { Ok(()) } else { Err(Error::CrossSite("the request comes from another site.")) }
}

#[cfg(test)]
mod tests {
    use super::header_name;

    #[test]
    fn names_of_headers_are_taken_in_either_spelling() {
        assert_eq!(header_name("HTTP_X_RH_IDENTITY"), "X-RH-IDENTITY");
        assert_eq!(header_name("X-Remote-User"), "X-Remote-User");
    }
}
