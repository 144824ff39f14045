//! What a small change costs in a large repository; run by hand, in release mode:
//! `cargo test --release -p pith-core small_changes -- --ignored --nocapture`

use std::time::{Duration, Instant};

use super::{FILES, change};
use crate::db::{Conn, Value};
use crate::error::Result;
use crate::id::{Id, now};
use crate::ops::fixture::Fixture;
use crate::ops::modify::{Modification, Remove};
use crate::ops::versions::{VersionDraft, begin, delete};

const UNITS: usize = 200_000;
const VERSIONS: usize = 100;
const CHANGED: usize = 10;
const BATCH: usize = 5_000;

fn insert_units(conn: &mut Conn, domain: Id, paths: &[String]) -> Result<Vec<Id>> {
    let ids: Vec<Id> = paths.iter().map(|_| Id::new()).collect();
    let (now, labels) = (now(), serde_json::json!({}));
    let content = ids.iter().zip(paths).map(|(id, path)| -> Vec<Value> {
        let kind = "file.file".into();
        vec![(*id).into(), domain.into(), now.into(), now.into(), kind, labels.clone().into(), now.into(), path.into()]
    });
    let columns = ["id", "domain_id", "created", "updated", "pulp_type", "labels", "timestamp_of_interest", "repo_key"];
    conn.insert_all("content", &columns, &content.collect::<Vec<_>>())?;
    let files: Vec<Vec<Value>> =
        ids.iter().zip(paths).map(|(id, path)| vec![Id::new().into(), (*id).into(), path.into()]).collect();
    conn.insert_all("content_artifact", &["id", "content_id", "relative_path"], &files)?;
    Ok(ids)
}

fn units(fixture: &Fixture, count: usize, version: usize) -> Vec<Id> {
    let paths: Vec<String> = (0..count).map(|n| format!("pool/{:03}/v{version}-{n}.bin", n % 500)).collect();
    let domain = fixture.domain;
    let batches = paths.chunks(BATCH).map(<[String]>::to_vec);
    batches.flat_map(|batch| fixture.write(move |conn| insert_units(conn, domain, &batch))).collect()
}

fn first_version(fixture: &Fixture, repository: Id, ids: &[Id]) {
    let mut draft: VersionDraft = fixture.write(move |conn| begin(conn, repository));
    for batch in ids.chunks(BATCH) {
        let batch = batch.to_vec();
        draft = fixture.write(move |conn| draft.add(conn, &batch).map(|()| draft));
    }
    let started = Instant::now();
    fixture.write(move |conn| draft.finish(conn, &FILES, super::Overwrite::Allowed));
    println!("finishing the first version of {} units: {:?}", ids.len(), started.elapsed());
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{what}: median {:?}, slowest {:?}", times[times.len() / 2], times[times.len() - 1]);
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let value = work();
    times.push(started.elapsed());
    value
}

#[test]
#[ignore = "takes a minute and asserts nothing"]
fn small_changes_of_a_large_repository() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let ids = units(&fixture, UNITS, 0);
    first_version(&fixture, repository, &ids);
    let (mut times, mut versions) = (Vec::new(), Vec::new());
    for version in 0..VERSIONS {
        let new = units(&fixture, CHANGED, version + 1);
        let modification = change(repository, &ids[version * CHANGED..][..CHANGED], &new);
        versions.push(timed(&mut times, || fixture.modified(modification)).unwrap().unwrap().id);
    }
    tell("+10 -10", times);
    let (mut times, mut rollbacks) = (Vec::new(), Vec::new());
    for &version in &versions[40..45] {
        timed(&mut times, || fixture.write(move |conn| delete(conn, version)));
    }
    tell("deleting a version", times);
    for &base in &versions[90..95] {
        let modification = Modification { base_version: Some(base), ..change(repository, &[], &[]) };
        timed(&mut rollbacks, || fixture.modified(modification)).unwrap();
    }
    tell("going back to an older version", rollbacks);
    let mut copies = Vec::new();
    let other = fixture.repository_with_version();
    let copy = Modification { base_version: Some(versions[99]), ..change(other, &[], &[]) };
    timed(&mut copies, || fixture.modified(copy)).unwrap();
    tell("copying all", copies);
    fixture.set(repository, "retain_repo_versions", 1);
    let mut retained = Vec::new();
    for version in 0..10 {
        let new = units(&fixture, CHANGED, 1_000 + version);
        timed(&mut retained, || fixture.modified(change(repository, &[], &new))).unwrap();
    }
    tell("+10 while one version is retained (the first drops all others)", retained);
    let mut emptied = Vec::new();
    let empty = Modification { remove: Remove::All, ..change(other, &[], &ids[5000..5010]) };
    timed(&mut emptied, || fixture.modified(empty)).unwrap();
    tell("emptying", emptied);
}
