//! What a path inside a distribution is answered with.

use super::site::Site;
use crate::params;

async fn site() -> Site {
    let site = Site::start().await;
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    let files: [(&str, &[u8]); 4] =
        [("1.iso", &[1; 1024]), ("sub/3.txt", b"hello\n"), ("sub/deep/ü 1.txt", b"x"), ("large.bin", &large)];
    let (_, _, publication) = site.published(&files).await;
    site.metadata(publication, "PULP_MANIFEST", site.artifact(b"manifest").await);
    site.metadata(publication, "index/index.html", site.artifact(b"<html>").await);
    site.distribution("file.file", "a/b", "publication_id", Some(publication));
    site
}

#[actix_web::test]
async fn a_file_has_its_headers() {
    let site = site().await;
    for cache in ["MISS", "HIT"] {
        let reply = site.get("/pulp/content/a/b/1.iso").await;
        assert_eq!((reply.status, reply.header("x-pulp-cache")), (200, cache));
        assert_eq!(reply.header("content-type"), "application/octet-stream");
        assert_eq!(reply.header("content-length"), "1024");
        assert_eq!(reply.header("x-pulp-artifact-size"), "1024");
        assert_eq!(reply.header("accept-ranges"), "bytes");
        assert_eq!(reply.header("cache-control"), "public, max-age=0, must-revalidate");
        assert_eq!(reply.header("etag").len(), 66);
        assert!(reply.header("last-modified").ends_with(" GMT"));
        assert_eq!(reply.body.unwrap(), vec![1; 1024]);
    }
    assert_eq!(site.get("/pulp/content/a/b/sub/3.txt").await.header("content-type"), "text/plain");
    assert_eq!(site.get("/pulp/content/a/b/PULP_MANIFEST").await.text(), "manifest");
    assert_eq!(site.get("/pulp/content/a/b/sub/deep/%C3%BC%201.txt").await.text(), "x");
}

#[actix_web::test]
async fn a_head_has_the_headers_of_a_get() {
    let site = site().await;
    for path in ["1.iso", "large.bin", "", "nope"] {
        let path = format!("/pulp/content/a/b/{path}");
        site.get(&path).await;
        let (mut get, mut head) = (site.get(&path).await, site.ask("HEAD", &path, &[]).await);
        get.headers.remove("date");
        head.headers.remove("date");
        assert_eq!((get.status, get.headers), (head.status, head.headers), "{path}");
        assert!(head.body.unwrap().is_empty());
    }
}

#[actix_web::test]
async fn a_large_file_comes_whole_and_in_parts() {
    let site = site().await;
    let path = "/pulp/content/a/b/large.bin";
    let whole = site.get(path).await.body.unwrap();
    assert_eq!(whole.len(), 3_000_000);
    for (range, from, to) in [("5-9", 5, 10), ("100-2000000", 100, 2_000_001), ("-600000", 2_400_000, 3_000_000)] {
        let part = site.ask("GET", path, &[("range", &format!("bytes={range}"))]).await;
        assert_eq!(part.status, 206);
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/3000000", to - 1));
        assert_eq!(part.header("content-length"), (to - from).to_string());
        assert_eq!(part.body.unwrap(), whole.slice(from..to));
    }
    let wrong = site.ask("GET", path, &[("range", "bytes=3000000-")]).await;
    assert_eq!((wrong.status, wrong.header("content-range")), (416, "bytes */3000000"));
}

#[actix_web::test]
async fn what_the_client_has_is_not_sent() {
    let site = site().await;
    let path = "/pulp/content/a/b/1.iso";
    let etag = site.get(path).await.header("etag").to_owned();
    let known = site.ask("GET", path, &[("if-none-match", &etag)]).await;
    assert_eq!((known.status, known.header("etag"), known.text()), (304, etag.as_str(), ""));
    assert_eq!(known.header("cache-control"), "public, max-age=0, must-revalidate");
    assert_eq!(site.ask("GET", path, &[("if-match", "\"x\"")]).await.status, 412);
}

#[actix_web::test]
async fn a_folder_is_listed() {
    let site = site().await;
    assert_eq!(site.get("/pulp/content/a/b").await.header("location"), "/pulp/content/a/b/");
    assert_eq!(site.get("/pulp/content/a/b/sub").await.header("location"), "/pulp/content/a/b/sub/");
    for cache in ["MISS", "HIT"] {
        let reply = site.get("/pulp/content/a/b/").await;
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(reply.header("x-pulp-cache"), cache);
        let names: Vec<_> = reply.text().split("<a href=\"").skip(1).map(|l| l.split('"').next().unwrap()).collect();
        assert_eq!(names, ["../", "./1.iso", "./PULP_MANIFEST", "./index/", "./large.bin", "./sub/"]);
        assert!(reply.text().contains("  1.0 kB\n") && reply.text().contains("  3.0 MB\n"), "{}", reply.text());
    }
    let sub = site.get("/pulp/content/a/b/sub/").await;
    assert!(sub.text().contains("./3.txt") && sub.text().contains("./deep/") && !sub.text().contains("1.iso"));
    assert!(site.get("/pulp/content/a/b/sub/deep/").await.text().contains("./%C3%BC%201.txt"));
    assert_eq!(site.get("/pulp/content/a/b/index/").await.text(), "<html>");
}

#[actix_web::test]
async fn absence_is_remembered_and_evil_paths_are_absent() {
    let site = site().await;
    for cache in ["MISS", "HIT"] {
        let reply = site.get("/pulp/content/a/b/nope").await;
        assert_eq!((reply.status, reply.header("x-pulp-cache"), reply.text()), (404, cache, "404: Not Found"));
    }
    for path in ["nope/", "sub//3.txt", "sub/3.txt/", "%2e%2e/x", "%00", "%ff", &"x/".repeat(2000)] {
        assert_eq!(site.get(&format!("/pulp/content/a/b/{path}")).await.status, 404, "{path}");
    }
    let reply = site.ask("POST", "/pulp/content/a/b/1.iso", &[]).await;
    assert_eq!((reply.status, reply.header("allow"), reply.text()), (405, "GET,HEAD", "405: Method Not Allowed"));
}

#[actix_web::test]
async fn a_listing_longer_than_a_page_is_complete() {
    let site = Site::start().await;
    let repository = site.repository();
    let version = site.version(repository, 1);
    let artifact = site.artifact(b"same").await;
    let (mut contents, mut files, mut members) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..crate::db::listing::PAGE + 5 {
        let id = crate::id::Id::new();
        let now = crate::id::now();
        contents.push(params![id, site.domain, now, now, "file.file", serde_json::json!({}), now].to_vec());
        files.push(params![id, id, artifact, format!("dir/{n:06}")].to_vec());
        members.push(params![repository, id, 1_i64].to_vec());
    }
    let filled = site.db.write(move |conn| {
        let content = ["id", "domain_id", "created", "updated", "pulp_type", "labels", "timestamp_of_interest"];
        conn.insert_all("content", &content, &contents)?;
        conn.insert_all("content_artifact", &["id", "content_id", "artifact_id", "relative_path"], &files)?;
        conn.insert_all("repository_content", &["repository_id", "content_id", "version_added"], &members)
    });
    filled.await.unwrap();
    site.distribution("plain.plain", "big", "repository_version_id", Some(version));
    let reply = site.get("/pulp/content/big/dir/").await;
    assert_eq!(reply.text().matches("<a href=\"./").count(), crate::db::listing::PAGE + 5);
    assert!(reply.text().contains("./010004\"") && reply.text().ends_with("</html>\n"));
    assert_eq!(site.get("/pulp/content/big/").await.text().matches("<a href=\"./").count(), 1);
}
