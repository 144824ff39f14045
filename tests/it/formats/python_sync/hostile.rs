//! Indexes that mean harm: what can be used is used, the rest is reported, nothing of the repository is lost.

use super::*;

fn reasons(task: &Value) -> String {
    task["result"]["failed"].to_string()
}

#[test]
fn links_that_lead_astray_are_refused() {
    for style in [Style::Json, Style::Bare] {
        let index = PackageIndex::of(style, &["a"]);
        for (number, address) in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "ftp://files.example/a",
            "data:text/plain,x",
            "http:///no-host",
        ]
        .iter()
        .enumerate()
        {
            let file = IndexFile {
                fields: json!({"url": address, "href": address}),
                ..IndexFile::of(Wheel::new("a", &format!("{}.0", number + 2)))
            };
            index.add("a", file);
        }
        // Above the root there is nothing but the root.
        let climbing = "../../../../files/../files/a-9.0-py3-none-any.whl";
        let file =
            IndexFile { fields: json!({"url": climbing, "href": climbing}), ..IndexFile::of(Wheel::new("a", "9.0")) };
        index.add("a", file);
        let mirror = Mirror::of(&index, json!({"policy": "immediate"}));
        let task = mirror.mirrored();
        let filenames = mirror.filenames();
        assert!(filenames.contains(&"a-1.0-py3-none-any.whl".to_owned()), "{style:?} {filenames:?}");
        assert!(filenames.contains(&"a-9.0-py3-none-any.whl".to_owned()), "{style:?} {filenames:?}");
        assert!(filenames.len() <= 3, "{filenames:?}");
        assert!(task["result"]["failures"].as_u64().unwrap() >= 4, "{style:?} {}", reasons(&task));
    }
}

#[test]
fn protocol_relative_and_foreign_links_are_ordinary_ones() {
    let index = PackageIndex::of(Style::Json, &["a"]);
    let address = index.url().replace("http:", "");
    let wheel = IndexFile::of(Wheel::new("a", "2.0"));
    let fields = json!({"url": format!("{address}files/a-2.0-py3-none-any.whl")});
    index.add("a", IndexFile { fields, ..wheel });
    let mirror = Mirror::of(&index, json!({"policy": "immediate"}));
    mirror.mirrored();
    assert_eq!(mirror.count("python.python"), 2);
}

#[test]
fn what_is_written_wrongly_is_told_apart() {
    let index = PackageIndex::of(Style::Json, &["a", "b", "c", "d"]);
    for (number, fields) in [
        json!({"hashes": "x"}),
        json!({"hashes": {"sha256": 5}}),
        json!({"filename": 7}),
        json!({"filename": "../../etc/passwd"}),
        json!({"filename": "other-1.0-py3-none-any.whl"}),
        json!({"url": {}}),
        json!({"url": []}),
    ]
    .into_iter()
    .enumerate()
    {
        index.add("a", IndexFile { fields, ..IndexFile::of(Wheel::new("a", &format!("{}.0", number + 2))) });
    }
    {
        let json = |text: &str| {
            let headers = vec![("Content-Type".to_owned(), "application/vnd.pypi.simple.v1+json".to_owned())];
            Reply::Headers(headers, text.as_bytes().to_vec())
        };
        let mut state = index.state();
        state.answers.insert("/simple/b/".into(), json(r#"{"meta": 5, "files": {}}"#));
        state.answers.insert("/simple/c/".into(), json(r#"{"files": [{"filename": "#));
        state
            .answers
            .insert("/simple/d/".into(), json(r#"{"meta": {"api-version": "2.0"}, "name": "d", "files": []}"#));
    }
    let mirror = Mirror::of(&index, json!({}));
    let task = mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl"], "{task:#}");
    assert!(task["result"]["failures"].as_u64().unwrap() >= 10, "{}", reasons(&task));
    // What was there stays while the index talks nonsense.
    index.state().answers.clear();
    mirror.mirrored();
    assert_eq!(mirror.count("python.python"), 4);
    index.state().answers.insert("/simple/b/".into(), Reply::Bytes(b"\0\xff<a href=".to_vec()));
    index.state().projects.insert("e".into(), Project::default());
    mirror.mirrored();
    assert!(mirror.filenames().contains(&"c-1.0-py3-none-any.whl".to_owned()));
}

#[test]
fn a_page_without_end_ends_nothing_but_itself() {
    let index = PackageIndex::of(Style::Json, &["a", "b"]);
    index.state().answers.insert("/simple/b/".into(), Reply::Endless);
    let mirror = Mirror::of(&index, json!({}));
    let task = mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl"]);
    assert!(reasons(&task).contains("larger than the allowed"), "{}", reasons(&task));
}

#[test]
fn a_list_that_breaks_off_removes_nothing() {
    let index = PackageIndex::of(Style::Serials, &["a", "b"]);
    let mirror = Mirror::of(&index, json!({}));
    mirror.mirrored();
    let cut = r#"{"meta": {"api-version": "1.0"}, "projects": [{"name": "a", "_last-serial": 100}, {"na"#;
    let headers = vec![("Content-Type".to_owned(), "application/vnd.pypi.simple.v1+json".to_owned())];
    for reply in [
        Reply::Headers(headers, cut.as_bytes().to_vec()),
        Reply::Short { promised: 10_000, sent: cut.as_bytes().to_vec() },
        Reply::Status(404),
        Reply::Status(500),
        Reply::Redirect("file:///etc/passwd".into()),
    ] {
        index.state().answers.insert("/simple/".into(), reply);
        let task = mirror.sync(true);
        assert_eq!(task["state"], "failed", "{task:#}");
        assert!(!task["error"].to_string().contains("root:"), "{task:#}");
    }
    assert_eq!(mirror.count("python.python"), 2);
    index.state().answers.clear();
    mirror.mirrored();
    assert_eq!(mirror.count("python.python"), 2);
}

#[test]
fn one_name_with_two_contents_is_one_file() {
    let index = PackageIndex::of(Style::Json, &["a"]);
    let other = IndexFile::of(Wheel::with("a", "1.0", "", "another"));
    index.add("a", other);
    let mirror = Mirror::of(&index, json!({}));
    let task = mirror.mirrored();
    assert_eq!(mirror.count("python.python"), 1);
    assert!(reasons(&task).contains("listed twice"), "{}", reasons(&task));
}
