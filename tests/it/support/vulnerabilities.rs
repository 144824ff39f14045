//! A service that answers about known vulnerabilities as OSV does, and records to give it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::upstream::{Asked, Reply, Upstream};

/// What the service knows and how it answers.
#[derive(Default)]
pub struct State {
    /// Records by package and version.
    pub known: HashMap<(String, String), Vec<Value>>,
    /// The ecosystems asked about, in the order of the questions.
    pub ecosystems: Vec<String>,
    /// Answers everything.
    pub answer: Option<Reply>,
}

/// Gives two records a page.
pub struct VulnerabilityService {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

const PAGE: usize = 2;

impl VulnerabilityService {
    pub fn new() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let upstream = Upstream::answering(move |asked, _| answer(&mut shared.lock().unwrap(), asked));
        Self { upstream, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Replaces the records about a release.
    pub fn know(&self, package: &str, version: &str, records: &[Value]) {
        self.state().known.insert((package.to_owned(), version.to_owned()), records.to_vec());
    }

    pub fn url(&self) -> String {
        self.upstream.url("v1/query")
    }

    /// The releases asked for since this was last called, as `name version`, sorted; one for each page.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.upstream.take_asked();
        let mut releases: Vec<_> = asked.iter().map(|asked| release(&question(asked))).collect();
        releases.sort();
        releases
    }
}

fn question(asked: &Asked) -> Value {
    assert_eq!(asked.headers["content-type"], "application/json");
    serde_json::from_slice(&asked.body).unwrap()
}

fn release(question: &Value) -> String {
    format!("{} {}", question["package"]["name"].as_str().unwrap(), question["version"].as_str().unwrap())
}

fn answer(state: &mut State, asked: &Asked) -> Reply {
    if let Some(reply) = &state.answer {
        return reply.clone();
    }
    let question = question(asked);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    state.ecosystems.push(text(&question["package"]["ecosystem"]));
    let release = (text(&question["package"]["name"]), text(&question["version"]));
    let records = state.known.get(&release).map(Vec::as_slice).unwrap_or_default();
    let from: usize = question["page_token"].as_str().map_or(0, |token| token.parse().unwrap());
    let page: Vec<_> = records.iter().skip(from).take(PAGE).collect();
    let body = match (page.is_empty(), from + PAGE < records.len()) {
        (true, _) => json!({}),
        (false, false) => json!({"vulns": page}),
        (false, true) => json!({"vulns": page, "next_page_token": (from + PAGE).to_string()}),
    };
    Reply::Bytes(body.to_string().into_bytes())
}

/// A record about the versions of a package before the one in which it was fixed.
pub fn record(id: &str, package: &str, fixed: &str) -> Value {
    json!({
        "id": id,
        "summary": format!("a fault of {package}"),
        "affected": [{
            "package": {"ecosystem": "PyPI", "name": package},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
        }],
    })
}
