//! Servers that want a session: who logs in gets a token, which each further request carries in a header. The token is
//! got at the first request, shared by all, and got anew once the server no longer takes it.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use tokio::sync::Mutex;
use url::Url;

use super::failure::Failure;
use crate::error::{Error, Result};

/// The largest answer to a login.
const LARGEST: usize = 64 << 10;
/// The longest token.
const LONGEST_TOKEN: usize = 4 << 10;
/// A token younger than this is not what a server refuses: so nobody makes this server log in over and over by asking
/// for what it may not have.
const TRUSTED_FOR: Duration = Duration::from_secs(2);
/// Who was refused does not try again for so long: many wrong passwords lock an account.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// How to log in at a server.
#[derive(Clone)]
pub struct Login {
    /// Where to.
    pub url: String,
    pub content_type: &'static str,
    /// What is sent there. Holds the user's name and password, and so is shown nowhere.
    pub question: String,
    /// The token that an answer gives, or why it gives none: words that may be shown.
    pub read: fn(&[u8]) -> std::result::Result<String, Denied>,
    /// The header that carries the token.
    pub header: HeaderName,
}

/// Why there is no token.
#[derive(Debug, PartialEq, Eq)]
pub enum Denied {
    /// The server does not take the user's name or password. What it says to that is not passed on: it may repeat them.
    Credentials(String),
    /// The answer is none that such a server gives.
    Unreadable(String),
}

/// A login and what came of it.
pub(super) struct Session {
    login: Login,
    url: Url,
    state: Mutex<State>,
}

enum State {
    Out,
    In { token: HeaderValue, since: Instant },
    Refused { text: String, since: Instant },
}

impl Session {
    /// # Errors
    /// `Upstream` when there is no such address.
    pub fn new(login: Login) -> Result<Self> {
        let url = Url::parse(&login.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| Error::upstream("the address to log in at is not an http(s) address"))?;
        Ok(Self { login, url, state: Mutex::new(State::Out) })
    }

    /// The token, after a login if need be, put among the headers.
    pub async fn enter(&self, client: &Client, headers: &mut HeaderMap) -> Result<HeaderValue, Failure> {
        let token = self.token(client).await?;
        headers.insert(self.login.header.clone(), token.clone());
        Ok(token)
    }

    /// Whether it makes sense to ask again with another token, after `token` was answered so. Then it counts no more.
    pub async fn is_over(&self, status: StatusCode, token: &HeaderValue) -> bool {
        if !matches!(status.as_u16(), 401 | 403) {
            return false;
        }
        let mut state = self.state.lock().await;
        match &*state {
            State::In { token: current, since } if current == token => {
                let is_over = since.elapsed() >= TRUSTED_FOR;
                if is_over {
                    *state = State::Out;
                }
                is_over
            }
            // Somebody else got another one meanwhile.
            State::In { .. } | State::Out => true,
            State::Refused { .. } => false,
        }
    }

    /// One login for all who ask at the same time.
    async fn token(&self, client: &Client) -> Result<HeaderValue, Failure> {
        let mut state = self.state.lock().await;
        match &*state {
            State::In { token, .. } => return Ok(token.clone()),
            State::Refused { text, since } if since.elapsed() < REFUSED_FOR => {
                return Err(Failure::refused(&self.url, text));
            }
            State::Out | State::Refused { .. } => {}
        }
        let answer = self.ask(client).await?;
        let token = match (self.login.read)(&answer) {
            Ok(token) => token,
            Err(Denied::Credentials(text)) => {
                let failure = Failure::refused(&self.url, &text);
                *state = State::Refused { text, since: Instant::now() };
                return Err(failure);
            }
            Err(Denied::Unreadable(text)) => return Err(Failure::refused(&self.url, &text)),
        };
        let mut token = HeaderValue::from_str(&token)
            .ok()
            .filter(|token| (1..=LONGEST_TOKEN).contains(&token.len()))
            .ok_or_else(|| Failure::refused(&self.url, "the token of the session cannot be used"))?;
        token.set_sensitive(true);
        *state = State::In { token: token.clone(), since: Instant::now() };
        Ok(token)
    }

    async fn ask(&self, client: &Client) -> Result<Vec<u8>, Failure> {
        let request = client.post(self.url.clone()).header(CONTENT_TYPE, self.login.content_type);
        let sent = request.body(self.login.question.clone()).send().await;
        let mut response = sent.map_err(|error| Failure::transport(&self.url, error))?;
        if response.status() != StatusCode::OK {
            return Err(match Failure::status(&self.url, response.status(), None) {
                // It is not what was asked for that is missing.
                Failure::Missing(text) => Failure::Final(Error::Upstream(text)),
                failure => failure,
            });
        }
        let mut answer = vec![];
        while let Some(chunk) = response.chunk().await.map_err(|error| Failure::transport(&self.url, error))? {
            if answer.len() + chunk.len() > LARGEST {
                return Err(Failure::refused(&self.url, &format!("larger than the allowed {LARGEST} bytes")));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}
