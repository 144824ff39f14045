//! `kill -9` while a synchronization writes: what it did not come to publish is published by the next one.

use std::any::Any;
use std::cell::Cell;

use serde_json::{Value, json};

use crate::support::bucket::{Bucket, WORKER_TTL};
use crate::support::pulp::text;
use crate::support::rpm_repository::RpmRepository;
use crate::support::{Client, Upstream, random};

/// A format whose repositories are synchronized with publications.
struct Format<'a> {
    /// `file/file`
    path: &'a str,
    offer: fn() -> Offered,
    policy: &'a str,
    repository: Value,
    options: Value,
}

/// An upstream, as long as this is kept.
struct Offered {
    url: String,
    _upstream: Box<dyn Any>,
}

impl Format<'_> {
    /// A new repository and the body of its synchronization with an upstream.
    fn prepare(&self, client: &Client, upstream: &Offered) -> (String, Value) {
        let repository = client.made(&format!("repositories/{}/", self.path), self.repository.clone());
        let remote = json!({"url": upstream.url, "policy": self.policy});
        let mut body = self.options.clone();
        body["remote"] = json!(client.made(&format!("remotes/{}/", self.path), remote));
        (repository, body)
    }

    fn publications(&self, client: &Client, version: &str) -> u64 {
        client.count(&format!("publications/{}/?repository_version={version}", self.path))
    }

    /// Kills synchronizations, and has each done again. How many of them had made a version and no publication.
    fn check(&self) -> u32 {
        let bucket = Bucket::start();
        let mut server = bucket.server(&[WORKER_TTL]);
        let unpublished = Cell::new(0);
        let begin = |client: &Client| {
            let upstream = (self.offer)();
            let (repository, body) = self.prepare(client, &upstream);
            let task = client.post(&format!("{repository}sync/"), body.clone()).expect(202).json();
            (text(&task, "task"), (repository, body, upstream))
        };
        let check = |client: &Client, (repository, body, _upstream): (String, Value, Offered)| {
            let sync = || client.completed(client.post(&format!("{repository}sync/"), body.clone()));
            let version = client.latest_version(&repository);
            let is_made = !version.ends_with("/versions/0/");
            if is_made && self.publications(client, &version) == 0 {
                unpublished.set(unpublished.get() + 1);
            }
            sync();
            let latest = client.latest_version(&repository);
            assert!(!is_made || latest == version, "the same content is no new version");
            assert_eq!(self.publications(client, &latest), 1, "{latest}");
            // There is nothing left to do.
            let task = sync();
            let reports = task["progress_reports"].as_array().unwrap();
            assert!(reports.iter().any(|report| report["code"] == "sync.was_skipped"), "{task:#}");
            assert_eq!(self.publications(client, &latest), 1);
            let publications = client.get(&format!("publications/{}/?repository={repository}", self.path));
            let href = text(&publications.expect(200).json()["results"][0], "pulp_href");
            client.delete(&href).expect(204);
            // What somebody deleted does not come back.
            sync();
            assert_eq!(self.publications(client, &latest), 0);
        };
        bucket.kill_at_each_write(&mut server, begin, check);
        unpublished.get()
    }
}

/// Files that no server has.
fn files() -> Offered {
    let bytes = random::name();
    let upstream = Upstream::with_manifest(&[("x", bytes.as_bytes()), ("y", b"yyyy")]);
    Offered { url: upstream.url("PULP_MANIFEST"), _upstream: Box::new(upstream) }
}

fn packages() -> Offered {
    let upstream = RpmRepository::of(&["bear", "cat"]);
    Offered { url: upstream.url(), _upstream: Box::new(upstream) }
}

#[test]
fn what_a_killed_mirror_did_not_publish_is_published_by_the_next() {
    for policy in ["immediate", "on_demand"] {
        let (repository, options) = (json!({}), json!({"mirror": true}));
        let format = Format { path: "file/file", offer: files, policy, repository, options };
        assert!(format.check() > 0, "{policy}");
    }
}

#[test]
fn what_a_killed_synchronization_did_not_publish_by_itself_is_published_by_the_next() {
    let repository = json!({"autopublish": true});
    for (path, offer) in [("file/file", files as fn() -> Offered), ("rpm/rpm", packages)] {
        let (repository, options) = (repository.clone(), json!({}));
        let format = Format { path, offer, policy: "on_demand", repository, options };
        assert!(format.check() > 0, "{path}");
    }
}

/// It writes all of its metadata before it makes the version.
#[test]
fn a_complete_mirror_that_was_killed_is_made_again() {
    let (repository, options) = (json!({}), json!({"sync_policy": "mirror_complete"}));
    let format = Format { path: "rpm/rpm", offer: packages, policy: "on_demand", repository, options };
    format.check();
}
