//! The bytes of domains: each in a store of its own, served from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tempfile::TempDir;

use super::{bucket_settings, domain, domain_with, folder, server};
use crate::support::bucket::{Bucket, files_below};
use crate::support::gate::Gate;
use crate::support::http::Client;
use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, REPOSITORIES, sha256, text};
use crate::support::wheel::Wheel;
use crate::support::world::database_is_local;
use crate::support::{Server, until};

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
    let [first, second, third] = [(); 3].map(|()| TempDir::new().unwrap());
    let server = server();
    let root = server.within("default");
    let (href, team) = domain(&server, first.path());
    root.completed(root.patch(&href, folder(second.path())));
    team.artifact(b"after the move");
    assert_eq!((files_below(first.path()), files_below(second.path())), (0, 1));
    let refused = root.patch(&href, folder(third.path())).expect(400).json();
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

/// Where the store of the domain with this href keeps an artifact below its place.
fn kept(place: &Path, href: &str, bytes: &[u8]) -> PathBuf {
    let (id, digest) = (href.trim_end_matches('/').rsplit('/').next().unwrap(), sha256(bytes));
    place.join("artifact").join(id).join(&digest[..2]).join(&digest[2..])
}

#[test]
fn no_domain_serves_what_only_another_has() {
    let (server, places) = (server(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let [(ours, our), (_, their)] = places.each_ref().map(|place| domain(&server, place.path()));
    // Small ones are kept in memory, large ones open.
    for bytes in [b"small".to_vec(), vec![7; 300_000]] {
        let [own, others] = [&our, &their].map(|client| serve(client, &bytes));
        fs::remove_file(kept(places[0].path(), &ours, &bytes)).unwrap();
        for _ in 0..2 {
            assert_eq!(server.anonymous().download(&format!("{others}a.iso")).expect(200).body, bytes);
            server.anonymous().get(&format!("{own}a.iso")).expect(500);
        }
    }
}

#[test]
fn a_slow_bucket_holds_up_its_own_domain_alone() {
    let (server, bucket) = (server(), Bucket::start());
    let gate = Gate::to(&bucket.service.endpoint());
    let (_, slow) = domain_with(&server, bucket_settings(&gate.endpoint()));
    let root = server.within("default");
    let files: Vec<String> = (0..10).map(|number| format!("file {number}")).collect();
    files.iter().for_each(|file| drop(slow.artifact(file.as_bytes())));
    assert_eq!(bucket.artifacts(), 10);
    gate.shut();
    let cleanup = json!({"orphan_protection_time": 0});
    let task = text(&slow.post("orphans/cleanup/", cleanup).expect(202).json(), "task");
    until("rows are gone", || (slow.count("artifacts/") == 0).then_some(()));
    // Now it removes bytes, which takes long. The same digests come into another domain meanwhile.
    let begun = Instant::now();
    files.iter().for_each(|file| drop(root.artifact(file.as_bytes())));
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(slow.get(&task).json()["state"], "running", "it was slow all the time");
    gate.open();
    assert_eq!(slow.wait_for(&task)["state"], "completed");
    assert_eq!((bucket.artifacts(), root.count("artifacts/")), (0, 10));
}

#[test]
fn domains_are_not_looked_up_again_for_each_upload() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let (href, team) = domain(&server, place.path());
    let lookups = || {
        let text = server.get("/metrics").expect(200).text();
        let line = text.lines().find_map(|line| line.strip_prefix("pith_domain_lookups_total ")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let repository = team.repository();
    let (before, begun) = (lookups(), Instant::now());
    for number in 0..30 {
        let unit = team.upload(&format!("{number}"), format!("file {number}").as_bytes());
        team.modify(&repository, &[&unit], &[]);
    }
    let seconds = begun.elapsed().as_secs();
    let counted = lookups() - before;
    match database_is_local() {
        true => assert_eq!(counted, 0),
        // Another host may have changed it: for a second at most nobody looks.
        false => assert!(counted <= 2 * (seconds + 2), "{counted} in {seconds} s"),
    }
    // A change is noticed at once.
    server.within("default").completed(server.within("default").patch(&href, json!({"name": "renamed"})));
    team.get("repositories/").expect(404);
    server.within("renamed").get("repositories/").expect(200);
}

#[test]
fn what_a_killed_process_left_in_the_place_of_a_domain_is_swept() {
    let mut server = Server::start_with(&[
        ("PITH_DOMAIN_ENABLED", "true"),
        ("PITH_DOMAIN_STORAGE_PATHS", json!([std::env::temp_dir()]).to_string().as_str()),
        ("PITH_TMPFILE_PROTECTION_TIME", "10"),
    ]);
    let place = TempDir::new().unwrap();
    domain(&server, place.path());
    server.kill();
    let (old, young) = (place.path().join("tmp/old"), place.path().join("tmp/young"));
    for file in [&old, &young] {
        fs::write(file, "left").unwrap();
    }
    let hour = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(&old).unwrap().set_modified(hour).unwrap();
    // Nobody asks for the domain.
    server.restart();
    until("it is swept", || (!old.exists()).then_some(()));
    assert!(young.exists());
}

#[test]
fn what_an_earlier_version_announced_counts_for_all_domains() {
    if database_is_local() {
        // A database that is a file belongs to one process, and so to one version.
        return;
    }
    let (server, place) = (server(), TempDir::new().unwrap());
    let (href, team) = domain(&server, place.path());
    let mut database = postgres::Client::connect(server.database().unwrap(), postgres::NoTls).unwrap();
    let cleanup = || team.completed(team.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
    let mut announced = |bytes: &[u8], of: &str| {
        team.artifact(bytes);
        let domain = "(SELECT id FROM domain WHERE name = 'default')";
        let domain = if of == "default" { domain } else { "NULL" };
        let statement = format!(
            "INSERT INTO artifact_arrival (id, sha256, expires, domain_id)
             VALUES (gen_random_uuid(), '{}', now() + interval '1 hour', {domain})",
            sha256(bytes)
        );
        database.batch_execute(&statement).unwrap();
        cleanup();
        kept(place.path(), &href, bytes).exists()
    };
    assert!(announced(b"by an earlier version", "nobody"));
    assert!(!announced(b"for another domain", "default"));
    database.batch_execute("DELETE FROM artifact_arrival").unwrap();
    cleanup();
    assert!(!kept(place.path(), &href, b"by an earlier version").exists());
}
