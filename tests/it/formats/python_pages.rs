//! What pip, uv and other readers get from an index: which format, which headers, and the same as long as nothing
//! changed.

use std::io::Read;

use serde_json::json;

use super::python_uploads::{Index, json_page};
use crate::support::pulp::text;
use crate::support::wheel::{Wheel, listed};
use crate::support::{Answer, Client, Server};

const HTML: &str = "application/vnd.pypi.simple.v1+html";
const JSON: &str = "application/vnd.pypi.simple.v1+json";
const PIP: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";

fn filled(server: &Server, versions: &[&str]) -> Index {
    let index = Index::new(server);
    for version in versions {
        let answer = index.send(server, &Wheel::new("Page.Project", version)).expect(202);
        server.wait_for(&text(&answer.json(), "task"));
    }
    index
}

fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = client.request("GET", path);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
}

#[test]
fn the_client_says_which_format_it_wants() {
    let server = Server::start();
    let index = filled(&server, &["1.0"]);
    for path in [index.path("simple/"), index.path("simple/page-project/")] {
        let check = |accept: &str, query: &str, expected: &str| {
            let answer = get(&server, &format!("{path}{query}"), &[("Accept", accept)]).expect(200);
            assert_eq!(answer.header("Content-Type"), Some(expected), "{path} {accept} {query}");
            assert_eq!(answer.header("X-PyPI-Last-Serial"), Some("1000000000"));
        };
        check("text/html", "", "text/html");
        check(HTML, "", HTML);
        check(JSON, "", JSON);
        check(PIP, "", JSON);
        check("application/json", "", "text/html");
        check("*/*", "", "text/html");
        check("text/html", "?format=json", JSON);
        check(JSON, "?format=html", "text/html");
        assert_eq!(get(&server, &format!("{path}?format=xml"), &[]).status, 404);
    }
}

#[test]
fn other_spellings_of_a_name_lead_to_the_same_page() {
    let server = Server::start();
    let index = filled(&server, &["1.0"]);
    let page = index.page(&server, "page-project");
    assert_eq!(page["name"], "page-project");
    for spelling in ["Page.Project", "page__project", "PAGE-PROJECT"] {
        assert_eq!(index.page(&server, spelling), page);
    }
    for absent in ["page", "page-project-2", "-", "%C3%BC", "a%2Fb", "x%00y"] {
        assert_eq!(server.get(&index.path(&format!("simple/{absent}/"))).status, 404, "{absent}");
    }
    let moved = server.get(&index.path("simple/page-project")).expect(301);
    assert_eq!(moved.header("Location"), Some(index.path("simple/page-project/").as_str()));
    server.get(&index.path("simple/page-project/more/")).expect(404);
    server.request("PUT", &index.path("simple/")).send().expect(405);
    server.get("/pypi/").expect(404);
    server.get("/pypi").expect(404);
}

#[test]
fn a_page_is_made_once_and_known_by_its_tag() {
    let server = Server::start();
    let index = filled(&server, &["1.0"]);
    for (path, max_age) in [
        ("simple/", "max-age=600, public"),
        ("simple/page-project/", "max-age=600, public"),
        ("pypi/page-project/json/", "max-age=900, public"),
    ] {
        let path = index.path(path);
        let first = server.get(&path).expect(200);
        assert_eq!(first.header("X-PULP-CACHE"), Some("MISS"), "{path}");
        assert_eq!(first.header("Cache-Control"), Some(max_age));
        let (tag, modified) = (first.header("ETag").unwrap(), first.header("Last-Modified").unwrap());
        let second = server.get(&path).expect(200);
        assert_eq!((second.header("X-PULP-CACHE"), second.header("ETag")), (Some("HIT"), Some(tag)));
        for (name, value) in [("If-None-Match", tag), ("If-Modified-Since", modified)] {
            let known = get(&server, &path, &[(name, value)]).expect(304);
            assert!(known.body.is_empty());
            assert_eq!((known.header("ETag"), known.header("X-PULP-CACHE")), (Some(tag), None));
            assert_eq!(known.header("Cache-Control"), Some(max_age));
        }
        get(&server, &path, &[("If-None-Match", "\"old\"")]).expect(200);
        get(&server, &path, &[("If-Modified-Since", "Thu, 01 Jan 2009 00:00:00 GMT")]).expect(200);
        let head = server.head(&path).expect(200);
        assert_eq!(head.header("Content-Length"), Some(first.body.len().to_string().as_str()));
    }
    let other = Wheel::new("another", "1.0");
    let tag = server.get(&index.path("simple/page-project/")).header("ETag").map(str::to_owned);
    index.send(&server, &other).expect(202);
    let after = server.get(&index.path("simple/page-project/")).expect(200);
    assert_eq!(after.header("ETag").map(str::to_owned), tag, "nothing of this project changed");
}

#[test]
fn a_page_is_sent_compressed_to_those_who_take_that() {
    let server = Server::start();
    let versions: Vec<String> = (0..12).map(|at| format!("1.{at}")).collect();
    let index = filled(&server, &versions.iter().map(String::as_str).collect::<Vec<_>>());
    let path = index.path("simple/page-project/");
    let plain = server.get(&path).expect(200);
    let compressed = get(&server, &path, &[("Accept-Encoding", "br, gzip;q=0.5")]).expect(200);
    assert_eq!(compressed.header("Content-Encoding"), Some("gzip"));
    assert!(compressed.body.len() * 3 < plain.body.len());
    assert_ne!(compressed.header("ETag"), plain.header("ETag"));
    assert!(plain.header("Vary").unwrap().contains("Accept-Encoding"));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(compressed.body.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
}

#[test]
fn a_pinned_version_does_not_move() {
    let server = Server::start();
    let index = filled(&server, &["1.0"]);
    let version = format!("{}versions/1/", index.repository);
    let fields = json!({"repository": null, "repository_version": version});
    server.completed(server.patch(&index.distribution, fields));
    let other = Index::at(&server, "unpinned");
    let fields = json!({"repository": index.repository});
    server.completed(server.patch(&other.distribution, fields));
    for version in ["2.0", "3.0"] {
        other.send(&server, &Wheel::new("Page.Project", version)).expect(202);
    }
    assert_eq!(index.page(&server, "page-project")["versions"], json!(["1.0"]));
    assert_eq!(other.page(&server, "page-project")["versions"], json!(["1.0", "2.0", "3.0"]));
    server.get(&index.file("Page_Project-2.0-py3-none-any.whl")).expect(404);
    let body = server.get(&index.path("")).expect(200).json();
    assert_eq!(body, json!({"projects": 1, "releases": 1, "files": 1}));
}

#[test]
fn the_json_api_tells_of_a_project_and_of_a_release() {
    let server = Server::start();
    let index = filled(&server, &["1.0", "1.10", "1.9"]);
    for path in ["pypi/Page.Project/json", "pypi/page-project/json/"] {
        let page = server.get(&index.path(path)).expect(200).json();
        assert_eq!((&page["info"]["name"], &page["info"]["version"]), (&json!("Page.Project"), &json!("1.10")));
        assert_eq!(page["releases"].as_object().unwrap().len(), 3);
        assert_eq!(page["urls"][0]["filename"], "Page_Project-1.10-py3-none-any.whl");
        assert_eq!(page["info"]["yanked"], false);
    }
    let page = server.get(&index.path("pypi/page-project/1.9/json")).expect(200).json();
    assert_eq!(page["info"]["version"], "1.9");
    server.get(&index.path("pypi/page-project/2/json")).expect(404);
    server.get(&index.path("pypi/other/json")).expect(404);
    server.get(&index.path("pypi/other/")).expect(404);
}

#[test]
fn a_release_is_yanked_and_taken_back() {
    let server = Server::start();
    let index = filled(&server, &["1.0", "2.0"]);
    let change = |what: &str, body| server.post(&index.path(what), body);
    let yank = json!({"name": "Page.Project", "version": "1.0", "yanked_reason": "<broken>"});
    server.completed(change("yank/", yank.clone()));
    let page = index.page(&server, "page-project");
    assert_eq!(listed(&page, "Page_Project-1.0-py3-none-any.whl")["yanked"], "<broken>");
    assert_eq!(listed(&page, "Page_Project-2.0-py3-none-any.whl")["yanked"], false);
    let html = server.get(&index.path("simple/page-project/")).expect(200).text();
    assert_eq!(html.matches("data-yanked=\"&lt;broken&gt;\"").count(), 1, "{html}");
    let newest = index.newest(&server);
    server.completed(change("yank/", yank));
    assert_eq!(index.newest(&server), newest, "nothing changed");
    let other = json!({"name": "page-project", "version": "1.0"});
    server.completed(change("yank/", other.clone()));
    let page = index.page(&server, "page-project");
    assert_eq!(listed(&page, "Page_Project-1.0-py3-none-any.whl")["yanked"], true);
    let info = server.get(&index.path("pypi/page-project/1.0/json")).expect(200).json();
    assert_eq!(info["info"]["yanked"], true);
    server.completed(change("unyank/", other.clone()));
    let page = index.page(&server, "page-project");
    assert_eq!(listed(&page, "Page_Project-1.0-py3-none-any.whl")["yanked"], false);
    let newest = index.newest(&server);
    server.completed(change("unyank/", other));
    assert_eq!(index.newest(&server), newest);
    change("yank/", json!({"name": "page-project", "version": "9"})).expect(404);
    change("yank/", json!({"name": "page-project"})).expect(400);
    server.anonymous().post(&index.path("yank/"), json!({})).expect(401);
}

#[test]
fn a_release_is_yanked_by_any_spelling_of_its_version() {
    let server = Server::start();
    let index = filled(&server, &["1.0", "2.0"]);
    let change = |what: &str, body| server.post(&index.path(what), body);
    let yanked = |version: &str| {
        let page = index.page(&server, "page-project");
        listed(&page, &format!("Page_Project-{version}-py3-none-any.whl"))["yanked"].clone()
    };
    server.completed(change("yank/", json!({"name": "page-project", "version": "1.0.0", "yanked_reason": "why"})));
    assert_eq!((yanked("1.0"), yanked("2.0")), (json!("why"), json!(false)));
    let units = server.get("content/python/yanks/").expect(200).json();
    assert_eq!((&units["count"], &units["results"][0]["version"]), (&json!(1), &json!("1.0")));
    // What comes later is of the same release.
    server.wait_for(&text(&index.send(&server, &Wheel::new("Page.Project", "1")).expect(202).json(), "task"));
    assert_eq!(yanked("1"), "why");
    server.completed(change("yank/", json!({"name": "page-project", "version": "v1"})));
    assert_eq!((yanked("1"), yanked("1.0")), (json!(true), json!(true)));
    server.completed(change("unyank/", json!({"name": "page-project", "version": "1.0.0.0"})));
    assert_eq!((yanked("1"), yanked("1.0")), (json!(false), json!(false)));
    change("yank/", json!({"name": "page-project", "version": "1.0.1"})).expect(404);

    server.completed(server.patch(&index.distribution, json!({"allow_uploads": false})));
    let newest = index.newest(&server);
    for what in ["yank/", "unyank/"] {
        let refused = change(what, json!({"name": "page-project", "version": "2.0"})).expect(403);
        assert!(refused.text().contains("Index is not allowing uploads"));
    }
    assert_eq!(index.newest(&server), newest);
}

#[test]
fn feeds_tell_what_is_new() {
    let server = Server::start();
    let index = filled(&server, &["1.0", "1.1"]);
    let answer = index.send(&server, &Wheel::with("other", "3", "Summary: <&>\n", "")).expect(202);
    server.wait_for(&text(&answer.json(), "task"));
    let feed = |path: &str| server.get(&index.path(path)).expect(200);
    let updates = feed("rss/updates.xml");
    assert!(updates.header("Content-Type").unwrap().contains("application/rss+xml"));
    let updates = updates.text();
    let at = |title: &str| {
        updates.find(&format!("<title>{title}</title>")).unwrap_or_else(|| panic!("{title} in {updates}"))
    };
    assert!(at("other 3") < at("Page.Project 1.1") && at("Page.Project 1.1") < at("Page.Project 1.0"));
    assert!(updates.contains("<description>&lt;&amp;&gt;</description>"));
    let packages = feed("rss/packages.xml").text();
    assert_eq!(packages.matches("added to index</title>").count(), 2);
    let releases = feed("rss/project/page-project/releases.xml").text();
    assert!(releases.find("<title>1.1</title>").unwrap() < releases.find("<title>1.0</title>").unwrap());
    server.get(&index.path("rss/project/absent/releases.xml")).expect(404);
    let empty = Index::new(&server);
    assert!(!server.get(&empty.path("rss/updates.xml")).expect(200).text().contains("<item>"));
}

#[test]
fn a_moved_distribution_serves_the_other_repository_at_once() {
    let server = Server::start();
    let (one, two) = (filled(&server, &["1.0"]), filled(&server, &["2.0"]));
    for repository in [&two.repository, &one.repository, &two.repository] {
        server.completed(server.patch(&one.distribution, json!({"repository": repository})));
        let expected = if *repository == two.repository { json!(["2.0"]) } else { json!(["1.0"]) };
        assert_eq!(json_page(&server, &one.path("simple/page-project/")).expect(200).json()["versions"], expected);
    }
}
