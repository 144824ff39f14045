//! Installable trees: the repositories of variants and addons come along, unseen, and are published in folders of their
//! names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{DISTRIBUTIONS, Mirror, PACKAGES, REPOSITORIES, package, report};
use crate::alternates::refresh;
use crate::formats::rpm_publish::documents;
use crate::support::pulp::text;
use crate::support::rpm_repository::{RpmRepository, State};
use crate::support::{Reply, Server, random, sha256};

const TREES: &str = "content/rpm/distribution_trees/";
const INDEX: &str = "repodata/repomd.xml";

/// The files of a repository with version 1 of each of these packages.
fn files(names: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let packages = names.iter().map(|name| package(name, "1", "noarch")).collect();
    State { packages, revision: "1700000000".to_owned(), ..State::default() }.served()
}

/// Replaces what lies below a folder of the upstream by such a repository.
fn put(state: &mut State, folder: &str, names: &[&str]) {
    let prefix = format!("{folder}/");
    state.files.retain(|path, _| !path.starts_with(&prefix));
    state.files.extend(files(names).into_iter().map(|(path, bytes)| (prefix.clone() + &path, bytes)));
}

fn treeinfo(parts: &str) -> String {
    let kernel = sha256(b"a kernel");
    format!(
        "; a comment\n[header]\ntype = productmd.treeinfo\nversion = 1.2\n[release]\nname = Zoo\nshort = Z\nversion = \
         1\n[tree]\narch = noarch\nbuild_timestamp = 5\n[images-noarch]\nkernel = images/vmlinuz\n[checksums]\n\
         images/vmlinuz = sha256:{kernel}\n[variant-Zoo]\nid = Zoo\npackages = Packages\nrepository = .\n{parts}"
    )
}

const PARTS: &str = "[variant-Land]\nid = Land\npackages = variants/land\nrepository = variants/land\n\
                     [addon-Zoo-Whale]\nid = Whale\nuid = Zoo-Whale\nrepository = addons/whale/repodata\n";

/// A bear in the tree, a cat on land, a whale and a shark in the addon.
fn zoo() -> RpmRepository {
    let upstream = RpmRepository::of(&["bear"]);
    {
        let mut state = upstream.state();
        state.files.insert(".treeinfo".to_owned(), treeinfo(PARTS).into_bytes());
        state.files.insert("images/vmlinuz".to_owned(), b"a kernel".to_vec());
        put(&mut state, "variants/land", &["cat"]);
        put(&mut state, "addons/whale", &["whale", "shark"]);
    }
    upstream
}

impl Mirror {
    /// The address of a new publication of the newest version.
    fn published(&self) -> String {
        let version = self.server.latest_version(&self.repository);
        published(&self.server, &version)
    }

    fn has(&self, address: &str) -> bool {
        self.server.download(address).status == 200
    }
}

fn published(server: &Server, version: &str) -> String {
    let publication = server.created(server.post("publications/rpm/rpm/", json!({"repository_version": version})));
    server.distribute_in(DISTRIBUTIONS, json!({"publication": publication}))
}

/// Cleans up, as a dry run has foretold it.
fn cleaned_up(server: &Server) {
    let told = server.completed(server.post("orphans/cleanup/", json!({"orphan_protection_time": 0, "dry_run": true})));
    let task = server.completed(server.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
    for (counted, code) in [("content", "clean-up.content"), ("artifacts", "clean-up.artifacts")] {
        let reports = task["progress_reports"].as_array().unwrap();
        let report = reports.iter().find(|report| report["code"] == code).unwrap();
        let told = told["result"][counted].as_u64().unwrap();
        assert_eq!(report["done"], told, "{counted}");
    }
}

#[test]
fn variants_and_addons_are_published_in_folders_of_their_names() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({}));
    let task = mirror.synced(json!({}));
    assert_eq!(mirror.packages(), ["bear-1"]);
    let base = mirror.published();
    for (path, name) in [
        ("Packages/b/bear-1-1.noarch.rpm", "bear"),
        ("Land/Packages/c/cat-1-1.noarch.rpm", "cat"),
        ("Whale/Packages/w/whale-1-1.noarch.rpm", "whale"),
        ("Whale/Packages/s/shark-1-1.noarch.rpm", "shark"),
    ] {
        let bytes = mirror.server.download(&format!("{base}{path}")).expect(200).body;
        assert_eq!(bytes, package(name, "1", "noarch").1, "{path}");
    }
    for (folder, packages) in [("", 1), ("Land/", 1), ("Whale/", 2)] {
        let index = mirror.server.download(&format!("{base}{folder}{INDEX}")).expect(200).text();
        let path = index.split('"').find(|part| part.ends_with("-primary.xml.gz")).unwrap().to_owned();
        let primary = mirror.server.download(&format!("{base}{folder}{path}")).expect(200).body;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&primary[..]), &mut text).unwrap();
        assert!(text.contains(&format!("packages=\"{packages}\"")), "{folder}: {text}");
    }
    let listing = mirror.server.download(&base).expect(200).text();
    for line in ["\"./Land/\"", "\"./Whale/\"", "\"./images/\"", "\"./Packages/\"", "\"./.treeinfo\""] {
        assert!(listing.contains(line) || listing.contains(&line.replace("./", "")), "{line}: {listing}");
    }
    for folder in ["Land/", "Land/Packages/", "Land/Packages/c/", "Whale/Packages/"] {
        assert!(mirror.has(&format!("{base}{folder}")), "{folder}");
    }
    for absent in ["variants/land/", "Land/Packages/w/whale-1-1.noarch.rpm", "Packages/c/cat-1-1.noarch.rpm"] {
        assert!(!mirror.has(&format!("{base}{absent}")), "{absent}");
    }
    let described = mirror.server.download(&format!("{base}.treeinfo")).expect(200).text();
    let expected = treeinfo(PARTS)
        .replace("packages = variants/land", "packages = Land/Packages")
        .replace("repository = variants/land", "repository = Land")
        .replace("repository = addons/whale/repodata", "repository = Whale");
    assert_eq!(described, expected);
    let tree = mirror.server.get(TREES).expect(200).json()["results"][0].clone();
    assert_eq!(tree["variants"][1]["packages"], "Land/Packages");
    assert_eq!(tree["addons"][0]["packages"], "Whale/Packages");

    // Of the repositories behind them nothing is seen but that the task held them.
    let held: Vec<&str> =
        task["reserved_resources_record"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let held: Vec<&str> = held.into_iter().filter_map(|prn| prn.strip_prefix("prn:rpm.rpmrepository:")).collect();
    assert_eq!((held.len(), mirror.server.count(REPOSITORIES), mirror.server.count("repositories/")), (3, 1, 1));
    for id in held.into_iter().filter(|id| !mirror.repository.contains(id)) {
        let href = format!("{REPOSITORIES}{id}/");
        mirror.server.get(&href).expect(404);
        mirror.server.get(&format!("{href}versions/")).expect(404);
        mirror.server.delete(&href).expect(404);
        mirror.server.post(&format!("{href}modify/"), json!({"remove_content_units": ["*"]})).expect(404);
        let body = json!({"repository": format!("/pulp/api/v3/{href}")});
        mirror.server.post("publications/rpm/rpm/", body).expect(400);
    }
}

#[test]
fn packages_of_variants_come_from_an_alternate_source() {
    let (upstream, nearby) = (zoo(), zoo());
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    let server = &mirror.server;
    let body = json!({"name": "nearby", "url": nearby.upstream().url(""), "policy": "on_demand", "max_retries": 0});
    let remote = text(&server.post(super::REMOTES, body).expect(201).json(), "pulp_href");
    let body = json!({"name": "nearby", "remote": remote, "paths": ["repo/"]});
    let source = text(&server.post("acs/rpm/rpm/", body).expect(201).json(), "pulp_href");
    let group = refresh(server, &source);
    assert_eq!(group["completed"], 1, "{group:#}");
    assert_eq!((server.count("content/"), server.count("artifacts/")), (0, 0), "nothing is kept of it");
    nearby.asked();
    mirror.synced(json!({}));
    let mut taken = nearby.asked();
    taken.sort();
    let expected = [
        "Packages/b/bear-1-1.noarch.rpm",
        "addons/whale/Packages/s/shark-1-1.noarch.rpm",
        "addons/whale/Packages/w/whale-1-1.noarch.rpm",
        "images/vmlinuz",
        "variants/land/Packages/c/cat-1-1.noarch.rpm",
    ];
    assert_eq!(taken, expected);
    assert!(!upstream.asked().iter().any(|path| path.ends_with(".rpm")));
}

/// Makes everything at these places absent but what describes repositories.
fn lose(upstream: &RpmRepository, is_lost: impl Fn(&str) -> bool) {
    let paths: Vec<_> = upstream.state().served().into_keys().collect();
    let lost = paths.into_iter().filter(|path| !path.contains("repodata/") && !path.ends_with("treeinfo"));
    let lost = lost.filter(|path| is_lost(path)).map(|path| (format!("repo/{path}"), Reply::Status(404)));
    upstream.state().answers.extend(lost.collect::<Vec<_>>());
}

#[test]
fn a_tree_without_its_packages_fails_although_a_variant_elsewhere_has_its_own_until_a_source_has_them() {
    let (upstream, nearby) = (zoo(), zoo());
    let parts = format!("{PARTS}[variant-Ext]\nid = Ext\nrepository = ../ext/\n");
    upstream.state().files.insert(".treeinfo".to_owned(), treeinfo(&parts).into_bytes());
    for (path, bytes) in files(&["eel"]) {
        upstream.state().answers.insert(format!("ext/{path}"), Reply::Bytes(bytes));
    }
    lose(&upstream, |_| true);
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    let server = &mirror.server;
    let remote = json!({"url": nearby.upstream().url(""), "policy": "on_demand", "max_retries": 0});
    let remote = server.made(super::REMOTES, remote);
    let source = server.made("acs/rpm/rpm/", json!({"remote": remote, "paths": ["repo/"]}));
    let task = mirror.sync(json!({}));
    assert_eq!(task["state"], "failed", "{task:#}");
    let reason = text(&task["error"], "description");
    assert!(reason.contains("404, message='Not Found'"), "{reason}");
    assert_eq!(mirror.version(), 0);
    assert_eq!(refresh(server, &source)["completed"], 1);
    upstream.asked();
    mirror.synced(json!({}));
    assert!(!upstream.asked().iter().any(|path| path.starts_with("Packages") || path.ends_with("vmlinuz")));
    let base = mirror.published();
    for path in ["Packages/b/bear", "Land/Packages/c/cat", "Whale/Packages/w/whale", "Ext/Packages/e/eel"] {
        assert!(mirror.has(&format!("{base}{path}-1-1.noarch.rpm")), "{path}");
    }
}

#[test]
fn an_empty_repository_gets_nothing_of_a_tree_without_images_or_with_an_addon_without_packages() {
    for (lost, named) in [("images/", "images/vmlinuz"), ("addons/whale/", "whale-1-1"), ("Packages/", "bear-1-1")] {
        let upstream = zoo();
        lose(&upstream, |path| path.starts_with(lost));
        let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
        let task = mirror.sync(json!({}));
        assert_eq!(task["state"], "failed", "{task:#}");
        let reason = text(&task["error"], "description");
        assert!(reason.contains("404") && reason.contains(named), "{reason}");
        assert_eq!(mirror.version(), 0, "{lost}");
        upstream.state().answers.clear();
        mirror.synced(json!({}));
        assert!(mirror.has(&format!("{}Whale/Packages/w/whale-1-1.noarch.rpm", mirror.published())));
    }
}

#[test]
fn a_repository_that_has_something_does_without_an_addon_whose_packages_cannot_be_had() {
    let upstream = zoo();
    let main_only = treeinfo("").into_bytes();
    let whole = upstream.state().files.insert(".treeinfo".to_owned(), main_only).unwrap();
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    mirror.synced(json!({}));
    upstream.state().files.insert(".treeinfo".to_owned(), whole);
    lose(&upstream, |path| path.starts_with("addons/whale/"));
    let task = mirror.synced(json!({}));
    assert_eq!(report(&task, "sync.failed.files"), Some(2), "{task:#}");
    let base = mirror.published();
    assert!(mirror.has(&format!("{base}Land/Packages/c/cat-1-1.noarch.rpm")));
    assert!(!mirror.has(&format!("{base}Whale/Packages/w/whale-1-1.noarch.rpm")));
}

#[test]
fn an_unchanged_tree_costs_a_request_for_each_repository_and_makes_nothing() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({}));
    mirror.synced(json!({}));
    upstream.asked();
    let task = mirror.synced(json!({}));
    let asked = [INDEX, ".treeinfo", "variants/land/repodata/repomd.xml", "addons/whale/repodata/repomd.xml"];
    assert_eq!(upstream.asked(), asked);
    assert!(report(&task, "sync.was_skipped").is_some());
    // Looked at anew it is the same, too.
    let task = mirror.synced(json!({"optimize": false}));
    assert_eq!((mirror.version(), &task["created_resources"]), (1, &json!([])));
    assert_eq!(mirror.server.count(TREES), 1);
}

#[test]
fn a_change_of_a_variant_alone_makes_a_new_version_and_leaves_the_old_one_as_it_is() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    mirror.synced(json!({}));
    let first = mirror.server.latest_version(&mirror.repository);
    put(&mut upstream.state(), "variants/land", &["dog"]);
    mirror.synced(json!({}));
    assert_eq!((mirror.version(), mirror.packages()), (2, vec!["bear-1".to_owned()]));
    // What is only added to a repository loses nothing below either.
    let (old, new) = (published(&mirror.server, &first), mirror.published());
    let dogs = ["Land/Packages/d/dog-1-1.noarch.rpm", "Land/Packages/c/cat-1-1.noarch.rpm"];
    assert_eq!(dogs.map(|path| mirror.has(&format!("{new}{path}"))), [true, true]);
    assert_eq!(dogs.map(|path| mirror.has(&format!("{old}{path}"))), [false, true]);
    mirror.synced(json!({"sync_policy": "mirror_content_only"}));
    let mirrored = mirror.published();
    assert_eq!(dogs.map(|path| mirror.has(&format!("{mirrored}{path}"))), [true, false]);
    assert_eq!(mirror.version(), 3);
    // The first state again is the first tree again.
    put(&mut upstream.state(), "variants/land", &["cat"]);
    mirror.synced(json!({"sync_policy": "mirror_content_only"}));
    let last = mirror.published();
    assert_eq!(dogs.map(|path| mirror.has(&format!("{last}{path}"))), [false, true]);
    assert_eq!((mirror.version(), mirror.server.count(TREES)), (4, 3));
}

#[test]
fn files_of_variants_are_fetched_as_the_policy_says() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({}));
    mirror.synced(json!({}));
    assert!(!upstream.asked().iter().any(|path| path.ends_with(".rpm")));
    mirror.server.completed(mirror.server.patch(&mirror.remote, json!({"policy": "immediate"})));
    mirror.synced(json!({}));
    let mut fetched: Vec<_> = upstream.asked().into_iter().filter(|path| path.ends_with(".rpm")).collect();
    fetched.sort();
    let expected = [
        "Packages/b/bear-1-1.noarch.rpm",
        "addons/whale/Packages/s/shark-1-1.noarch.rpm",
        "addons/whale/Packages/w/whale-1-1.noarch.rpm",
        "variants/land/Packages/c/cat-1-1.noarch.rpm",
    ];
    assert_eq!((fetched, mirror.version()), (expected.map(str::to_owned).to_vec(), 1));
    assert!(report(&mirror.synced(json!({})), "sync.was_skipped").is_some());
}

#[test]
fn folders_that_are_published_again_are_as_if_made_anew() {
    let upstream = zoo();
    let names: Vec<String> = (0..300).map(|at| format!("w{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    put(&mut upstream.state(), "addons/whale", &names[..298]);
    let mirror = Mirror::of(&upstream, json!({}));
    let server = &mirror.server;
    // Some more, some less, nothing but the variant.
    for (count, land) in [(298, "cat"), (299, "cat"), (300, "cat"), (290, "cat"), (290, "dog")] {
        put(&mut upstream.state(), "addons/whale", &names[..count]);
        put(&mut upstream.state(), "variants/land", &[land]);
        mirror.synced(json!({"sync_policy": "mirror_content_only"}));
        let base = mirror.published();
        let copy = text(&server.post(REPOSITORIES, json!({"name": random::name()})).expect(201).json(), "pulp_href");
        let version = json!({"base_version": server.latest_version(&mirror.repository)});
        server.completed(server.post(&format!("{copy}modify/"), version));
        let anew = published(server, &server.latest_version(&copy));
        for folder in ["", "Land/", "Whale/"] {
            let [again, anew] = [&base, &anew].map(|base| documents(server, &format!("{base}{folder}")));
            assert!(again.len() >= 3 && again == anew, "{count} {land}: {folder}");
        }
    }
}

#[test]
fn a_complete_mirror_serves_the_metadata_of_variants_as_it_is() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({}));
    mirror.synced(json!({"sync_policy": "mirror_complete"}));
    let base = mirror.distribute();
    let check = |upstream: &RpmRepository| {
        let served = upstream.state().served();
        for (theirs, ours) in [("variants/land/", "Land/"), ("addons/whale/", "Whale/"), ("repodata/", "repodata/")] {
            for (path, bytes) in served.iter().filter(|(path, _)| path.starts_with(theirs)) {
                let path = path.replacen(theirs, ours, 1);
                assert_eq!(&mirror.server.download(&format!("{base}{path}")).expect(200).body, bytes, "{path}");
            }
        }
    };
    check(&upstream);
    let task = mirror.synced(json!({"sync_policy": "mirror_complete"}));
    assert!(report(&task, "sync.was_skipped").is_some());
    // Other words for the same content are published without a new version.
    let other =
        State { packages: vec![package("cat", "1", "noarch")], revision: "1700000001".to_owned(), ..State::default() };
    let other = other.served().into_iter().map(|(path, bytes)| (format!("variants/land/{path}"), bytes));
    upstream.state().files.extend(other);
    mirror.synced(json!({"sync_policy": "mirror_complete"}));
    check(&upstream);
    assert_eq!(mirror.version(), 1);
}

#[test]
fn a_copied_tree_brings_its_repositories_and_keeps_them() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    mirror.synced(json!({}));
    let server = &mirror.server;
    let copy = server.made(REPOSITORIES, json!({}));
    let tree = text(&server.get(TREES).expect(200).json()["results"][0], "pulp_href");
    let source = server.latest_version(&mirror.repository);
    let config = json!([{"source_repo_version": source, "dest_repo": copy, "content": [tree]}]);
    server.completed(server.post("rpm/copy/", json!({"config": config, "dependency_solving": false})));
    let base = published(server, &server.latest_version(&copy));
    let served = ["Whale/Packages/w/whale-1-1.noarch.rpm", "Land/Packages/c/cat-1-1.noarch.rpm", "images/vmlinuz"];
    let all = || served.map(|path| mirror.has(&format!("{base}{path}")));
    assert_eq!(all(), [true; 3]);

    // The source goes on, and goes away.
    put(&mut upstream.state(), "addons/whale", &["squid"]);
    mirror.synced(json!({"sync_policy": "mirror_content_only"}));
    cleaned_up(server);
    server.completed(server.delete(&mirror.repository));
    cleaned_up(server);
    cleaned_up(server);
    assert_eq!(all(), [true; 3]);
    assert_eq!((server.count(&format!("{PACKAGES}?name=squid")), server.count(PACKAGES)), (0, 3));

    // The copy can go on by itself, and starts with what it has.
    let body = json!({"remote": mirror.remote});
    server.completed(server.post(&format!("{copy}sync/"), body));
    let newest = published(server, &server.latest_version(&copy));
    let both = ["Whale/Packages/w/whale-1-1.noarch.rpm", "Whale/Packages/s/squid-1-1.noarch.rpm"];
    assert_eq!(both.map(|path| mirror.has(&format!("{newest}{path}"))), [true, true]);
    assert_eq!(both.map(|path| mirror.has(&format!("{base}{path}"))), [true, false]);

    server.completed(server.delete(&copy));
    cleaned_up(server);
    assert_eq!((server.count(PACKAGES), server.count(TREES), server.count("artifacts/")), (0, 0, 0));
    assert_eq!(server.count("content/"), 0);
}

#[test]
fn repositories_with_the_same_tree_have_each_their_own_below_and_no_more() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    let server = &mirror.server;
    let other = text(&server.post(REPOSITORIES, json!({"name": random::name()})).expect(201).json(), "pulp_href");
    for repository in [&mirror.repository, &other] {
        let mut held = BTreeSet::new();
        for policy in ["additive", "mirror_content_only", "additive"] {
            let body = json!({"remote": mirror.remote, "optimize": false, "sync_policy": policy});
            let task = server.completed(server.post(&format!("{repository}sync/"), body));
            let all = task["reserved_resources_record"].as_array().unwrap().iter().filter_map(Value::as_str);
            held.extend(all.filter(|prn| prn.starts_with("prn:rpm.rpmrepository:")).map(str::to_owned));
        }
        assert_eq!(held.len(), 3, "itself, and one for each folder: {held:?}");
        let version = server.get(&server.latest_version(repository)).expect(200).json();
        assert_eq!(version["number"], 1);
    }
    assert_eq!(server.count(TREES), 1);
    // They go on apart.
    put(&mut upstream.state(), "variants/land", &["dog"]);
    let body = json!({"remote": mirror.remote, "sync_policy": "mirror_content_only"});
    server.completed(server.post(&format!("{other}sync/"), body));
    let (own, others) = (mirror.published(), published(server, &server.latest_version(&other)));
    let served = ["Land/Packages/c/cat-1-1.noarch.rpm", "Land/Packages/d/dog-1-1.noarch.rpm"];
    assert_eq!(served.map(|path| mirror.has(&format!("{own}{path}"))), [true, false]);
    assert_eq!(served.map(|path| mirror.has(&format!("{others}{path}"))), [false, true]);
}

#[test]
fn a_version_that_is_deleted_frees_what_only_its_tree_served() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({}));
    mirror.synced(json!({}));
    let first = mirror.server.latest_version(&mirror.repository);
    put(&mut upstream.state(), "variants/land", &["dog"]);
    mirror.synced(json!({"sync_policy": "mirror_content_only"}));
    let cats = || mirror.server.count(&format!("{PACKAGES}?name=cat"));
    cleaned_up(&mirror.server);
    assert_eq!(cats(), 1);
    mirror.server.completed(mirror.server.delete(&first));
    // The tree goes, then the version that it pinned, then what only that had.
    cleaned_up(&mirror.server);
    cleaned_up(&mirror.server);
    assert_eq!((cats(), mirror.server.count(&format!("{PACKAGES}?name=dog"))), (0, 1));
    assert!(mirror.has(&format!("{}Land/Packages/d/dog-1-1.noarch.rpm", mirror.published())));
}

#[test]
fn what_the_upstream_does_not_have_is_left_out() {
    let upstream = zoo();
    let parts = PARTS.to_owned()
        + "[variant-Self]\nid = Self\nrepository = ../repo/\n[variant-Up]\nid = Up\nrepository = ../../../x\n\
           [variant-Web]\nid = Web\nrepository = http://127.0.0.1:1/\n[addon-Twin]\nid = Twin\nrepository = addons/whale\n";
    upstream.state().files.insert(".treeinfo".to_owned(), treeinfo(&parts).into_bytes());
    upstream.state().files.retain(|path, _| !path.starts_with("variants/land/repodata/"));
    let mirror = Mirror::of(&upstream, json!({}));
    mirror.synced(json!({}));
    let base = mirror.published();
    let served = ["Land/", "Whale/", "Twin/", "Self/", "Up/", "Web/"];
    assert_eq!(
        served.map(|folder| mirror.has(&format!("{base}{folder}{INDEX}"))),
        [false, true, true, false, false, false]
    );
    assert!(mirror.has(&format!("{base}Twin/Packages/w/whale-1-1.noarch.rpm")));
    let described = mirror.server.download(&format!("{base}.treeinfo")).expect(200).text();
    assert!(described.contains("id = Self\nrepository = .\n") && described.contains("id = Twin\nrepository = Twin\n"));
    assert!(report(&mirror.synced(json!({})), "sync.was_skipped").is_some());
    put(&mut upstream.state(), "variants/land", &["cat"]);
    mirror.synced(json!({}));
    assert!(mirror.has(&format!("{}Land/Packages/c/cat-1-1.noarch.rpm", mirror.published())));
}

#[test]
fn trees_that_cannot_be_published_are_refused() {
    let of = |parts: &str| {
        let tree = treeinfo(parts).into_bytes();
        move |state: &mut State| drop(state.files.insert(".treeinfo".to_owned(), tree))
    };
    let two = "[variant-A]\nid = X\nrepository = a\n[addon-B]\nid = X\nrepository = b\n";
    super::hostile::check(json!({}), of(two), &["called `X`"]);
    super::hostile::check(json!({}), of("[variant-A]\nid = ../x\nrepository = a\n"), &["treeinfo", "../x"]);
    let many: String = (0..150).map(|at| format!("[variant-{at}]\nrepository = r{at}\n")).collect();
    super::hostile::check(json!({}), of(&many), &["more than 100"]);

    let broken = |path: &'static str, bytes: Option<&'static [u8]>| {
        move |state: &mut State| {
            of(PARTS)(state);
            put(state, "variants/land", &["cat"]);
            let found =
                state.files.keys().find(|one| one.starts_with("variants/land/") && one.ends_with(path)).cloned();
            match bytes {
                Some(bytes) => drop(state.files.insert(found.unwrap(), bytes.to_vec())),
                None => drop(state.files.remove(&found.unwrap())),
            }
        }
    };
    super::hostile::check(json!({}), broken("repomd.xml", Some(b"garbage")), &["`Land`", "repomd.xml"]);
    super::hostile::check(json!({}), broken("-primary.xml.gz", None), &["`Land`", "primary", "404"]);
    super::hostile::check(json!({}), broken("-primary.xml.gz", Some(b"<x/>")), &["`Land`", "primary"]);
}

#[test]
fn a_failed_synchronization_shows_nothing_of_variants_and_the_next_one_goes_on() {
    let upstream = zoo();
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    let whale = "addons/whale/Packages/w/whale-1-1.noarch.rpm";
    upstream.state().files.insert(whale.to_owned(), b"something else".to_vec());
    let task = mirror.sync(json!({"sync_policy": "mirror_content_only"}));
    assert_eq!(task["state"], "failed");
    assert!(text(&task["error"], "description").contains("whale-1-1.noarch.rpm"), "{task:#}");
    assert_eq!((mirror.version(), mirror.server.count(REPOSITORIES)), (0, 1));
    cleaned_up(&mirror.server);
    put(&mut upstream.state(), "addons/whale", &["whale", "shark"]);
    upstream.asked();
    mirror.synced(json!({"sync_policy": "mirror_content_only"}));
    let fetched: Vec<_> = upstream.asked().into_iter().filter(|path| path.ends_with(".rpm")).collect();
    assert_eq!(fetched, [whale]);
    cleaned_up(&mirror.server);
    cleaned_up(&mirror.server);
    assert_eq!((mirror.server.count(PACKAGES), mirror.server.count(TREES)), (4, 1));
    assert!(mirror.has(&format!("{}Whale/Packages/w/whale-1-1.noarch.rpm", mirror.published())));
}
