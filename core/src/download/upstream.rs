//! One request to a remote: its turn, its hops, what each server on the way may know.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE};
use reqwest::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use url::Url;

use super::address::{forget_credentials, may_know_secrets};
use super::body::{Answer, Body, open_file};
use super::failure::{Failure, may_pass};
use super::file_url::{readable_folder, readable_path};
use super::pace::Pace;
use super::retry::{Schedule, retry_after};
use super::session::Session;
use super::stream::ByteRange;
use super::{RemoteSettings, client};
use crate::error::{Error, Result};
use crate::trace::{Span, SpanKind};

const MOST_REDIRECTS: usize = 10;
const DEFAULT_CONCURRENCY: u32 = 10;
const DEFAULT_RETRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);

pub(super) struct Upstream {
    pub url: String,
    pub schedule: Schedule,
    client: Client,
    home: Option<Url>,
    secret_headers: HeaderMap,
    secret_query: Option<String>,
    session: Option<Session>,
    slots: Semaphore,
    pace: Option<Pace>,
    allowed_import_paths: Vec<PathBuf>,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub url: &'a str,
    pub accept: Option<&'a str>,
    pub range: Option<ByteRange>,
    /// What an earlier answer was marked with: only news are asked for.
    pub etag: Option<&'a str>,
    pub last_modified: Option<&'a str>,
    /// Sent with the question, which then is a POST; also to where redirects lead.
    pub body: Option<&'a Posted>,
    /// Sent to the server that is asked, but not to another one to which it redirects.
    pub headers: &'a [(HeaderName, HeaderValue)],
}

/// What is sent with a question, and its type.
#[derive(Clone, Debug)]
pub struct Posted {
    pub content_type: &'static str,
    pub bytes: Bytes,
}

impl<'a> Question<'a> {
    pub fn whole(url: &'a str) -> Self {
        Self { url, accept: None, range: None, etag: None, last_modified: None, body: None, headers: &[] }
    }
}

impl Upstream {
    pub fn new(settings: &RemoteSettings, allowed_import_paths: &[PathBuf]) -> Result<Self> {
        let concurrency = settings.download_concurrency.unwrap_or(DEFAULT_CONCURRENCY).max(1) as usize;
        let max_retries = settings.max_retries.unwrap_or(DEFAULT_RETRIES);
        Ok(Self {
            url: settings.url.clone(),
            schedule: Schedule { max_retries, first_wait: FIRST_WAIT },
            client: client::build(settings)?,
            home: Url::parse(&settings.url).ok(),
            secret_headers: client::secret_headers(settings)?,
            secret_query: settings.query.clone().filter(|query| !query.is_empty()),
            session: settings.login.clone().map(Session::new).transpose()?,
            slots: Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)),
            pace: settings.rate_limit.and_then(Pace::new),
            allowed_import_paths: allowed_import_paths.to_vec(),
        })
    }

    /// Waits until one more request is allowed; the permit is held as long as the request lasts.
    pub async fn slot(&self) -> Result<SemaphorePermit<'_>> {
        let permit = self.slots.acquire().await.map_err(Error::internal)?;
        if let Some(pace) = &self.pace {
            pace.turn().await;
        }
        Ok(permit)
    }

    /// One attempt, redirects included. Answers that may pass are failures, others are not judged.
    pub async fn ask(&self, question: Question<'_>) -> Result<Answer, Failure> {
        let mut url = Url::parse(question.url)
            .map_err(|_| Error::upstream(format!("not a valid URL: '{}'", super::redacted(question.url))))?;
        match url.scheme() {
            "file" => return self.ask_file(url, question.range).await,
            "http" | "https" => {}
            _ => return Err(Failure::refused(&url, "[PLP0009] scheme is not supported")),
        }
        let asked = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            forget_credentials(&mut url);
            let headers = if may_know_secrets(&asked, &url) { question.headers } else { &[] };
            let response = self.send(&url, Question { headers, ..question }).await?;
            match redirect_target(&url, &response)? {
                Some(target) => url = target,
                None => return judged(url, response),
            }
        }
        Err(Failure::refused(&url, "too many redirects"))
    }

    /// One attempt at a whole file: everything but 200 is a failure.
    pub async fn ask_whole(&self, question: Question<'_>) -> Result<Answer, Failure> {
        let answer = self.ask(question).await?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            status => Err(Failure::status(&answer.url, status, None)),
        }
    }

    async fn send(&self, url: &Url, question: Question<'_>) -> Result<Response, Failure> {
        let is_own = self.home.as_ref().is_some_and(|home| may_know_secrets(home, url));
        if !is_own {
            return self.send_with(HeaderMap::new(), false, url, question).await;
        }
        let mut headers = self.secret_headers.clone();
        let Some(session) = &self.session else { return self.send_with(headers, true, url, question).await };
        let token = session.enter(&self.client, &mut headers).await?;
        let response = self.send_with(headers.clone(), true, url, question).await?;
        if !session.is_over(response.status(), &token).await {
            return Ok(response);
        }
        session.enter(&self.client, &mut headers).await?;
        self.send_with(headers, true, url, question).await
    }

    async fn send_with(
        &self,
        mut headers: HeaderMap,
        is_own: bool,
        url: &Url,
        question: Question<'_>,
    ) -> Result<Response, Failure> {
        let mut target = url.clone();
        if let Some(query) = self.secret_query.as_deref().filter(|_| is_own) {
            let before = url.query().filter(|before| !before.is_empty());
            target.set_query(Some(&before.map_or_else(|| query.to_owned(), |before| format!("{before}&{query}"))));
        }
        for (name, value) in question.headers {
            headers.insert(name, value.clone());
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let range = question.range.map(|range| range.to_string());
        set(&mut headers, ACCEPT, question.accept)?;
        set(&mut headers, RANGE, range.as_deref())?;
        set(&mut headers, IF_NONE_MATCH, question.etag)?;
        set(&mut headers, IF_MODIFIED_SINCE, question.last_modified)?;
        let request = match question.body {
            Some(body) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.content_type));
                self.client.post(target).body(body.bytes.clone())
            }
            None => self.client.get(target),
        };
        let mut span = Span::child("upstream", SpanKind::Client);
        if span.is_recorded() {
            span.set("url.full", super::redacted(url.as_str()));
            span.set("server.address", url.host_str().unwrap_or_default().to_owned());
        }
        match request.headers(headers).send().await {
            Ok(response) => {
                span.set("http.response.status_code", i64::from(response.status().as_u16()));
                Ok(response)
            }
            Err(error) => {
                span.fail("no answer");
                Err(Failure::transport(url, error))
            }
        }
    }

    /// The path of the folder that a file:// address names, when it may be read.
    pub async fn folder(&self, url: Url) -> Result<PathBuf, Failure> {
        let allowed = self.allowed_import_paths.clone();
        spawn_blocking(move || readable_folder(&url, &allowed)).await.map_err(Error::internal)?
    }

    async fn ask_file(&self, url: Url, range: Option<ByteRange>) -> Result<Answer, Failure> {
        let allowed = self.allowed_import_paths.clone();
        let open = move || readable_path(&url, &allowed).and_then(|path| open_file(&url, &path, range));
        spawn_blocking(open).await.map_err(Error::internal)?
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) -> Result<()> {
    if let Some(value) = value {
        headers.insert(name, HeaderValue::from_str(value).map_err(Error::internal)?);
    }
    Ok(())
}

fn judged(url: Url, response: Response) -> Result<Answer, Failure> {
    let (status, headers) = (response.status(), response.headers().clone());
    if may_pass(status) {
        return Err(Failure::status(&url, status, retry_after(&headers)));
    }
    Ok(Answer { status, url, headers, body: Body::Http(Box::new(response)) })
}

/// Where to go next, if anywhere. Only http and https are followed: a server must not make us read files.
fn redirect_target(url: &Url, response: &Response) -> Result<Option<Url>, Failure> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| url.join(location).ok());
    match target {
        Some(target) if matches!(target.scheme(), "http" | "https") => Ok(Some(target)),
        _ => Err(Failure::refused(url, "redirected to what is not an http(s) address")),
    }
}
