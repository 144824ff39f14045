//! Alternate content sources: what a sync and delivery take from them, and what not.

mod objects;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::pulp::text;
use crate::support::rpm_repository::RpmRepository;
use crate::support::upstream::manifest;
use crate::support::{Reply, Server, Upstream, assert_completed, sha256, until};

const SOURCES: &str = "acs/file/file/";
const FILES: [(&str, &[u8]); 3] = [("a", b"the bytes of a"), ("b", b"the bytes of b"), ("c/d", b"the bytes of d")];

/// A server, and a source whose remote is at this address.
struct Nearby {
    server: Server,
    source: String,
}

impl Nearby {
    fn at(url: &str, paths: &[&str]) -> Self {
        Self::with(Server::start(), url, json!({}), paths)
    }

    fn with(server: Server, url: &str, fields: Value, paths: &[&str]) -> Self {
        let mut settings = json!({"policy": "on_demand", "max_retries": 0});
        settings.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let remote = server.remote(url, settings);
        let source = server.made(SOURCES, json!({"remote": remote, "paths": paths}));
        Self { server, source }
    }

    /// The group of a refresh, once its tasks are over.
    fn refresh(&self) -> Value {
        refresh(&self.server, &self.source)
    }

    fn refreshed(&self) {
        let group = self.refresh();
        assert_eq!(group["completed"], group["tasks"].as_array().unwrap().len(), "{group:#}");
    }

    /// The task that syncs a new repository with this upstream.
    fn sync(&self, upstream: &Upstream, policy: &str) -> Value {
        let repository = self.server.repository();
        let remote = json!({"policy": policy, "max_retries": 0});
        self.server.sync(&repository, &self.server.remote(&upstream.url("PULP_MANIFEST"), remote))
    }

    /// Where what such a sync brought is served.
    fn served(&self, upstream: &Upstream, policy: &str) -> String {
        let repository = self.server.repository_with(json!({"autopublish": true}));
        let remote = json!({"policy": policy, "max_retries": 0});
        let remote = self.server.remote(&upstream.url("PULP_MANIFEST"), remote);
        assert_completed(&self.server.sync(&repository, &remote));
        self.server.distribute(json!({"repository": repository}))
    }
}

/// Refreshes a source; the group of its tasks, once they are over.
pub fn refresh(server: &Server, source: &str) -> Value {
    let answer = server.post(&format!("{source}refresh/"), json!({})).expect(202);
    let group = server.get(&text(&answer.json(), "task_group")).expect(200).json();
    assert_eq!(group["all_tasks_dispatched"], true, "{group:#}");
    server.wait_for_group(answer)
}

/// The paths asked for since this was last called, but for manifests, sorted.
fn files_asked(upstream: &Upstream) -> Vec<String> {
    let asked = upstream.take_asked().into_iter().map(|asked| asked.path);
    let mut files: Vec<_> = asked.filter(|path| !path.ends_with("PULP_MANIFEST")).collect();
    files.sort();
    files
}

/// Lists `files`, but does as `answer` says when one is asked for.
fn listing(files: &[(&str, &[u8])], answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Upstream {
    let list = manifest(files);
    Upstream::answering(move |asked, _| match asked.path.as_str() {
        "/PULP_MANIFEST" => Reply::Bytes(list.clone().into_bytes()),
        path => answer(path),
    })
}

#[test]
fn a_sync_takes_files_from_a_source_that_has_them() {
    let (upstream, nearby) = (Upstream::with_manifest(&FILES), Upstream::with_manifest(&FILES[..2]));
    let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
    assert_eq!(world.server.get(&world.source).expect(200).json()["last_refreshed"], json!(null));
    world.refreshed();
    assert_eq!(nearby.take_asked().len(), 1, "only the manifest is read");
    assert!(world.server.get(&world.source).expect(200).json()["last_refreshed"].is_string());
    assert_eq!(world.server.count("repositories/") + world.server.count("artifacts/"), 0, "nothing is kept of it");
    assert_completed(&world.sync(&upstream, "immediate"));
    assert_eq!(
        (files_asked(&nearby), files_asked(&upstream)),
        (vec!["/a".to_owned(), "/b".to_owned()], vec!["/c/d".to_owned()])
    );
    for (_, bytes) in FILES {
        assert_eq!(world.server.count(&format!("artifacts/?sha256={}", sha256(bytes))), 1);
    }
}

#[test]
fn a_source_has_several_paths() {
    let mut files = std::collections::HashMap::new();
    for (folder, range) in [("one", 0..1), ("two/below", 1..3)] {
        files.insert(format!("base/{folder}/PULP_MANIFEST"), manifest(&FILES[range.clone()]).into_bytes());
        for (path, bytes) in &FILES[range] {
            files.insert(format!("base/{folder}/{path}"), bytes.to_vec());
        }
    }
    let (upstream, nearby) = (Upstream::with_manifest(&FILES), Upstream::serving(files));
    let paths = ["one/PULP_MANIFEST", "two/below/PULP_MANIFEST", "absent/PULP_MANIFEST"];
    let world = Nearby::at(&nearby.url("base/"), &paths);
    let group = world.refresh();
    assert_eq!((&group["completed"], &group["failed"]), (&json!(2), &json!(1)), "{group:#}");
    assert_completed(&world.sync(&upstream, "immediate"));
    assert_eq!(files_asked(&upstream), Vec::<String>::new());
    let expected = ["/base/one/a", "/base/two/below/b", "/base/two/below/c/d"];
    assert_eq!(files_asked(&nearby), expected);
}

#[test]
fn lazy_files_come_from_a_source_and_stay_or_not_as_their_remote_says() {
    for (bytes, policy, kept) in
        [(b"small".to_vec(), "on_demand", 1), (vec![7; 3 << 20], "on_demand", 1), (b"small".to_vec(), "streamed", 0)]
    {
        let files = [("a", &bytes[..])];
        let (upstream, nearby) = (Upstream::with_manifest(&files), Upstream::with_manifest(&files));
        let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
        let base = world.served(&upstream, policy);
        world.refreshed();
        assert!(world.server.download(&format!("{base}a")).expect(200).body == bytes);
        assert_eq!((files_asked(&nearby), files_asked(&upstream)), (vec!["/a".to_owned()], vec![]), "{policy}");
        assert_eq!(world.server.count(&format!("artifacts/?sha256={}", sha256(&bytes))), kept, "{policy}");
    }
}

#[test]
fn what_a_source_does_not_have_the_remote_has() {
    let upstream = Upstream::with_manifest(&FILES);
    let nearby = listing(&FILES, |_| Reply::Status(404));
    let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
    world.refreshed();
    let base = world.served(&upstream, "on_demand");
    assert_eq!(world.server.download(&format!("{base}a")).expect(200).body, FILES[0].1);
    assert_eq!((files_asked(&nearby), files_asked(&upstream)), (vec!["/a".to_owned()], vec!["/a".to_owned()]));
    assert_completed(&world.sync(&upstream, "immediate"));
    let rest = vec!["/b".to_owned(), "/c/d".to_owned()];
    assert_eq!((files_asked(&nearby), files_asked(&upstream)), (rest.clone(), rest));
}

#[test]
fn a_source_that_does_not_answer_is_left_alone_for_a_while() {
    for reply in [Reply::Close, Reply::Status(503), Reply::Status(401)] {
        let upstream = Upstream::with_manifest(&FILES);
        let answer = reply.clone();
        let nearby = listing(&FILES, move |_| answer.clone());
        let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
        world.refreshed();
        let base = world.served(&upstream, "streamed");
        for (path, bytes) in [FILES[0], FILES[0], FILES[1]] {
            assert_eq!(world.server.download(&format!("{base}{path}")).expect(200).body, bytes);
        }
        assert_eq!(files_asked(&nearby), ["/a"], "whoever asked first found out for all");
        // A refresh may have found it well again.
        world.refreshed();
        world.server.download(&format!("{base}a")).expect(200);
        assert_eq!(files_asked(&nearby), ["/a"]);
        assert_completed(&world.sync(&upstream, "immediate"));
        assert_eq!(files_asked(&nearby), Vec::<String>::new(), "a sync heeds it, too");
    }
}

#[test]
fn a_sync_gives_up_a_source_that_fails() {
    let many: Vec<_> = (0..200).map(|n| (format!("f{n}"), format!("the bytes of {n}").into_bytes())).collect();
    let many: Vec<_> = many.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
    let upstream = Upstream::with_manifest(&many);
    let nearby = listing(&many, |_| Reply::Close);
    let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
    world.refreshed();
    assert_completed(&world.sync(&upstream, "immediate"));
    assert_eq!(files_asked(&upstream).len(), 200);
    let asked = files_asked(&nearby).len();
    assert!((1..=20).contains(&asked), "{asked} requests to a server that does not answer");
}

#[test]
fn wrong_bytes_of_a_source_are_refused_and_the_right_ones_served() {
    let bytes = [FILES[0].1.to_vec(), vec![1; 3000]];
    let files = [("a", &bytes[0][..]), ("b", &bytes[1][..])];
    let wrong = |path: &str| Reply::Bytes(if path == "/a" { b"THE BYTES OF A".to_vec() } else { b"shorter".to_vec() });
    for policy in ["immediate", "on_demand", "streamed"] {
        let (upstream, nearby) = (Upstream::with_manifest(&files), listing(&files, wrong));
        let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
        world.refreshed();
        let base = world.served(&upstream, policy);
        for _ in 0..2 {
            for (path, bytes) in files {
                assert!(world.server.download(&format!("{base}{path}")).expect(200).body == bytes, "{policy} {path}");
            }
        }
        let asked = files_asked(&nearby);
        assert_eq!(asked, ["/a", "/b"], "{policy}: what was wrong is not asked for again at once");
        for wrong in [&b"THE BYTES OF A"[..], b"shorter"] {
            assert_eq!(world.server.count(&format!("artifacts/?sha256={}", sha256(wrong))), 0, "{policy}");
        }
    }
}

#[test]
fn a_large_wrong_file_is_never_completed_and_then_the_right_one_comes() {
    let bytes = vec![1; 3 << 20];
    let files = [("a", &bytes[..])];
    let upstream = Upstream::with_manifest(&files);
    let nearby = listing(&files, |_| Reply::Bytes(vec![2; 3 << 20]));
    let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
    world.refreshed();
    let base = world.served(&upstream, "on_demand");
    let path = base.split_once("/pulp/").map(|(_, path)| format!("/pulp/{path}a")).unwrap();
    let first = world.server.anonymous().request("GET", &path).try_send();
    assert!(!first.is_ok_and(|answer| answer.status == 200), "wrong bytes were served as a whole");
    assert!(world.server.download(&format!("{base}a")).expect(200).body == bytes);
}

#[test]
fn a_refresh_that_fails_leaves_what_was_known() {
    let upstream = Upstream::with_manifest(&FILES);
    let list = manifest(&FILES);
    let nearby = Upstream::answering(move |asked, before| match (asked.path.as_str(), before) {
        ("/PULP_MANIFEST", 0) => Reply::Bytes(list.clone().into_bytes()),
        ("/PULP_MANIFEST", 1) => Reply::Bytes(b"a,b\nno manifest".to_vec()),
        ("/PULP_MANIFEST", 2) => Reply::Close,
        (path, _) => Reply::Bytes(FILES.iter().find(|(name, _)| path.ends_with(name)).unwrap().1.to_vec()),
    });
    let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
    world.refreshed();
    for _ in 0..2 {
        assert_eq!(world.refresh()["failed"], 1);
    }
    assert_completed(&world.sync(&upstream, "immediate"));
    assert_eq!(files_asked(&upstream), Vec::<String>::new());
}

#[test]
fn the_source_that_was_refreshed_last_is_asked_first() {
    let upstream = Upstream::with_manifest(&FILES);
    let (first, second) = (Upstream::with_manifest(&FILES), listing(&FILES, |_| Reply::Status(404)));
    let world = Nearby::at(&first.url("PULP_MANIFEST"), &[]);
    let world = {
        world.refreshed();
        let Nearby { server, .. } = world;
        Nearby::with(server, &second.url("PULP_MANIFEST"), json!({}), &[])
    };
    world.refreshed();
    assert_completed(&world.sync(&upstream, "immediate"));
    assert_eq!((files_asked(&second).len(), files_asked(&first).len(), files_asked(&upstream).len()), (3, 3, 0));
}

#[test]
fn credentials_of_a_source_go_to_its_server_alone() {
    let (upstream, nearby) = (Upstream::with_manifest(&FILES), Upstream::with_manifest(&FILES[..1]));
    let secrets = json!({"username": "u", "password": "p", "headers": [{"X-Token": "t"}]});
    let world = Nearby::with(Server::start(), &nearby.url("PULP_MANIFEST"), secrets, &[]);
    world.refreshed();
    let base = world.served(&upstream, "on_demand");
    world.server.download(&format!("{base}a")).expect(200);
    assert_completed(&world.sync(&upstream, "immediate"));
    let asked = nearby.asked();
    assert_eq!(asked.len(), 2);
    for asked in asked {
        assert_eq!((asked.headers["authorization"].as_str(), asked.headers["x-token"].as_str()), ("Basic dTpw", "t"));
    }
    assert!(upstream.asked().iter().all(|asked| !asked.headers.contains_key("authorization")));
}

#[test]
fn packages_come_from_a_source_where_the_upstream_has_none() {
    let (upstream, nearby) = (RpmRepository::of(&["one", "two"]), RpmRepository::of(&["one", "two", "three"]));
    for path in ["Packages/o/one-1-1.noarch.rpm", "Packages/t/two-1-1.noarch.rpm"] {
        upstream.state().answers.insert(format!("repo/{path}"), Reply::Status(404));
    }
    let server = Server::start();
    let remote = |url: &str, policy: &str| {
        server.made("remotes/rpm/rpm/", json!({"url": url, "policy": policy, "max_retries": 0}))
    };
    let base = nearby.upstream().url("");
    let source = server.made("acs/rpm/rpm/", json!({"remote": remote(&base, "on_demand"), "paths": ["repo/"]}));
    let repository = server.made("repositories/rpm/rpm/", json!({}));
    let remote = remote(&upstream.url(), "immediate");
    let failed = server.sync(&repository, &remote);
    assert_eq!(failed["state"], "failed", "{failed:#}");
    let reason = failed["error"]["description"].as_str().unwrap();
    assert!(reason.contains("404") && reason.contains("Not Found") && reason.contains("two-1-1"), "{reason}");
    assert_eq!(refresh(&server, &source)["completed"], 1);
    upstream.asked();
    nearby.asked();
    assert_completed(&server.sync(&repository, &remote));
    assert!(upstream.asked().iter().all(|path| !path.ends_with(".rpm")));
    let mut asked = nearby.asked();
    asked.sort();
    assert_eq!(asked, ["Packages/o/one-1-1.noarch.rpm", "Packages/t/two-1-1.noarch.rpm"]);
}

#[test]
fn a_refresh_that_is_killed_leaves_nothing_visible_and_can_be_repeated() {
    let upstream = Upstream::with_manifest(&FILES[1..]);
    let list = manifest(&FILES);
    let nearby = Upstream::answering(move |asked, before| match (asked.path.as_str(), before) {
        ("/PULP_MANIFEST", 0) => Reply::Hang(Duration::from_secs(60)),
        ("/PULP_MANIFEST", _) => Reply::Bytes(list.clone().into_bytes()),
        (path, _) => Reply::Bytes(FILES.iter().find(|(name, _)| path.ends_with(name)).unwrap().1.to_vec()),
    });
    let mut world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
    world.server.post(&format!("{}refresh/", world.source), json!({})).expect(202);
    until("the source is read", || nearby.asked().pop());
    world.server.kill();
    world.server.restart();
    assert_completed(&world.sync(&upstream, "immediate"));
    assert_eq!(files_asked(&upstream), ["/b", "/c/d"], "nothing was known of the source");
    world.refreshed();
    let base = world.served(&Upstream::with_manifest(&FILES), "streamed");
    nearby.take_asked();
    assert_eq!(world.server.download(&format!("{base}a")).expect(200).body, FILES[0].1);
    assert_eq!(files_asked(&nearby), ["/a"]);
}
