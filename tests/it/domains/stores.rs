//! The bytes of domains: each in a store of its own, served from there.

use serde_json::json;
use tempfile::TempDir;

use super::{domain, folder, server};
use crate::support::bucket::{Bucket, files_below};
use crate::support::http::Client;
use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, REPOSITORIES, sha256, text};
use crate::support::wheel::Wheel;

/// Uploads a file, publishes it, and returns where it is served.
fn serve(client: &Client, bytes: &[u8]) -> String {
    let repository = client.repository();
    client.modify_many(&repository, &[("a.iso", bytes)]);
    let publication = client.publish(&repository);
    client.distribute(json!({"publication": publication}))
}

#[test]
fn the_same_file_lies_once_in_each_domain() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let (href, team) = domain(&server, place.path());
    let root = server.within("default");
    let bytes = b"the same in both";
    let addresses = [serve(&root, bytes), serve(&team, bytes)];
    assert!(addresses[0].contains("/pulp/content/default/"), "{}", addresses[0]);
    let name = text(&root.get(&href).json(), "name");
    assert!(addresses[1].contains(&format!("/pulp/content/{name}/")), "{}", addresses[1]);
    for address in &addresses {
        assert_eq!(server.anonymous().download(&format!("{address}a.iso")).expect(200).body, bytes);
    }
    let digest = sha256(bytes);
    let id = href.trim_end_matches('/').rsplit('/').next().unwrap();
    let own = place.path().join("artifact").join(id).join(&digest[..2]).join(&digest[2..]);
    assert!(own.is_file(), "{}", own.display());
    assert!(server.stored(bytes).is_file());
    // What one domain has no use for goes from its store alone.
    let repositories = team.get(REPOSITORIES).json();
    team.completed(team.delete(&text(&repositories["results"][0], "pulp_href")));
    team.completed(team.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
    assert!(!own.exists());
    assert!(server.stored(bytes).is_file());
    assert_eq!(team.get(FILES).json()["count"], 0);
    assert_eq!(root.get(FILES).json()["count"], 1);
    assert_eq!(server.anonymous().download(&format!("{}a.iso", addresses[0])).expect(200).body, bytes);
    assert!(server.run("check").ends_with("sound\n"), "{}", server.run("check"));
}

#[test]
fn a_domain_serves_out_of_its_own_bucket() {
    let (server, bucket) = (server(), Bucket::start());
    let root = server.within("default");
    let settings = |secret: &str| {
        json!({
            "access_key": "pith-test", "secret_key": secret, "bucket_name": "bucket", "location": "prefix",
            "endpoint_url": bucket.service.endpoint(), "region_name": "us-east-1", "addressing_style": "path",
        })
    };
    let body = |secret: &str| {
        json!({
            "name": "bucketed", "storage_class": "storages.backends.s3.S3Storage",
            "storage_settings": settings(secret),
        })
    };
    let refused = root.post("domains/", body("wrong")).expect(400).json();
    assert!(refused["storage_settings"].is_array(), "{refused}");
    let made = root.post("domains/", body("pith-test")).expect(201).json();
    let href = text(&made, "pulp_href");
    assert!(!made.to_string().contains("pith-test"), "no secret is shown: {made}");
    assert_eq!(made["storage_settings"]["hidden_fields"][1], json!({"name": "secret_key", "is_set": true}));
    let team = server.within("bucketed");
    let large = vec![7; 300_000];
    let address = serve(&team, &large);
    assert_eq!(bucket.artifacts(), 2, "the file and its manifest");
    let answer = server.anonymous().get(&format!("{address}a.iso")).expect(302);
    assert!(answer.header("Location").unwrap().starts_with(&bucket.service.endpoint()));
    assert_eq!(server.anonymous().download(&format!("{address}a.iso")).expect(200).body, large);
    // In chunks, into the same bucket.
    let upload = text(&team.post("uploads/", json!({"size": 10})).expect(201).json(), "pulp_href");
    for (range, bytes) in [("bytes 0-4/10", b"01234"), ("bytes 5-9/10", b"56789")] {
        let form = Multipart::new().file("file", bytes);
        team.request("PUT", &upload).header("Content-Range", range).multipart(form).send().expect(200);
    }
    let artifact = team.created(team.post(&format!("{upload}commit/"), json!({"sha256": sha256(b"0123456789")})));
    assert!(artifact.starts_with("/pulp/bucketed/api/v3/artifacts/"), "{artifact}");
    assert_eq!(bucket.artifacts(), 3);
    // Without redirects the server reads it itself.
    root.completed(root.patch(&href, json!({"redirect_to_object_storage": false})));
    assert_eq!(server.anonymous().get(&format!("{address}a.iso")).expect(200).body, large);
    // A key that does not open the bucket any more is refused, another place too as long as there are files.
    root.patch(&href, json!({"storage_settings": {"secret_key": "wrong"}})).expect(400);
    let elsewhere = root.patch(&href, json!({"storage_settings": {"location": "other"}})).expect(400).json();
    assert!(elsewhere["storage_settings"].is_array(), "{elsewhere}");
    root.patch(&href, json!({"storage_settings": {"secret_key": "pith-test"}})).expect(200);
}

#[test]
fn an_empty_domain_can_move() {
    let (server, first, second) = (server(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, team) = domain(&server, first.path());
    root.completed(root.patch(&href, folder(second.path())));
    team.artifact(b"after the move");
    assert_eq!((files_below(first.path()), files_below(second.path())), (0, 1));
    let refused = root.patch(&href, folder(first.path())).expect(400).json();
    assert!(refused["storage_settings"].is_array(), "{refused}");
}

#[test]
fn native_faces_have_the_domain_in_their_paths() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let (href, team) = domain(&server, place.path());
    let name = text(&server.within("default").get(&href).json(), "name");
    let body = json!({"name": "index"});
    let repository = text(&team.post("repositories/python/python/", body).expect(201).json(), "pulp_href");
    let body = json!({"name": "index", "base_path": "index", "repository": repository});
    let made = team.created(team.post("distributions/python/pypi/", body));
    let address = text(&team.get(&made).expect(200).json(), "base_url");
    assert!(address.ends_with(&format!("/pypi/{name}/index/")), "{address}");
    let form = Wheel::new("hello", "1.0").form();
    let answer = server.request("POST", &format!("{address}legacy/")).multipart(form).send();
    let task = text(&answer.expect(202).json(), "task");
    assert!(task.starts_with(&format!("/pulp/{name}/api/v3/tasks/")), "{task}");
    team.wait_for(&task);
    let page = server.anonymous().get(&format!("{address}simple/hello/")).expect(200).text();
    assert!(page.contains(&format!("/pulp/content/{name}/index/hello-1.0-py3-none-any.whl")), "{page}");
    server.anonymous().get("/pypi/index/simple/").expect(404);
    server.anonymous().get("/pypi/default/index/simple/").expect(404);
    assert!(files_below(place.path()) >= 1);
}
