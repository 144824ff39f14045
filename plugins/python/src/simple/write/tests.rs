//! What is written is as specified, and is read back as it was.

use chrono::TimeZone;
use url::Url;

use super::*;
use crate::metadata::Metadata;
use crate::name::ProjectName;
use crate::simple::{CoreMetadata, Format, ProjectPage, parse_project_api, parse_project_html, parse_project_json};

const SHA: &str = "04cfd8bb4f843e35d51bfdef2035109bdea831b55a57c3e6a154d14be116398c";

fn plain() -> FileEntry<'static> {
    FileEntry {
        filename: "foo-1.10.tar.gz",
        version: "1.10",
        url: "https://a.example/foo-1.10.tar.gz",
        sha256: SHA,
        md5: None,
        package_type: "sdist",
        python_version: "source",
        requires_python: "",
        metadata_sha256: None,
        yanked: None,
        size: 7,
        upload_time: Some(Utc.with_ymd_and_hms(2026, 11, 21, 14, 1, 43).unwrap()),
        provenance: None,
    }
}

fn rich() -> FileEntry<'static> {
    FileEntry {
        filename: "foo-1.9-py3-none-any.whl",
        version: "1.9",
        url: "https://a.example/foo-1.9-py3-none-any.whl",
        md5: Some("69b867d206f1ff984651aeef25fc54f9"),
        package_type: "bdist_wheel",
        python_version: "py3",
        requires_python: ">=3.8,<4",
        metadata_sha256: Some(SHA),
        yanked: Some("it's \"<bad>\" & ugly"),
        provenance: Some("https://a.example/p?a=1&b=2"),
        ..plain()
    }
}

fn page(format: Format) -> String {
    let tracks = ["https://t.example/\"".to_owned()];
    let header = ProjectHeader { name: "F.oO", last_serial: 42, tracks: &tracks, ..ProjectHeader::default() };
    let mut writer = ProjectWriter::new(format, header);
    assert!(writer.push(plain()).is_none());
    assert!(writer.push(rich()).is_none());
    String::from_utf8(writer.finish().to_vec()).unwrap()
}

#[test]
fn a_project_in_json() {
    let found: serde_json::Value = serde_json::from_str(&page(Format::JsonV1)).unwrap();
    let expected = serde_json::json!({
        "meta": {"api-version": "1.1", "_last-serial": 42, "tracks": ["https://t.example/\""]},
        "name": "f-oo",
        "files": [
            {
                "filename": "foo-1.10.tar.gz", "url": "https://a.example/foo-1.10.tar.gz",
                "hashes": {"sha256": SHA}, "requires-python": null,
                "data-dist-info-metadata": false, "core-metadata": false, "yanked": false,
                "size": 7, "upload-time": "2026-11-21T14:01:43.000000Z", "provenance": null,
            },
            {
                "filename": "foo-1.9-py3-none-any.whl", "url": "https://a.example/foo-1.9-py3-none-any.whl",
                "hashes": {"sha256": SHA}, "requires-python": ">=3.8,<4",
                "data-dist-info-metadata": {"sha256": SHA}, "core-metadata": {"sha256": SHA},
                "yanked": "it's \"<bad>\" & ugly",
                "size": 7, "upload-time": "2026-11-21T14:01:43.000000Z",
                "provenance": "https://a.example/p?a=1&b=2",
            },
        ],
        "versions": ["1.9", "1.10"],
    });
    assert_eq!(found, expected);
}

#[test]
fn a_project_in_html() {
    let expected = format!(
        r#"<!DOCTYPE html>
<html>
  <head>
    <title>Links for f-oo</title>
    <meta name="pypi:repository-version" content="1.1">
    <meta name="pypi:tracks" content="https://t.example/&#34;">
  </head>
  <body>
    <h1>Links for f-oo</h1>
    <a href="https://a.example/foo-1.10.tar.gz#sha256={SHA}" rel="internal">foo-1.10.tar.gz</a><br/>
    <a href="https://a.example/foo-1.9-py3-none-any.whl#sha256={SHA}" rel="internal" data-requires-python="&gt;=3.8,&lt;4" data-yanked="it&#39;s &#34;&lt;bad&gt;&#34; &amp; ugly" data-dist-info-metadata="sha256={SHA}" data-core-metadata="sha256={SHA}" data-provenance="https://a.example/p?a=1&amp;b=2">foo-1.9-py3-none-any.whl</a><br/>
  </body>
</html>
"#
    );
    assert_eq!(page(Format::Html), expected);
    assert_eq!(page(Format::HtmlV1), expected);
}

#[test]
fn what_is_written_is_read_back() {
    let base = Url::parse("https://b.example/simple/f-oo/").unwrap();
    let files = |page: ProjectPage| {
        assert_eq!(page.refused, []);
        page.files
    };
    // The fixture's files are of `foo`, which is another project than `f-oo`.
    let project = ProjectName::parse("foo").unwrap();
    let html = page(Format::Html);
    let json = page(Format::JsonV1).replace("\"f-oo\"", "\"foo\"");
    let from_html = files(parse_project_html(html.as_bytes(), &base, &project).unwrap());
    let from_json = files(parse_project_json(json.as_bytes(), &base, &project).unwrap());
    for file in [&from_html[1], &from_json[1]] {
        assert_eq!(file.url.as_str(), rich().url);
        assert_eq!(file.yanked.as_deref(), rich().yanked);
        assert_eq!(file.requires_python.as_deref(), Some(rich().requires_python));
        let served = CoreMetadata::Served { sha256: Some(SHA.into()) };
        assert_eq!(file.core_metadata, served);
        assert_eq!(file.provenance.as_ref().map(Url::as_str), rich().provenance);
    }
    assert_eq!(from_json[0].upload_time, plain().upload_time);
    assert_eq!(from_html[0].yanked, None);
}

#[test]
fn the_older_api_has_the_shape_of_pulp() {
    let info = Metadata {
        name: "foo".into(),
        version: "1.9".into(),
        summary: "s".into(),
        classifiers: vec!["A".into()],
        project_url: "https://i.example/project/foo/".into(),
        ..Metadata::default()
    };
    let files = [plain(), rich()];
    let text = render_project_api(&ProjectApi { last_serial: 0, info: &info, files: &files, vulnerabilities: &[] });
    let found: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let example = serde_json::json!({
        "comment_text": "", "downloads": -1, "has_sig": false, "requires_python": ">=3.8,<4", "size": 7,
        "digests": {"md5": "69b867d206f1ff984651aeef25fc54f9", "sha256": SHA},
        "md5_digest": "69b867d206f1ff984651aeef25fc54f9",
        "filename": "foo-1.9-py3-none-any.whl", "url": "https://a.example/foo-1.9-py3-none-any.whl",
        "packagetype": "bdist_wheel", "python_version": "py3",
        "upload_time": "2026-11-21 14:01:43.000000+00:00",
        "upload_time_iso_8601": "2026-11-21T14:01:43.000000+00:00",
        "yanked": true, "yanked_reason": "it's \"<bad>\" & ugly",
    });
    assert_eq!(found["urls"], serde_json::json!([example]));
    assert_eq!(found["releases"]["1.9"], serde_json::json!([example]));
    assert_eq!(found["releases"]["1.10"].as_array().unwrap().len(), 1);
    assert_eq!(found["last_serial"], 0);
    assert_eq!(found["vulnerabilities"], serde_json::json!([]));
    let told = &found["info"];
    assert_eq!(told["classifiers"], serde_json::json!(["A"]));
    assert_eq!(told["requires_dist"], serde_json::Value::Null);
    assert_eq!(told["release_url"], "https://i.example/project/foo/1.9/");
    assert_eq!(told["yanked"], true);
    let base = Url::parse("https://b.example/").unwrap();
    let project = ProjectName::parse("foo").unwrap();
    let page = parse_project_api(text.as_slice(), &base, &project).unwrap();
    assert_eq!((page.files.len(), page.info), (2, Some(info_read_back(info))));
}

/// An index does not tell in which version its metadata was written.
fn info_read_back(info: Metadata) -> Metadata {
    Metadata { metadata_version: String::new(), ..info }
}

#[test]
fn a_version_is_selected() {
    let versions = ["1.0", "1.10rc1", "1.9", "old"];
    for (wanted, expected) in [
        (None, Some("1.10rc1")),
        (Some("1.0.0"), Some("1.0")),
        (Some("2"), None),
        (Some("old"), Some("old")),
        (Some("not a version"), None),
    ] {
        assert_eq!(select_version(versions, wanted), expected);
    }
}

#[test]
fn an_index_leaves_in_blocks() {
    for format in [Format::Html, Format::JsonV1] {
        let mut writer = IndexWriter::new(format, 7);
        let mut text = Vec::new();
        let mut largest = 0;
        for number in 0..20_000 {
            let name = format!("Pro.ject_{number}");
            let entry = IndexEntry { name: &name, last_serial: number };
            if let Some(block) = writer.push(entry) {
                largest = largest.max(block.len());
                text.extend(block);
            }
        }
        text.extend(writer.finish());
        assert!((BLOCK..BLOCK * 2).contains(&largest), "{largest}");
        let mut names = 0;
        let mut visit = |project: crate::simple::IndexProject| {
            assert_eq!(project.name.as_given(), format!("Pro.ject_{names}"));
            names += 1;
        };
        let summary = match format {
            Format::JsonV1 => crate::simple::parse_index_json(text.as_slice(), &mut visit),
            _ => crate::simple::parse_index_html(text.as_slice(), &mut visit),
        };
        assert_eq!(summary.unwrap().projects, 20_000);
    }
}

#[test]
fn an_empty_index_is_an_index() {
    let json = IndexWriter::new(Format::JsonV1, 1_000_000_000).finish();
    assert_eq!(json, r#"{"meta":{"api-version":"1.1","_last-serial":1000000000},"projects":[]}"#);
    let html = IndexWriter::new(Format::Html, 0).finish();
    let expected = "<!DOCTYPE html>\n<html>\n  <head>\n    <title>Simple index</title>\n    \
                    <meta name=\"pypi:repository-version\" content=\"1.1\">\n  </head>\n  <body>\n  </body>\n</html>\n";
    assert_eq!(html, expected);
}
