//! Publications that follow one another: what did not change is taken from the last one, unread.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use serde_json::json;

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::random::{self, Random};
use crate::support::rpm::Rpm;
use crate::support::{Client, Server};

const REPOSITORIES: &str = "repositories/rpm/rpm/";
const DISTRIBUTIONS: &str = "distributions/rpm/rpm/";

/// A package that is in no repository yet.
fn unit(client: &Client, name: &str) -> String {
    let form = Multipart::new().named_file("file", "any.rpm", &Rpm::new(name, "1").file("/usr/bin/x").bytes());
    let answer = client.request("POST", "content/rpm/packages/upload/").multipart(form).send();
    text(&answer.expect(201).json(), "pulp_href")
}

/// The documents of packages, as they are served: paths and bytes.
fn documents(client: &Client, base: &str) -> BTreeMap<String, Vec<u8>> {
    let index = client.download(&format!("{base}repodata/repomd.xml")).expect(200).text();
    let paths = index.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    paths.map(|path| (path.clone(), client.download(&format!("{base}{path}")).expect(200).body)).collect()
}

/// The names in `primary`, in its order, and how many it says there are.
fn listed(documents: &BTreeMap<String, Vec<u8>>) -> (Vec<String>, usize) {
    let (_, packed) = documents.iter().find(|(path, _)| path.contains("-primary.xml")).unwrap();
    let mut primary = String::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut primary).unwrap();
    let between = |start, end| primary.split(start).skip(1).map(move |rest: &str| rest.split(end).next().unwrap());
    let names = between("<name>", "<").map(str::to_owned).collect();
    (names, between(" packages=\"", "\"").next().unwrap().parse().unwrap())
}

/// The documents of the same packages in a repository that has published nothing before.
fn made_anew(server: &Server, original: &str) -> BTreeMap<String, Vec<u8>> {
    let copy = server.made(REPOSITORIES, json!({"autopublish": true}));
    let version = server.latest_version(original);
    server.completed(server.post(&format!("{copy}modify/"), json!({"base_version": version})));
    documents(server, &server.distribute_in(DISTRIBUTIONS, json!({"repository": copy})))
}

#[test]
fn after_any_changes_a_publication_is_as_if_made_anew() {
    let server = Server::start();
    let mut random = Random::seeded();
    let units: Vec<String> = (0..240).map(|at| unit(&server, &format!("p{at}"))).collect();
    let repository = server.made(REPOSITORIES, json!({"autopublish": true}));
    let base = server.distribute_in(DISTRIBUTIONS, json!({"repository": repository}));
    let mut present = vec![false; units.len()];
    for round in 0..12 {
        // Many at first, then few, at the end nearly all go.
        let changes = [120, 60, 1, 1, 2, 5, 100, 1, 3, 1, 200, 1][round];
        let before = present.clone();
        for _ in 0..changes {
            let at = usize::try_from(random.below(units.len() as u64)).unwrap();
            present[at] = !present[at];
        }
        let changed = |was: bool| {
            let changed = (0..units.len()).filter(|at| before[*at] == was && present[*at] != was);
            changed.map(|at| units[at].as_str()).collect::<Vec<_>>()
        };
        server.modify(&repository, &changed(false), &changed(true));
        let (names, count) = listed(&documents(&server, &base));
        let expected: Vec<String> = (0..units.len()).filter(|at| present[*at]).map(|at| format!("p{at}")).collect();
        assert_eq!((names, count), (expected.clone(), expected.len()), "round {round}");
    }
    assert_eq!(documents(&server, &base), made_anew(&server, &repository));
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
        assert_eq!(listed(&documents(&server, &base)).0, expected, "version {number}");
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
        assert_eq!(documents(&server, &base), made_anew(&server, &repository));
    }
}
