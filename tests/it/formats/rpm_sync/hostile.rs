//! Upstreams that lie, lead astray or change under the reader: a failed task names file and reason, and nothing of it
//! is visible.

use pith_rpm::compression::{Compression, Effort, compress};
use serde_json::{Value, json};

use super::{Mirror, package, report};
use crate::support::pulp::text;
use crate::support::rpm_repository::{RpmRepository, State};
use crate::support::{Reply, assert_completed, sha256};

/// The description of a failed synchronization of a spoiled repository, which must leave nothing visible.
fn refused(options: &Value, spoil: impl FnOnce(&mut State)) -> String {
    let upstream = RpmRepository::of(&["bear", "cat"]);
    spoil(&mut upstream.state());
    let mirror = Mirror::of(&upstream, json!({}));
    let task = mirror.sync(options.clone());
    assert_eq!(task["state"], "failed", "{task:#}");
    assert_eq!((mirror.version(), &task["created_resources"]), (0, &json!([])));
    text(&task["error"], "description")
}

#[track_caller]
pub(super) fn check(options: Value, spoil: impl FnOnce(&mut State), named: &[&str]) {
    let description = refused(&options, spoil);
    for named in named {
        assert!(description.contains(named), "`{named}` is not in: {description}");
    }
}

#[test]
fn metadata_that_is_not_what_the_index_says_is_refused() {
    check(json!({}), |state| state.spoil = Some(|records| records[0].size = Some(5)), &["PLP0004", "primary"]);
    let swapped: fn(&mut Vec<_>) = |records: &mut Vec<pith_rpm::repomd::Record>| {
        records[1].checksum = records[0].checksum.clone();
    };
    check(json!({}), |state| state.spoil = Some(swapped), &["PLP0003", "filelists"]);
    check(json!({}), |state| state.spoil = Some(|records| drop(records.remove(2))), &["repomd.xml", "`other`"]);
    let twice: fn(&mut Vec<_>) = |records: &mut Vec<pith_rpm::repomd::Record>| records.push(records[0].clone());
    check(json!({}), |state| state.spoil = Some(twice), &["repomd.xml", "named twice"]);
    check(
        json!({}),
        |state| drop(state.answers.insert("repo/repodata/repomd.xml".into(), Reply::Status(404))),
        &["404", "repomd.xml"],
    );
}

#[test]
fn what_lies_outside_is_refused() {
    for location in ["../x.rpm", "/etc/passwd", "//h/x.rpm", "file:///etc/passwd", "a/%2e%2e/x.rpm", "http://h/x.rpm"] {
        let spoil = |state: &mut State| state.packages[0].0.location_href = location.to_owned();
        check(json!({}), spoil, &["primary", "bear", "location"]);
    }
    let outside: fn(&mut Vec<_>) = |records: &mut Vec<pith_rpm::repomd::Record>| {
        records[0].location_href = "../primary.xml".to_owned();
    };
    check(json!({}), |state| state.spoil = Some(outside), &["repomd.xml", "leads out"]);
    let based: fn(&mut Vec<_>) = |records: &mut Vec<pith_rpm::repomd::Record>| {
        records[0].location_base = "file:///etc/".to_owned();
    };
    check(json!({}), |state| state.spoil = Some(based), &["base", "http(s)"]);
    let tree = "[general]\nfamily = F\nversion = 1\narch = noarch\n[images-noarch]\nkernel = ../../etc/passwd\n";
    let spoil = |state: &mut State| drop(state.files.insert(".treeinfo".into(), tree.into()));
    check(json!({}), spoil, &[".treeinfo", "leads out"]);
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    let spoil = |state: &mut State| state.packages[0].0.name = "../bear".to_owned();
    check(json!({}), spoil, &["primary", "../bear"]);
}

#[test]
fn documents_that_break_or_burst_are_refused() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE c [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;\">]>\
                <comps><group><id>&b;</id></group></comps>";
    check(json!({}), |state| state.add_metadata("group", bomb), &["repodata/group.xml"]);
    let gz = compress(Compression::Gz, Effort::Usual, &vec![b' '; 200 << 20]).unwrap();
    let spoil = |state: &mut State| drop(state.metadata.insert("group_gz".into(), ("repodata/comps.gz".into(), gz)));
    check(json!({}), spoil, &["repodata/comps.gz"]);
    check(
        json!({}),
        |state| state.add_metadata("updateinfo", "<updates><update type=\"x\"><id>A</id>"),
        &["repodata/updateinfo.xml"],
    );
    check(
        json!({}),
        |state| state.add_metadata("modules", "---\ndocument: modulemd\nversion: 9\ndata: {}\n...\n"),
        &["repodata/modules.xml", "line 1"],
    );
}

#[test]
fn what_cannot_be_served_as_it_is_is_no_complete_mirror() {
    let complete = || json!({"sync_policy": "mirror_complete"});
    let based = |state: &mut State| state.packages[0].0.location_base = "http://h/other/".to_owned();
    check(complete(), based, &["[RPM0006]", "bear"]);
    check(complete(), |state| state.add_metadata("prestodelta", "<x/>"), &["[RPM0006]", "prestodelta"]);
    let doubled = |state: &mut State| {
        let place = state.packages[0].0.location_href.clone();
        state.packages[1].0.location_href = place;
    };
    check(complete(), doubled, &["[RPM0006]", "cat"]);
}

#[test]
fn packages_may_lie_with_another_server() {
    let other = RpmRepository::of(&["bear"]);
    let upstream = RpmRepository::of(&["bear"]);
    upstream.state().packages[0].0.location_base = other.url();
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));
    mirror.synced(json!({}));
    assert_eq!(other.asked(), ["Packages/b/bear-1-1.noarch.rpm"]);
}

#[test]
fn a_package_that_cannot_be_had_is_listed_and_tried_again() {
    let upstream = RpmRepository::of(&["bear", "cat"]);
    upstream.state().packages[0].1 = b"the fyle of bear-1.noarch".to_vec();
    let mirror = Mirror::of(&upstream, json!({"policy": "immediate"}));

    let task = mirror.sync(json!({"sync_policy": "mirror_content_only"}));
    assert_eq!((&task["state"], mirror.version()), (&json!("failed"), 0));
    let description = text(&task["error"], "description");
    assert!(description.contains("bear-1-1.noarch.rpm") && description.contains("PLP0003"), "{description}");

    let task = mirror.synced(json!({}));
    assert_eq!(mirror.packages(), ["cat-1"]);
    assert_eq!(task["result"]["failures"], 1, "{task:#}");
    assert!(text(&task["result"]["failed"][0], "file").ends_with("bear-1-1.noarch.rpm"), "{task:#}");
    assert_eq!(report(&task, "sync.downloading.artifacts"), Some(0), "what was verified before the failure is here");

    upstream.state().packages[0] = package("bear", "1", "noarch");
    let task = mirror.synced(json!({}));
    assert_eq!(
        (mirror.packages(), report(&task, "sync.downloading.artifacts")),
        (vec!["bear-1".to_owned(), "cat-1".to_owned()], Some(1))
    );
}

#[test]
fn a_change_while_it_is_read_is_never_half_visible() {
    let upstream = RpmRepository::of(&["bear"]);
    let before = upstream.state().served();
    upstream.state().packages.push(package("cat", "1", "noarch"));
    let after = upstream.state().served();
    // An old index to begin with; all else is new already.
    let serve = |always: bool| {
        let (before, after) = (before.clone(), after.clone());
        crate::support::Upstream::answering(move |asked, earlier| {
            let path = asked.path.trim_start_matches('/');
            let is_index = path == "repodata/repomd.xml";
            let files = match is_index && (earlier == 0 || always && earlier % 2 == 0) {
                true => &before,
                false => &after,
            };
            let found = files.get(path).or_else(|| before.get(path).filter(|_| !is_index));
            found.map_or(Reply::Status(404), |bytes| Reply::Bytes(bytes.clone()))
        })
    };
    let once = serve(false);
    let mirror = Mirror::at(&once.url(""), json!({}));
    assert_completed(&mirror.sync(json!({})));
    assert_eq!(mirror.packages(), ["bear-1", "cat-1"]);

    let always = serve(true);
    let mirror = Mirror::at(&always.url(""), json!({}));
    let task = mirror.sync(json!({}));
    assert_eq!((&task["state"], mirror.version()), (&json!("failed"), 0));
    assert!(text(&task["error"], "description").contains("changed while it was read"), "{task:#}");
    assert_ne!(sha256(&before["repodata/repomd.xml"]), sha256(&after["repodata/repomd.xml"]));
}
