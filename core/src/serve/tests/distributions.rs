//! Where a distribution points, and how soon a change is seen.

use chrono::TimeDelta;

use super::site::Site;
use crate::id::{Id, now};
use crate::params;

#[actix_web::test]
async fn the_newest_publication_of_a_repository_is_served() {
    let site = Site::start().await;
    let (repository, _, _) = site.published(&[("1.iso", b"one")]).await;
    site.distribution("file.file", "dist", "repository_id", Some(repository));
    assert_eq!(site.get("/pulp/content/dist/1.iso").await.text(), "one");

    let (content, _) = site.content("2.iso", Some(site.artifact(b"two").await));
    site.member(repository, content, 2, None);
    let version = site.version(repository, 2);
    assert_eq!(site.get("/pulp/content/dist/2.iso").await.status, 404, "version 2 is not published yet");
    site.publication(version, now(), false);
    assert_eq!(site.get("/pulp/content/dist/2.iso").await.text(), "two");
}

#[actix_web::test]
async fn a_version_is_served_by_its_own_publication() {
    let site = Site::start().await;
    let (repository, version, publication) = site.published(&[("1.iso", b"one")]).await;
    let unpublished = site.version(repository, 2);
    site.distribution("file.file", "old", "repository_version_id", Some(version));
    site.distribution("file.file", "new", "repository_version_id", Some(unpublished));
    site.distribution("file.file", "direct", "publication_id", Some(publication));
    assert_eq!(site.get("/pulp/content/old/1.iso").await.status, 200);
    assert_eq!(site.get("/pulp/content/new/1.iso").await.status, 404);
    assert_eq!(site.get("/pulp/content/direct/1.iso").await.status, 200);
}

#[actix_web::test]
async fn types_without_publications_serve_versions() {
    let site = Site::start().await;
    let repository = site.repository();
    site.version(repository, 1);
    let (content, _) = site.content("pkg/a.whl", Some(site.artifact(b"wheel").await));
    site.member(repository, content, 1, Some(2));
    site.distribution("plain.plain", "dist", "repository_id", Some(repository));
    assert_eq!(site.get("/pulp/content/dist/pkg/a.whl").await.text(), "wheel");
    assert_eq!(site.get("/pulp/content/dist/pkg").await.status, 301);
    site.version(repository, 2);
    assert_eq!(site.get("/pulp/content/dist/pkg/a.whl").await.status, 404, "version 2 removed it");
    assert_eq!(site.get("/pulp/content/dist/pkg/").await.status, 404);
}

#[actix_web::test]
async fn a_distribution_that_points_nowhere_says_so() {
    let site = Site::start().await;
    site.distribution("file.file", "none", "repository_id", None);
    assert_eq!(site.get("/pulp/content/none").await.status, 301);
    let reply = site.get("/pulp/content/none/").await;
    assert_eq!((reply.status, reply.header("x-pulp-cache")), (404, ""));
    assert!(reply.text().starts_with("404: Distribution is not pointing to a publication"));
}

#[actix_web::test]
async fn a_superseded_publication_is_answered_until_its_end() {
    let site = Site::start().await;
    let (_, _, before) = site.published(&[("old.iso", b"old")]).await;
    let (_, _, after) = site.published(&[("new.iso", b"new")]).await;
    let distribution = site.distribution("file.file", "dist", "publication_id", Some(after));
    let served_until = |end| {
        site.write("DELETE FROM distributed_publication", &[]);
        site.write(
            "INSERT INTO distributed_publication (distribution_id, publication_id, created, expires_at)
             VALUES ($1, $2, $3, $4)",
            params![distribution, before, now(), end],
        );
    };
    served_until(now() + TimeDelta::milliseconds(700));
    assert_eq!(site.get("/pulp/content/dist/old.iso").await.text(), "old");
    assert!(!site.get("/pulp/content/dist/").await.text().contains("old.iso"));
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    assert_eq!(site.get("/pulp/content/dist/old.iso").await.status, 404, "without any change");
}

#[actix_web::test]
async fn a_checkpoint_is_found_by_its_second_or_a_later_one() {
    let site = Site::start().await;
    let (repository, version, _) = site.published(&[("1.iso", b"one")]).await;
    site.publication(version, "2026-01-02T03:04:05.600000Z".parse().unwrap(), true);
    let distribution = site.distribution("file.file", "points", "repository_id", Some(repository));
    site.write("UPDATE distribution SET checkpoint = true WHERE id = $1", params![distribution]);
    let status = async |path: &str| site.get(&format!("/pulp/content/points/{path}")).await.status;

    let listing = site.get("/pulp/content/points/").await;
    assert!(listing.text().contains("<a href=\"./20260102T030405Z/\">20260102T030405Z/</a>"));
    for _ in 0..2 {
        assert_eq!(site.get("/pulp/content/points/20260102T030405Z/1.iso").await.text(), "one");
        assert_eq!(status("20260102T030405Z/2.iso").await, 404);
    }
    assert_eq!(status("20260102T030405Z").await, 301);
    let moved = site.get("/pulp/content/points/20260102T040000Z/1.iso").await;
    assert_eq!((moved.status, moved.header("location")), (301, "/pulp/content/points/20260102T030405Z/1.iso"));
    for missing in ["20260102T030404Z/", "20990102T030405Z/", "nonsense/", "2026010203:0405/"] {
        assert_eq!(status(missing).await, 404, "{missing}");
    }
}

#[actix_web::test]
async fn the_root_lists_what_is_not_hidden() {
    let site = Site::start().await;
    for base_path in ["a/one", "a/two", "b", "secret"] {
        site.distribution("file.file", base_path, "repository_id", None::<Id>);
    }
    site.write("UPDATE distribution SET hidden = true WHERE base_path = 'secret'", &[]);
    let root = site.get("/pulp/content/").await;
    let page = root.text();
    assert!(page.contains("<head><title>Index of /pulp/content/</title></head>"), "{page}");
    assert!(page.contains("<a href=\"./a/\">a/</a>\n<a href=\"./b/\">b/</a>\n</pre>"), "{page}");
    assert!(!page.contains("secret") && !page.contains("../"));
    let below = site.get("/pulp/content/a/").await;
    assert!(below.text().contains("<a href=\"../\">../</a>\n<a href=\"./one/\">one/</a>\n<a href=\"./two/\">"));
    assert_eq!(site.get("/pulp/content/a").await.header("location"), "/pulp/content/a/");
    assert_eq!(site.get("/pulp/content").await.header("location"), "/pulp/content/");
    assert_eq!(site.get("/pulp/content/nope").await.status, 404);
    assert_eq!(site.get("/pulp/content/nope/").await.text(), "404: Not Found");
}
