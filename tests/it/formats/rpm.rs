//! RPM packages: uploaded, published, served; what their repositories and publications can be told.

use std::io::Read;

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::rpm::Rpm;
use crate::support::{Answer, Client, Server, sha256};

const REPOSITORIES: &str = "repositories/rpm/rpm/";
const PUBLICATIONS: &str = "publications/rpm/rpm/";
const DISTRIBUTIONS: &str = "distributions/rpm/rpm/";
const PACKAGES: &str = "content/rpm/packages/";

fn send(client: &Client, repository: &str, bytes: &[u8]) -> Answer {
    let form = Multipart::new().field("repository", repository).named_file("file", "any.rpm", bytes);
    client.request("POST", PACKAGES).multipart(form).send()
}

fn upload(client: &Client, repository: &str, package: &Rpm) -> Value {
    client.completed(send(client, repository, &package.bytes()))
}

fn publish(client: &Client, mut fields: Value, repository: &str) -> Value {
    fields["repository"] = json!(repository);
    let href = client.created(client.post(PUBLICATIONS, fields));
    client.get(&href).expect(200).json()
}

/// Path and unpacked text of a document of a publication.
fn document(client: &Client, base: &str, data_type: &str) -> Option<(String, String)> {
    let index = client.download(&format!("{base}repodata/repomd.xml")).expect(200).text();
    let (_, record) = index.split_once(&format!("<data type=\"{data_type}\">"))?;
    let (_, path) = record.split_once("href=\"")?;
    let (path, _) = path.split_once('"')?;
    let packed = client.download(&format!("{base}{path}")).expect(200).body;
    let mut text = String::new();
    match path.rsplit('.').next()? {
        "gz" => flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap(),
        "zst" => zstd::stream::read::Decoder::new(&packed[..]).unwrap().read_to_string(&mut text).unwrap(),
        _ => (&packed[..]).read_to_string(&mut text).unwrap(),
    };
    Some((path.to_owned(), text))
}

/// What `primary` says where packages lie, in its order.
fn locations(client: &Client, base: &str) -> Vec<String> {
    let (_, primary) = document(client, base, "primary").unwrap();
    primary.split("<location href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn what_is_uploaded_is_published_and_served() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({"autopublish": true}));
    let base = server.distribute_in(DISTRIBUTIONS, json!({"repository": repository}));
    let bear = Rpm::new("bear", "1.0").requires("honey").file("/usr/bin/bear").file("/usr/share/b").changelogs(12);
    upload(&server, &repository, &bear);
    let task = upload(&server, &repository, &Rpm::new("Ape", "2.0"));
    let created = task["created_resources"].as_array().unwrap();
    assert!(created.iter().any(|href| href.as_str().unwrap().contains("/publications/rpm/rpm/")), "{task:#}");
    assert_eq!(locations(&server, &base), ["Packages/b/bear-1.0-1.noarch.rpm", "Packages/a/Ape-2.0-1.noarch.rpm"]);
    for path in locations(&server, &base) {
        let served = server.download(&format!("{base}{path}")).expect(200).body;
        assert!(served.starts_with(&[0xed, 0xab, 0xee, 0xdb]));
    }
    server.download(&format!("{base}Packages/a/bear-1.0-1.noarch.rpm")).expect(404);
    let listed = server.download(&format!("{base}Packages/b/")).expect(200).text();
    assert!(listed.contains("bear-1.0-1.noarch.rpm") && !listed.contains("Ape"), "{listed}");
    server.download(&format!("{base}Packages/z/")).expect(404);
    let found = server.get(&format!("{PACKAGES}?name=bear")).expect(200).json();
    let shown = &found["results"][0];
    assert_eq!(shown["pkgId"], sha256(&bear.bytes()));
    assert_eq!(shown["requires"], json!([["honey", null, null, null, null, false]]));
    assert_eq!(shown["provides"], json!([["bear", "EQ", "0", "1.0", "1", false]]));
    assert_eq!(shown["files"], json!([["", "/usr/bin/", "bear", "abc0"], ["", "/usr/share/", "b", "abc0"]]));
    assert_eq!(shown["changelogs"].as_array().unwrap().len(), 10, "KEEP_CHANGELOG_LIMIT");
    let (_, filelists) = document(&server, &base, "filelists").unwrap();
    assert!(filelists.contains("<file>/usr/share/b</file>"), "{filelists}");
    let (_, other) = document(&server, &base, "other").unwrap();
    assert_eq!(other.matches("<changelog ").count(), 10);
}

#[test]
fn a_change_leaves_other_runs_as_they_were() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({"autopublish": true}));
    let base = server.distribute_in(DISTRIBUTIONS, json!({"repository": repository}));
    for at in 0..8 {
        upload(&server, &repository, &Rpm::new(&format!("p{at}"), "1"));
    }
    let units = server.get(&format!("{PACKAGES}?name=p3")).expect(200).json();
    let unit = text(&units["results"][0], "pulp_href");
    server.modify(&repository, &[], &[&unit]);
    let step_by_step = ["primary", "filelists", "other"].map(|kind| document(&server, &base, kind).unwrap());
    assert_eq!(locations(&server, &base).len(), 7);
    // The same version, published anew without anything to take over.
    let copy = server.made(REPOSITORIES, json!({}));
    let version = server.latest_version(&repository);
    server.completed(server.post(&format!("{copy}modify/"), json!({"base_version": version})));
    let publication = publish(&server, json!({}), &copy);
    let base = server.distribute_in(DISTRIBUTIONS, json!({"publication": publication["pulp_href"]}));
    let at_once = ["primary", "filelists", "other"].map(|kind| document(&server, &base, kind).unwrap());
    assert_eq!(step_by_step, at_once);
}

#[test]
fn publications_are_made_as_told() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({"compression_type": "zstd", "repo_config": {"gpgcheck": 1}}));
    upload(&server, &repository, &Rpm::new("bear", "1"));
    let made = publish(&server, json!({"checksum_type": "sha512"}), &repository);
    let expected = json!(["sha512", "zstd", "nested_alphabetically", {"gpgcheck": 1}]);
    assert_eq!(json!([made["checksum_type"], made["compression_type"], made["layout"], made["repo_config"]]), expected);
    let base =
        server.distribute_in(DISTRIBUTIONS, json!({"publication": made["pulp_href"], "generate_repo_config": true}));
    let (path, primary) = document(&server, &base, "primary").unwrap();
    assert!(path.ends_with("-primary.xml.zst") && path.len() > 128, "{path}");
    assert!(primary.contains("<name>bear</name>"), "{primary}");
    let config = server.download(&format!("{base}config.repo")).expect(200).text();
    assert!(config.contains(&format!("baseurl={base}\n")) && config.contains("\ngpgcheck=1\n"), "{config}");
    assert!(server.download(&base).expect(200).text().contains("config.repo"));

    for (layout, start) in [("flat", "Packages/bear-1-1"), ("nested_by_digest", "Packages/b/by-digest/")] {
        let made = publish(&server, json!({"layout": layout, "compression_type": "none"}), &repository);
        let base = server.distribute_in(DISTRIBUTIONS, json!({"publication": made["pulp_href"]}));
        let found = locations(&server, &base);
        assert!(found[0].starts_with(start), "{found:?}");
        server.download(&format!("{base}{}", found[0])).expect(200);
        server.download(&format!("{base}config.repo")).expect(404);
    }
    for wrong in [json!({"checksum_type": "md5"}), json!({"layout": "x"}), json!({"repo_config": {"gpgcheck": 2}})] {
        let mut body = wrong.clone();
        body["repository"] = json!(repository);
        let answer = server.post(PUBLICATIONS, body).expect(400).json();
        assert!(answer.get(wrong.as_object().unwrap().keys().next().unwrap()).is_some(), "{answer}");
    }
}

#[test]
fn of_one_file_name_the_higher_epoch_and_the_later_built_stays() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({}));
    let old = Rpm::new("bear", "1").epoch(1).built(10);
    let new = Rpm::new("bear", "1").built(20);
    let task = upload(&server, &repository, &old);
    assert_eq!(task["state"], "completed");
    upload(&server, &repository, &new);
    let made = publish(&server, json!({}), &repository);
    let base = server.distribute_in(DISTRIBUTIONS, json!({"publication": made["pulp_href"]}));
    assert_eq!(locations(&server, &base), ["Packages/b/bear-1-1.noarch.rpm"]);
    let served = server.download(&format!("{base}Packages/b/bear-1-1.noarch.rpm")).expect(200).body;
    assert_eq!(sha256(&served), sha256(&old.bytes()), "the higher epoch");
    let rebuilt = Rpm::new("bear", "1").epoch(1).built(30);
    upload(&server, &repository, &rebuilt);
    let version = server.latest_version(&repository);
    let there = server.get(&format!("{PACKAGES}?repository_version={version}")).expect(200).json();
    assert_eq!(there["count"], 1);
    assert_eq!(there["results"][0]["pkgId"], sha256(&rebuilt.bytes()));
}

#[test]
fn what_is_no_package_is_refused() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({}));
    let whole = Rpm::new("bear", "1").bytes();
    let mut changed = whole.clone();
    changed[400] ^= 1;
    let longer = [whole.as_slice(), b"x"].concat();
    let evil = Rpm::new("../bear", "1").bytes();
    for bytes in [&b""[..], b"#!/bin/sh", &whole[..50], &whole[..300], &changed, &longer, &evil] {
        let answer = send(&server, &repository, bytes);
        let failed = match answer.status {
            202 => server.finished(answer)["error"]["description"].to_string(),
            _ => answer.expect(400).text(),
        };
        assert!(!failed.is_empty() && failed != "null", "{failed}");
    }
    assert!(server.latest_version(&repository).ends_with("/versions/0/"));
}
