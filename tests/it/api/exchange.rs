//! Exports and imports, through HTTP, between two servers that share a folder.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::pulp::{self, text};
use crate::support::{Client, Server, random, sha256};

pub(super) const EXPORTERS: &str = "exporters/core/pulp/";
pub(super) const IMPORTERS: &str = "importers/core/pulp/";

pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    pub(super) server: Server,
}

pub(super) fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let allowed = json!([folder.path()]).to_string();
    let settings = [("PITH_ALLOWED_EXPORT_PATHS", allowed.as_str()), ("PITH_ALLOWED_IMPORT_PATHS", allowed.as_str())];
    Place { server: Server::start_with(&settings), folder }
}

impl Place {
    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

pub(super) fn exporter(client: &Client, path: &str, repositories: &[&str]) -> String {
    let body = json!({"name": random::name(), "path": path, "repositories": repositories});
    text(&client.post(EXPORTERS, body).expect(201).json(), "pulp_href")
}

/// The export as clients see it.
pub(super) fn export(client: &Client, exporter: &str, body: Value) -> Value {
    let href = client.created(client.post(&format!("{exporter}exports/"), body));
    client.get(&href).expect(200).json()
}

pub(super) fn tar_of(export: &Value) -> String {
    let files = export["output_file_info"].as_object().unwrap();
    files.keys().find(|name| name.ends_with(".tar")).unwrap().clone()
}

pub(super) fn importer(client: &Client, mapping: Value) -> String {
    let body = json!({"name": random::name(), "repo_mapping": mapping});
    text(&client.post(IMPORTERS, body).expect(201).json(), "pulp_href")
}

/// The tasks of an import, once all are over.
pub(super) fn import(client: &Client, importer: &str, body: Value) -> Vec<Value> {
    let group = text(&client.post(&format!("{importer}imports/"), body).expect(202).json(), "task_group");
    for _ in 0..3000 {
        let group = client.get(&group).expect(200).json();
        let busy: u64 = ["waiting", "running", "canceling"].iter().map(|state| group[*state].as_u64().unwrap()).sum();
        if group["all_tasks_dispatched"] == true && busy == 0 {
            let tasks = group["tasks"].as_array().unwrap();
            return tasks.iter().map(|task| client.get(&text(task, "pulp_href")).expect(200).json()).collect();
        }
        sleep(Duration::from_millis(20));
    }
    panic!("the import does not end");
}

pub(super) fn imported(client: &Client, importer: &str, body: Value) -> Vec<Value> {
    let tasks = import(client, importer, body);
    tasks.iter().for_each(pulp::assert_completed);
    tasks
}

/// The reason of the one task of an import that failed.
pub(super) fn failure(client: &Client, importer: &str, body: Value) -> String {
    let tasks = import(client, importer, body);
    let failed: Vec<_> = tasks.iter().filter(|task| task["state"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{tasks:#?}");
    text(&failed[0]["error"], "description")
}

pub(super) fn files_of(client: &Client, repository: &str) -> Vec<(String, String, Value)> {
    let version = client.latest_version(repository);
    let list = client.get(&format!("{}?repository_version={version}&limit=1000", pulp::FILES)).expect(200).json();
    let file = |unit: &Value| (text(unit, "relative_path"), text(unit, "sha256"), unit["pulp_labels"].clone());
    let mut files: Vec<_> = list["results"].as_array().unwrap().iter().map(file).collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// A tar as the reference writes it: these members, whatever they are.
pub(super) fn tar(path: &Path, members: &[(&str, &[u8])]) {
    let mut bytes = Vec::new();
    for (name, data) in members {
        bytes.extend(header(name, data.len(), b'0', ""));
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize((bytes.len() + 1024).next_multiple_of(10240), 0);
    fs::write(path, bytes).unwrap();
}

pub(super) fn header(name: &str, size: usize, kind: u8, link: &str) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(157, link);
    put(257, "ustar\u{0}00");
    header[156] = kind;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// The name of a member of a tar, and its bytes.
pub(super) type Member = (String, Vec<u8>);

/// The members of an export of one file, as the reference writes them.
pub(super) fn of_reference(version: &str, content: &[u8]) -> Vec<Member> {
    let digest = sha256(content);
    let domain = "fc2d2cc3-41e8-4c04-8da4-4ff9f703a858";
    let unit = "01a2249c-5585-7d90-8f17-afa0c5f1da07";
    let folder = "repository-theirs_3";
    let json = |value: Value| value.to_string().into_bytes();
    let versions = json!([{"component": "core", "version": version}, {"component": "file", "version": version}]);
    let repository = json!({"pulp_type": "file.file", "name": "theirs", "description": "of another", "retain_repo_versions": "3",
        "retain_checkpoints": "", "user_hidden": "0", "pulp_domain": domain});
    let mut settings = repository.clone();
    settings["manifest"] = json!("LIST");
    settings["autopublish"] = json!("1");
    settings["last_sync_details"] = Value::Null;
    let artifact = format!("artifact/{}/{}", &digest[..2], &digest[2..]);
    vec![
        ("versions.json".into(), json(versions)),
        (artifact.clone(), content.to_vec()),
        (
            "pulpcore.app.modelresource.ArtifactResource.json".into(),
            json(json!([{"file": artifact, "size": content.len().to_string(), "md5": "", "sha1": "", "sha224": "",
                "sha256": digest, "sha384": "", "sha512": "", "pulp_domain": domain}])),
        ),
        ("pulpcore.app.modelresource.RepositoryResource.json".into(), json(json!([repository]))),
        (
            format!("{folder}/pulp_file.app.modelresource.FileContentResource.json"),
            json(
                json!([{"pulp_type": "file.file", "upstream_id": unit, "pulp_domain": domain, "relative_path": "d/f0.txt",
                "digest": digest, "_pulp_domain": domain}]),
            ),
        ),
        (format!("{folder}/pulp_file.app.modelresource.FileRepositoryResource.json"), json(json!([settings]))),
        (
            format!("{folder}/pulpcore.app.modelresource.ContentArtifactResource.json"),
            json(json!([{"artifact": digest, "content": unit, "relative_path": "d/f0.txt"}])),
        ),
    ]
}

pub(super) fn write(path: &Path, members: &[Member]) {
    let members: Vec<_> = members.iter().map(|(name, data)| (name.as_str(), data.as_slice())).collect();
    tar(path, &members);
}

#[test]
fn what_is_exported_is_imported_equal() {
    let (from, to) = (place(), place());
    let repository =
        from.server.repository_with(json!({"manifest": "LIST", "pulp_labels": {"a": "b"}, "description": "x"}));
    from.server.modify_many(&repository, &[("a/1", b"one"), ("a/2", b"two"), ("3", b"")]);
    let unit = text(
        &from.server.get(&format!("{}?relative_path=3", pulp::FILES)).expect(200).json()["results"][0],
        "pulp_href",
    );
    from.server.post(&format!("{unit}set_label/"), json!({"key": "k", "value": "v"})).expect(201);
    let exporter = exporter(&from.server, &from.path("out"), &[&repository]);
    let made = export(&from.server, &exporter, json!({"meta": {"who": "me"}}));
    assert_eq!(made["toc_info"]["meta"], json!({"who": "me"}));
    assert_eq!(made["exported_resources"], json!([from.server.latest_version(&repository)]));
    let toc: Value = serde_json::from_slice(&fs::read(text(&made["toc_info"], "file")).unwrap()).unwrap();
    assert_eq!(toc["meta"], json!({"who": "me", "checksum_type": "crc32"}));

    let copy = to.folder.path().join("in.tar");
    fs::copy(tar_of(&made), &copy).unwrap();
    let importer = importer(&to.server, json!({}));
    let body = json!({"path": copy, "create_repositories": true});
    let tasks = imported(&to.server, &importer, body.clone());
    assert_eq!(tasks.len(), 2);
    let name = text(&from.server.get(&repository).expect(200).json(), "name");
    let found = to.server.get(&format!("{}?name={name}", pulp::REPOSITORIES)).expect(200).json()["results"][0].clone();
    let own = text(&found, "pulp_href");
    assert_eq!(
        (&found["manifest"], &found["description"], &found["pulp_labels"]),
        (&json!("LIST"), &json!("x"), &json!({"a": "b"}))
    );
    assert_eq!(files_of(&to.server, &own), files_of(&from.server, &repository));
    // Importing what is there makes no version.
    let version = to.server.latest_version(&own);
    imported(&to.server, &importer, body);
    assert_eq!(to.server.latest_version(&own), version);
    assert_eq!(to.server.count(&format!("{importer}imports/")), 2);
}

#[test]
fn an_incremental_export_has_new_artifacts_only() {
    let from = place();
    let repository = from.server.repository();
    from.server.modify_many(&repository, &[("1", b"one")]);
    let exporter = exporter(&from.server, &from.path("out"), &[&repository]);
    from.server.post(&format!("{exporter}exports/"), json!({"full": false})).expect(400);
    let first = export(&from.server, &exporter, json!({}));
    from.server.modify_many(&repository, &[("2", b"two")]);
    let second = export(&from.server, &exporter, json!({"full": false}));
    let bytes = |export: &Value| {
        let mut all = Vec::new();
        fs::File::open(tar_of(export)).unwrap().read_to_end(&mut all).unwrap();
        all
    };
    let holds = |all: &[u8], digest: &str| {
        let name = format!("artifact/{}/{}\0", &digest[..2], &digest[2..]);
        all.windows(name.len()).any(|part| part == name.as_bytes())
    };
    let (one, two) = (sha256(b"one"), sha256(b"two"));
    assert!(holds(&bytes(&first), &one) && !holds(&bytes(&second), &one) && holds(&bytes(&second), &two));

    let target = from.server.repository();
    let names = |href: &str| text(&from.server.get(href).expect(200).json(), "name");
    let importer = importer(&from.server, json!({names(&repository): names(&target)}));
    imported(&from.server, &importer, json!({"path": tar_of(&second)}));
    assert_eq!(files_of(&from.server, &target), files_of(&from.server, &repository));
}

#[test]
fn chunks_are_put_together_by_their_table() {
    let from = place();
    let repository = from.server.repository();
    from.server.modify_many(&repository, &[("1", &[7; 20_000]), ("2", b"two")]);
    let exporter = exporter(&from.server, &from.path("out"), &[&repository]);
    let made = export(&from.server, &exporter, json!({"chunk_size": "5KB"}));
    let toc_path = PathBuf::from(text(&made["toc_info"], "file"));
    let toc: Value = serde_json::from_slice(&fs::read(&toc_path).unwrap()).unwrap();
    let chunks: Vec<&String> = toc["files"].as_object().unwrap().keys().collect();
    assert!(chunks.len() > 4 && chunks[1].ends_with(".tar.0001"), "{toc}");
    assert_eq!(fs::metadata(toc_path.with_file_name(chunks[0])).unwrap().len(), 5120);

    let target = from.server.repository();
    let names = |href: &str| text(&from.server.get(href).expect(200).json(), "name");
    let importer = importer(&from.server, json!({names(&repository): names(&target)}));
    let spoilt = toc_path.with_file_name(chunks[2]);
    let good = fs::read(&spoilt).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 1;
    fs::write(&spoilt, bad).unwrap();
    let reason = failure(&from.server, &importer, json!({"toc": toc_path}));
    assert!(reason.contains(chunks[2].as_str()) && reason.contains("hash mismatch"), "{reason}");
    fs::write(&spoilt, good).unwrap();
    imported(&from.server, &importer, json!({"toc": toc_path}));
    assert_eq!(files_of(&from.server, &target), files_of(&from.server, &repository));
}

#[test]
fn an_export_of_the_reference_is_imported() {
    let to = place();
    let path = to.folder.path().join("theirs.tar");
    write(&path, &of_reference("3.123.1", b"content 0\n"));
    let importer = importer(&to.server, json!({}));
    let tasks = imported(&to.server, &importer, json!({"path": path, "create_repositories": true}));
    assert_eq!(tasks.len(), 2);
    let found = to.server.get(&format!("{}?name=theirs", pulp::REPOSITORIES)).expect(200).json()["results"][0].clone();
    for (name, expected) in
        [("manifest", json!("LIST")), ("autopublish", json!(true)), ("retain_repo_versions", json!(3))]
    {
        assert_eq!(found[name], expected, "{name}");
    }
    let files = files_of(&to.server, &text(&found, "pulp_href"));
    assert_eq!(files, [("d/f0.txt".to_owned(), sha256(b"content 0\n"), json!({}))]);
}

#[test]
fn exporters_say_what_is_wrong() {
    let from = place();
    let repository = from.server.repository();
    let other = from.server.repository();
    let make = |body: Value| from.server.post(EXPORTERS, body);
    let path = from.path("out");
    for (body, field) in [
        (json!({"name": "x", "path": path}), "repositories"),
        (json!({"name": "x", "path": "/etc", "repositories": [repository]}), "path"),
        (json!({"name": "x", "path": format!("{path}/../../etc"), "repositories": [repository]}), "path"),
        (json!({"name": "x", "path": path, "repositories": ["x"]}), "repositories"),
        (json!({"name": "x", "path": path, "repositories": [format!("{repository}versions/0/")]}), "repositories"),
    ] {
        let answer = make(body).expect(400).json();
        assert!(answer.get(field).is_some(), "{field}: {answer}");
    }
    let href = exporter(&from.server, &path, &[&repository]);
    let exports = format!("{href}exports/");
    for (body, field) in [
        (json!({"chunk_size": "5"}), "chunk_size"),
        (json!({"meta": [1]}), "meta"),
        (json!({"versions": [repository]}), "versions"),
        (json!({"versions": [format!("{other}versions/0/")]}), "versions"),
        (json!({"versions": [format!("{repository}versions/0/"), format!("{repository}versions/0/")]}), "versions"),
        (json!({"start_versions": [format!("{repository}versions/0/")]}), "non_field_errors"),
        (json!({"foo": 1}), "foo"),
    ] {
        let answer = from.server.post(&exports, body).expect(400).json();
        assert!(answer.get(field).is_some(), "{field}: {answer}");
    }
    let made = export(&from.server, &href, json!({}));
    let last = from.server.get(&href).expect(200).json()["last_export"].clone();
    assert_eq!(last, made["pulp_href"]);
    from.server.delete(last.as_str().unwrap()).expect(204);
    assert_eq!(from.server.get(&href).expect(200).json()["last_export"], Value::Null);
    from.server.completed(from.server.patch(&href, json!({"path": from.path("elsewhere")})));
    from.server.completed(from.server.delete(&href));
    from.server.get(&href).expect(404);
}

#[test]
fn an_import_is_checked_without_being_made() {
    let to = place();
    let check = |body: Value| to.server.post(&format!("{IMPORTERS}import-check/"), body);
    check(json!({})).expect(400);
    let answer =
        check(json!({"path": "/notallowed", "toc": to.path("missing"), "repo_mapping": "{"})).expect(200).json();
    assert_eq!(answer["path"]["messages"], json!(["/ is not an allowed import path"]));
    assert!(answer["toc"]["messages"][0].as_str().unwrap().ends_with("does not exist"), "{answer}");
    assert_eq!(answer["repo_mapping"]["messages"], json!(["invalid JSON"]));
    fs::write(to.path("there"), "x").unwrap();
    let answer = check(json!({"path": to.path("there")})).expect(200).json();
    assert_eq!(answer, json!({"path": {"context": to.path("there"), "is_valid": true, "messages": []}}));
    let missing = to.server.post(IMPORTERS, json!({"name": "x", "repo_mapping": {"a": "nope"}})).expect(400).json();
    assert_eq!(missing, json!(["Failed to find repositories from repo_mapping: names: ['nope']"]));
}

#[test]
fn versions_are_one_of_each_repository() {
    let from = place();
    let (one, other) = (from.server.repository(), from.server.repository());
    let exporter = exporter(&from.server, &from.path("out"), &[&one, &other]);
    from.server.modify_many(&one, &[("1", b"one")]);
    let version = |repository: &str, number: u8| format!("{repository}versions/{number}/");
    for field in ["versions", "start_versions"] {
        let twice = json!({field: [version(&one, 0), version(&one, 1)], "full": field == "versions"});
        let answer = from.server.post(&format!("{exporter}exports/"), twice).expect(400).json();
        assert!(answer.get(field).is_some(), "{answer}");
    }
    let made = export(&from.server, &exporter, json!({"versions": [version(&other, 0), version(&one, 0)]}));
    assert_eq!(made["exported_resources"], json!([version(&one, 0), version(&other, 0)]));
}

#[test]
fn a_name_that_no_importer_would_take_is_not_exported() {
    let from = place();
    let repository = from.server.repository_with(json!({"name": "a/../b"}));
    let exporter = exporter(&from.server, &from.path("out"), &[&repository]);
    let task = from.server.finished(from.server.post(&format!("{exporter}exports/"), json!({})));
    assert_eq!(task["state"], "failed");
    assert!(text(&task["error"], "description").contains("`a/../b`"), "{task}");
    assert!(fs::read_dir(from.path("out")).map_or(0, Iterator::count) == 0);
}

#[test]
fn only_administrators_export_and_import() {
    let from = place();
    let repository = from.server.repository();
    let exporter = exporter(&from.server, &from.path("out"), &[&repository]);
    let importer = importer(&from.server, json!({}));
    let made = export(&from.server, &exporter, json!({}));
    let files = json!({"name": "x", "path": from.path("www")});
    let filesystem =
        text(&from.server.post("exporters/core/filesystem/", files.clone()).expect(201).json(), "pulp_href");
    from.server.post("users/", json!({"username": "ada", "password": "Yeech6ba"})).expect(201);
    let roles = from.server.get("roles/?limit=1000").expect(200).json();
    let ada = text(&from.server.get("users/?username=ada").expect(200).json()["results"][0], "pulp_href");
    // Whatever else she may do.
    for role in roles["results"].as_array().unwrap() {
        from.server.post(&format!("{ada}roles/"), json!({"role": role["name"], "content_object": null})).expect(201);
    }
    let user = from.server.user("ada", "Yeech6ba");
    user.get(&repository).expect(200);
    let body = json!({"name": "y", "path": from.path("out"), "repositories": [repository]});
    user.post(EXPORTERS, body).expect(403);
    user.post("exporters/core/filesystem/", files).expect(403);
    user.post(IMPORTERS, json!({"name": "y"})).expect(403);
    user.post(&format!("{IMPORTERS}import-check/"), json!({"path": "/etc/passwd"})).expect(403);
    user.post(&format!("{exporter}exports/"), json!({})).expect(403);
    user.post(&format!("{filesystem}exports/"), json!({})).expect(403);
    user.post(&format!("{importer}imports/"), json!({"path": tar_of(&made)})).expect(403);
    for list in [EXPORTERS, "exporters/core/filesystem/", IMPORTERS, &format!("{exporter}exports/")] {
        user.get(list).expect(403);
    }
    for object in [&exporter, &importer, &filesystem, &text(&made, "pulp_href")] {
        user.get(object).expect(403);
        user.delete(object).expect(403);
    }
    user.patch(&importer, json!({"name": "z"})).expect(403);
}
