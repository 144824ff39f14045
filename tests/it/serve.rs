//! The content face: `/pulp/content/<base_path>/…`.

use std::thread;

use serde_json::json;

use crate::support::bucket::Bucket;
use crate::support::pulp::{DISTRIBUTIONS, PUBLICATIONS, text};
use crate::support::{Answer, Reply, Server, Upstream, raw, sha256};

/// A published repository with these files, and the address they are served below.
fn serving(files: &[(&str, &[u8])]) -> (Server, String) {
    let server = Server::start_with(&[("PITH_REDIRECT_TO_OBJECT_STORAGE", "false")]);
    let repository = server.repository_with(json!({"autopublish": true}));
    let units: Vec<_> = files.iter().map(|(path, bytes)| server.upload(path, bytes)).collect();
    server.modify(&repository, &units.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let base = server.distribute(json!({"repository": repository}));
    (server, base)
}

#[test]
fn a_published_file_is_served_with_all_that_caches_need() {
    let (server, base) = serving(&[("a.iso", b"some bytes")]);
    let anonymous = server.anonymous();
    let file = format!("{base}a.iso");
    let answer = anonymous.get(&file).expect(200);
    assert_eq!(answer.body, b"some bytes");
    assert_eq!(answer.header("Content-Length"), Some("10"));
    assert_eq!(answer.header("Accept-Ranges"), Some("bytes"));
    assert_eq!(answer.header("Cache-Control"), Some("public, max-age=0, must-revalidate"));
    assert_eq!(answer.header("X-PULP-ARTIFACT-SIZE"), Some("10"));
    assert!(answer.header("Last-Modified").is_some());
    assert_eq!(answer.header("ETag"), Some(format!("\"{}\"", sha256(b"some bytes")).as_str()));
    let head = anonymous.head(&file).expect(200);
    assert_eq!((head.header("Content-Length"), head.body.len()), (Some("10"), 0));
    anonymous.post(&file, json!({})).expect(405);
}

#[test]
fn a_copy_that_is_still_good_is_not_sent_again() {
    let (server, base) = serving(&[("a", b"some bytes")]);
    let ask =
        |name: &str, value: &str| server.anonymous().request("GET", &format!("{base}a")).header(name, value).send();
    let first = server.anonymous().get(&format!("{base}a")).expect(200);
    let (etag, modified) = (first.header("ETag").unwrap(), first.header("Last-Modified").unwrap());
    for (name, value) in [("If-None-Match", etag), ("If-None-Match", "*"), ("If-Modified-Since", modified)] {
        let unchanged = ask(name, value).expect(304);
        assert!(unchanged.body.is_empty());
        assert_eq!(unchanged.header("ETag"), Some(etag));
        assert!(unchanged.header("Cache-Control").is_some());
    }
    ask("If-None-Match", "\"other\"").expect(200);
    ask("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT").expect(200);
    ask("If-Modified-Since", "nonsense").expect(200);
}

#[test]
fn ranges_are_cut_to_the_file() {
    let bytes: Vec<u8> = (0..1024u32).map(|number| number.to_le_bytes()[0]).collect();
    let (server, base) = serving(&[("a", &bytes)]);
    let ask = |range: &str| server.anonymous().request("GET", &format!("{base}a")).header("Range", range).send();
    let cases = [
        ("bytes=0-9", "bytes 0-9/1024", 0..10),
        ("bytes=-10", "bytes 1014-1023/1024", 1014..1024),
        ("bytes=1000-", "bytes 1000-1023/1024", 1000..1024),
        ("bytes=1000-5000", "bytes 1000-1023/1024", 1000..1024),
    ];
    for (range, content_range, expected) in cases {
        let answer = ask(range).expect(206);
        assert_eq!(answer.header("Content-Range"), Some(content_range));
        assert_eq!(answer.header("Content-Length"), Some(expected.len().to_string().as_str()));
        assert_eq!(answer.body, bytes[expected], "{range}");
    }
    for range in ["bytes=5000-", "bytes=-1-11"] {
        let answer = ask(range).expect(416);
        assert_eq!(answer.header("Content-Range"), Some("bytes */1024"));
    }
    let anonymous = server.anonymous();
    let stale = anonymous.request("GET", &format!("{base}a")).header("Range", "bytes=0-9").header("If-Range", "\"x\"");
    assert_eq!(stale.send().expect(200).body.len(), 1024);
}

#[test]
fn the_type_of_a_file_follows_its_name() {
    let cases = [
        ("a.tar.gz", "application/gzip"),
        ("a.xml.gz", "application/gzip"),
        ("a.xml.bz2", "application/x-bzip2"),
        ("a.xml.zstd", "application/zstd"),
        ("a.xml.xz", "application/x-xz"),
        ("a.json", "application/json"),
        ("a.txt", "text/plain"),
        ("a.xml", "text/xml"),
        ("a.JPG", "image/jpeg"),
        ("a.halabala", "application/octet-stream"),
        ("x.asd/.asd/a", "application/octet-stream"),
    ];
    let files: Vec<_> = cases.iter().map(|(path, _)| (*path, &b"bytes"[..])).collect();
    let (server, base) = serving(&files);
    for (path, content_type) in cases {
        let answer = server.anonymous().get(&format!("{base}{path}")).expect(200);
        assert_eq!(answer.header("Content-Type"), Some(content_type), "{path}");
    }
}

#[test]
fn folders_are_listed_and_redirected_to() {
    let (server, base) = serving(&[("top", b""), ("below/file", b"some bytes")]);
    let path = base.split_once("/pulp/").map(|(_, rest)| format!("/pulp/{rest}")).unwrap();
    let listing = server.anonymous().get(&base).expect(200).text();
    assert!(listing.contains(&format!("<head><title>Index of {path}</title></head>")), "{listing}");
    assert!(listing.contains(&format!("<h1>Index of {path}</h1>")));
    let line = listing.lines().find(|line| line.starts_with("<a href=\"./top\">")).unwrap();
    assert!(line.ends_with("0 Bytes"), "{line}");
    assert!(listing.contains("<a href=\"./below/\">") && listing.contains("<a href=\"./PULP_MANIFEST\">"));
    let redirect = server.anonymous().get(&format!("{base}below")).expect(301);
    assert_eq!(redirect.header("Location"), Some(format!("{path}below/").as_str()));
    assert!(server.anonymous().get(&format!("{base}below/")).expect(200).text().contains("<a href=\"./file\">"));
}

#[test]
fn the_root_lists_what_is_not_hidden() {
    let server = Server::start();
    for (name, hidden) in [("seen/one", false), ("seen/two", false), ("unseen", true)] {
        let body = json!({"name": name, "base_path": name, "hidden": hidden});
        server.created(server.post(DISTRIBUTIONS, body));
    }
    let root = server.anonymous().get("/pulp/content/").expect(200).text();
    assert_eq!(root.matches("a href=\"./seen/\"").count(), 1);
    assert!(!root.contains("unseen") && !root.contains("../"));
    let below = server.anonymous().get("/pulp/content/seen/").expect(200).text();
    assert!(below.contains("a href=\"./one/\"") && below.contains("a href=\"../\""));
    server.anonymous().get("/pulp/content").expect(301);
    server.anonymous().get("/pulp/content/seen").expect(301);
    server.anonymous().get("/pulp/content/nothing/").expect(404);
}

#[test]
fn listings_escape_what_is_in_names() {
    let (server, base) = serving(&[("<b>&\"x\" y", b"bytes")]);
    let listing = server.anonymous().get(&base).expect(200).text();
    assert!(!listing.contains("<b>"), "{listing}");
    assert_eq!(server.anonymous().get(&format!("{base}%3Cb%3E&%22x%22%20y")).expect(200).body, b"bytes");
}

#[test]
fn nothing_is_served_before_it_is_published() {
    let server = Server::start();
    let repository = server.repository();
    let unit = server.upload("a", b"bytes");
    server.modify(&repository, &[&unit], &[]);
    let base = server.distribute(json!({"repository": repository}));
    server.anonymous().get(&base).expect(404);
    server.anonymous().get(&format!("{base}a")).expect(404);
    server.publish(&repository);
    assert_eq!(server.download(&format!("{base}a")).expect(200).body, b"bytes");
    server.modify(&repository, &[], &[&unit]);
    assert_eq!(server.download(&format!("{base}a")).expect(200).body, b"bytes", "the newest publication is served");
    server.publish(&repository);
    server.anonymous().get(&format!("{base}a")).expect(404);
}

#[test]
fn a_change_of_the_distribution_is_seen_at_once() {
    let (server, base) = serving(&[("a", b"bytes")]);
    let found = server.get(DISTRIBUTIONS).expect(200).json()["results"][0].clone();
    let (href, repository) = (text(&found, "pulp_href"), text(&found, "repository"));
    let get = || server.anonymous().get(&format!("{base}a"));
    get().expect(200);
    server.completed(server.patch(&href, json!({"repository": ""})));
    get().expect(404);
    server.completed(server.patch(&href, json!({"repository": repository})));
    get().expect(200);
    let publication = text(&server.get(PUBLICATIONS).expect(200).json()["results"][0], "pulp_href");
    server.delete(&publication).expect(204);
    get().expect(404);
}

#[test]
fn what_was_served_lives_on_for_the_time_of_grace() {
    let server = Server::start_with(&[("PITH_DISTRIBUTED_PUBLICATION_RETENTION_PERIOD", "3")]);
    let repository = server.repository();
    let unit = server.upload("a", b"bytes");
    server.modify(&repository, &[&unit], &[]);
    let base = server.distribute(json!({"repository": repository}));
    server.publish(&repository);
    server.download(&format!("{base}a")).expect(200);
    server.modify(&repository, &[], &[&unit]);
    server.publish(&repository);
    assert_eq!(server.download(&format!("{base}a")).expect(200).body, b"bytes");
    thread::sleep(std::time::Duration::from_secs(4));
    server.anonymous().get(&format!("{base}a")).expect(404);
}

#[test]
fn a_thousand_first_requests_for_a_lazy_file_are_one_upstream_request() {
    let upstream = Upstream::with_manifest(&[("a", &[7; 100_000])]);
    let server = Server::start_with(&[("PITH_REDIRECT_TO_OBJECT_STORAGE", "false")]);
    let repository = server.repository_with(json!({"autopublish": true}));
    server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), json!({"policy": "on_demand"})));
    let base = server.distribute(json!({"repository": repository}));
    let anonymous = server.anonymous();
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                (0..20).for_each(|_| assert_eq!(anonymous.get(&format!("{base}a")).expect(200).body, [7; 100_000]))
            });
        }
    });
    assert_eq!(upstream.paths().iter().filter(|path| *path == "/a").count(), 1);
    assert_eq!(server.count("artifacts/"), 2, "the file and the manifest");
}

#[test]
fn a_streamed_file_is_passed_on_and_not_kept() {
    let upstream = Upstream::with_manifest(&[("a", b"some bytes")]);
    let server = Server::start();
    let repository = server.repository_with(json!({"autopublish": true}));
    server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), json!({"policy": "streamed"})));
    let base = server.distribute(json!({"repository": repository}));
    for _ in 0..2 {
        assert_eq!(server.anonymous().get(&format!("{base}a")).expect(200).body, b"some bytes");
    }
    let range = server.anonymous().request("GET", &format!("{base}a")).header("Range", "bytes=5-").send().expect(206);
    assert_eq!(range.body, b"bytes");
    assert_eq!(server.count(&format!("artifacts/?sha256={}", sha256(b"some bytes"))), 0);
}

#[test]
fn a_lazy_file_that_changed_upstream_is_never_completed() {
    let upstream = Upstream::answering(|asked, _| match asked.path.as_str() {
        "/PULP_MANIFEST" => Reply::Bytes(format!("a,{},10\n", sha256(b"some bytes")).into_bytes()),
        _ => Reply::Bytes(b"evil bytes".to_vec()),
    });
    let server = Server::start();
    let repository = server.repository_with(json!({"autopublish": true}));
    let remote = json!({"policy": "on_demand", "max_retries": 0});
    server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), remote));
    let base = server.distribute(json!({"repository": repository}));
    for _ in 0..2 {
        let answer = server.anonymous().request("GET", &format!("{base}a")).try_send();
        let whole = answer.is_ok_and(|answer: Answer| answer.status == 200);
        assert!(!whole, "the wrong bytes were served as if they were right");
    }
    assert_eq!(server.count(&format!("artifacts/?sha256={}", sha256(b"evil bytes"))), 0);
}

#[test]
fn a_head_request_fetches_a_lazy_file() {
    let upstream = Upstream::with_manifest(&[("a", b"some bytes")]);
    let server = Server::start_with(&[("PITH_REDIRECT_TO_OBJECT_STORAGE", "false")]);
    let repository = server.repository_with(json!({"autopublish": true}));
    server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), json!({"policy": "on_demand"})));
    let base = server.distribute(json!({"repository": repository}));
    server.anonymous().head(&format!("{base}a")).expect(200);
    assert_eq!(server.count(&format!("artifacts/?sha256={}", sha256(b"some bytes"))), 1);
}

#[test]
fn object_stores_are_redirected_to() {
    let bucket = Bucket::start();
    let server = bucket.server(&[]);
    let repository = server.repository_with(json!({"autopublish": true}));
    server.modify(&repository, &[&server.upload("a.txt", b"some bytes")], &[]);
    let base = server.distribute(json!({"repository": repository}));
    let redirect = server.anonymous().get(&format!("{base}a.txt")).expect(302);
    assert!(redirect.header("Location").unwrap().contains("Signature"));
    let file = server.download(&format!("{base}a.txt")).expect(200);
    assert_eq!(file.body, b"some bytes");
    assert_eq!(file.header("Content-Disposition"), Some("attachment; filename=\"a.txt\""));
}

#[test]
fn paths_that_climb_lead_nowhere() {
    let (server, base) = serving(&[("a", b"bytes")]);
    let path = base.split_once("/pulp/").map(|(_, rest)| format!("/pulp/{rest}")).unwrap();
    for climbing in
        ["../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc/passwd", "a%00", "a/", "a//", "a%"]
    {
        let status = raw::status_of(server.address(), &format!("{path}{climbing}"));
        assert!([400, 404].contains(&status), "{climbing}: {status}");
    }
}

#[test]
fn slashes_too_many_behind_a_base_path_are_passed_over() {
    let upstream = Upstream::with_manifest(&[("lazy", b"other bytes")]);
    let (server, base) = serving(&[("a", b"some bytes"), ("below/a", b"more bytes")]);
    let path = base.split_once("/pulp/").map(|(_, rest)| format!("/pulp/{rest}")).unwrap();
    for (spelled, expected) in [("/a", 200), ("//below/a", 200), ("/", 200), ("/below/", 200), ("below//a", 404)] {
        assert_eq!(raw::status_of(server.address(), &format!("{path}{spelled}")), expected, "{spelled}");
    }
    let repository = server.repository_with(json!({"autopublish": true}));
    server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), json!({"policy": "on_demand"})));
    let base = server.distribute(json!({"repository": repository}));
    assert_eq!(server.anonymous().get(&format!("{base}//lazy")).expect(200).body, b"other bytes");
}

#[test]
fn checkpoints_are_served_by_their_time() {
    let server = Server::start();
    let repository = server.repository();
    let distribution = json!({"repository": repository, "checkpoint": true});
    let base = server.distribute(distribution);
    for (path, checkpoint) in [("a", true), ("b", false), ("c", true)] {
        server.modify(&repository, &[&server.upload(path, b"bytes")], &[]);
        server.created(server.post(PUBLICATIONS, json!({"repository": repository, "checkpoint": checkpoint})));
        thread::sleep(std::time::Duration::from_millis(1100));
    }
    let listing = server.anonymous().get(&base).expect(200).text();
    let times: Vec<_> = listing.lines().filter_map(|line| line.strip_prefix("<a href=\"./")?.split_once('/')).collect();
    assert_eq!(times.len(), 2, "{listing}");
    let first = times.iter().map(|(time, _)| *time).min().unwrap();
    let manifest = server.download(&format!("{base}{first}/PULP_MANIFEST")).expect(200).text();
    assert!(manifest.starts_with("a,") && manifest.lines().count() == 1);
    let redirect = server.anonymous().get(&format!("{base}20000101T000000Z/"));
    assert_eq!(redirect.status, 404, "before the first");
    server.anonymous().get(&format!("{base}29990101T000000Z/")).expect(404);
    server.anonymous().get(&format!("{base}20259928T092752Z/")).expect(404);
    server.anonymous().get(&format!("{base}a")).expect(404);
}
