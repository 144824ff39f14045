//! Repositories in folders of the server's host.

use serde_json::json;

use super::{Reader, THREE, expected};
use crate::support::git::Project;

fn url(project: &Project) -> String {
    format!("file://{}", project.path().display())
}

#[test]
fn a_folder_is_read_loose_and_packed() {
    let project = Project::with(&THREE);
    let first = project.git(&["rev-parse", "HEAD"]);
    project.git(&["tag", "--annotate", "--message=first", "v1"]);
    let files = super::resembling();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    project.commit(&files);
    let all = [&THREE[..], &files].concat();
    let reader = Reader::of(&url(&project));
    let mirrored = |git_ref: &str| {
        reader.set(json!({"git_ref": git_ref}));
        let body = json!({"remote": reader.remote, "mirror": true});
        reader.server.completed(reader.server.post(&format!("{}sync/", reader.repository), body));
        reader.files()
    };
    let check = || {
        assert_eq!(mirrored("HEAD"), expected(&all));
        for git_ref in ["v1", &first, &first[..8]] {
            assert_eq!(mirrored(git_ref), expected(&THREE), "{git_ref}");
        }
    };
    check();
    project.git(&["repack", "-a", "-d", "-f", "--depth=50", "--quiet"]);
    project.git(&["pack-refs", "--all"]);
    check();
    // In a bare one, too, and with a pack beside loose objects.
    project.commit(&[("new", b"new")]);
    reader.set(json!({"url": format!("{}/.git", url(&project))}));
    assert_eq!(mirrored("main").len(), all.len() + 1);
    let failure = {
        reader.set(json!({"git_ref": "nothing"}));
        reader.failure()
    };
    assert!(failure.starts_with("Could not resolve git ref 'nothing'"), "{failure}");
}

#[test]
fn what_leads_out_of_the_folder_is_not_followed() {
    let project = Project::with(&THREE);
    let inner = project.path().join(".git");
    let reader = Reader::of(&url(&project));
    let head = std::fs::read(inner.join("HEAD")).unwrap();
    std::fs::remove_file(inner.join("HEAD")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", inner.join("HEAD")).unwrap();
    let failure = reader.failure();
    assert!(failure.contains("there is no repository of Git"), "{failure}");
    std::fs::remove_file(inner.join("HEAD")).unwrap();
    std::fs::write(inner.join("HEAD"), head).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", inner.join("refs/heads/linked")).unwrap();
    reader.set(json!({"git_ref": "linked"}));
    assert!(reader.failure().starts_with("Could not resolve git ref 'linked'"));
    std::fs::write(inner.join("objects/info/alternates"), "/elsewhere/objects\n").unwrap();
    let failure = reader.failure();
    assert!(failure.contains("borrows objects"), "{failure}");
}

#[test]
fn damaged_repositories_are_refused() {
    let project = Project::with(&THREE);
    let reader = Reader::of(&url(&project));
    let blob = project.git(&["rev-parse", "HEAD:README"]);
    let path = project.path().join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    let original = std::fs::read(&path).unwrap();
    let other = project.git(&["rev-parse", "HEAD:src/a.c"]);
    let other = std::fs::read(project.path().join(".git/objects").join(&other[..2]).join(&other[2..])).unwrap();
    std::fs::remove_file(&path).unwrap();
    for bytes in [&original[..original.len() / 2], b"", b"junk", &other] {
        std::fs::write(&path, bytes).unwrap();
        let failure = reader.failure();
        assert!(failure.contains("damaged") || failure.contains("too early"), "{failure}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(reader.failure().contains(&format!("`{blob}` is missing")));
    std::fs::write(&path, &original).unwrap();
    project.git(&["repack", "-a", "-d", "--quiet"]);
    let folder = project.path().join(".git/objects/pack");
    for name in std::fs::read_dir(&folder).unwrap().map(|name| name.unwrap().path()) {
        let bytes = std::fs::read(&name).unwrap();
        std::fs::remove_file(&name).unwrap();
        std::fs::write(&name, &bytes[..bytes.len() / 2]).unwrap();
    }
    let failure = reader.failure();
    assert!(failure.contains("damaged") || failure.contains("too early"), "{failure}");
}
