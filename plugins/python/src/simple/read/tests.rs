//! Pages good, odd and hostile, in all formats.

use super::*;

const SHA: &str = "04cfd8bb4f843e35d51bfdef2035109bdea831b55a57c3e6a154d14be116398c";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn foo() -> ProjectName {
    ProjectName::parse("foo").unwrap()
}

fn json(page: &str) -> Result<ProjectPage, PageError> {
    parse_project_json(page.as_bytes(), &url("https://a.example/simple/foo/"), &foo())
}

fn html(page: &str) -> Result<ProjectPage, PageError> {
    parse_project_html(page.as_bytes(), &url("https://a.example/simple/foo/"), &foo())
}

fn api(page: &str) -> Result<ProjectPage, PageError> {
    parse_project_api(page.as_bytes(), &url("https://a.example/pypi/foo/json"), &foo())
}

#[test]
fn a_json_page_tells_everything() {
    let page = json(&format!(
        r#"{{"meta": {{"api-version": "1.4", "_last-serial": 42, "tracks": ["https://t.example/"]}},
            "alternate-locations": ["https://b.example/simple/foo/"],
            "project-status": {{"status": "archived", "reason": "old"}},
            "name": "Foo", "versions": ["1.0"], "unknown": [1, {{}}],
            "files": [{{"filename": "foo-1.0-py3-none-any.whl", "url": "../../f/foo-1.0-py3-none-any.whl#x",
              "hashes": {{"sha256": "{upper}", "md5": "short", "odd": "1"}}, "requires-python": ">=3.8",
              "core-metadata": {{"sha256": "{SHA}"}}, "data-dist-info-metadata": false,
              "yanked": "broken", "size": 7, "upload-time": "2026-11-21T14:01:43.281503Z",
              "provenance": "https://p.example/x", "gpg-sig": false}}]}}"#,
        upper = SHA.to_uppercase()
    ))
    .unwrap();
    assert_eq!(page.name.as_given(), "Foo");
    assert_eq!(page.last_serial, Some(42));
    assert_eq!(page.status.as_deref(), Some("archived"));
    assert_eq!(page.tracks, ["https://t.example/"]);
    assert_eq!(page.alternate_locations, ["https://b.example/simple/foo/"]);
    let file = &page.files[0];
    assert_eq!(file.version, "1.0");
    assert_eq!(file.package_type, PackageType::BdistWheel);
    assert_eq!(file.python_version, "py3");
    assert_eq!(file.url.as_str(), "https://a.example/f/foo-1.0-py3-none-any.whl");
    assert_eq!(file.hashes.sha256(), Some(SHA));
    assert_eq!((file.hashes.get("md5"), file.hashes.get("odd")), (None, None));
    assert_eq!(file.requires_python.as_deref(), Some(">=3.8"));
    let served = CoreMetadata::Served { sha256: Some(SHA.into()) };
    assert_eq!(file.core_metadata, served);
    assert_eq!(file.yanked.as_deref(), Some("broken"));
    assert_eq!(file.size, Some(7));
    assert_eq!(file.upload_time.unwrap().to_rfc3339(), "2026-11-21T14:01:43.281503+00:00");
    assert_eq!(file.provenance, Some(url("https://p.example/x")));
}

#[test]
fn an_html_page_tells_what_it_can() {
    let page = html(&format!(
        r#"<!DOCTYPE html><html><head><base href="../../f/"><base href="https://evil.example/">
        <meta name="pypi:repository-version" content="1.3"><meta name="pypi:project-status" content="deprecated">
        <script>"<a href='foo-9.tar.gz'>"</script></head><body><a href="mailto:x@example.org">mail</a>
        <a href="../">up</a><!-- <a href="foo-8.tar.gz">no</a> -->
        <a href="foo-1.0.tar.gz#sha256={SHA}" data-requires-python="&gt;=3.8,&lt;4" data-yanked>foo-1.0.tar.gz</a>
        <a href="https://b.example/foo-1.0%2Bx-py3-none-any.whl?a=b#md5=0&amp;sha256={SHA}"
           data-dist-info-metadata="true" data-core-metadata="sha256={SHA}" data-provenance="/p"
           data-yanked="why">link <b>text</b></a>
        <A HREF="download?id=7">foo-2.0.zip</A><a>foo-3.0.zip</a></body></html><!--SERIAL 99-->"#
    ))
    .unwrap();
    assert_eq!(page.last_serial, Some(99));
    assert_eq!(page.status.as_deref(), Some("deprecated"));
    assert_eq!(page.refused, []);
    let [sdist, wheel, named] = page.files.as_slice() else {
        panic!("{:?}", page.files);
    };
    assert_eq!(sdist.url.as_str(), "https://a.example/f/foo-1.0.tar.gz");
    assert_eq!(sdist.hashes.sha256(), Some(SHA));
    assert_eq!(sdist.requires_python.as_deref(), Some(">=3.8,<4"));
    assert_eq!(sdist.yanked.as_deref(), Some(""));
    assert_eq!(sdist.core_metadata, CoreMetadata::NotServed);
    assert_eq!(wheel.filename, "foo-1.0+x-py3-none-any.whl");
    assert_eq!(wheel.url.as_str(), "https://b.example/foo-1.0%2Bx-py3-none-any.whl?a=b");
    assert_eq!(wheel.hashes.sha256(), Some(SHA));
    assert_eq!(wheel.core_metadata, CoreMetadata::Served { sha256: Some(SHA.into()) });
    assert_eq!(wheel.yanked.as_deref(), Some("why"));
    assert_eq!(wheel.provenance, Some(url("https://a.example/p")));
    assert_eq!(named.filename, "foo-2.0.zip");
    assert_eq!(named.url.as_str(), "https://a.example/f/download?id=7");
    assert_eq!(named.hashes, Hashes::default());
}

#[test]
fn the_older_api_tells_releases_and_info() {
    let file = format!(
        r#"{{"filename": "foo-1.0.py2-win-amd64.exe", "url": "https://f.example/x.exe", "packagetype": "bdist_wininst",
            "python_version": "2.7", "digests": {{"md5": null, "sha256": "{SHA}"}}, "requires_python": "",
            "upload_time": "2018-05-10T02:02:10", "size": 3, "yanked": true, "yanked_reason": "why"}}"#
    );
    let page = api(&format!(
        r#"{{"urls": [], "releases": {{"0.9": [], "1.0": [{file}]}}, "last_serial": 5,
            "info": {{"name": "FOO", "version": "1.0", "summary": "s"}}, "vulnerabilities": []}}"#
    ))
    .unwrap();
    assert_eq!(page.name.as_given(), "FOO");
    assert_eq!(page.info.as_ref().unwrap().summary, "s");
    assert_eq!(page.last_serial, Some(5));
    let [found] = page.files.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(found.package_type, PackageType::BdistWininst);
    assert_eq!((found.version.as_str(), found.python_version.as_str()), ("1.0", "2.7"));
    assert_eq!(found.yanked.as_deref(), Some("why"));
    assert_eq!(found.requires_python, None);
    assert_eq!(found.upload_time.unwrap().to_rfc3339(), "2018-05-10T02:02:10+00:00");
    let version = format!(r#"{{"info": {{"name": "foo", "version": "1.0"}}, "urls": [{file}]}}"#);
    assert_eq!(api(&version).unwrap().files, page.files);
}

#[test]
fn a_bad_file_is_told_apart_and_spoils_nothing() {
    let good = r#"{"filename": "foo-1.0.tar.gz", "url": "foo-1.0.tar.gz"}"#;
    for (bad, expected) in [
        ("7", "`?`: the entry is not an object"),
        ("{}", "`?`: has no `filename`"),
        (r#"{"filename": 7}"#, "`?`: `filename` is not a string"),
        (r#"{"filename": "foo-2.0.zip"}"#, "`foo-2.0.zip`: has no `url`"),
        (r#"{"filename": "foo-2.0.zip", "url": 7}"#, "`foo-2.0.zip`: `url` is not a string"),
        (
            r#"{"filename": "foo-2.0.zip", "url": "javascript:alert(1)"}"#,
            "`foo-2.0.zip`: has the address `javascript:alert(1)`, which is neither http nor https",
        ),
        (
            r#"{"filename": "foo-2.0.zip", "url": "file:///etc/passwd"}"#,
            "`foo-2.0.zip`: has the address `file:///etc/passwd`, which is neither http nor https",
        ),
        (
            r#"{"filename": "foo-2.0.zip", "url": "data:text/plain,x"}"#,
            "`foo-2.0.zip`: has the address `data:text/plain,x`, which is neither http nor https",
        ),
        (r#"{"filename": "foo-2.0.zip", "url": "https://"}"#, "`foo-2.0.zip`: has the address `https://`: empty host"),
        (r#"{"filename": "bar-2.0.zip", "url": "x"}"#, "`bar-2.0.zip`: is a file of the project `bar`"),
        (r#"{"filename": "foo-1.0.tar.gz", "url": "x"}"#, "`foo-1.0.tar.gz`: is listed twice"),
        (
            r#"{"filename": "foo-2.0.zip", "url": "x", "hashes": []}"#,
            "`foo-2.0.zip`: `hashes` is not an object of strings",
        ),
        (
            r#"{"filename": "foo-2.0.zip", "url": "x", "hashes": {"sha256": 5}}"#,
            "`foo-2.0.zip`: `hashes` is not an object of strings",
        ),
    ] {
        let page = json(&format!(r#"{{"files": [{good}, {bad}], "name": "foo"}}"#)).unwrap();
        assert_eq!(page.files.len(), 1, "{bad}");
        assert_eq!(page.refused[0].to_string(), expected);
    }
    for name in ["../foo-2.0.zip", "foo-2.0.txt", "foo 2.0.zip", "f\\u0000oo-2.0.zip"] {
        let bad = format!(r#"{{"filename": "{name}", "url": "x"}}"#);
        let page = json(&format!(r#"{{"files": [{good}, {bad}]}}"#)).unwrap();
        assert_eq!((page.files.len(), page.refused.len()), (1, 1), "{name}");
    }
}

#[test]
fn what_is_optional_and_of_another_type_counts_as_not_told() {
    for member in [
        r#""size": "9""#,
        r#""size": -1"#,
        r#""yanked": 1"#,
        r#""yanked": []"#,
        r#""core-metadata": "y""#,
        r#""core-metadata": {"sha256": 5}"#,
        r#""requires-python": 3"#,
        r#""upload-time": 1700000000"#,
        r#""provenance": {}"#,
    ] {
        let page = json(&format!(r#"{{"files": [{{"filename": "foo-1.0.zip", "url": "x", {member}}}]}}"#)).unwrap();
        assert_eq!(page.refused, [], "{member}");
        let [file] = page.files.as_slice() else { panic!("{member}") };
        assert_eq!((file.size, &file.yanked, &file.requires_python), (None, &None, &None), "{member}");
        assert_eq!((file.upload_time, &file.provenance), (None, &None), "{member}");
        assert_eq!(file.core_metadata, CoreMetadata::NotServed, "{member}");
    }
    // The older name counts where the new one says nothing.
    let file = format!(
        r#"{{"filename": "foo-1.0.zip", "url": "x", "core-metadata": 7, "dist-info-metadata": {{"sha256": "{SHA}"}}}}"#
    );
    let page = json(&format!(r#"{{"files": [{file}]}}"#)).unwrap();
    assert_eq!(page.files[0].core_metadata, CoreMetadata::Served { sha256: Some(SHA.into()) });
    for members in [
        r#""meta": 5"#,
        r#""meta": {"_last-serial": [], "tracks": "x", "api-version": null}"#,
        r#""meta": {"_last-serial": "many", "tracks": [1]}"#,
        r#""meta": {"_last-serial": -1}, "name": 7"#,
        r#""alternate-locations": {}, "project-status": 3"#,
        r#""project-status": {"status": []}"#,
    ] {
        let page =
            json(&format!(r#"{{{members}, "files": [{good}]}}"#, good = r#"{"filename": "foo-1.0.zip", "url": "x"}"#));
        let page = page.unwrap_or_else(|error| panic!("{members}: {error}"));
        assert_eq!((page.files.len(), page.last_serial, page.status), (1, None, None), "{members}");
    }
}

#[test]
fn a_serial_may_be_a_text() {
    let page = json(r#"{"meta": {"api-version": "1.0", "_last-serial": "42"}, "files": []}"#).unwrap();
    assert_eq!(page.last_serial, Some(42));
    let page = api(r#"{"info": {"name": "foo", "version": "1"}, "releases": {}, "last_serial": "43"}"#).unwrap();
    assert_eq!(page.last_serial, Some(43));
    let mut serials = vec![];
    let index = r#"{"meta": {"_last-serial": "9"}, "projects": [{"name": "a", "_last-serial": "7"},
                    {"name": "b", "_last-serial": 8}, {"name": "c", "_last-serial": {}}, {"name": "d"}]}"#;
    let summary = parse_index_json(index.as_bytes(), &mut |project| serials.push(project.last_serial)).unwrap();
    assert_eq!((summary.last_serial, serials), (Some(9), vec![Some(7), Some(8), None, None]));
}

#[test]
fn errors_are_plain_text() {
    let error = json(r#""404 'page' not found""#).unwrap_err().to_string();
    assert!(error.contains(r#"string "404 'page' not found", expected an object"#), "{error}");
    let error = json("\"a\\u0007b\"").unwrap_err().to_string();
    assert!(!error.contains('\u{7}') && !error.contains('\n'), "{error}");
}

#[test]
fn links_are_followed_only_to_the_web() {
    let page = html(
        r#"<a href="javascript:alert(1)">foo-1.0.zip</a><a href="file:///foo-2.0.zip">foo-2.0.zip</a>
           <a href="//other.example/foo-3.0.zip">x</a><a href="../../../../foo-4.0.zip">x</a>
           <a href="http://[bad/foo-5.0.zip">foo-5.0.zip</a><a href="bar-6.0.zip">x</a>"#,
    )
    .unwrap();
    let urls: Vec<&str> = page.files.iter().map(|file| file.url.as_str()).collect();
    assert_eq!(urls, ["https://other.example/foo-3.0.zip", "https://a.example/foo-4.0.zip"]);
    let refused: Vec<&str> = page.refused.iter().map(|file| file.filename.as_str()).collect();
    assert_eq!(refused, ["foo-1.0.zip", "foo-2.0.zip", "foo-5.0.zip", "bar-6.0.zip"]);
}

#[test]
fn what_is_no_page_is_an_error() {
    for (page, expected) in [
        ("", "the page is not as specified: EOF while parsing a value"),
        ("[]", "the page is not as specified: invalid type: sequence, expected an object"),
        ("{}", "the page is not as specified: it has no `files`"),
        (r#"{"files": {}}"#, "the page is not as specified: invalid type: map, expected a list"),
        (r#"{"files": []} x"#, "the page is not as specified: trailing characters"),
        (
            r#"{"files": [], "meta": {"api-version": "2.0"}}"#,
            "the page is of version `2.0` of the API, which is not known",
        ),
        (r#"{"files": [], "meta": {"api-version": 2}}"#, "the page is of version `2` of the API, which is not known"),
        (r#"{"files": [], "name": "bar"}"#, "the page is of the project `bar`, not of `foo`"),
    ] {
        let error = json(page).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{page}: {error}");
    }
    let deep = format!(r#"{{"x": {}"#, "[".repeat(1_000_000));
    assert!(matches!(json(&deep), Err(PageError::Format(_))));
    let version = r#"<meta name="pypi:repository-version" content="2.0">"#;
    assert!(matches!(html(version), Err(PageError::ApiVersion(_))));
    for page in [
        "{}",
        r#"{"info": 1}"#,
        r#"{"info": {"name": "bar"}}"#,
        r#"{"info": {"name": "foo"}, "releases": []}"#,
        r#"{"info": {"name": "foo"}, "releases": {"1": 1}}"#,
    ] {
        assert!(api(page).is_err(), "{page}");
    }
}

/// Gives its text, then fails, as a connection that breaks or a limit that is reached.
struct Broken<'a>(&'a [u8]);

impl io::Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("limit"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn a_page_that_breaks_off_is_an_error_of_reading() {
    let base = url("https://a.example/");
    let json = parse_project_json(Broken(b"{\"files\": ["), &base, &foo());
    assert!(matches!(json, Err(PageError::Io(_))), "{json:?}");
    let html = parse_project_html(Broken(b"<a href=foo-1.0.zip>x</a> "), &base, &foo());
    assert!(matches!(html, Err(PageError::Io(_))), "{html:?}");
    let index = parse_index_html(Broken(b"<a>x</a>"), &mut |_| {});
    assert!(matches!(index, Err(PageError::Io(_))), "{index:?}");
}

#[test]
fn an_index_is_given_project_by_project() {
    let collect = |html: bool, text: &str| {
        let mut found = Vec::new();
        let mut visit = |project: IndexProject| {
            found.push((project.name.as_given().to_owned(), project.last_serial));
        };
        let summary = match html {
            true => parse_index_html(text.as_bytes(), &mut visit),
            false => parse_index_json(text.as_bytes(), &mut visit),
        };
        (summary.unwrap(), found)
    };
    let (summary, found) = collect(
        false,
        r#"{"projects": [{"name": "Foo", "_last-serial": 7}, {"name": "../x"}, {"name": "bar", "x": 1}],
            "meta": {"_last-serial": 9, "api-version": "1.0"}}"#,
    );
    assert_eq!(found, [("Foo".to_owned(), Some(7)), ("bar".to_owned(), None)]);
    assert_eq!((summary.last_serial, summary.projects, summary.refused), (Some(9), 2, 1));
    assert_eq!(summary.refused_examples, ["../x"]);
    let (summary, found) = collect(
        true,
        "<html><body><a href='foo/'>Foo</a><br><a href=bar/> bar\n</a><a href=..>../</a></body><!--SERIAL 9-->",
    );
    assert_eq!(found, [("Foo".to_owned(), None), ("bar".to_owned(), None)]);
    assert_eq!((summary.last_serial, summary.projects, summary.refused), (Some(9), 2, 1));
    for text in ["{}", "[]", r#"{"projects": [{"name": 1}]}"#, r#"{"projects": {}}"#] {
        assert!(parse_index_json(text.as_bytes(), &mut |_| {}).is_err(), "{text}");
    }
}
