//! A package index to sync from, whose state a test changes as it likes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::pulp::sha256;
use super::upstream::{Asked, Reply, Upstream};
use super::wheel::Wheel;

pub const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";

/// How the index presents itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// JSON, with a serial for each project.
    Serials,
    /// JSON without serials; pages are marked with ETags.
    Json,
    /// HTML without digests of any kind; pages are marked with ETags.
    Bare,
}

/// What the index holds.
pub struct State {
    pub style: Style,
    pub projects: BTreeMap<String, Project>,
    /// The older JSON API exists; with these fields in `info`.
    pub api: Option<Value>,
    /// Answers that replace those of the index, by path.
    pub answers: HashMap<String, Reply>,
}

#[derive(Clone, Default)]
pub struct Project {
    pub serial: u64,
    pub files: Vec<IndexFile>,
}

#[derive(Clone)]
pub struct IndexFile {
    pub filename: String,
    pub bytes: Vec<u8>,
    /// The METADATA that is served beside it.
    pub metadata: Option<String>,
    /// Fields that replace those of its entry.
    pub fields: Value,
}

impl IndexFile {
    pub fn of(wheel: Wheel) -> Self {
        Self { filename: wheel.filename, bytes: wheel.bytes, metadata: None, fields: json!({}) }
    }

    fn url(&self) -> String {
        format!("/files/{}", self.filename)
    }

    /// Its entry on the project's page in JSON.
    fn entry(&self) -> Value {
        let mut entry = json!({
            "filename": self.filename,
            "url": self.url(),
            "hashes": {"sha256": sha256(&self.bytes)},
            "size": self.bytes.len(),
            "upload-time": "2024-02-03T04:05:06.000000Z",
        });
        if let Some(metadata) = &self.metadata {
            entry["core-metadata"] = json!({"sha256": sha256(metadata.as_bytes())});
        }
        for (name, value) in self.fields.as_object().unwrap() {
            entry[name] = value.clone();
        }
        entry
    }
}

pub struct PackageIndex {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

impl PackageIndex {
    pub fn new(style: Style) -> Self {
        let state = State { style, projects: BTreeMap::new(), api: None, answers: HashMap::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let upstream = Upstream::answering(move |asked, _| answer(&shared.lock().unwrap(), asked));
        Self { upstream, state }
    }

    /// With one release of each of these projects.
    pub fn of(style: Style, names: &[&str]) -> Self {
        let index = Self::new(style);
        names.iter().for_each(|name| index.release(name, "1.0"));
        index
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn url(&self) -> String {
        self.upstream.url("")
    }

    /// Adds a wheel of this version and raises the project's serial.
    pub fn release(&self, name: &str, version: &str) {
        self.add(name, IndexFile::of(Wheel::new(name, version)));
    }

    pub fn add(&self, name: &str, file: IndexFile) {
        let mut state = self.state();
        let project = state.projects.entry(name.to_owned()).or_default();
        project.serial += 100;
        project.files.push(file);
    }

    /// The paths asked for since this was last called, in the order of their bytes.
    pub fn asked(&self) -> Vec<String> {
        let mut paths: Vec<_> = self.upstream.take_asked().into_iter().map(|asked| asked.path).collect();
        paths.sort();
        paths
    }
}

fn answer(state: &State, asked: &Asked) -> Reply {
    let path = asked.path.as_str();
    if let Some(reply) = state.answers.get(path) {
        return reply.clone();
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["simple"] => page(state, asked, list(state)),
        ["simple", name] => match state.projects.get(*name) {
            Some(project) => page(state, asked, project_page(state, name, project)),
            None => Reply::Status(404),
        },
        ["pypi", name, "json"] => match (&state.api, state.projects.get(*name)) {
            (Some(info), Some(project)) => Reply::Headers(
                vec![("Content-Type".into(), "application/json".into())],
                api_page(info, name, project).to_string().into_bytes(),
            ),
            _ => Reply::Status(404),
        },
        ["files", filename] => file(state, filename),
        _ => Reply::Status(404),
    }
}

fn file(state: &State, filename: &str) -> Reply {
    let files = || state.projects.values().flat_map(|project| &project.files);
    let found = match filename.strip_suffix(".metadata") {
        Some(of) => {
            files().find(|file| file.filename == of).and_then(|file| file.metadata.clone().map(String::into_bytes))
        }
        None => files().find(|file| file.filename == filename).map(|file| file.bytes.clone()),
    };
    found.map_or(Reply::Status(404), Reply::Bytes)
}

/// The text with its media type, or that it is as the client knows it.
fn page(state: &State, asked: &Asked, text: String) -> Reply {
    let etag = format!("\"{}\"", &sha256(text.as_bytes())[..16]);
    if asked.headers.get("if-none-match") == Some(&etag) {
        return Reply::Status(304);
    }
    let media_type = if state.style == Style::Bare { "text/html" } else { SIMPLE_JSON };
    let headers = vec![("Content-Type".into(), media_type.into()), ("ETag".into(), etag)];
    Reply::Headers(headers, text.into_bytes())
}

fn list(state: &State) -> String {
    if state.style == Style::Bare {
        let links: String = state.projects.keys().map(|name| format!("<a href=\"{name}/\">{name}</a>\n")).collect();
        return format!("<!DOCTYPE html><html><body>{links}</body></html>");
    }
    let entry = |(name, project): (&String, &Project)| match state.style {
        Style::Serials => json!({"name": name, "_last-serial": project.serial}),
        _ => json!({"name": name}),
    };
    let projects: Vec<_> = state.projects.iter().map(entry).collect();
    json!({"meta": {"api-version": "1.1", "_last-serial": 1}, "projects": projects}).to_string()
}

fn project_page(state: &State, name: &str, project: &Project) -> String {
    if state.style == Style::Bare {
        let link = |file: &IndexFile| {
            let href = file.fields["href"].as_str().map_or_else(|| file.url(), str::to_owned);
            format!("<a href=\"{href}\">{}</a>\n", file.filename)
        };
        let links: String = project.files.iter().map(link).collect();
        return format!("<!DOCTYPE html><html><body>{links}</body></html>");
    }
    let files: Vec<_> = project.files.iter().map(IndexFile::entry).collect();
    let meta = match state.style {
        Style::Serials => json!({"api-version": "1.1", "_last-serial": project.serial}),
        _ => json!({"api-version": "1.1"}),
    };
    json!({"meta": meta, "name": name, "files": files, "versions": []}).to_string()
}

fn api_page(info: &Value, name: &str, project: &Project) -> Value {
    let mut releases = serde_json::Map::new();
    let mut newest = String::new();
    for file in &project.files {
        let version = file.filename.split('-').nth(1).unwrap().to_owned();
        let entry = json!({
            "filename": file.filename,
            "url": file.url(),
            "digests": {"sha256": sha256(&file.bytes)},
            "size": file.bytes.len(),
            "packagetype": "bdist_wheel",
            "python_version": "py3",
            "requires_python": ">=3.6",
            "upload_time_iso_8601": "2024-02-03T04:05:06.000000Z",
            "yanked": false,
            "yanked_reason": null,
        });
        releases.entry(version.clone()).or_insert_with(|| json!([])).as_array_mut().unwrap().push(entry);
        newest = version;
    }
    let mut info = info.clone();
    (info["name"], info["version"]) = (json!(name), json!(newest));
    json!({"info": info, "last_serial": project.serial, "releases": releases, "urls": []})
}
