//! Imports of exports that are not what they should be.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::exchange::{
    IMPORTERS, Member, export, exporter, failure, files_of, header, import, imported, importer, of_reference, place,
    write,
};
use crate::support::pulp::{self, text};
use crate::support::{Reply, Upstream, sha256};

const REPOSITORIES: &str = "pulpcore.app.modelresource.RepositoryResource.json";
const SETTINGS: &str = "pulp_file.app.modelresource.FileRepositoryResource.json";

#[test]
fn hostile_exports_leave_nothing() {
    let to = place();
    let path = to.folder.path().join("bad.tar");
    let importer = importer(&to.server, json!({}));
    let good = || of_reference("3.123.1", b"content 0\n");
    let with = |at: usize, name: &str, data: &[u8]| {
        let mut members = good();
        members[at] = (name.to_owned(), data.to_vec());
        members
    };
    let artifact = good()[1].0.clone();
    let mut twice = good();
    twice.push(("versions.json".into(), b"[]".to_vec()));
    let versions = |components: &[&str]| {
        let version = |component: &str| if component == "python" { "3.37.1" } else { "3.123.1" };
        let one = |component: &&str| json!({"component": component, "version": version(component)});
        components.iter().map(one).collect::<Value>().to_string().into_bytes()
    };
    let rows = |names: &[&str]| {
        names
            .iter()
            .map(|name| json!({"name": name, "pulp_type": "file.file"}))
            .collect::<Value>()
            .to_string()
            .into_bytes()
    };
    let cases: Vec<(Vec<Member>, &str)> = vec![
        (with(1, &artifact, b"other bytes"), "digest"),
        (with(1, "../../etc/passwd", b"x"), "leads out"),
        (with(1, "/etc/passwd", b"x"), "leads out"),
        (with(1, "repository-x/../../y_1/a.json", b"x"), "leads out"),
        (with(1, "evil.sh", b"x"), "no member"),
        (with(3, "pulpcore.app.modelresource.RepositoryResource.json", b"{}"), "no list"),
        (with(0, "versions.json", b"[{\"component\": \"core\", \"version\": \"2.9.1\"}]"), "2.9.1"),
        (with(0, "versions.json", b"[{\"component\": \"deb\", \"version\": \"3.9.1\"}]"), "`deb`"),
        (good().into_iter().skip(1).collect(), "versions.json"),
        (with(0, "versions.json", &versions(&["file"])), "`core`"),
        (with(0, "versions.json", &versions(&["core", "python"])), "`file`"),
        (with(3, REPOSITORIES, &rows(&["theirs", "theirs"])), "twice"),
        (with(3, REPOSITORIES, &rows(&["theirs", "others"])), "repository-others_"),
        (with(4, "repository-theirs/a.B.json", b"[]"), "no folder of a repository"),
        (with(4, "repository-theirs_4/a.B.json", b"[]"), "second version"),
        (good().into_iter().filter(|(name, _)| !name.ends_with(SETTINGS)).collect(), SETTINGS),
        (with(5, &format!("repository-theirs_3/{SETTINGS}"), &rows(&["others"])), "`others`"),
        (twice, "twice"),
    ];
    let body = json!({"path": path, "create_repositories": true});
    for (members, problem) in cases {
        write(&path, &members);
        let reason = failure(&to.server, &importer, body.clone());
        assert!(reason.contains(problem), "{problem}: {reason}");
    }
    write(&path, &good());
    let whole = fs::read(&path).unwrap();
    for cut in [0, 100, 512, 2048, whole.len() - 9000] {
        fs::write(&path, &whole[..cut]).unwrap();
        let reason = failure(&to.server, &importer, body.clone());
        assert!(reason.contains("cut off"), "{cut}: {reason}");
    }
    for (kind, name) in [(b'2', "link"), (b'1', "hard"), (b'3', "device"), (b'5', "folder")] {
        let mut bytes = header(name, 0, kind, "/etc/passwd");
        bytes.resize(10240, 0);
        fs::write(&path, bytes).unwrap();
        let reason = failure(&to.server, &importer, body.clone());
        assert!(reason.contains(name) && reason.contains("no regular file"), "{reason}");
    }
    assert_eq!(to.server.count("artifacts/") + to.server.count(pulp::REPOSITORIES) + to.server.count(pulp::FILES), 0);
    assert_eq!(to.server.count(&format!("{importer}imports/")), 0);
    // Rows that are wrong are found later, and nothing becomes visible of the repository.
    for (data, problem) in [
        (&b"[{\"upstream_id\": \"1\", \"relative_path\": \"../x\", \"digest\": \"00\"}]"[..], "relative_path"),
        (b"[{\"upstream_id\": \"1\"", "ends within"),
        (b"[1]", "no row"),
    ] {
        write(&path, &with(4, "repository-theirs_3/pulp_file.app.modelresource.FileContentResource.json", data));
        let reason = failure(&to.server, &importer, body.clone());
        assert!(reason.contains(problem), "{problem}: {reason}");
    }
    let theirs = to.server.get(&format!("{}?name=theirs", pulp::REPOSITORIES)).expect(200).json()["results"][0].clone();
    assert!(text(&theirs, "latest_version_href").ends_with("/versions/0/"));
    let staged = fs::read_dir(to.server.data().join("tmp")).map_or(0, Iterator::count);
    assert_eq!(staged, 0);
}

#[test]
fn nothing_is_made_of_an_export_that_was_replaced() {
    let to = place();
    let target = to.server.repository();
    to.server.modify_many(&target, &[("kept", b"kept")]);
    let before = files_of(&to.server, &target);
    let path = to.folder.path().join("in.tar");
    let name = text(&to.server.get(&target).expect(200).json(), "name");
    let importer = importer(&to.server, json!({"theirs": name}));
    let of_folder = |(member, _): &Member| member.starts_with("repository-");
    let good = of_reference("3.123.1", b"content 0\n");
    let without: Vec<Member> = good.iter().filter(|member| !of_folder(member)).cloned().collect();
    let mut less = good.clone();
    less[4].1 = b"[]".to_vec();
    for replaced in [without, less] {
        write(&path, &good);
        // A synchronization that waits keeps the version from being made.
        let open = Arc::new(AtomicBool::new(false));
        let gate = open.clone();
        let upstream = Upstream::answering(move |_, _| {
            while !gate.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(10));
            }
            Reply::Status(404)
        });
        let remote = to.server.remote(&upstream.url("PULP_MANIFEST"), json!({}));
        let sync = to.server.post(&format!("{target}sync/"), json!({"remote": remote})).expect(202).json();
        let begun = to.server.post(&format!("{importer}imports/"), json!({"path": path})).expect(202).json();
        let group = text(&begun, "task_group");
        while to.server.get(&group).expect(200).json()["all_tasks_dispatched"] != true {
            sleep(Duration::from_millis(10));
        }
        write(&path, &replaced);
        open.store(true, Ordering::Relaxed);
        to.server.wait_for(&text(&sync, "task"));
        let tasks = to.server.get(&group).expect(200).json()["tasks"].clone();
        let ended: Vec<_> =
            tasks.as_array().unwrap().iter().map(|task| to.server.wait_for(&text(task, "pulp_href"))).collect();
        let failed: Vec<_> = ended.iter().filter(|task| task["state"] == "failed").collect();
        assert_eq!((ended.len(), failed.len()), (2, 1), "{ended:#?}");
        let reason = text(&failed[0]["error"], "description");
        assert!(reason.contains("not what it was") && reason.contains("in.tar"), "{reason}");
        assert_eq!(files_of(&to.server, &target), before);
    }
    write(&path, &good);
    imported(&to.server, &importer, json!({"path": path}));
    assert_ne!(files_of(&to.server, &target), before);
}

/// An export of one repository without content of its own.
fn of_format(component: &str, settings: &str, rows: &[(&str, Value)]) -> Vec<Member> {
    let pulp_type = format!("{component}.{component}");
    let digest = sha256(b"bytes");
    let own = pith_version(component);
    let mut members = vec![
        (
            "versions.json".to_owned(),
            json!([{"component": "core", "version": "3.123.1"}, {"component": component, "version": own}]),
        ),
        (REPOSITORIES.to_owned(), json!([{"name": "theirs", "pulp_type": pulp_type}])),
        (format!("repository-theirs_1/{settings}"), json!([{"name": "theirs", "pulp_type": pulp_type}])),
    ];
    members.extend(rows.iter().map(|(name, rows)| (format!("repository-theirs_1/{name}"), rows.clone())));
    let mut members: Vec<Member> =
        members.into_iter().map(|(name, rows)| (name, rows.to_string().into_bytes())).collect();
    members.insert(1, (format!("artifact/{}/{}", &digest[..2], &digest[2..]), b"bytes".to_vec()));
    members
}

/// The version of a component, as the status tells it.
fn pith_version(component: &str) -> String {
    let status = place().server.get("status/").expect(200).json();
    let versions = status["versions"].as_array().unwrap().clone();
    let found = versions.iter().find(|version| version["component"] == component).unwrap().clone();
    text(&found, "version")
}

#[test]
fn rows_do_not_put_other_bytes_in_the_place_of_a_file() {
    let (unit, digest, other) = ("01a2249c-5585-7d90-8f17-afa0c5f1da07", sha256(b"bytes"), sha256(b"other bytes"));
    let files = |path: &str| {
        let rows = json!([{"artifact": digest, "content": unit, "relative_path": path}]);
        ("pulpcore.app.modelresource.ContentArtifactResource.json", rows)
    };
    let python = "pulp_python.app.modelresource.PythonRepositoryResource.json";
    let rpm = "pulp_rpm.app.modelresource.RpmRepositoryResource.json";
    let package = |sha256: &str| {
        let row =
            json!([{"upstream_id": unit, "filename": "a-1.tar.gz", "name": "a", "version": "1", "sha256": sha256}]);
        let dump = ("pulp_python.app.modelresource.PythonPackageContentResource.json", row);
        of_format("python", python, &[dump, files("a-1.tar.gz")])
    };
    let metadata = {
        let row = json!([{"upstream_id": unit, "filename": "a-1.tar.gz", "name": "a", "version": "1", "sha256": digest,
            "metadata_sha256": other}]);
        let rows = json!([{"artifact": digest, "content": unit, "relative_path": "a-1.tar.gz"},
            {"artifact": digest, "content": unit, "relative_path": "a-1.tar.gz.metadata"}]);
        let dump = ("pulp_python.app.modelresource.PythonPackageContentResource.json", row);
        of_format("python", python, &[dump, ("pulpcore.app.modelresource.ContentArtifactResource.json", rows)])
    };
    let bear = {
        let row = json!([{"upstream_id": unit, "name": "bear", "epoch": "0", "version": "1", "release": "1",
            "arch": "noarch", "pkgId": other, "checksum_type": "sha256"}]);
        of_format("rpm", rpm, &[("pulp_rpm.app.modelresource.PackageResource.json", row), files("bear.rpm")])
    };
    let productid = {
        let row = json!([{"upstream_id": unit, "data_type": "productid", "checksum_type": "sha256", "checksum": other,
            "relative_path": "repodata/productid"}]);
        let dump = ("pulp_rpm.app.modelresource.RepoMetadataFileResource.json", row);
        of_format("rpm", rpm, &[dump, files("repodata/productid")])
    };
    let tree = {
        let row = json!([{"upstream_id": unit, "build_timestamp": "1.0", "digest": other}]);
        let sums = json!([{"distribution_tree": unit, "path": ".treeinfo", "checksum": format!("sha256:{other}")}]);
        let dump = ("pulp_rpm.app.modelresource.DistributionTreeResource.json", row);
        of_format("rpm", rpm, &[dump, ("pulp_rpm.app.modelresource.ChecksumResource.json", sums), files(".treeinfo")])
    };
    let unnamed = of_format("rpm", rpm, &[("content_mapping.json", json!({"others": []}))]);
    let to = place();
    let importer = importer(&to.server, json!({}));
    let path = to.folder.path().join("bad.tar");
    let body = json!({"path": path, "create_repositories": true});
    for (members, problem) in [
        (package(&other), "`sha256`"),
        (metadata, "`metadata_sha256`"),
        (bear, "`pkgId`"),
        (productid, "`checksum`"),
        (tree, "checksum of `.treeinfo`"),
        (unnamed, "does not name the repository `theirs`"),
    ] {
        to.server.get("repositories/?name=theirs").expect(200).json()["results"]
            .as_array()
            .unwrap()
            .iter()
            .for_each(|repository| drop(to.server.completed(to.server.delete(&text(repository, "pulp_href")))));
        write(&path, &members);
        let reason = failure(&to.server, &importer, body.clone());
        assert!(reason.contains(problem), "{problem}: {reason}");
    }
    assert_eq!(to.server.count("content/"), 0);
    to.server.get("repositories/?name=theirs").expect(200).json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .for_each(|repository| drop(to.server.completed(to.server.delete(&text(repository, "pulp_href")))));
    write(&path, &package(&digest));
    imported(&to.server, &importer, body);
    assert_eq!(to.server.count("content/"), 1);
}

#[test]
fn links_are_not_followed() {
    let (from, elsewhere) = (place(), tempfile::tempdir().unwrap());
    let repository = from.server.repository();
    from.server.modify_many(&repository, &[("1", &[7; 20_000])]);
    let exporter = exporter(&from.server, &from.path("out"), &[&repository]);
    let made = export(&from.server, &exporter, json!({"chunk_size": "5KB"}));
    let toc = std::path::PathBuf::from(text(&made["toc_info"], "file"));
    let importer = importer(&from.server, json!({}));
    let mut chunk = fs::read_dir(toc.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let chunk = chunk.find(|path| path.to_str().unwrap().ends_with(".tar.0001")).unwrap();
    let moved = elsewhere.path().join("chunk");
    fs::copy(&chunk, &moved).unwrap();
    fs::remove_file(&chunk).unwrap();
    std::os::unix::fs::symlink(&moved, &chunk).unwrap();
    let reason = failure(&from.server, &importer, json!({"toc": toc}));
    assert!(reason.contains(".tar.0001") && reason.contains("no regular file"), "{reason}");
    // A table elsewhere, by a link to it or to its folder.
    fs::copy(&toc, elsewhere.path().join("toc.json")).unwrap();
    let (link, folder) = (from.folder.path().join("link.json"), from.folder.path().join("linked"));
    std::os::unix::fs::symlink(elsewhere.path().join("toc.json"), &link).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &folder).unwrap();
    for toc in [link, folder.join("toc.json")] {
        let answer = from.server.post(&format!("{importer}imports/"), json!({"toc": toc})).expect(400).json();
        assert!(answer["toc"][0].as_str().unwrap().contains("not an allowed import path"), "{answer}");
    }
    // A folder is no export either.
    let reason = failure(&from.server, &importer, json!({"path": from.path("out")}));
    assert!(reason.contains("no regular file"), "{reason}");
    assert_eq!(from.server.count(&format!("{importer}imports/")), 0);
    let tasks = import(&from.server, &importer, json!({"path": from.path("missing")}));
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert!(importer.contains(IMPORTERS));
}
