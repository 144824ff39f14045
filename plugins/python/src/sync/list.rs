//! Which projects are to be looked at: those that the remote names, or those of the index's list that are not as
//! they were.

use std::io::Read;
use std::sync::Arc;

use pith_core::error::{Error, Result};
use pith_core::plugin::{PageHead, PageRequest, Remembered, SyncJob, UpstreamPage, redacted};
use serde_json::json;

use super::address::Index;
use super::pages::{ACCEPT_SIMPLE, is_json, unreadable};
use super::settings::Settings;
use super::state::Seen;
use crate::name::ProjectName;
use crate::simple::{parse_index_html, parse_index_json};

/// The largest list of projects. It is read as a stream.
const LARGEST_LIST: u64 = 1 << 30;
/// So many named projects are asked for one by one rather than looked up in the list.
const MOST_ASKED_FOR: usize = 200;
/// What marked the list.
const LIST: &str = "/list";

/// A project to be looked at.
#[derive(Clone, Debug)]
pub(super) struct Project {
    pub name: ProjectName,
    /// The serial that the list gives it.
    pub serial: Option<u64>,
    /// How it was.
    pub before: Option<Box<Seen>>,
    /// The list has it.
    pub listed: bool,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub projects: Vec<Project>,
    /// Projects that were there and are not any more.
    pub gone: Vec<String>,
    /// How many projects are as they were, as the list tells.
    pub unchanged: usize,
}

pub(super) async fn plan(
    job: &SyncJob,
    index: &Index,
    settings: &Arc<Settings>,
    remembered: &Arc<Remembered>,
) -> Result<Plan> {
    match settings.filters.included() {
        Some(names) if names.len() <= MOST_ASKED_FOR => Ok(named(names, settings, remembered)),
        _ => listed(job, index, settings, remembered).await,
    }
}

fn is_project(key: &str) -> bool {
    !key.starts_with('/')
}

fn named(names: Vec<ProjectName>, settings: &Settings, remembered: &Remembered) -> Plan {
    let mut known = vec![false; remembered.len()];
    let mut plan = Plan::default();
    for name in names.into_iter().filter(|name| settings.filters.allows_project(name)) {
        if let Some(known) = remembered.position(name.normalized()).and_then(|at| known.get_mut(at)) {
            *known = true;
        }
        let before = remembered.get(name.normalized()).and_then(Seen::parse).map(Box::new);
        plan.projects.push(Project { name, serial: None, before, listed: false });
    }
    plan.gone = unknown(remembered, &known);
    plan
}

fn unknown(remembered: &Remembered, known: &[bool]) -> Vec<String> {
    let gone = remembered.iter().zip(known).filter(|((key, _), known)| is_project(key) && !**known);
    gone.map(|((key, _), _)| key.to_owned()).collect()
}

async fn listed(job: &SyncJob, index: &Index, settings: &Arc<Settings>, remembered: &Arc<Remembered>) -> Result<Plan> {
    let mut request =
        PageRequest { url: index.list(), accept: Some(ACCEPT_SIMPLE), largest: LARGEST_LIST, ..PageRequest::default() };
    if let Some(Seen::Page { etag, last_modified, .. }) = remembered.get(LIST).and_then(Seen::parse) {
        (request.etag, request.last_modified) = (etag, last_modified);
    }
    let page = match job.page(&request).await? {
        UpstreamPage::NotModified => return Ok(as_remembered(remembered)),
        UpstreamPage::Absent => {
            return Err(Error::upstream(format!(
                "404, there is no list of projects, url='{}'",
                redacted(&request.url)
            )));
        }
        UpstreamPage::Found(page) => page,
    };
    let (head, settings, known) = (page.head, settings.clone(), remembered.clone());
    let seen = Seen::of_page(&head, &page.body.sha256);
    let plan = page.body.parse(move |reader| read(&head, reader, &settings, &known)).await??;
    match &seen {
        Seen::Page { etag: None, last_modified: None, .. } => job.forget(LIST),
        _ => job.remember_of_the_whole(LIST, seen.text()),
    }
    Ok(plan)
}

/// The list is as it was. So is what it gave a serial.
fn as_remembered(remembered: &Remembered) -> Plan {
    let mut plan = Plan::default();
    for (key, value) in remembered.iter().filter(|(key, _)| is_project(key)) {
        let before = Seen::parse(value).map(Box::new);
        match (ProjectName::parse(key), before.as_deref()) {
            (Ok(_), Some(Seen::Serial(_))) => plan.unchanged += 1,
            (Ok(name), _) => plan.projects.push(Project { name, serial: None, before, listed: false }),
            (Err(_), _) => plan.gone.push(key.to_owned()),
        }
    }
    plan
}

fn read(head: &PageHead, reader: &mut dyn Read, settings: &Settings, remembered: &Remembered) -> Result<Plan> {
    let mut known = vec![false; remembered.len()];
    let mut plan = Plan::default();
    let mut visit = |project: crate::simple::IndexProject| {
        let name = project.name;
        if !settings.filters.allows_project(&name) {
            return;
        }
        let mut before = None;
        if let Some(at) = remembered.position(name.normalized()) {
            if let Some(known) = known.get_mut(at) {
                *known = true;
            }
            before = remembered.get(name.normalized()).and_then(Seen::parse);
        }
        let unchanged = project.last_serial.is_some_and(|serial| before == Some(Seen::Serial(serial)));
        if unchanged {
            plan.unchanged += 1;
            return;
        }
        let before = before.map(Box::new);
        plan.projects.push(Project { name, serial: project.last_serial, before, listed: true });
    };
    let summary = match is_json(head) {
        true => parse_index_json(reader, &mut visit),
        false => parse_index_html(reader, &mut visit),
    };
    let summary = summary.map_err(|problem| unreadable(&head.url, problem))?;
    if summary.refused > 0 {
        let examples = json!(summary.refused_examples);
        tracing::warn!(count = summary.refused, %examples, "an index lists projects whose names cannot be");
    }
    // A list in HTML may spell one project in two ways.
    plan.projects.sort_by(|a, b| a.name.cmp(&b.name));
    plan.projects.dedup_by(|a, b| a.name == b.name);
    plan.gone = unknown(remembered, &known);
    Ok(plan)
}
