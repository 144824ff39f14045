//! Distributions with a remote: files that only the index has.

use std::thread;

use super::*;

fn pulling(index: &PackageIndex, fields: Value) -> (Mirror, String) {
    let mirror = Mirror::of(index, fields);
    let base = mirror.distribute(json!({"remote": mirror.remote}));
    (mirror, base)
}

#[test]
fn a_file_of_the_index_is_fetched_once_and_kept() {
    let index = PackageIndex::new(Style::Json);
    let wheel = IndexFile::of(Wheel::with("a", "1.0", "Summary: from the file\n", ""));
    let bytes = wheel.bytes.clone();
    index.add(
        "a",
        IndexFile { metadata: Some(Wheel::with("a", "1.0", "Summary: from the file\n", "").metadata), ..wheel },
    );
    let (mirror, base) = pulling(&index, json!({}));
    let path = format!("{base}a-1.0-py3-none-any.whl");
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| assert_eq!(mirror.server.download(&path).expect(200).body, bytes));
        }
    });
    assert_eq!(index.asked(), ["/files/a-1.0-py3-none-any.whl", "/simple/a/"]);
    let found = mirror.server.get(&format!("{PACKAGES}?name=a")).expect(200).json();
    assert_eq!((&found["count"], &found["results"][0]["summary"]), (&json!(1), &json!("from the file")));
    let metadata = mirror.server.download(&format!("{path}.metadata")).expect(200).body;
    assert!(String::from_utf8(metadata).unwrap().contains("Summary: from the file"));
    assert_eq!(mirror.server.download(&path).expect(200).body, bytes);
    assert!(index.asked().is_empty(), "both are here");
}

#[test]
fn what_is_pulled_joins_the_repository() {
    let index = PackageIndex::of(Style::Json, &["a"]);
    let mirror = Mirror::of(&index, json!({}));
    let base = mirror.distribute(json!({"remote": mirror.remote, "repository": mirror.repository}));
    mirror.server.download(&format!("{base}a-1.0-py3-none-any.whl")).expect(200);
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl"]);
}

#[test]
fn what_is_here_already_joins_the_repository_too() {
    let index = PackageIndex::of(Style::Json, &["a"]);
    let (mirror, alone) = pulling(&index, json!({}));
    mirror.server.download(&format!("{alone}a-1.0-py3-none-any.whl")).expect(200);
    assert!(mirror.filenames().is_empty());
    let base = mirror.distribute(json!({"remote": mirror.remote, "repository": mirror.repository}));
    for _ in 0..2 {
        mirror.server.download(&format!("{base}a-1.0-py3-none-any.whl")).expect(200);
    }
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl"]);
}

#[test]
fn the_client_chooses_no_address() {
    let index = PackageIndex::of(Style::Json, &["a", "b"]);
    index.release("a", "2.0rc1");
    index.state().answers.insert("/secret".into(), Reply::Bytes(b"secret".to_vec()));
    let (mirror, base) = pulling(&index, json!({"excludes": ["b", "a>1.5"]}));
    let secret = format!("{}secret", index.url());
    for path in [
        format!("c-1.0-py3-none-any.whl?redirect={secret}"),
        format!("c-1.0-py3-none-any.whl?redirect={secret}.metadata"),
        "a-3.0-py3-none-any.whl".into(),
        "b-1.0-py3-none-any.whl".into(),
        "a-2.0rc1-py3-none-any.whl".into(),
        "secret".into(),
        "..%2fa-1.0-py3-none-any.whl".into(),
    ] {
        let answer = mirror.server.get(&format!("{base}{path}"));
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    let asked = index.asked();
    // The older API may know a project that has no page.
    let of_the_index = |path: &String| path.starts_with("/simple/") || path == "/pypi/c/json";
    assert!(asked.iter().all(of_the_index), "{asked:?}");
    let answer = mirror.server.download(&format!("{base}a-1.0-py3-none-any.whl?redirect={secret}")).expect(200);
    assert_ne!(answer.body, b"secret");
}

#[test]
fn streamed_files_are_not_kept() {
    let index = PackageIndex::of(Style::Json, &["a"]);
    let (mirror, base) = pulling(&index, json!({"policy": "streamed"}));
    for _ in 0..2 {
        mirror.server.download(&format!("{base}a-1.0-py3-none-any.whl")).expect(200);
    }
    assert_eq!(mirror.server.count(PACKAGES), 0);
    let asked = index.asked();
    assert_eq!(asked.iter().filter(|path| path.starts_with("/files/")).count(), 2);
    assert_eq!(asked.iter().filter(|path| path.starts_with("/simple/")).count(), 1, "the page is fresh for a while");
}

#[test]
fn a_wrong_file_is_not_kept_and_an_index_that_is_down_is_its_own_fault() {
    let index = PackageIndex::of(Style::Json, &["a", "b"]);
    index.state().answers.insert("/files/a-1.0-py3-none-any.whl".into(), Reply::Bytes(b"wrong".to_vec()));
    index.state().answers.insert("/simple/b/".into(), Reply::Status(500));
    let (mirror, base) = pulling(&index, json!({}));
    let request = mirror.server.request("GET", &format!("{base}a-1.0-py3-none-any.whl"));
    assert!(request.try_send().is_err_and(|_| true) || mirror.server.count(PACKAGES) == 0);
    assert_eq!(mirror.server.count(PACKAGES), 0);
    assert_eq!(mirror.server.get(&format!("{base}b-1.0-py3-none-any.whl")).status, 502);
    let face = base.replace("/pulp/content/", "/pypi/");
    // Not 404: installers would go on to their next index, and take what somebody put there under this name.
    assert_eq!(mirror.server.get(&format!("{face}simple/b/")).status, 502);
    mirror.server.get(&format!("{face}simple/c/")).expect(404);
}

#[test]
fn installers_choose_among_pre_releases() {
    let index = PackageIndex::of(Style::Json, &["a"]);
    index.release("a", "2.0rc1");
    let (mirror, base) = pulling(&index, json!({}));
    let page = mirror.server.get(&format!("{}simple/a/?format=json", base.replace("/pulp/content/", "/pypi/")));
    assert_eq!(page.expect(200).json()["versions"], json!(["1.0", "2.0rc1"]));
    mirror.server.download(&format!("{base}a-2.0rc1-py3-none-any.whl")).expect(200);
}

#[test]
fn what_the_repository_blocks_is_neither_listed_nor_fetched() {
    let index = PackageIndex::of(Style::Json, &["a", "b", "c"]);
    index.release("a", "2.0");
    let mirror = Mirror::of(&index, json!({}));
    // Somebody else has all of it from the same remote already.
    let open = mirror.distribute(json!({"remote": mirror.remote}));
    let base = mirror.distribute(json!({"remote": mirror.remote, "repository": mirror.repository}));
    let block =
        |entry| mirror.server.post(&format!("{}blocklist_entries/", mirror.repository), entry).expect(201).json();
    let shown = |base: &str, name: &str| {
        let path = format!("{}simple/{name}/", base.replace("/pulp/content/", "/pypi/"));
        let answer = mirror.server.request("GET", &path).header("Accept", "application/vnd.pypi.simple.v1+json").send();
        match answer.status {
            404 => vec![],
            _ => answer.expect(200).json()["files"]
                .as_array()
                .unwrap()
                .iter()
                .map(|file| text(file, "filename"))
                .collect(),
        }
    };
    assert_eq!(shown(&base, "a").len(), 2);
    let entry = block(json!({"name": "A", "version": "1"}));
    block(json!({"name": "b"}));
    block(json!({"filename": "c-1.0-py3-none-any.whl"}));
    let files = ["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl", "c-1.0-py3-none-any.whl"];
    let blocked = || {
        assert_eq!(shown(&base, "a"), ["a-2.0-py3-none-any.whl"]);
        assert!(shown(&base, "b").is_empty() && shown(&base, "c").is_empty());
        for file in files {
            assert_eq!(mirror.server.get(&format!("{base}{file}")).status, 404, "{file}");
            assert_eq!(mirror.server.get(&format!("{base}{file}.metadata")).status, 404, "{file}");
        }
    };
    blocked();
    assert!(index.asked().iter().all(|path| path.starts_with("/simple/")));
    for file in files {
        mirror.server.download(&format!("{open}{file}")).expect(200);
    }
    blocked();
    assert_eq!(shown(&open, "b"), ["b-1.0-py3-none-any.whl"]);
    mirror.server.download(&format!("{base}a-2.0-py3-none-any.whl")).expect(200);
    assert_eq!(mirror.filenames(), ["a-2.0-py3-none-any.whl"]);
    mirror.server.delete(&text(&entry, "pulp_href")).expect(204);
    assert_eq!(shown(&base, "a").len(), 2);
    mirror.server.download(&format!("{base}a-1.0-py3-none-any.whl")).expect(200);
}
