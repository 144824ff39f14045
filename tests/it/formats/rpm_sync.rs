//! RPM repositories synchronized from others: what is asked for, what is taken, what survives a bad upstream.

mod hostile;
mod trees;

use pith_rpm::updateinfo::{self, Advisory};
use serde_json::{Value, json};

use crate::support::pulp::text;
use crate::support::rpm_repository::{RpmRepository, package};
use crate::support::{Reply, Server, assert_completed, sha256};

const REPOSITORIES: &str = "repositories/rpm/rpm/";
const REMOTES: &str = "remotes/rpm/rpm/";
const DISTRIBUTIONS: &str = "distributions/rpm/rpm/";
const PACKAGES: &str = "content/rpm/packages/";

/// A server with a repository and a remote of another.
struct Mirror {
    server: Server,
    repository: String,
    remote: String,
}

impl Mirror {
    fn of(upstream: &RpmRepository, fields: Value) -> Self {
        Self::at(&upstream.url(), fields)
    }

    fn at(url: &str, fields: Value) -> Self {
        let server = Server::start();
        let repository = server.made(REPOSITORIES, json!({}));
        let mut body = json!({"url": url, "policy": "on_demand", "max_retries": 0});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let remote = server.made(REMOTES, body);
        Self { server, repository, remote }
    }

    fn sync(&self, options: Value) -> Value {
        let mut body = options;
        body["remote"] = json!(self.remote);
        self.server.finished(self.server.post(&format!("{}sync/", self.repository), body))
    }

    /// The task must have completed.
    fn synced(&self, options: Value) -> Value {
        let task = self.sync(options);
        assert_completed(&task);
        task
    }

    /// The packages of the newest version, by name and version.
    fn packages(&self) -> Vec<String> {
        let version = self.server.latest_version(&self.repository);
        let list = self.server.get(&format!("{PACKAGES}?repository_version={version}&limit=1000")).expect(200).json();
        let name = |package: &Value| format!("{}-{}", text(package, "name"), text(package, "version"));
        let mut names: Vec<_> = list["results"].as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    }

    fn version(&self) -> u64 {
        let version = self.server.get(&self.server.latest_version(&self.repository)).expect(200).json();
        version["number"].as_u64().unwrap()
    }

    /// How many units of a type the newest version has.
    fn count(&self, content_type: &str) -> u64 {
        let version = self.server.get(&self.server.latest_version(&self.repository)).expect(200).json();
        version["content_summary"]["present"][content_type]["count"].as_u64().unwrap_or(0)
    }

    /// The address below which the repository is served.
    fn distribute(&self) -> String {
        self.server.distribute_in(DISTRIBUTIONS, json!({"repository": self.repository}))
    }
}

fn report(task: &Value, code: &str) -> Option<u64> {
    let reports = task["progress_reports"].as_array().unwrap();
    reports.iter().find(|report| report["code"] == code).map(|report| report["done"].as_u64().unwrap())
}

#[test]
fn what_upstream_gets_is_added_and_what_it_loses_stays() {
    let upstream = RpmRepository::of(&["bear", "cat"]);
    upstream.state().packages.push(package("bear", "1", "src"));
    let mirror = Mirror::of(&upstream, json!({}));
    let task = mirror.synced(json!({}));
    assert_eq!(mirror.packages(), ["bear-1", "bear-1", "cat-1"]);
    assert_eq!(report(&task, "sync.parsing.packages"), Some(3));
    assert_eq!(report(&task, "sync.skipped.packages"), Some(0));
    assert_eq!(report(&task, "sync.downloading.metadata"), Some(4));
    let found = mirror.server.get(&format!("{PACKAGES}?name=cat")).expect(200).json();
    let found = mirror.server.get(&text(&found["results"][0], "pulp_href")).expect(200).json();
    assert_eq!(found["summary"], "What cat is");
    assert_eq!(found["changelogs"].as_array().unwrap().len(), 10);
    assert_eq!(found["files"].as_array().unwrap().len(), 1);

    upstream.state().packages = vec![package("cat", "2", "noarch"), package("cat", "1", "noarch")];
    mirror.synced(json!({}));
    assert_eq!(mirror.packages(), ["bear-1", "bear-1", "cat-1", "cat-2"]);
    mirror.synced(json!({"sync_policy": "mirror_content_only"}));
    assert_eq!(mirror.packages(), ["cat-1", "cat-2"]);
}

#[test]
fn an_unchanged_upstream_costs_a_request_for_its_index_and_one_for_its_tree() {
    let upstream = RpmRepository::of(&["bear"]);
    let mirror = Mirror::of(&upstream, json!({}));
    mirror.synced(json!({"skip_types": ["treeinfo"]}));
    upstream.asked();
    let task = mirror.synced(json!({"skip_types": ["treeinfo"]}));
    assert_eq!(upstream.asked(), ["repodata/repomd.xml"]);
    assert_eq!((report(&task, "sync.was_skipped"), &task["created_resources"]), (Some(0), &json!([])));

    // Other settings are another synchronization.
    mirror.synced(json!({}));
    upstream.asked();
    let task = mirror.synced(json!({}));
    assert_eq!(upstream.asked(), ["repodata/repomd.xml", ".treeinfo"]);
    assert!(report(&task, "sync.was_skipped").is_some());
    let task = mirror.synced(json!({"optimize": false}));
    assert_eq!(report(&task, "sync.was_skipped"), None);
    assert_eq!((upstream.asked().len() > 3, mirror.version()), (true, 1));

    upstream.state().packages.push(package("cat", "1", "noarch"));
    let task = mirror.synced(json!({}));
    assert_eq!((report(&task, "sync.was_skipped"), mirror.version()), (None, 2));
}

#[test]
fn source_packages_are_left_out_on_request() {
    let upstream = RpmRepository::of(&["bear"]);
    upstream.state().packages.push(package("cat", "1", "src"));
    let mirror = Mirror::of(&upstream, json!({}));
    let task = mirror.synced(json!({"skip_types": ["srpm"]}));
    assert_eq!(mirror.packages(), ["bear-1"]);
    assert_eq!(report(&task, "sync.skipped.packages"), Some(1));
    mirror.synced(json!({"skip_types": []}));
    assert_eq!(mirror.packages(), ["bear-1", "cat-1"]);
}

#[test]
fn packages_are_fetched_when_somebody_wants_them() {
    let upstream = RpmRepository::of(&["bear"]);
    let mirror = Mirror::of(&upstream, json!({}));
    mirror.synced(json!({}));
    let body = json!({"repository": mirror.repository});
    mirror.server.created(mirror.server.post("publications/rpm/rpm/", body));
    let base = mirror.distribute();
    assert!(!upstream.asked().iter().any(|path| path.ends_with(".rpm")));
    let bytes = mirror.server.download(&format!("{base}Packages/b/bear-1-1.noarch.rpm")).expect(200).body;
    assert_eq!(bytes, package("bear", "1", "noarch").1);
    assert_eq!(upstream.asked(), ["Packages/b/bear-1-1.noarch.rpm"]);
}

#[test]
fn a_complete_mirror_serves_the_metadata_as_it_is() {
    let upstream = RpmRepository::of(&["bear", "cat"]);
    {
        let mut state = upstream.state();
        state.packages[0].0.location_href = "odd/place/Bear.rpm".to_owned();
        state.files.insert("repodata/repomd.xml.asc".to_owned(), b"a signature".to_vec());
        state.add_metadata("productid", "a certificate");
    }
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    let task = mirror.synced(json!({"sync_policy": "mirror_complete"}));
    assert_eq!(task["created_resources"].as_array().unwrap().len(), 2, "{task:#}");
    let base = mirror.distribute();
    let served = upstream.state().served();
    for (path, bytes) in &served {
        assert_eq!(&mirror.server.download(&format!("{base}{path}")).expect(200).body, bytes, "{path}");
    }

    // The same content in other words is published again, without a new version.
    upstream.state().revision = "1700000001".to_owned();
    let task = mirror.synced(json!({"sync_policy": "mirror_complete"}));
    assert_eq!((task["created_resources"].as_array().unwrap().len(), mirror.version()), (1, 1));
    let index = mirror.server.download(&format!("{base}repodata/repomd.xml")).expect(200).body;
    assert_eq!(index, upstream.state().repomd());
}

#[test]
fn databases_and_chunked_copies_are_passed_over_and_stay_in_a_complete_mirror() {
    const REPEATED: [&str; 6] =
        ["primary_db", "filelists_db", "other_db", "primary_zck", "updateinfo_zck", "filelists-ext"];
    let upstream = RpmRepository::of(&["bear"]);
    for data_type in REPEATED {
        upstream.state().add_metadata(data_type, &format!("what {data_type} repeats is not looked at"));
    }
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    let task = mirror.synced(json!({}));
    assert_eq!((mirror.count("rpm.package"), mirror.count("rpm.repo_metadata_file")), (1, 0));
    assert_eq!(report(&task, "sync.downloading.metadata"), Some(4));
    assert!(!upstream.asked().iter().any(|path| REPEATED.iter().any(|name| path.contains(name))));
    let publication = mirror.server.post("publications/rpm/rpm/", json!({"repository": mirror.repository}));
    mirror.server.created(publication);
    let base = mirror.distribute();
    let index = mirror.server.download(&format!("{base}repodata/repomd.xml")).expect(200).text();
    assert!(!REPEATED.iter().any(|name| index.contains(name)), "{index}");

    mirror.synced(json!({"sync_policy": "mirror_complete"}));
    for (path, bytes) in &upstream.state().served() {
        assert_eq!(&mirror.server.download(&format!("{base}{path}")).expect(200).body, bytes, "{path}");
    }
}

#[test]
fn a_list_of_mirrors_leads_to_the_first_that_has_everything() {
    let upstream = RpmRepository::of(&["bear"]);
    let broken = RpmRepository::of(&["other"]);
    broken.state().spoil = Some(|records| records[0].size = Some(3));
    let list = format!("# mirrors\n{}\n{}\n{}\n", broken.upstream().url("gone"), broken.url(), upstream.url());
    upstream.state().answers.insert("list".to_owned(), Reply::Bytes(list.into_bytes()));
    let mirror = Mirror::at(&upstream.upstream().url("list?arch=noarch"), json!({}));
    mirror.synced(json!({}));
    assert_eq!(mirror.packages(), ["bear-1"]);
}

#[test]
fn a_token_goes_with_each_request() {
    let upstream = RpmRepository::of(&["bear"]);
    let mirror = Mirror::of(&upstream, json!({"sles_auth_token": "secret-token", "policy": "immediate"}));
    mirror.synced(json!({}));
    let asked = upstream.asked();
    assert!(asked.iter().any(|path| path.contains(".rpm")), "{asked:?}");
    assert!(asked.iter().all(|path| path.ends_with("?secret-token")), "{asked:?}");
}

#[test]
fn everything_beside_packages_comes_along() {
    let upstream = RpmRepository::of(&["bear"]);
    let advisory = Advisory { id: "RHSA-1".to_owned(), kind: "security".to_owned(), ..Advisory::default() };
    let modules = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: zoo\n  stream: \"1\"\n  version: 5\n  \
                   context: c0ffee\n  arch: noarch\n  summary: s\n  description: d\n  license:\n    module: [MIT]\n  \
                   artifacts:\n    rpms: [\"bear-0:1-1.noarch\"]\n...\n---\ndocument: modulemd-defaults\nversion: \
                   1\ndata:\n  module: zoo\n  stream: \"1\"\n...\n";
    let comps = "<?xml version=\"1.0\"?>\n<comps><group><id>pets</id><name>Pets</name><packagelist><packagereq \
                 type=\"mandatory\">bear</packagereq></packagelist></group></comps>\n";
    let image = b"a kernel".to_vec();
    let tree = format!(
        "[header]\ntype = productmd.treeinfo\nversion = 1.2\n[release]\nname = Zoo\nshort = Z\nversion = 1\n[tree]\n\
         arch = noarch\nbuild_timestamp = 5\nplatforms = noarch\nvariants = Zoo\n[variant-Zoo]\nid = Zoo\nname = \
         Zoo\ntype = variant\nuid = Zoo\npackages = Packages\nrepository = .\n[images-noarch]\nkernel = \
         images/vmlinuz\n[checksums]\nimages/vmlinuz = sha256:{}\n",
        sha256(&image)
    );
    {
        let mut state = upstream.state();
        let text = updateinfo::HEADER.to_owned() + &updateinfo::render(&advisory) + updateinfo::FOOTER;
        state.add_metadata("updateinfo", &text);
        state.add_metadata("modules", modules);
        state.add_metadata("group", comps);
        state.add_metadata("productid", "a certificate");
        state.add_metadata("primary_db", "a database");
        state.files.insert(".treeinfo".to_owned(), tree.into_bytes());
        state.files.insert("images/vmlinuz".to_owned(), image);
    }
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    let task = mirror.synced(json!({}));
    for (content_type, code) in [
        ("rpm.advisory", "sync.parsing.advisories"),
        ("rpm.modulemd", "sync.parsing.modulemds"),
        ("rpm.modulemd_defaults", "sync.parsing.modulemd_defaults"),
        ("rpm.packagegroup", "sync.parsing.comps"),
    ] {
        assert_eq!((mirror.count(content_type), report(&task, code)), (1, Some(1)), "{content_type}");
    }
    assert_eq!((mirror.count("rpm.distribution_tree"), mirror.count("rpm.repo_metadata_file")), (1, 1));
    let asked = upstream.asked();
    assert!(asked.iter().any(|path| path == "images/vmlinuz"), "{asked:?}");
    let found = mirror.server.get(&format!("{PACKAGES}?name=bear")).expect(200).json();
    assert_eq!(found["results"][0]["is_modular"], true);
    let task = mirror.synced(json!({}));
    assert_eq!(upstream.asked(), ["repodata/repomd.xml", ".treeinfo"]);
    assert!(report(&task, "sync.was_skipped").is_some());
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let upstream = RpmRepository::of(&[]);
    let mirror = Mirror::of(&upstream, json!({}));
    let sync = |options: Value| {
        let mut body = options;
        body["remote"] = json!(mirror.remote);
        mirror.server.post(&format!("{}sync/", mirror.repository), body)
    };
    for options in [
        json!({"mirror": true, "sync_policy": "additive"}),
        json!({"sync_policy": "mirror_complete", "skip_types": ["srpm"]}),
        json!({"sync_policy": "everything"}),
        json!({"skip_types": ["drpm"]}),
    ] {
        sync(options).expect(400);
    }
    mirror.server.completed(mirror.server.patch(&mirror.repository, json!({"autopublish": true})));
    sync(json!({"mirror": true})).expect(400);
    mirror.synced(json!({"sync_policy": "mirror_content_only"}));
}
