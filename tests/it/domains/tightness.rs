//! Nothing of one domain can be read, named or acted on from another: by its id, its href or its PRN. One table of
//! objects, and everything the API's own description lets a client do with them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{domain, server};
use crate::support::http::Client;
use crate::support::pulp::text;
use crate::support::server::Server;

/// One object of each kind in a domain, by what it is.
struct Objects {
    hrefs: BTreeMap<&'static str, String>,
    /// Where its exports go.
    exports: TempDir,
}

impl Objects {
    fn make(client: &Client) -> Self {
        let made = |path: &str, body: Value| text(&client.post(path, body).expect(201).json(), "pulp_href");
        let repository = client.repository();
        let bytes = format!("of {}", client.get("status/").expect(200).text());
        client.modify_many(&repository, &[("a", bytes.as_bytes())]);
        let publication = client.publish(&repository);
        client.distribute(json!({"publication": publication}));
        let first = |path: &str| text(&client.get(path).expect(200).json()["results"][0], "pulp_href");
        let index = made("repositories/python/python/", json!({"name": "index"}));
        let blocked = made(&format!("{index}blocklist_entries/"), json!({"name": "bad"}));
        let url = "http://127.0.0.1:9/";
        let remote = made("remotes/file/file/", json!({"name": "remote", "url": url, "policy": "on_demand"}));
        let exports = TempDir::new().unwrap();
        let body = json!({"name": "exporter", "path": exports.path(), "repositories": [repository]});
        let exporter = made("exporters/core/pulp/", body);
        let export = client.created(client.post(&format!("{exporter}exports/"), json!({})));
        let importer = made("importers/core/pulp/", json!({"name": "importer"}));
        let (group, import) = import(client, &importer, &client.get(&export).expect(200).json());
        let header = json!({"name": "header", "header_name": "x-who", "header_value": "us"});
        let hrefs = BTreeMap::from([
            ("alternate content source", made("acs/file/file/", json!({"name": "nearby", "remote": remote}))),
            ("artifact", first("artifacts/")),
            ("blocklist entry", blocked),
            ("content", first("content/file/files/")),
            ("distribution", first("distributions/file/file/")),
            ("export", export),
            ("exporter", exporter),
            ("guard", made("contentguards/core/rbac/", json!({"name": "guard"}))),
            ("header guard", made("contentguards/core/header/", header)),
            ("import", import),
            ("importer", importer),
            ("publication", publication),
            ("python repository", index),
            ("remote", remote),
            ("rpm repository", made("repositories/rpm/rpm/", json!({"name": "packages"}))),
            ("task", first("tasks/")),
            ("task group", group),
            ("upload", made("uploads/", json!({"size": 5}))),
            ("version", format!("{repository}versions/1/")),
            ("repository", repository),
        ]);
        Self { hrefs, exports }
    }

    fn get(&self, what: &str) -> &str {
        &self.hrefs[what]
    }
}

/// Imports what was exported: the group of the tasks, once all have completed, and the import.
fn import(client: &Client, importer: &str, export: &Value) -> (String, String) {
    let files = export["output_file_info"].as_object().unwrap();
    let tar = files.keys().find(|name| name.ends_with(".tar")).unwrap();
    let begun = client.post(&format!("{importer}imports/"), json!({"path": tar})).expect(202).json();
    let group = text(&begun, "task_group");
    for _ in 0..3000 {
        let seen = client.get(&group).expect(200).json();
        if seen["all_tasks_dispatched"] == true && seen["completed"] == seen["tasks"].as_array().unwrap().len() {
            let imports = client.get(&format!("{importer}imports/")).expect(200).json();
            return (group, text(&imports["results"][0], "pulp_href"));
        }
        assert_eq!(seen["failed"], 0, "{seen:#}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the import does not end");
}

struct Two {
    server: Server,
    _places: [TempDir; 2],
    ours: Client,
    theirs: Client,
    objects: Objects,
}

fn two() -> Two {
    let (server, places) = (server(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let (ours, theirs) = (domain(&server, places[0].path()).1, domain(&server, places[1].path()).1);
    let objects = Objects::make(&theirs);
    Two { server, _places: places, ours, theirs, objects }
}

/// What follows `api/v3/` in an address.
fn path(href: &str) -> &str {
    href.split_once("/api/v3/").unwrap().1
}

#[test]
fn no_operation_on_an_object_reaches_that_of_another_domain() {
    let two = two();
    let document = two.server.get("docs/api.json?pk_path=1").expect(200).json();
    let before: Vec<_> = two.objects.hrefs.values().map(|href| two.theirs.get(href).expect(200).json()).collect();
    let (mut tried, mut read) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for (template, operations) in document["paths"].as_object().unwrap() {
        let Some((_, template)) = template.split_once("/api/v3/") else { continue };
        for (what, href) in &two.objects.hrefs {
            let Some(Filled { path: filled, is_known }) = fill(template, path(href)) else { continue };
            for method in operations.as_object().unwrap().keys() {
                let method = method.to_ascii_uppercase();
                if method == "GET" && is_known {
                    two.theirs.get(&filled).expect(200);
                    *read.entry(what).or_default() += 1;
                }
                let request = two.ours.request(&method, &filled);
                let answer = if method == "GET" { request.send() } else { request.json(&json!({})).send() };
                // Artifacts are deleted by nobody.
                let right = match (*what, method.as_str()) {
                    ("artifact", "DELETE") => [403, 404].contains(&answer.status),
                    _ => answer.status == 404,
                };
                assert!(right, "{method} {filled}: {} {}", answer.status, answer.text());
                *tried.entry(what).or_default() += 1;
            }
        }
    }
    assert_eq!((tried.len(), read.len()), (two.objects.hrefs.len(), two.objects.hrefs.len()), "{tried:?} {read:?}");
    for (href, before) in two.objects.hrefs.values().zip(before) {
        assert_eq!(two.theirs.get(href).expect(200).json(), before, "nothing changed");
    }
}

/// A template with values for its parameters.
struct Filled {
    path: String,
    /// All values are those of the object.
    is_known: bool,
}

/// The path of a template that is, or lies below, that of an object; none when it is another's.
fn fill(template: &str, object: &str) -> Option<Filled> {
    let (mut filled, mut is_known) = (Vec::new(), true);
    let mut given = object.trim_end_matches('/').split('/').peekable();
    let segments: Vec<&str> = template.trim_end_matches('/').split('/').collect();
    for segment in &segments {
        match given.next() {
            Some(value) if segment.starts_with('{') || *segment == value => filled.push(value),
            None if !segment.starts_with('{') => filled.push(segment),
            // A version below a repository that is not the object itself: any will do.
            None => {
                is_known = false;
                filled.push("1");
            }
            Some(_) => return None,
        }
    }
    given.next().is_none().then(|| Filled { path: format!("{}/", filled.join("/")), is_known })
}

#[test]
fn lists_show_only_what_is_of_the_domain() {
    let two = two();
    let root = two.ours.get("").expect(200).json();
    let shared = ["domains", "users", "workers", "signing-services", "groups", "roles", "access_policies"];
    let lists: Vec<_> = root
        .as_object()
        .unwrap()
        .keys()
        .filter(|path| {
            // Parts of repositories have no list of their own.
            !shared.contains(&path.as_str()) && !path.contains("{}")
        })
        .collect();
    assert!(lists.len() > 20, "{lists:?}");
    for list in lists {
        let found = two.ours.get(&format!("{list}/")).expect(200).json();
        assert_eq!(found["count"], 0, "{list}: {found}");
    }
    // Naming what is another's finds nothing either.
    for (what, href) in &two.objects.hrefs {
        let collection = path(href).trim_end_matches('/').rsplit_once('/').unwrap().0;
        // Some have no list of their own, or one without filters.
        if ["version", "blocklist entry", "export", "import", "task group"].contains(what) {
            continue;
        }
        let object = two.theirs.get(href).expect(200).json();
        let id = href.trim_end_matches('/').rsplit('/').next().unwrap();
        for filter in
            [format!("pulp_id__in={id}"), format!("pulp_href__in={href}"), format!("prn__in={}", text(&object, "prn"))]
        {
            let found = two.ours.get(&format!("{collection}/?{filter}")).expect(200).json();
            assert_eq!(found["count"], 0, "{collection} {filter}");
        }
    }
    for parameter in ["repository_version", "repository_version_added", "repository_version_removed"] {
        let version = two.objects.get("version");
        let answer = two.ours.get(&format!("content/file/files/?{parameter}={version}"));
        assert!(answer.status == 400 || answer.json()["count"] == 0, "{}", answer.text());
    }
}

#[test]
fn no_body_can_name_what_is_in_another_domain() {
    let two = two();
    let own = Objects::make(&two.ours);
    let (repository, index) = (own.get("repository"), own.get("python repository"));
    let exports = own.exports.path();
    let cases: Vec<(&str, String, &str, &str, Value)> = vec![
        ("POST", "repositories/file/file/".into(), "remote", "remote", json!({"name": "x"})),
        ("PATCH", repository.into(), "remote", "remote", json!({})),
        ("POST", format!("{repository}sync/"), "remote", "remote", json!({})),
        ("POST", format!("{repository}modify/"), "base_version", "version", json!({})),
        ("POST", format!("{repository}modify/"), "add_content_units[]", "content", json!({})),
        ("POST", format!("{repository}modify/"), "remove_content_units[]", "content", json!({})),
        ("POST", "publications/file/file/".into(), "repository", "repository", json!({})),
        ("POST", "publications/file/file/".into(), "repository_version", "version", json!({})),
        ("POST", "distributions/file/file/".into(), "repository", "repository", json!({"name": "x", "base_path": "x"})),
        (
            "POST",
            "distributions/file/file/".into(),
            "publication",
            "publication",
            json!({"name": "x", "base_path": "x"}),
        ),
        (
            "POST",
            "distributions/file/file/".into(),
            "repository_version",
            "version",
            json!({"name": "x", "base_path": "x"}),
        ),
        ("POST", "distributions/file/file/".into(), "content_guard", "guard", json!({"name": "x", "base_path": "x"})),
        ("PATCH", own.get("distribution").into(), "publication", "publication", json!({})),
        ("POST", "contentguards/core/composite/".into(), "guards[]", "guard", json!({"name": "x"})),
        ("POST", "content/file/files/".into(), "artifact", "artifact", json!({"relative_path": "x"})),
        ("POST", "content/file/files/".into(), "upload", "upload", json!({"relative_path": "x"})),
        (
            "POST",
            "content/file/files/".into(),
            "repository",
            "repository",
            json!({"relative_path": "x", "artifact": own.get("artifact")}),
        ),
        ("POST", "repositories/reclaim_space/".into(), "repo_hrefs[]", "repository", json!({})),
        (
            "POST",
            "repositories/reclaim_space/".into(),
            "repo_versions_keeplist[]",
            "version",
            json!({"repo_hrefs": [repository]}),
        ),
        ("POST", "orphans/cleanup/".into(), "content_hrefs[]", "content", json!({})),
        (
            "POST",
            "distributions/python/pypi/".into(),
            "repository",
            "python repository",
            json!({"name": "x", "base_path": "x"}),
        ),
        ("PATCH", index.into(), "remote", "remote", json!({})),
        ("POST", "acs/file/file/".into(), "remote", "remote", json!({"name": "x"})),
        ("POST", "publications/rpm/rpm/".into(), "repository", "rpm repository", json!({})),
        ("POST", "exporters/core/pulp/".into(), "repositories[]", "repository", json!({"name": "x", "path": exports})),
        ("PATCH", own.get("exporter").into(), "last_export", "export", json!({})),
        ("POST", format!("{}exports/", own.get("exporter")), "versions[]", "version", json!({})),
    ];
    for (method, address, field, what, body) in cases {
        let href = two.objects.get(what);
        let object = two.theirs.get(href).expect(200).json();
        let ours = href.replacen(href.split('/').nth(2).unwrap(), repository.split('/').nth(2).unwrap(), 1);
        let mut names = vec![href.to_owned(), ours, text(&object, "prn")];
        if what == "version" {
            // An address that nothing answers at, but that would name one.
            let (_, id) = names[2].rsplit_once(':').unwrap();
            names.push(format!("{}repository_versions/{id}/", &repository[..repository.find("repositories").unwrap()]));
        }
        for name in names {
            let mut body = body.clone();
            match field.strip_suffix("[]") {
                Some(field) => body[field] = json!([name]),
                None => body[field] = json!(name),
            }
            let answer = two.ours.request(method, &address).json(&body).send();
            assert_eq!(answer.status, 400, "{method} {address} {field}={name}: {}", answer.text());
        }
    }
    let body = json!({"name": "x", "remote": two.objects.get("remote")});
    let name = repository.split('/').nth(2).unwrap();
    assert_eq!(
        two.ours.post("repositories/file/file/", body).expect(400).json(),
        json!({"non_field_errors": [format!("Objects must all be a part of the {name} domain.")]})
    );
}

#[test]
fn tasks_and_purges_keep_to_their_domain() {
    let two = two();
    two.ours.repository();
    let before = two.theirs.get("tasks/").expect(200).json()["count"].as_i64().unwrap();
    let far = json!({"finished_before": "2100-01-01T00:00:00Z", "states": ["completed", "failed", "canceled"]});
    two.ours.completed(two.ours.post("tasks/purge/", far));
    assert_eq!(two.theirs.get("tasks/").expect(200).json()["count"], before);
    let task = two.theirs.get(two.objects.get("task")).expect(200).json();
    assert!(text(&task, "created_by").starts_with("/pulp/default/api/v3/users/"), "{task}");
    let reserved = task["reserved_resources_record"].to_string();
    assert!(reserved.contains("shared:prn:core.domain:"), "{reserved}");
}

#[test]
fn base_paths_and_names_clash_only_within_a_domain() {
    let two = two();
    for client in [&two.ours, &two.theirs] {
        let body = json!({"name": "same", "base_path": "same/path"});
        client.created(client.post("distributions/file/file/", body));
        client.post("repositories/file/file/", json!({"name": "same"})).expect(201);
        let below = json!({"name": "below", "base_path": "same/path/below"});
        client.post("distributions/file/file/", below).expect(400);
    }
}
