//! A small blocking HTTP client: no redirects, no errors for statuses, the whole body in memory.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::http::{self, HeaderMap};

use super::multipart::Multipart;

/// Below this path lies the REST API.
pub const API: &str = "/pulp/api/v3/";

/// Speaks to one server as one user.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    /// Where the API is.
    api: String,
    authorization: Option<String>,
}

impl Client {
    pub fn new(address: SocketAddr, user: Option<(&str, &str)>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections_per_host(0)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        let authorization =
            user.map(|(name, password)| format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))));
        Self { agent: config.into(), base: format!("http://{address}"), api: API.to_owned(), authorization }
    }

    /// The same, speaking to the API of a domain.
    pub fn within(&self, domain: &str) -> Self {
        Self { api: format!("/pulp/{domain}/api/v3/"), ..self.clone() }
    }

    /// The same, as whoever a token speaks for.
    pub fn bearing(&self, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..self.clone() }
    }

    /// A request to a path below the API, to a path from the root (`/…`) or to a whole address.
    pub fn request(&self, method: &str, path: &str) -> Request<'_> {
        let address = if path.starts_with("http://") {
            path.to_owned()
        } else if path.starts_with('/') {
            format!("{}{path}", self.base)
        } else {
            format!("{}{}{path}", self.base, self.api)
        };
        let builder = http::Request::builder().method(method).uri(address);
        let request = Request { client: self, builder, body: None };
        match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    pub fn head(&self, path: &str) -> Answer {
        self.request("HEAD", path).send()
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path).json(&body).send()
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.request("PUT", path).json(&body).send()
    }

    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.request("PATCH", path).json(&body).send()
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).send()
    }

    /// A file of a distribution, redirects followed (an object store is reached by one).
    pub fn download(&self, address: &str) -> Answer {
        let mut answer = self.get(address);
        for _ in 0..3 {
            let Some(location) = answer.header("Location").map(str::to_owned) else { break };
            answer = Client { authorization: None, ..self.clone() }.get(&location);
        }
        answer
    }
}

/// A request being put together.
pub struct Request<'a> {
    client: &'a Client,
    builder: http::request::Builder,
    body: Option<Vec<u8>>,
}

impl Request<'_> {
    pub fn header(self, name: &str, value: &str) -> Self {
        Self { builder: self.builder.header(name, value), ..self }
    }

    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self }.header("Content-Type", content_type)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn multipart(self, body: Multipart) -> Self {
        let content_type = body.content_type();
        self.body(&content_type, body.finish())
    }

    pub fn send(self) -> Answer {
        self.try_send().unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// An error when the connection breaks before the end of the answer.
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        let agent = &self.client.agent;
        let mut response = match self.body {
            Some(body) => agent.run(self.builder.body(body)?)?,
            None => agent.run(self.builder.body(())?)?,
        };
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// Fails the test, showing the body, when the status is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
