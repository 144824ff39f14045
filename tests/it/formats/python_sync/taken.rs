//! What is taken from an index, and what is known of it.

use super::*;

#[test]
fn filters_choose_projects_releases_and_files() {
    let index = PackageIndex::new(Style::Serials);
    for version in ["1.0", "1.1", "2.0", "2.1rc1", "3.0"] {
        index.release("a", version);
    }
    let sdist = |version: &str| IndexFile {
        filename: format!("a-{version}.tar.gz"),
        bytes: version.as_bytes().to_vec(),
        metadata: None,
        fields: json!({}),
    };
    index.add("a", sdist("1.0"));
    index.add("a", IndexFile { filename: "a-1.0-cp312-cp312-win_amd64.whl".into(), ..sdist("win") });
    let wheel = |version: &str| format!("a-{version}-py3-none-any.whl");
    let server_of = |fields: Value| {
        let mirror = Mirror::of(&index, fields);
        mirror.mirrored();
        mirror.filenames()
    };
    assert_eq!(server_of(json!({"includes": ["a>=1.1,<3"]})), [wheel("1.1"), wheel("2.0")]);
    assert_eq!(
        server_of(json!({"includes": ["a"], "excludes": ["a<2"], "prereleases": true})),
        [wheel("2.0"), wheel("2.1rc1"), wheel("3.0")]
    );
    assert_eq!(server_of(json!({"package_types": ["sdist"]})), ["a-1.0.tar.gz"]);
    assert_eq!(server_of(json!({"keep_latest_packages": 2})), [wheel("2.0"), wheel("3.0")]);
    let without_windows = server_of(json!({"exclude_platforms": ["windows"], "includes": ["a==1.0"]}));
    assert_eq!(without_windows, [wheel("1.0"), "a-1.0.tar.gz".to_owned()]);
    assert_eq!(server_of(json!({"excludes": ["a"]})), Vec::<String>::new());
}

#[test]
fn what_the_index_says_of_a_file_is_kept() {
    let index = PackageIndex::new(Style::Serials);
    let wheel = Wheel::new("a", "1.0");
    let metadata = wheel.metadata.clone();
    let file = IndexFile {
        metadata: Some(metadata.clone()),
        fields: json!({"requires-python": ">=3.8", "yanked": "broken"}),
        ..IndexFile::of(wheel)
    };
    let bytes = file.bytes.clone();
    index.add("a", file);
    let mirror = Mirror::of(&index, json!({}));
    mirror.mirrored();
    assert_eq!(index.asked(), ["/simple/", "/simple/a/"], "nothing is fetched on demand");
    let package = &mirror.packages()[0];
    for (field, expected) in [
        ("name", json!("a")),
        ("version", json!("1.0")),
        ("packagetype", json!("bdist_wheel")),
        ("requires_python", json!(">=3.8")),
        ("sha256", json!(sha256(&bytes))),
        ("metadata_sha256", json!(sha256(metadata.as_bytes()))),
        ("size", json!(bytes.len())),
    ] {
        assert_eq!(package[field], expected, "{field} of {package:#}");
    }
    assert_eq!(mirror.count("python.python_yank"), 1);
    let base = mirror.distribute(json!({"repository": mirror.repository}));
    let served = |path: &str| mirror.server.download(&format!("{base}{path}")).expect(200).body;
    assert_eq!(served("a-1.0-py3-none-any.whl"), bytes);
    assert_eq!(served("a-1.0-py3-none-any.whl.metadata"), metadata.as_bytes());

    // Not yanked any more.
    {
        let mut state = index.state();
        let project = state.projects.get_mut("a").unwrap();
        project.serial += 1;
        project.files[0].fields["yanked"] = json!(false);
    }
    mirror.mirrored();
    assert_eq!((mirror.count("python.python"), mirror.count("python.python_yank")), (1, 0));
}

#[test]
fn the_older_api_tells_about_projects() {
    let index = PackageIndex::of(Style::Bare, &["a"]);
    index.release("a", "2.0");
    let info = json!({"summary": "what it is", "author": "who", "requires_dist": ["b>=1"], "classifiers": ["X"]});
    index.state().api = Some(info);
    let mirror = Mirror::of(&index, json!({}));
    mirror.mirrored();
    assert!(index.asked().iter().all(|path| !path.starts_with("/files/")), "the digests are told there");
    let packages = mirror.packages();
    assert_eq!(packages.len(), 2);
    for package in &packages {
        assert_eq!((&package["summary"], &package["author"]), (&json!("what it is"), &json!("who")));
        assert_eq!(package["requires_python"], ">=3.6");
    }
    assert_eq!((&packages[0]["version"], &packages[1]["version"]), (&json!("1.0"), &json!("2.0")));
    // The next run asks for it at once.
    index.asked();
    mirror.mirrored();
    let asked = index.asked();
    assert!(asked.contains(&"/pypi/a/json".to_owned()) && !asked.contains(&"/simple/a/".to_owned()), "{asked:?}");
}

#[test]
fn files_without_a_digest_are_fetched_to_know_them() {
    let index = PackageIndex::new(Style::Bare);
    index.add("a", IndexFile::of(Wheel::with("a", "1.0", "Summary: from the file\n", "")));
    index.add("a", IndexFile { bytes: b"no archive".to_vec(), ..IndexFile::of(Wheel::new("a", "2.0")) });
    let mirror = Mirror::of(&index, json!({}));
    let task = mirror.mirrored();
    let packages = mirror.packages();
    assert_eq!(packages.len(), 1);
    assert_eq!(packages[0]["summary"], "from the file");
    assert_eq!(task["result"]["failures"], 1, "{task:#}");
    assert_eq!(task["result"]["failed"][0]["file"], "a-2.0-py3-none-any.whl");
}

#[test]
fn provenances_are_asked_for_once() {
    let index = PackageIndex::of(Style::Serials, &["a"]);
    let provenance = json!({"version": 1, "attestation_bundles": []});
    {
        let mut state = index.state();
        let file = &mut state.projects.get_mut("a").unwrap().files[0];
        file.fields = json!({"provenance": "/provenance/a"});
        state.answers.insert("/provenance/a".into(), Reply::Bytes(provenance.to_string().into_bytes()));
    }
    let mirror = Mirror::of(&index, json!({"provenance": true}));
    mirror.mirrored();
    assert_eq!(mirror.count("python.provenance"), 1);
    index.asked();
    index.release("a", "2.0");
    mirror.mirrored();
    assert_eq!(index.asked(), ["/simple/", "/simple/a/"]);
    assert_eq!((mirror.count("python.python"), mirror.count("python.provenance")), (2, 1));
}

#[test]
fn what_a_repository_blocks_is_left_out() {
    let index = PackageIndex::of(Style::Serials, &["a", "b"]);
    index.release("b", "2.0");
    let mirror = Mirror::of(&index, json!({}));
    let entries = format!("{}blocklist_entries/", mirror.repository);
    mirror.server.post(&entries, json!({"name": "B", "version": "1.0"})).expect(201);
    let task = mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl", "b-2.0-py3-none-any.whl"]);
    assert_eq!(task["result"]["failed"][0]["file"], "b-1.0-py3-none-any.whl", "{task:#}");
    let entry = text(&mirror.server.get(&entries).expect(200).json()["results"][0], "pulp_href");
    mirror.server.delete(&entry).expect(204);
    mirror.mirrored();
    assert_eq!(mirror.count("python.python"), 3, "the list counts as a setting");
}

#[test]
fn the_address_may_be_that_of_the_list() {
    let index = PackageIndex::of(Style::Serials, &["a"]);
    let mirror = Mirror::of(&index, json!({"url": format!("{}simple/", index.url())}));
    mirror.mirrored();
    assert_eq!(mirror.count("python.python"), 1);
    let file = Mirror::of(&index, json!({"url": "file:///tmp/"}));
    assert_eq!(file.sync(true)["state"], "failed");
}

#[test]
fn pages_of_a_mirror_tell_when_upstream_got_a_file() {
    let index = PackageIndex::of(Style::Serials, &["a"]);
    let time = "2020-01-02T03:04:05.000000Z";
    index.state().projects.get_mut("a").unwrap().files[0].fields = json!({"upload-time": time});
    let mirror = Mirror::of(&index, json!({}));
    mirror.mirrored();
    let face = mirror.distribute(json!({"repository": mirror.repository})).replace("/pulp/content/", "/pypi/");
    let page = mirror.server.get(&format!("{face}simple/a/?format=json")).expect(200).json();
    assert!(text(&page["files"][0], "upload-time").starts_with("2020-01-02T03:04:05"), "{page:#}");
}

#[test]
fn pages_show_what_a_repair_found() {
    let index = PackageIndex::new(Style::Serials);
    index.add("a", IndexFile::of(Wheel::with("a", "1.0", "Summary: from the file\n", "")));
    let mirror = Mirror::of(&index, json!({"policy": "immediate"}));
    mirror.mirrored();
    let face = mirror.distribute(json!({"repository": mirror.repository})).replace("/pulp/content/", "/pypi/");
    let summary = || mirror.server.get(&format!("{face}pypi/a/json/")).expect(200).json()["info"]["summary"].clone();
    let before = summary();
    let repair = mirror.server.post(&format!("{}repair_metadata/", mirror.repository), json!({}));
    assert_completed(&mirror.server.finished(repair));
    assert_eq!((before, summary()), (json!(""), json!("from the file")));
}
