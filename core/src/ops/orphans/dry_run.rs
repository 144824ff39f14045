//! What a clean-up of orphans would remove and why it would keep the rest, without any change. It asks with the
//! conditions by which the clean-up deletes; what comes and goes while it looks is counted as it was found.

use serde_json::{Map, Value as Json, json};

use super::{SLICE, Scope};
use crate::db::artifact_bytes::StoredArtifact;
use crate::db::holders::{self, Holder, Repository, Unit};
use crate::db::{Conn, Db, orphans as rows};
use crate::error::Result;
use crate::id::{Id, Instant, format_instant, prn};
use crate::ops::upkeep::{Part, Report, so_far};
use crate::resource::{Kind, Registry};

static CONTENT: Part = Part { message: "Look for orphan Content", code: "look-for.content" };
static ARTIFACTS: Part = Part { message: "Look for orphan Artifacts", code: "look-for.artifacts" };

/// The most units of which it is said why they are kept.
pub const MOST_EXPLAINED: usize = 100;
/// The most reasons of a kind for one unit.
const MOST_REASONS: i64 = 10;

/// What would become of orphans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Units that would go.
    pub content: u64,
    /// Files that would go, with those units or without any.
    pub artifacts: u64,
    /// Of these files.
    pub bytes: u64,
    /// Named units that would stay; of a clean-up of all, the first that are in no newest version and yet would stay.
    pub kept: Vec<Kept>,
}

/// A unit that would stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub unit: Unit,
    pub holders: Vec<Holder>,
}

/// Looks at a domain as `clean_up` with this scope would.
pub async fn dry_run(db: &Db, domain: Id, scope: &Scope, before: Instant, report: Report<'_>) -> Result<Found> {
    let mut found = Found::default();
    report(&CONTENT, so_far(0))?;
    report(&ARTIFACTS, so_far(0))?;
    match scope {
        Scope::All => {
            count_content(db, (domain, before), &mut found, report).await?;
            count_artifacts(db, (domain, before), &mut found, report).await?;
            found.kept = db.read(move |conn| kept(conn, domain, before)).await?;
        }
        Scope::Units(units) => look_at(db, units, before, &mut found, report).await?,
    }
    Ok(found)
}

async fn count_content(db: &Db, (domain, before): (Id, Instant), found: &mut Found, report: Report<'_>) -> Result<()> {
    let mut after = None;
    loop {
        let slice = db.read(move |conn| rows::content_in_the_end(conn, domain, after, before, SLICE)).await?;
        let Some(last) = slice.last() else { return Ok(()) };
        after = Some(*last);
        found.content += slice.len() as u64;
        report(&CONTENT, so_far(found.content))?;
    }
}

async fn count_artifacts(
    db: &Db,
    (domain, before): (Id, Instant),
    found: &mut Found,
    report: Report<'_>,
) -> Result<()> {
    let mut after = None;
    loop {
        let slice = db.read(move |conn| rows::artifacts_in_the_end(conn, domain, after, before, SLICE)).await?;
        let Some(last) = slice.last() else { return Ok(()) };
        after = Some(last.id);
        found.add(&slice);
        report(&ARTIFACTS, so_far(found.artifacts))?;
    }
}

async fn look_at(db: &Db, units: &[Id], before: Instant, found: &mut Found, report: Report<'_>) -> Result<()> {
    let units = units.to_vec();
    let (going, artifacts, kept) = db
        .read(move |conn| {
            let going = rows::among(conn, &units, before)?;
            let artifacts = rows::artifacts_of(conn, &going, before)?;
            let mut kept: Vec<Id> = units.into_iter().filter(|unit| !going.contains(unit)).collect();
            kept.truncate(MOST_EXPLAINED);
            let kept = holders::units(conn, &kept)?;
            Ok((going, artifacts, explained(conn, kept)?))
        })
        .await?;
    found.content = going.len() as u64;
    found.add(&artifacts);
    found.kept = kept;
    report(&CONTENT, so_far(found.content))?;
    report(&ARTIFACTS, so_far(found.artifacts))
}

fn kept(conn: &mut Conn, domain: Id, before: Instant) -> Result<Vec<Kept>> {
    let units = holders::kept(conn, domain, before, MOST_EXPLAINED as i64)?;
    explained(conn, units)
}

fn explained(conn: &mut Conn, units: Vec<Unit>) -> Result<Vec<Kept>> {
    let explain = |unit: Unit| Ok(Kept { holders: holders::of(conn, unit.id, MOST_REASONS)?, unit });
    units.into_iter().map(explain).collect()
}

impl Found {
    fn add(&mut self, artifacts: &[StoredArtifact]) {
        self.artifacts += artifacts.len() as u64;
        self.bytes += artifacts.iter().map(|artifact| artifact.size).sum::<u64>();
    }

    /// What the task answers. `before` is the time up to which orphans go, and `end` says of a time of last interest
    /// until when it protects.
    pub fn shown(&self, registry: &Registry, before: Instant, end: impl Fn(Instant) -> Option<Instant>) -> Json {
        let kept: Vec<Json> = self
            .kept
            .iter()
            .map(|Kept { unit, holders }| {
                let mut reasons: Vec<Json> = holders.iter().map(|holder| reason(registry, holder)).collect();
                if unit.last_of_interest > before {
                    let until = end(unit.last_of_interest).map(format_instant);
                    reasons.push(json!({"kind": "protection_time", "until": until}));
                }
                json!({"content": typed(registry, Kind::Content, &unit.pulp_type, unit.id), "reasons": reasons})
            })
            .collect();
        json!({"content": self.content, "artifacts": self.artifacts, "bytes": self.bytes, "kept": kept})
    }
}

fn reason(registry: &Registry, holder: &Holder) -> Json {
    match holder {
        Holder::Version { repository, number: Some(number) } => {
            let kind = if repository.pinned_by.is_some() { "pinned_version" } else { "repository_version" };
            of_repository(registry, kind, repository, ("version", json!(number)))
        }
        Holder::Version { repository, number: None } => {
            of_repository(registry, "unfinished_version", repository, ("version", Json::Null))
        }
        Holder::Waiting { repository, task } => {
            of_repository(registry, "pending", repository, ("task", json!(prn("core", "Task", task))))
        }
        Holder::Publication { id, pulp_type } => {
            json!({"kind": "publication", "publication": typed(registry, Kind::Publication, pulp_type, *id)})
        }
    }
}

fn of_repository(registry: &Registry, kind: &str, repository: &Repository, (key, value): (&str, Json)) -> Json {
    let Repository { id, pulp_type, name, pinned_by } = repository;
    let mut reason = Map::new();
    reason.insert("kind".into(), json!(kind));
    reason.insert("repository".into(), typed(registry, Kind::Repository, pulp_type, *id));
    reason.insert("name".into(), json!(name));
    reason.insert(key.into(), value);
    if let Some((unit, pulp_type)) = pinned_by {
        reason.insert("pinned_by".into(), typed(registry, Kind::Content, pulp_type, *unit));
    }
    Json::Object(reason)
}

/// The PRN of an object; null when its format is not there any more.
fn typed(registry: &Registry, kind: Kind, pulp_type: &str, id: Id) -> Json {
    json!(registry.typed(kind, pulp_type).map(|resource| resource.prn(id)))
}
