//! Exports of publications and versions as files in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Value, json};

use super::exchange::place;
use crate::support::pulp::{assert_completed, text};
use crate::support::rpm_repository::{RpmRepository, State};
use crate::support::world::store_is_local;
use crate::support::{Client, Upstream, random, sha256};

fn exporter(client: &Client, path: &str, method: &str) -> String {
    let body = json!({"name": random::name(), "path": path, "method": method});
    text(&client.post("exporters/core/filesystem/", body).expect(201).json(), "pulp_href")
}

/// The files below a folder, by their paths in it.
fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn publications_are_written_as_files() {
    let from = place();
    let repository = from.server.repository();
    from.server.modify_many(&repository, &[("a/1", b"one"), ("2", b"two")]);
    let publication = from.server.publish(&repository);
    let make = |path: &str, method: &str| exporter(&from.server, path, method);
    let (out, versions) = (from.path("www"), from.path("version"));
    let exporter = make(&out, "write");
    let href =
        from.server.created(from.server.post(&format!("{exporter}exports/"), json!({"publication": publication})));
    assert_eq!(from.server.get(&href).expect(200).json()["exported_resources"], json!([publication]));
    assert_eq!(fs::read(format!("{out}/a/1")).unwrap(), b"one");
    assert!(fs::read_to_string(format!("{out}/PULP_MANIFEST")).unwrap().contains("a/1,"));
    let latest = from.server.latest_version(&repository);
    let both = json!({"publication": publication, "repository_version": latest});
    from.server.post(&format!("{exporter}exports/"), both).expect(400);

    let before = latest.clone();
    from.server.modify_many(&repository, &[("3", b"three")]);
    let latest = from.server.latest_version(&repository);
    let exporter = make(&versions, "write");
    let body = json!({"repository_version": latest, "start_repository_version": before});
    from.server.created(from.server.post(&format!("{exporter}exports/"), body));
    let names: Vec<_> = fs::read_dir(&versions).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["3"]);
    fs::remove_dir_all(format!("{out}/a")).unwrap();
    std::os::unix::fs::symlink("/tmp", format!("{out}/a")).unwrap();
    let exporter = make(&out, "write");
    let task =
        from.server.finished(from.server.post(&format!("{exporter}exports/"), json!({"publication": publication})));
    assert_eq!(task["state"], "failed", "{task}");
}

#[test]
fn files_of_a_folder_of_this_host_are_written_without_being_stored() {
    let from = place();
    let (source, out) = (from.folder.path().join("source"), from.path("out"));
    fs::create_dir(&source).unwrap();
    let files = [("a", &b"some bytes"[..]), ("b", b"other bytes")];
    let line = |(name, bytes): &(&str, &[u8])| format!("{name},{},{}\n", sha256(bytes), bytes.len());
    fs::write(source.join("PULP_MANIFEST"), files.iter().map(line).collect::<String>()).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(source.join(name), bytes).unwrap());
    let url = format!("file://{}/PULP_MANIFEST", source.display());
    let repository = from.server.repository();
    assert_completed(&from.server.sync(&repository, &from.server.remote(&url, json!({"policy": "streamed"}))));
    let publication = from.server.publish(&repository);
    let export = |method: &str| {
        let exporter = exporter(&from.server, &out, method);
        from.server.finished(from.server.post(&format!("{exporter}exports/"), json!({"publication": publication})))
    };
    assert_completed(&export("write"));
    if store_is_local() {
        assert_completed(&export("symlink"));
    }
    let written = files_below(Path::new(&out));
    assert!(files.iter().all(|(name, bytes)| written[*name] == *bytes));
    assert!(!Path::new(&out).join("a").is_symlink());
    assert_eq!(from.server.count(&format!("artifacts/?sha256={}", sha256(b"some bytes"))), 0);
    // What lies there is compared with what it was.
    fs::write(source.join("b"), b"wrong bytes").unwrap();
    let task = export("write");
    assert_eq!(task["state"], "failed", "{task}");
    assert_eq!(fs::read(Path::new(&out).join("b")).unwrap(), b"other bytes");
}

#[test]
fn what_only_a_server_has_is_not_exported() {
    let from = place();
    let upstream = Upstream::with_manifest(&[("a", b"some bytes")]);
    let repository = from.server.repository();
    from.server.sync(&repository, &from.server.remote(&upstream.url("PULP_MANIFEST"), json!({"policy": "on_demand"})));
    let exporter = exporter(&from.server, &from.path("out"), "write");
    let body = json!({"publication": from.server.publish(&repository)});
    let task = from.server.finished(from.server.post(&format!("{exporter}exports/"), body));
    assert!(task["error"]["description"].as_str().unwrap().contains("haven't been downloaded"), "{task}");
}

#[test]
fn files_are_linked_where_the_store_is_a_folder() {
    let from = place();
    let repository = from.server.repository();
    from.server.modify_many(&repository, &[("a/1", b"one"), ("2", b"two")]);
    let publication = from.server.publish(&repository);
    for method in ["hardlink", "symlink"] {
        let out = from.path(method);
        let exporter = exporter(&from.server, &out, method);
        // The second export finds the files of the first.
        for _ in 0..2 {
            let export = from.server.post(&format!("{exporter}exports/"), json!({"publication": publication}));
            if !store_is_local() {
                let task = from.server.finished(export);
                assert!(text(&task["error"], "description").contains(method), "{task}");
                continue;
            }
            from.server.created(export);
            let names: Vec<_> = files_below(Path::new(&out)).into_keys().collect();
            assert_eq!(names, ["2", "PULP_MANIFEST", "a/1"], "{method}");
            let file = Path::new(&out).join("a/1");
            assert_eq!(fs::read(&file).unwrap(), b"one");
            assert_eq!(fs::symlink_metadata(&file).unwrap().is_symlink(), method == "symlink");
            assert_eq!(fs::metadata(&file).unwrap().ino(), fs::metadata(from.server.stored(b"one")).unwrap().ino());
        }
    }
}

#[test]
fn remains_of_a_killed_export_are_removed() {
    let from = place();
    let repository = from.server.repository();
    from.server.modify_many(&repository, &[("1", b"one")]);
    let publication = from.server.publish(&repository);
    let out = from.path("www");
    let exporter = exporter(&from.server, &out, "write");
    let id = exporter.trim_end_matches('/').rsplit('/').next().unwrap();
    fs::create_dir_all(&out).unwrap();
    fs::write(format!("{out}/.{id}.part"), "half").unwrap();
    from.server.created(from.server.post(&format!("{exporter}exports/"), json!({"publication": publication})));
    let names: Vec<_> = files_below(Path::new(&out)).into_keys().collect();
    assert_eq!(names, ["1", "PULP_MANIFEST"]);
}

#[test]
fn no_folder_is_made_through_a_link() {
    let (from, elsewhere) = (place(), tempfile::tempdir().unwrap());
    let repository = from.server.repository();
    from.server.modify_many(&repository, &[("a/b/c/1", b"one")]);
    let publication = from.server.publish(&repository);
    let out = from.path("www");
    fs::create_dir_all(&out).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), format!("{out}/a")).unwrap();
    let exporter = exporter(&from.server, &out, "write");
    let export = from.server.post(&format!("{exporter}exports/"), json!({"publication": publication}));
    let task = from.server.finished(export);
    assert!(text(&task["error"], "description").contains("leads out"), "{task}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn all_that_a_publication_serves_is_written() {
    let upstream = RpmRepository::of(&["bear"]);
    let image = b"a kernel".to_vec();
    let tree = format!(
        "[header]\ntype = productmd.treeinfo\nversion = 1.2\n[release]\nname = Zoo\nshort = Z\nversion = 1\n[tree]\n\
         arch = noarch\nbuild_timestamp = 5\n[images-noarch]\nkernel = images/vmlinuz\n[checksums]\n\
         images/vmlinuz = sha256:{}\n[variant-Zoo]\nid = Zoo\npackages = Packages\nrepository = .\n[variant-Land]\n\
         id = Land\npackages = variants/land\nrepository = variants/land\n",
        sha256(&image)
    );
    {
        let mut state = upstream.state();
        let package = state.packages[0].clone();
        let land = State { packages: vec![package], revision: "1700000000".to_owned(), ..State::default() }.served();
        state.files.extend(land.into_iter().map(|(path, bytes)| (format!("variants/land/{path}"), bytes)));
        state.files.insert(".treeinfo".to_owned(), tree.into_bytes());
        state.files.insert("images/vmlinuz".to_owned(), image);
    }
    let from = place();
    let repository = from.server.post("repositories/rpm/rpm/", json!({"name": random::name()})).expect(201).json();
    let repository = text(&repository, "pulp_href");
    let remote = json!({"name": random::name(), "url": upstream.url(), "policy": "immediate"});
    let remote = text(&from.server.post("remotes/rpm/rpm/", remote).expect(201).json(), "pulp_href");
    assert_completed(&from.server.sync(&repository, &remote));
    let version = from.server.latest_version(&repository);
    let body = json!({"repository_version": version});
    let publication = from.server.created(from.server.post("publications/rpm/rpm/", body));
    let name = random::name();
    let body: Value = json!({"name": name, "base_path": name, "publication": publication});
    from.server.created(from.server.post("distributions/rpm/rpm/", body));

    let out = from.path("www");
    let exporter = exporter(&from.server, &out, "write");
    from.server.created(from.server.post(&format!("{exporter}exports/"), json!({"publication": publication})));
    let written = files_below(Path::new(&out));
    for path in ["Packages/b/", "Land/Packages/b/"] {
        assert!(written.keys().any(|file| file.starts_with(path)), "{path}: {:?}", written.keys());
    }
    for path in ["repodata/repomd.xml", "Land/repodata/repomd.xml", ".treeinfo", "images/vmlinuz"] {
        assert!(written.contains_key(path), "{path}: {:?}", written.keys());
    }
    for (path, bytes) in written {
        assert_eq!(from.server.download(&format!("/pulp/content/{name}/{path}")).expect(200).body, bytes, "{path}");
    }
}
