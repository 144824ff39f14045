//! A publication that follows another one is byte by byte what it would be if there had been none.

use std::collections::BTreeMap;

use pith_rpm::updateinfo::{self, Advisory};
use serde_json::{Value, json};

use super::{DISTRIBUTIONS, REPOSITORIES, documents, listed, primary, unit};
use crate::support::pulp::text;
use crate::support::random::Random;
use crate::support::rpm_repository::{RpmRepository, package};
use crate::support::{Client, Server, assert_completed};

const MODULE: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: duck\n  stream: \"0\"\n  version: 7\n  context: \
                      deadbeef\n  arch: noarch\n  summary: A duck\n...\n";
const COMPS: &str = "<?xml version=\"1.0\"?>\n<comps><group><id>pets</id><name>Pets</name><packagelist><packagereq \
                     type=\"mandatory\">bear</packagereq></packagelist></group></comps>\n";

/// The documents of the newest version in a repository that has published nothing before, and that has these settings.
pub fn made_anew(server: &Server, original: &str, settings: Value) -> BTreeMap<String, Vec<u8>> {
    version_made_anew(server, &server.latest_version(original), settings)
}

/// The same of a version.
pub fn version_made_anew(server: &Server, version: &str, settings: Value) -> BTreeMap<String, Vec<u8>> {
    let copy = server.made(REPOSITORIES, settings);
    server.completed(server.post(&format!("{copy}modify/"), json!({"base_version": version})));
    let publication = server.created(server.post("publications/rpm/rpm/", json!({"repository": copy})));
    documents(server, &server.distribute_in(DISTRIBUTIONS, json!({"publication": publication})))
}

/// An advisory, a group, a module and a file that is carried along, in this order.
fn others(server: &Server) -> Vec<String> {
    let upstream = RpmRepository::of(&[]);
    {
        let advisory = Advisory { id: "A-1".to_owned(), kind: "security".to_owned(), ..Advisory::default() };
        let advisories = updateinfo::HEADER.to_owned() + &updateinfo::render(&advisory) + updateinfo::FOOTER;
        let mut state = upstream.state();
        for (data_type, text) in
            [("updateinfo", &*advisories), ("group", COMPS), ("modules", MODULE), ("productid", "a certificate")]
        {
            state.add_metadata(data_type, text);
        }
    }
    sync(server, &server.made(REPOSITORIES, json!({})), &upstream, "immediate");
    let lists = ["advisories", "packagegroups", "modulemds", "repo_metadata_files"];
    let only = |list: &str| {
        let found = server.get(&format!("content/rpm/{list}/")).expect(200).json();
        assert_eq!(found["count"], 1, "{found:#}");
        text(&found["results"][0], "pulp_href")
    };
    lists.map(only).to_vec()
}

fn sync(server: &Server, repository: &str, upstream: &RpmRepository, policy: &str) {
    let remote = json!({"name": crate::support::random::name(), "url": upstream.url(), "policy": policy});
    let remote = text(&server.post("remotes/rpm/rpm/", remote).expect(201).json(), "pulp_href");
    assert_completed(&server.sync(repository, &remote));
}

/// What the newest publication of a repository serves.
fn served(client: &Client, repository: &str) -> BTreeMap<String, Vec<u8>> {
    let name = crate::support::random::name();
    let body = json!({"name": name, "base_path": name, "repository": repository});
    let distribution = client.created(client.post("distributions/rpm/rpm/", body));
    let served = documents(client, &format!("/pulp/content/{name}/"));
    // What is distributed cannot be deleted.
    client.completed(client.delete(&distribution));
    served
}

/// A repository and which of some units its newest version has.
struct Changing<'a> {
    server: &'a Server,
    repository: String,
    units: Vec<String>,
    /// The last one of the newest version.
    states: Vec<Vec<bool>>,
}

impl Changing<'_> {
    fn present(&self) -> Vec<bool> {
        self.states.last().cloned().unwrap_or_else(|| vec![false; self.units.len()])
    }

    /// Puts in what is not there, and takes out what is.
    fn flip(&mut self, which: &[usize]) {
        let before = self.present();
        let mut present = before.clone();
        which.iter().for_each(|&at| present[at] = !present[at]);
        let changed = |was: bool| {
            let changed = (0..self.units.len()).filter(|&at| before[at] == was && present[at] != was);
            changed.map(|at| self.units[at].as_str()).collect::<Vec<_>>()
        };
        self.server.modify(&self.repository, &changed(false), &changed(true));
        if present != before {
            self.states.push(present);
        }
    }

    fn delete_newest(&mut self) {
        let newest = self.server.latest_version(&self.repository);
        self.server.completed(self.server.delete(&newest));
        self.states.pop();
    }

    fn delete_one_before(&mut self) {
        let versions = self.server.get(&format!("{}versions/?ordering=-number", self.repository)).expect(200).json();
        let before = text(&versions["results"][1], "pulp_href");
        self.server.completed(self.server.delete(&before));
        self.states.remove(self.states.len() - 2);
    }
}

#[test]
fn after_any_changes_a_publication_is_as_if_made_anew() {
    const PACKAGES: usize = 240;
    let server = Server::start();
    let mut random = Random::seeded();
    let mut units: Vec<String> = (0..PACKAGES).map(|at| unit(&server, &format!("p{at}"))).collect();
    units.extend(others(&server));
    let repository = server.made(REPOSITORIES, json!({"autopublish": true}));
    let mut changing = Changing { server: &server, repository, units, states: vec![] };
    for round in 0..14 {
        // Many at first, then few, at the end nearly all go.
        let changes = [120, 60, 1, 1, 2, 5, 100, 1, 3, 1, 200, 1, 2, 0][round];
        let mut which: Vec<usize> = (0..changes).map(|_| random.below(PACKAGES as u64) as usize).collect();
        // Each of the others comes, and stays for some rounds.
        which.extend((PACKAGES..PACKAGES + 4).filter(|at| (round + at) % 3 == 0));
        changing.flip(&which);
        match round {
            4 | 9 => changing.delete_newest(),
            6 | 11 => changing.delete_one_before(),
            _ => {}
        }
        let (served, present) = (served(&server, &changing.repository), changing.present());
        let expected: Vec<String> = (0..PACKAGES).filter(|at| present[*at]).map(|at| format!("p{at}")).collect();
        let count = expected.len();
        assert_eq!(listed(&served), (expected, count), "round {round}");
        for (at, name) in ["updateinfo", "comps", "modules", "productid"].iter().enumerate() {
            let is_there = served.keys().any(|path| path.contains(name));
            assert_eq!(is_there, present[PACKAGES + at], "round {round}: {name}");
        }
        assert!(served == made_anew(&server, &changing.repository, json!({})), "round {round} is not as if made anew");
    }
}

#[test]
fn packages_whose_files_came_meanwhile_are_published_as_if_made_anew() {
    let server = Server::start();
    let names: Vec<String> = (0..300).map(|at| format!("p{at}")).collect();
    let upstream = RpmRepository::of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let settings = json!({"checksum_type": "sha512"});
    let repository = server.made(REPOSITORIES, settings.clone());
    sync(&server, &repository, &upstream, "on_demand");
    let publish = || {
        let publication = server.created(server.post("publications/rpm/rpm/", json!({"repository": repository})));
        server.distribute_in(DISTRIBUTIONS, json!({"publication": publication}))
    };
    let base = publish();
    let sha512 = |documents: &BTreeMap<String, Vec<u8>>| primary(documents).matches("type=\"sha512\" pkgid").count();
    assert_eq!(sha512(&documents(&server, &base)), 0, "no file is here");
    for (fetched, name) in ["p7", "p150", "p299"].iter().enumerate() {
        let path = format!("Packages/p/{name}-1-1.noarch.rpm");
        assert_eq!(server.download(&format!("{base}{path}")).expect(200).body, package(name, "1", "noarch").1);
        let documents = documents(&server, &publish());
        assert_eq!(sha512(&documents), fetched + 1);
        assert!(documents == made_anew(&server, &repository, settings.clone()), "{name}");
    }
}
