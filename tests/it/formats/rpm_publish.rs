//! Publications that follow one another: what did not change is taken from the last one, unread.

mod anew;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use serde_json::json;

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::random;
use crate::support::rpm::Rpm;
use crate::support::rpm_repository::{RpmRepository, package};
use crate::support::{Client, Server, assert_completed};

const REPOSITORIES: &str = "repositories/rpm/rpm/";
const DISTRIBUTIONS: &str = "distributions/rpm/rpm/";

/// A package that is in no repository yet.
fn unit(client: &Client, name: &str) -> String {
    let form = Multipart::new().named_file("file", "any.rpm", &Rpm::new(name, "1").file("/usr/bin/x").bytes());
    let answer = client.request("POST", "content/rpm/packages/upload/").multipart(form).send();
    text(&answer.expect(201).json(), "pulp_href")
}

/// All that `repomd.xml` names, as it is served: paths and bytes.
pub fn documents(client: &Client, base: &str) -> BTreeMap<String, Vec<u8>> {
    let index = client.download(&format!("{base}repodata/repomd.xml")).expect(200).text();
    let paths = index.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    paths.map(|path| (path.clone(), client.download(&format!("{base}{path}")).expect(200).body)).collect()
}

/// `primary`, unpacked.
fn primary(documents: &BTreeMap<String, Vec<u8>>) -> String {
    let (_, packed) = documents.iter().find(|(path, _)| path.contains("-primary.xml")).unwrap();
    let mut primary = String::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut primary).unwrap();
    primary
}

/// The names in `primary`, in its order, and how many it says there are.
fn listed(documents: &BTreeMap<String, Vec<u8>>) -> (Vec<String>, usize) {
    let primary = primary(documents);
    let between = |start, end| primary.split(start).skip(1).map(move |rest: &str| rest.split(end).next().unwrap());
    let names = between("<name>", "<").map(str::to_owned).collect();
    (names, between(" packages=\"", "\"").next().unwrap().parse().unwrap())
}

/// Where `primary` says that packages lie.
fn locations(documents: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let primary = primary(documents);
    primary.split("<location href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn packages_lie_where_primary_says_whether_their_files_are_here_or_not() {
    let server = Server::start();
    // More than one run has.
    let names: Vec<String> = (0..300).map(|at| format!("p{at}")).collect();
    let upstream = RpmRepository::of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let repository = server.made(REPOSITORIES, json!({"layout": "nested_by_digest", "checksum_type": "sha512"}));
    let remote = json!({"name": "r", "url": upstream.url(), "policy": "immediate"});
    let remote = text(&server.post("remotes/rpm/rpm/", remote).expect(201).json(), "pulp_href");
    let published = || {
        assert_completed(&server.sync(&repository, &remote));
        let publication = server.created(server.post("publications/rpm/rpm/", json!({"repository": repository})));
        server.distribute_in(DISTRIBUTIONS, json!({"publication": publication}))
    };
    let first = published();
    server.completed(server.patch(&remote, json!({"policy": "on_demand"})));
    server.completed(server.post("repositories/reclaim_space/", json!({"repo_hrefs": [repository]})));
    upstream.state().packages.push(package("late", "1", "noarch"));
    for base in [first, published()] {
        let mut places = locations(&documents(&server, &base));
        assert!(places.len() >= 300);
        places.retain(|path| server.download(&format!("{base}{path}")).status != 200);
        assert_eq!(places, Vec::<String>::new(), "nothing lies there");
    }
}

#[test]
fn an_older_version_is_published_after_a_newer_one() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({"autopublish": true}));
    for name in ["a", "b", "c"] {
        server.modify(&repository, &[&unit(&server, name)], &[]);
    }
    for (number, expected) in [(1, &["a"][..]), (3, &["a", "b", "c"]), (0, &[]), (2, &["a", "b"])] {
        let body = json!({"repository_version": format!("{repository}versions/{number}/")});
        let publication = server.created(server.post("publications/rpm/rpm/", body));
        let base = server.distribute_in(DISTRIBUTIONS, json!({"publication": publication}));
        let documents = documents(&server, &base);
        assert_eq!(listed(&documents).0, expected, "version {number}");
        let version = format!("{repository}versions/{number}/");
        assert_eq!(documents, anew::version_made_anew(&server, &version, json!({})), "version {number}");
    }
}

#[test]
fn damaged_metadata_of_the_last_publication_is_not_taken_over() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({"autopublish": true}));
    let base = server.distribute_in(DISTRIBUTIONS, json!({"repository": repository}));
    let units: Vec<String> = (0..150).map(|at| unit(&server, &format!("p{at}"))).collect();
    server.modify(&repository, &units.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    for damage in [|bytes: &mut Vec<u8>| bytes[400] ^= 1, |bytes: &mut Vec<u8>| bytes.truncate(500), Vec::clear] {
        for (path, bytes) in documents(&server, &base) {
            if path.contains("-filelists.xml") {
                let mut damaged = bytes.clone();
                damage(&mut damaged);
                fs::write(server.stored(&bytes), damaged).unwrap();
            }
        }
        server.modify(&repository, &[&unit(&server, &random::name())], &[]);
        assert_eq!(documents(&server, &base), anew::made_anew(&server, &repository, json!({})));
    }
}
