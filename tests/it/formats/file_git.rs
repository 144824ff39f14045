//! Files of repositories of Git: which commit a remote means, what becomes units, how servers are asked.

mod hostile;
mod large_files;
mod local;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::git::{Project, backend};
use crate::support::pulp::{FILES, PASSWORD, text};
use crate::support::upstream::Asked;
use crate::support::{Reply, Server, Upstream, assert_completed, sha256};

const REMOTES: &str = "remotes/file/git/";
type File<'a> = (&'a str, &'a [u8]);

const THREE: [File<'static>; 3] = [("README", b"read me"), ("src/a.c", b"int a;"), ("src/deep/b", b"")];

fn file<'a>(path: &'a str, bytes: &'a [u8]) -> File<'a> {
    (path, bytes)
}

/// A server with a repository that reads from a remote.
struct Reader {
    server: Server,
    repository: String,
    remote: String,
}

impl Reader {
    fn of(url: &str) -> Self {
        Self::with(url, json!({}))
    }

    /// With these fields of the remote.
    fn with(url: &str, mut fields: Value) -> Self {
        let server = Server::start();
        fields["url"] = json!(url);
        let remote = server.made(REMOTES, fields);
        let repository = server.repository();
        Self { server, repository, remote }
    }

    fn set(&self, fields: Value) {
        let answer = self.server.patch(&self.remote, fields);
        // What changes nothing needs no task.
        if answer.status != 200 {
            self.server.completed(answer);
        }
    }

    fn sync(&self) -> Value {
        self.server.sync(&self.repository, &self.remote)
    }

    #[track_caller]
    fn synced(&self) -> Value {
        let task = self.sync();
        assert_completed(&task);
        task
    }

    /// Why a synchronization fails that makes no version.
    #[track_caller]
    fn failure(&self) -> String {
        let before = self.server.latest_version(&self.repository);
        let task = self.sync();
        assert_eq!(task["state"], "failed", "{task:#}");
        assert_eq!(self.server.latest_version(&self.repository), before);
        text(&task["error"], "description")
    }

    /// The files of the newest version: SHA-256 by path.
    #[track_caller]
    fn files(&self) -> BTreeMap<String, String> {
        let version = self.server.latest_version(&self.repository);
        let units = self.server.get(&format!("{FILES}?repository_version={version}&limit=1000")).expect(200).json();
        let units = units["results"].as_array().unwrap();
        assert!(units.iter().all(|unit| unit["artifact"].is_string()), "{units:#?}");
        units.iter().map(|unit| (text(unit, "relative_path"), text(unit, "sha256"))).collect()
    }
}

fn expected(files: &[File<'_>]) -> BTreeMap<String, String> {
    files.iter().map(|(path, bytes)| (path.to_string(), sha256(bytes))).collect()
}

fn done(task: &Value, code: &str) -> Value {
    let reports = task["progress_reports"].as_array().unwrap();
    let report = reports.iter().find(|report| report["code"] == code);
    report.unwrap_or_else(|| panic!("no {code} in {task:#}"))["done"].clone()
}

#[test]
fn remotes_are_configured_as_others_are_but_have_no_policy() {
    let server = Server::start();
    let body = json!({"name": "git", "url": "https://git.example.org/a.git", "username": "me"});
    let remote = server.post(REMOTES, body.clone()).expect(201).json();
    assert_eq!((&remote["git_ref"], &remote["policy"]), (&json!("HEAD"), &Value::Null));
    assert!(text(&remote, "prn").starts_with("prn:file.filegitremote:"));
    assert!(text(&remote, "pulp_href").contains("/remotes/file/git/"));
    let href = text(&remote, "pulp_href");
    server.completed(server.patch(&href, json!({"git_ref": "main"})));
    assert_eq!(server.get(&href).expect(200).json()["git_ref"], "main");
    let repository = server.repository_with(json!({"remote": href}));
    assert_eq!(server.get(&repository).expect(200).json()["remote"], href);
    server.completed(server.request("PUT", &href).json(&body).send());
    assert_eq!(server.get(&href).expect(200).json()["git_ref"], "HEAD");
    for (fields, field) in [
        (json!({"git_ref": ""}), "git_ref"),
        (json!({"git_ref": null}), "git_ref"),
        (json!({"git_ref": "a\u{0}b"}), "git_ref"),
        (json!({"url": "https://me:secret@git.example.org/"}), "url"),
        (json!({"url": "file:///etc"}), "url"),
    ] {
        let answer = server.patch(&href, fields).expect(400).json();
        assert!(answer.get(field).is_some(), "{answer}");
    }
    assert_eq!(server.count(&format!("{REMOTES}?name__contains=gi")), 1);
    assert_eq!(server.count("remotes/?pulp_type=file.git"), 1);
    server.completed(server.delete(&href));
    server.get(&href).expect(404);
}

#[test]
fn other_formats_do_not_read_from_them() {
    let server = Server::start();
    let remote = server.made(REMOTES, json!({"url": "https://git.example.org/a.git"}));
    let answer = server.post("repositories/python/python/", json!({"name": "x", "remote": remote})).expect(400).json();
    assert!(answer.get("remote").is_some(), "{answer}");
    let answer = server.post("acs/file/file/", json!({"name": "x", "remote": remote})).expect(400).json();
    assert!(answer.get("remote").is_some(), "{answer}");
}

#[test]
fn branches_tags_and_commits_are_read() {
    let project = Project::with(&THREE);
    let first = project.git(&["rev-parse", "HEAD"]);
    project.git(&["tag", "--annotate", "--message=first", "v1"]);
    let lost = project.commit(&[("lost", b"between")]);
    let second = project.commit(&[("README", b"read me again"), ("new", b"new")]);
    project.git(&["tag", "light"]);
    project.git(&["checkout", "--quiet", "-b", "side/branch", "v1"]);
    project.commit(&[("side", b"side")]);
    project.git(&["checkout", "--quiet", "main"]);
    let upstream = project.serve();
    let reader = Reader::of(&upstream.url("project"));
    let between = [&THREE[..], &[file("lost", b"between")]].concat();
    let side = [&THREE[..], &[file("side", b"side")]].concat();
    let newest = [&between[1..], &[file("README", b"read me again"), file("new", b"new")]].concat();
    let capital = lost[..7].to_uppercase();
    let cases: [(&str, &[File<'_>]); 11] = [
        ("HEAD", &newest),
        ("v1", &THREE),
        ("main", &newest),
        ("side/branch", &side),
        ("light", &newest),
        ("refs/tags/v1", &THREE),
        (&first, &THREE),
        (&second[..8], &newest),
        (&lost, &between),
        (&first[..9], &THREE),
        (&capital, &between),
    ];
    for (git_ref, files) in cases {
        reader.set(json!({"git_ref": git_ref}));
        let body = json!({"remote": reader.remote, "mirror": true});
        let task = reader.server.completed(reader.server.post(&format!("{}sync/", reader.repository), body));
        assert_eq!(reader.files(), expected(files), "{git_ref} {task:#}");
    }
    // A server that leaves out what it is told to: commits are looked through first.
    project.git(&["config", "uploadpack.allowFilter", "true"]);
    let cases: [(&str, &[File<'_>]); 3] = [(&second[..8], &newest), (&lost[..9], &between), (&lost, &between)];
    for (git_ref, files) in cases {
        reader.set(json!({"git_ref": git_ref}));
        upstream.take_asked();
        let body = json!({"remote": reader.remote, "mirror": true});
        reader.server.completed(reader.server.post(&format!("{}sync/", reader.repository), body));
        assert_eq!(reader.files(), expected(files), "{git_ref}");
        let asked = upstream.take_asked();
        let filtered = asked.iter().filter(|asked| String::from_utf8_lossy(&asked.body).contains("filter tree:0"));
        assert_eq!(filtered.count(), usize::from(git_ref.len() == 9), "{git_ref}");
    }
}

#[test]
fn what_cannot_be_resolved_says_so() {
    let project = Project::with(&THREE);
    let tree = project.git(&["rev-parse", "HEAD^{tree}"]);
    project.git(&["tag", "tree", &tree]);
    let upstream = project.serve();
    let reader = Reader::of(&upstream.url("project"));
    let absent = "0123456789012345678901234567890123456789";
    for git_ref in ["nothing", "refs/heads/nothing", "../main", "01234", absent, "tree", "main~1", "a b\nc"] {
        reader.set(json!({"git_ref": git_ref}));
        let failure = reader.failure();
        assert!(failure.starts_with(&format!("Could not resolve git ref '{git_ref}': ")), "{failure}");
    }
}

#[test]
fn what_is_no_repository_cannot_be_cloned() {
    let project = Project::with(&THREE);
    let upstream = project.serve();
    let web = Upstream::answering(|_, _| Reply::Bytes(b"<html>hello</html>".to_vec()));
    for url in [upstream.url("nothing.git"), web.url("a.git"), "ssh://git@localhost/a".replace("git@", "")] {
        let reader = Reader::of(&url);
        let failure = reader.failure();
        assert!(failure.starts_with(&format!("Failed to clone git repository '{url}': ")), "{failure}");
    }
}

#[test]
fn an_empty_repository_has_no_head() {
    let project = Project::new();
    let upstream = project.serve();
    let reader = Reader::of(&upstream.url("project"));
    for git_ref in ["HEAD", "abcd"] {
        reader.set(json!({"git_ref": git_ref}));
        assert!(reader.failure().starts_with(&format!("Could not resolve git ref '{git_ref}': ")));
    }
}

#[test]
fn a_commit_without_files_makes_no_version() {
    let project = Project::with(&[]);
    let reader = Reader::of(&project.serve().url("project"));
    assert_eq!(reader.synced()["created_resources"], json!([]));
}

#[test]
fn the_same_commit_is_not_fetched_again() {
    let project = Project::with(&THREE);
    let upstream = project.serve();
    let reader = Reader::of(&upstream.url("project"));
    let commit = project.git(&["rev-parse", "HEAD"]);
    for git_ref in ["HEAD", "main", &commit, &commit[..12]] {
        reader.set(json!({"git_ref": git_ref}));
        reader.synced();
        upstream.take_asked();
        let again = reader.synced();
        assert_eq!(done(&again, "sync.was_skipped"), 0, "{git_ref}");
        let packs = upstream.take_asked().iter().filter(|asked| is_fetch(asked)).count();
        assert_eq!((packs, &again["created_resources"]), (0, &json!([])), "{git_ref}");
    }
    assert!(reader.repository.len() > 1 && reader.server.latest_version(&reader.repository).ends_with("/versions/1/"));
    // Without that it is fetched, and comes to the same.
    let body = json!({"remote": reader.remote, "optimize": false});
    let task = reader.server.completed(reader.server.post(&format!("{}sync/", reader.repository), body));
    assert_eq!((done(&task, "sync.git.parsing_tree"), &task["created_resources"]), (json!(3), &json!([])));
    assert!(upstream.take_asked().iter().any(is_fetch));
    // What is removed here comes back.
    let units = reader.server.get(FILES).expect(200).json();
    reader.server.modify(&reader.repository, &[], &[&text(&units["results"][0], "pulp_href")]);
    reader.synced();
    assert_eq!(reader.files(), expected(&THREE));
}

fn is_fetch(asked: &Asked) -> bool {
    String::from_utf8_lossy(&asked.body).contains("want ")
}

#[test]
fn a_mirror_removes_what_is_gone_and_is_published() {
    let project = Project::with(&THREE);
    let upstream = project.serve();
    let reader = Reader::of(&upstream.url("project"));
    reader.synced();
    project.git(&["rm", "--quiet", "README"]);
    project.commit(&[("new", b"new")]);
    reader.synced();
    assert_eq!(reader.files().len(), 4, "without mirror nothing is removed");
    let body = json!({"remote": reader.remote, "mirror": true});
    let task = reader.server.completed(reader.server.post(&format!("{}sync/", reader.repository), body));
    assert_eq!(reader.files(), expected(&[("new", b"new"), THREE[1], THREE[2]]));
    let publication = task["created_resources"][1].as_str().unwrap();
    let base = reader.server.distribute(json!({"publication": publication}));
    assert_eq!(reader.server.download(&format!("{base}src/a.c")).expect(200).body, THREE[1].1);
    let manifest = reader.server.download(&format!("{base}PULP_MANIFEST")).expect(200).text();
    assert!(manifest.contains(&format!("new,{},3", sha256(b"new"))), "{manifest}");
}

#[test]
fn links_are_files_and_submodules_are_passed_over() {
    let project = Project::with(&[("a", b"text")]);
    std::os::unix::fs::symlink("../../etc/passwd", project.path().join("link")).unwrap();
    project.write("run.sh", b"exit");
    project.git(&["add", "--all"]);
    project.git(&["update-index", "--chmod=+x", "run.sh"]);
    let other = "160000,0123456789012345678901234567890123456789,below/module";
    project.git(&["update-index", "--add", "--cacheinfo", other]);
    project.git(&["commit", "--quiet", "--message=x"]);
    let reader = Reader::of(&project.serve().url("project"));
    reader.synced();
    assert_eq!(reader.files(), expected(&[("a", b"text"), ("link", b"../../etc/passwd"), ("run.sh", b"exit")]));
}

/// Files that resemble each other, so that a pack has changes; the largest is unpacked in pieces.
fn resembling() -> Vec<(String, Vec<u8>)> {
    let base: Vec<u8> = (0..40_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    (0..20)
        .map(|at| (format!("files/{at}"), [&base[..], &[at; 50_000], &base[at as usize * 1000..]].concat()))
        .collect()
}

#[test]
fn files_that_were_packed_as_changes_are_what_they_were() {
    let files = resembling();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let project = Project::with(&files);
    project.git(&["repack", "-a", "-d", "-f", "--depth=50", "--quiet"]);
    let reader = Reader::of(&project.serve().url("project"));
    reader.synced();
    assert_eq!(reader.files(), expected(&files));
    let base = reader.server.distribute(json!({"publication": reader.server.publish(&reader.repository)}));
    assert_eq!(reader.server.download(&format!("{base}{}", files[19].0)).expect(200).body, files[19].1);
}

#[test]
fn servers_that_know_only_the_first_version_are_read() {
    let project = Project::with(&THREE);
    let first = project.git(&["rev-parse", "HEAD"]);
    project.git(&["tag", "--annotate", "--message=first", "v1"]);
    let second = project.commit(&[("new", b"new")]);
    project.commit(&[("newer", b"newer")]);
    let root = project.path().parent().unwrap().to_owned();
    let upstream = Upstream::answering(move |asked, _| {
        let mut asked = asked.clone();
        asked.headers.remove("git-protocol");
        backend(&root, &asked)
    });
    let reader = Reader::of(&upstream.url("project"));
    let newer = [&THREE[..], &[file("new", b"new")]].concat();
    let newest = [&newer[..], &[file("newer", b"newer")]].concat();
    let cases: [(&str, &[File<'_>]); 5] =
        [("HEAD", &newest), ("v1", &THREE), (&second, &newer), (&second[..8], &newer), (&first[..8], &THREE)];
    for (git_ref, files) in cases {
        reader.set(json!({"git_ref": git_ref}));
        let body = json!({"remote": reader.remote, "mirror": true});
        reader.server.completed(reader.server.post(&format!("{}sync/", reader.repository), body));
        assert_eq!(reader.files(), expected(files), "{git_ref}");
    }
}

#[test]
fn credentials_go_to_the_server_and_nowhere_else() {
    let project = Project::with(&THREE);
    let (home, away) = (project.path().parent().unwrap().to_owned(), project.serve());
    let elsewhere = Arc::new(Mutex::new(None::<String>));
    let redirects = elsewhere.clone();
    let upstream = Upstream::answering(move |asked, _| {
        if asked.headers.get("authorization").map(String::as_str) != Some("Basic bWU6c2VjcmV0") {
            return Reply::Status(401);
        }
        if let Some(base) = &*redirects.lock().unwrap() {
            return Reply::Redirect(format!("{base}{}", &asked.path[1..]));
        }
        backend(&home, asked)
    });
    let reader = Reader::of(&upstream.url("project"));
    let failure = reader.failure();
    assert!(failure.contains("401"), "{failure}");
    reader.set(json!({"username": "me", "password": "secret", "headers": [{"X-Team": "tests"}]}));
    reader.synced();
    assert_eq!(reader.files(), expected(&THREE));
    assert!(upstream.take_asked().iter().skip(1).all(|asked| asked.headers.contains_key("x-team")));
    // The repository moved: all of it is asked for where it is now, and the password is not told there.
    project.commit(&[("new", b"new")]);
    *elsewhere.lock().unwrap() = Some(away.url(""));
    reader.synced();
    assert_eq!(reader.files().len(), 4);
    assert_eq!(upstream.take_asked().len(), 1);
    let asked = away.take_asked();
    assert_eq!(asked.len(), 4);
    assert!(
        asked.iter().all(|asked| !asked.headers.contains_key("authorization") && !asked.headers.contains_key("x-team"))
    );
}

#[test]
fn who_may_not_see_a_remote_may_not_sync_with_it() {
    let project = Project::with(&THREE);
    let reader = Reader::of(&project.serve().url("project"));
    let (user, name) = reader.server.new_user();
    let client = reader.server.user(&name, PASSWORD);
    let body = json!({"role": "file.filerepository_owner", "content_object": reader.repository});
    reader.server.post(&format!("{user}roles/"), body).expect(201);
    let sync = || client.post(&format!("{}sync/", reader.repository), json!({"remote": reader.remote}));
    assert!([403, 404, 400].contains(&sync().status));
    let body = json!({"role": "file.filegitremote_viewer", "content_object": reader.remote});
    reader.server.post(&format!("{user}roles/"), body).expect(201);
    assert_completed(&client.finished(sync()));
}
