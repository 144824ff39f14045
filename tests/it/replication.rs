//! Replication: what another server distributes is made available here, and nothing else is touched.

mod hostile;
mod settings;

use serde_json::{Value, json};

use crate::domains;
use crate::formats::python_uploads::Index;
use crate::support::multipart::Multipart;
use crate::support::pulp::{REPOSITORIES, text};
use crate::support::rpm::Rpm;
use crate::support::server::PASSWORD;
use crate::support::wheel::Wheel;
use crate::support::{Answer, Client, Server, until};

const UPSTREAMS: &str = "upstream-pulps/";
const FILE_DISTRIBUTIONS: &str = "distributions/file/file/";

/// A server, another one that replicates it, and the object that says so.
struct Pair {
    upstream: Server,
    replica: Server,
    href: String,
}

impl Pair {
    fn new(fields: Value) -> Self {
        let (upstream, replica) = (Server::start(), Server::start_with(&[("PITH_WORKER_TTL", "3")]));
        let href = configure(&replica, &upstream, fields);
        Self { upstream, replica, href }
    }

    fn replicate_with(&self, body: Value) -> Value {
        self.replica.wait_for_group(self.replica.post(&format!("{}replicate/", self.href), body))
    }

    /// The names of the tasks of a replication that succeeded.
    #[track_caller]
    fn replicated(&self) -> Vec<String> {
        completed(&self.replicate_with(json!({})))
    }

    /// What the failed tasks of a replication say.
    #[track_caller]
    fn failure(&self) -> String {
        failure(&self.replica, &self.replicate_with(json!({})))
    }

    fn shown(&self) -> Value {
        self.replica.get(&self.href).expect(200).json()
    }
}

/// An upstream server's object on the replica.
#[track_caller]
fn configure(replica: &Client, upstream: &Server, fields: Value) -> String {
    let mut settings = json!({"base_url": format!("http://{}", upstream.address()), "api_root": "/pulp/",
                              "username": "admin", "password": PASSWORD, "max_retries": 0});
    settings.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    replica.made(UPSTREAMS, settings)
}

#[track_caller]
fn completed(group: &Value) -> Vec<String> {
    let tasks = group["tasks"].as_array().unwrap();
    assert!(tasks.iter().all(|task| task["state"] == "completed"), "{group:#}");
    tasks.iter().map(|task| text(task, "name")).collect()
}

#[track_caller]
fn failure(replica: &Client, group: &Value) -> String {
    let failed = group["tasks"].as_array().unwrap().iter().filter(|task| task["state"] == "failed");
    let told = failed.map(|task| {
        let task = replica.get(&text(task, "pulp_href")).expect(200).json();
        text(&task["error"], "description")
    });
    let told: Vec<_> = told.collect();
    assert!(!told.is_empty(), "{group:#}");
    told.join("\n")
}

fn synchronizations(tasks: &[String]) -> usize {
    tasks.iter().filter(|name| name.contains("synchroniz")).count()
}

/// A published repository of one file and its distribution, both of this name.
#[track_caller]
fn publish(server: &Client, name: &str, bytes: &[u8]) -> (String, String) {
    let repository = server.made(REPOSITORIES, json!({"name": name, "autopublish": true}));
    server.modify_many(&repository, &[("a", bytes)]);
    let fields = json!({"name": name, "base_path": format!("up/{name}"), "repository": repository});
    (repository, server.created(server.post(FILE_DISTRIBUTIONS, fields)))
}

/// The names of all objects of a list.
#[track_caller]
fn names(server: &Client, list: &str) -> Vec<String> {
    let found = server.get(&format!("{list}?limit=1000")).expect(200).json();
    // Every installation has that distribution.
    let is_own = |one: &&Value| !text(one, "prn").starts_with("prn:core.artifactdistribution:");
    let found = found["results"].as_array().unwrap().iter().filter(is_own);
    let mut names: Vec<_> = found.map(|one| text(one, "name")).collect();
    names.sort();
    names
}

#[track_caller]
fn named(server: &Client, list: &str, name: &str) -> Value {
    let found = server.get(&format!("{list}?name={name}")).expect(200).json();
    assert_eq!(found["count"], 1, "{list} {name}: {found:#}");
    found["results"][0].clone()
}

/// What is served at this path of the content face.
fn served(server: &Client, path: &str) -> Answer {
    server.download(&format!("/pulp/content/{path}"))
}

#[test]
fn what_the_upstream_distributes_is_served_by_the_replica_in_every_format() {
    let pair = Pair::new(json!({"name": "up"}));
    publish(&pair.upstream, "files", b"bytes of the file");
    let index = Index::at(&pair.upstream, "up/index");
    let wheel = Wheel::new("hello", "1.0");
    index.send(&pair.upstream, &wheel).expect(202);
    let packages = pair.upstream.made("repositories/rpm/rpm/", json!({"name": "packages", "autopublish": true}));
    let form = Multipart::new().named_file("file", "any.rpm", &Rpm::new("x", "1").file("/usr/bin/x").bytes());
    let unit = pair.upstream.request("POST", "content/rpm/packages/upload/").multipart(form).send();
    pair.upstream.modify(&packages, &[&text(&unit.expect(201).json(), "pulp_href")], &[]);
    let fields = json!({"name": "packages", "base_path": "up/packages", "repository": packages});
    pair.upstream.created(pair.upstream.post("distributions/rpm/rpm/", fields));

    assert_eq!(synchronizations(&pair.replicated()), 3);
    let repomd = "up/packages/repodata/repomd.xml";
    for path in ["up/files/a", "up/files/PULP_MANIFEST", repomd] {
        let expected = served(&pair.upstream, path).expect(200).body;
        assert!(served(&pair.replica, path).expect(200).body == expected, "{path}");
    }
    let page = index.page(&pair.upstream, "hello");
    let replicated = index.page(&pair.replica, "hello");
    assert_eq!(page["files"][0]["hashes"], replicated["files"][0]["hashes"]);
    let file = text(&replicated["files"][0], "filename");
    pair.replica.download(&index.file(&file)).expect(200);

    let id = pair.href.trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
    for list in ["repositories/rpm/rpm/", "remotes/rpm/rpm/", "distributions/rpm/rpm/"] {
        assert_eq!(named(&pair.replica, list, "packages")["pulp_labels"], json!({"UpstreamPulp": id}), "{list}");
    }
    let distribution = named(&pair.replica, FILE_DISTRIBUTIONS, "files");
    assert_eq!(distribution["repository"], json!(null));
    assert!(text(&distribution, "repository_version").ends_with("/versions/1/"), "{distribution:#}");
}

#[test]
fn only_what_may_have_changed_is_synchronized_again() {
    let pair = Pair::new(json!({"name": "up"}));
    let (first, _) = publish(&pair.upstream, "first", b"first");
    publish(&pair.upstream, "second", b"second");
    assert_eq!(pair.shown()["last_replication"], json!(null));
    assert_eq!(synchronizations(&pair.replicated()), 2);
    let last = text(&pair.shown(), "last_replication");
    assert_eq!(synchronizations(&pair.replicated()), 0);
    assert!(text(&pair.shown(), "last_replication") > last);

    pair.upstream.modify_many(&first, &[("b", b"news")]);
    assert_eq!(synchronizations(&pair.replicated()), 1);
    assert_eq!(served(&pair.replica, "up/first/b").expect(200).body, b"news");
    assert!(text(&named(&pair.replica, FILE_DISTRIBUTIONS, "first"), "repository_version").ends_with("/versions/2/"));

    // What somebody did to the replica is undone.
    let replica = text(&named(&pair.replica, REPOSITORIES, "first"), "pulp_href");
    pair.replica.completed(pair.replica.post(&format!("{replica}modify/"), json!({"remove_content_units": ["*"]})));
    assert_eq!(synchronizations(&pair.replicated()), 1);
    assert_eq!(served(&pair.replica, "up/first/b").expect(200).body, b"news");

    // Other settings of the upstream concern all of its remotes.
    pair.replica.patch(&pair.href, json!({"remote_policy": "on_demand", "total_timeout": 77})).expect(200);
    assert_eq!(synchronizations(&pair.replicated()), 2);
    let remote = named(&pair.replica, "remotes/file/file/", "second");
    assert_eq!((&remote["policy"], &remote["total_timeout"]), (&json!("on_demand"), &json!(77.0)));
}

#[test]
fn a_publication_of_an_old_version_is_news() {
    let pair = Pair::new(json!({"name": "up"}));
    let repository = pair.upstream.repository_with(json!({"name": "late"}));
    pair.upstream.modify_many(&repository, &[("a", b"a")]);
    pair.upstream.publish(&repository);
    let fields = json!({"name": "late", "base_path": "up/late", "repository": repository});
    pair.upstream.created(pair.upstream.post(FILE_DISTRIBUTIONS, fields));
    pair.upstream.modify_many(&repository, &[("b", b"b")]);
    pair.replicated();
    assert_eq!(served(&pair.replica, "up/late/b").status, 404);
    pair.upstream.publish(&repository);
    pair.replicated();
    assert_eq!(served(&pair.replica, "up/late/b").expect(200).body, b"b");
}

#[test]
fn a_repository_without_content_is_served_too() {
    let pair = Pair::new(json!({"name": "up"}));
    let repository = pair.upstream.repository();
    pair.upstream.publish(&repository);
    let fields = json!({"name": "empty", "base_path": "up/empty", "repository": repository});
    pair.upstream.created(pair.upstream.post(FILE_DISTRIBUTIONS, fields));
    pair.replicated();
    assert_eq!(served(&pair.replica, "up/empty/PULP_MANIFEST").expect(200).body, b"");
    assert_eq!(synchronizations(&pair.replicated()), 0);
}

#[test]
fn what_the_upstream_has_no_more_goes_as_the_policy_says() {
    for (policy, after_deletion, after_another) in [
        ("all", vec!["kept", "own"], vec!["kept", "own"]),
        ("labeled", vec!["kept", "own"], vec!["gone", "kept", "own"]),
        ("nodelete", vec!["gone", "kept", "own"], vec!["gone", "kept", "own"]),
    ] {
        let pair = Pair::new(json!({"name": "up", "policy": policy}));
        publish(&pair.upstream, "kept", b"kept");
        let (_, gone) = publish(&pair.upstream, "gone", b"gone");
        publish(&pair.replica, "own", b"own");
        pair.replicated();
        pair.upstream.completed(pair.upstream.delete(&gone));
        pair.replicated();
        for list in [FILE_DISTRIBUTIONS, REPOSITORIES] {
            assert_eq!(names(&pair.replica, list), after_deletion, "{policy} {list}");
        }
        assert_eq!(served(&pair.replica, "up/own/a").expect(200).body, b"own");

        // What an upstream has brought that is configured no more.
        let fields = json!({"name": "gone", "base_path": "up/gone", "repository": null});
        pair.upstream.created(pair.upstream.post(FILE_DISTRIBUTIONS, fields));
        let repository = named(&pair.upstream, REPOSITORIES, "gone");
        let served_again = json!({"repository": repository["pulp_href"]});
        let gone = text(&named(&pair.upstream, FILE_DISTRIBUTIONS, "gone"), "pulp_href");
        pair.upstream.completed(pair.upstream.patch(&gone, served_again));
        pair.replicated();
        pair.replica.delete(&pair.href).expect(204);
        pair.upstream.completed(pair.upstream.delete(&gone));
        let href = configure(&pair.replica, &pair.upstream, json!({"name": "again", "policy": policy}));
        let group = pair.replica.wait_for_group(pair.replica.post(&format!("{href}replicate/"), json!({})));
        if policy == "all" {
            completed(&group);
        } else {
            let told = failure(&pair.replica, &group);
            assert!(told.contains("file remote `kept`: the name is taken"), "{told}");
        }
        assert_eq!(names(&pair.replica, FILE_DISTRIBUTIONS), after_another, "{policy}");
    }
}

#[test]
fn what_no_replication_has_brought_is_never_changed() {
    for policy in ["all", "labeled", "nodelete"] {
        let pair = Pair::new(json!({"name": "up", "policy": policy}));
        publish(&pair.upstream, "other", b"other");
        publish(&pair.upstream, "taken", b"theirs");
        let (_, distribution) = publish(&pair.replica, "taken", b"mine");
        let before = pair.replica.get(&distribution).expect(200).json();
        let told = pair.failure();
        assert!(told.contains("repository `taken`: the name is taken"), "{policy}: {told}");

        // Another name, the same path; and a path around it.
        for base_path in ["up/taken", "up/taken/below"] {
            let fields = json!({"name": "mine", "base_path": base_path});
            let repository = text(&before, "repository");
            pair.replica.completed(pair.replica.patch(&distribution, fields));
            if base_path == "up/taken" {
                pair.replica.completed(pair.replica.patch(&repository, json!({"name": "mine"})));
            }
            let before = pair.replica.get(&distribution).expect(200).json();
            let told = pair.failure();
            assert!(told.contains("`taken`") && told.contains("base_path"), "{policy}: {told}");
            assert_eq!(pair.replica.get(&distribution).expect(200).json(), before);
            assert_eq!(names(&pair.replica, "distributions/"), ["mine"], "nothing of what is not in the way either");
            assert_eq!(served(&pair.replica, &format!("{base_path}/a")).expect(200).body, b"mine");
        }
    }
}

#[test]
fn a_distribution_that_moved_moves_here_too() {
    let pair = Pair::new(json!({"name": "up"}));
    let (_, distribution) = publish(&pair.upstream, "old", b"bytes");
    pair.replicated();
    let before = named(&pair.replica, FILE_DISTRIBUTIONS, "old");
    pair.upstream.completed(pair.upstream.patch(&distribution, json!({"name": "new"})));
    pair.replicated();
    let renamed = named(&pair.replica, FILE_DISTRIBUTIONS, "new");
    assert_eq!(renamed["pulp_href"], before["pulp_href"]);
    assert_eq!(names(&pair.replica, REPOSITORIES), ["new"]);
    pair.upstream.completed(pair.upstream.patch(&distribution, json!({"base_path": "up/there"})));
    pair.replicated();
    assert_eq!(named(&pair.replica, FILE_DISTRIBUTIONS, "new")["pulp_href"], before["pulp_href"]);
    assert_eq!(served(&pair.replica, "up/there/a").expect(200).body, b"bytes");
    assert_eq!(served(&pair.replica, "up/old/a").status, 404);
}

#[test]
fn what_something_else_uses_stays() {
    let pair = Pair::new(json!({"name": "up"}));
    let (_, gone) = publish(&pair.upstream, "gone", b"gone");
    pair.replicated();
    let repository = text(&named(&pair.replica, REPOSITORIES, "gone"), "pulp_href");
    let base = pair.replica.distribute(json!({"name": "own", "repository": repository}));
    pair.upstream.completed(pair.upstream.delete(&gone));
    pair.replicated();
    assert_eq!(names(&pair.replica, FILE_DISTRIBUTIONS), ["own"]);
    assert_eq!(pair.replica.download(&format!("{base}a")).expect(200).body, b"gone");
}

#[test]
fn a_synchronization_that_fails_leaves_what_is_served_as_it_was() {
    let pair = Pair::new(json!({"name": "up"}));
    let (good, _) = publish(&pair.upstream, "good", b"first");
    pair.replicated();
    let last = pair.shown()["last_replication"].clone();
    pair.upstream.modify_many(&good, &[("b", b"second")]);
    let bad = pair.upstream.repository_with(json!({"name": "bad"}));
    let fields = json!({"name": "bad", "base_path": "up/bad", "repository": bad});
    pair.upstream.created(pair.upstream.post(FILE_DISTRIBUTIONS, fields));
    let told = pair.failure();
    assert!(told.contains("1 not synchronized, nothing is served anew: `bad` ("), "{told}");
    assert_eq!(pair.shown()["last_replication"], last);
    assert_eq!(served(&pair.replica, "up/good/b").status, 404);
    pair.upstream.modify_many(&bad, &[("a", b"now")]);
    pair.upstream.publish(&bad);
    pair.replicated();
    assert_eq!(served(&pair.replica, "up/good/b").expect(200).body, b"second");
    assert_eq!(served(&pair.replica, "up/bad/a").expect(200).body, b"now");
}

#[test]
fn a_killed_replication_is_done_by_the_next_one() {
    let mut pair = Pair::new(json!({"name": "up"}));
    for number in 0..8 {
        publish(&pair.upstream, &format!("r{number}"), format!("bytes {number}").as_bytes());
    }
    for pause in [0, 30, 100, 250, 500] {
        pair.replica.post(&format!("{}replicate/", pair.href), json!({})).expect(202);
        std::thread::sleep(std::time::Duration::from_millis(pause));
        pair.replica.kill();
        pair.replica.restart();
        // Whatever is served is served whole.
        for number in 0..8 {
            let answer = served(&pair.replica, &format!("up/r{number}/a"));
            assert!(answer.status == 404 || answer.body == format!("bytes {number}").as_bytes(), "{}", answer.status);
        }
    }
    until("the tasks of before to end", || {
        let left = pair.replica.count("tasks/?state__in=waiting,running,canceling");
        (left == 0).then_some(())
    });
    pair.replicated();
    for number in 0..8 {
        let body = served(&pair.replica, &format!("up/r{number}/a")).expect(200).body;
        assert_eq!(body, format!("bytes {number}").as_bytes());
    }
    assert_eq!(names(&pair.replica, REPOSITORIES).len(), 8);
}

#[test]
fn a_selection_says_what_is_replicated() {
    let pair = Pair::new(json!({"name": "up", "q_select": "pulp_label_select='stage=prod'"}));
    for (name, stage) in [("one", "prod"), ("two", "test"), ("three", "prod")] {
        let (_, distribution) = publish(&pair.upstream, name, name.as_bytes());
        let label = json!({"key": "stage", "value": stage});
        pair.upstream.post(&format!("{distribution}set_label/"), label).expect(201);
    }
    pair.replicated();
    assert_eq!(names(&pair.replica, FILE_DISTRIBUTIONS), ["one", "three"]);
    // One that is given with the request adds, and deletes nothing.
    completed(&pair.replicate_with(json!({"q_select": "name='two'"})));
    assert_eq!(names(&pair.replica, FILE_DISTRIBUTIONS), ["one", "three", "two"]);
    pair.replicated();
    assert_eq!(names(&pair.replica, FILE_DISTRIBUTIONS), ["one", "three"]);
}

#[test]
fn a_domain_is_replicated_into_a_domain() {
    let (server, folder) = (domains::server(), tempfile::tempdir().unwrap());
    let made = ["source", "target"].map(|name| {
        let (href, client) = domains::domain(&server, &folder.path().join(name));
        (text(&server.within("default").get(&href).expect(200).json(), "name"), client)
    });
    let [(source_name, source), (target_name, target)] = made;
    let root = server.within("default");
    publish(&source, "files", b"bytes");
    publish(&root, "others", b"others");
    let href = configure(&target, &server, json!({"name": "up", "domain": source_name}));
    assert!(href.starts_with(&format!("/pulp/{target_name}/api/v3/upstream-pulps/")), "{href}");
    let group = target.wait_for_group(target.post(&format!("{href}replicate/"), json!({})));
    completed(&group);
    assert_eq!(names(&target, "distributions/"), ["files"]);
    let body = target.download(&format!("/pulp/content/{target_name}/up/files/a")).expect(200).body;
    assert_eq!(body, b"bytes");
    assert_eq!(names(&root, "distributions/"), ["others"]);
    assert_eq!(names(&root, "upstream-pulps/").len(), 0, "another domain sees none of it");
}
