//! What a request names needs rights of its own.

use serde_json::{Value, json};

use super::{give, named_user, user};
use crate::support::multipart::Multipart;
use crate::support::pulp::{DISTRIBUTIONS, FILES, PUBLICATIONS, REMOTES, REPOSITORIES, text};
use crate::support::{Server, random};

#[test]
fn what_a_request_names_counts_too() {
    let server = Server::start();
    let (href, maker) = user(&server);
    let (foreign, remote) = (server.repository(), server.remote("http://127.0.0.1:9/", json!({})));
    for role in ["file.filerepository", "file.filedistribution", "file.filepublication"] {
        give(&server, &href, &format!("{role}_creator"), Value::Null);
    }
    let name = || random::name();
    maker.post(REPOSITORIES, json!({"name": name(), "remote": remote})).expect(403);
    maker.post(PUBLICATIONS, json!({"repository": foreign})).expect(403);
    let version = format!("{foreign}versions/0/");
    let prn = text(&server.get(&version).expect(200).json(), "prn");
    let by_id = format!("/pulp/api/v3/repository_versions/{}/", prn.rsplit(':').next().unwrap());
    for version in [version, prn, by_id] {
        maker.post(PUBLICATIONS, json!({"repository_version": version})).expect(403);
        let body = json!({"name": name(), "base_path": name(), "repository_version": version});
        maker.post(DISTRIBUTIONS, body).expect(403);
    }
    let body = json!({"name": name(), "base_path": name(), "repository": foreign});
    maker.post(DISTRIBUTIONS, body.clone()).expect(403);
    let body_of = |repository: &str| json!({"relative_path": name(), "file_url": "http://127.0.0.1:9/", "repository": repository});
    maker.post(FILES, body_of(&foreign)).expect(403);
    let none =
        maker.post(FILES, json!({"relative_path": name(), "file_url": "http://127.0.0.1:9/"})).expect(400).json();
    assert_eq!(none, json!({"repository": ["Destination upload repository was not provided."]}));
    let own = maker.repository();
    maker.post(FILES, body_of(&own)).expect(202);
    give(&server, &href, "file.filerepository_viewer", json!(foreign));
    maker.post(DISTRIBUTIONS, body).expect(202);
    maker.post(FILES, body_of(&foreign)).expect(403);
}

#[test]
fn remotes_of_a_repository_are_seen_by_their_own_roles() {
    let server = Server::start();
    let (href, reader) = user(&server);
    let remote = server.remote("http://127.0.0.1:9/", json!({}));
    let repository = server.repository_with(json!({"remote": remote}));
    give(&server, &href, "file.filerepository_owner", json!(repository));
    reader.get(&remote).expect(404);
    assert_eq!(reader.count(REMOTES), 0);
    reader.post(&format!("{repository}sync/"), json!({"remote": remote})).expect(403);
}

#[test]
fn pulling_through_needs_a_remote_that_one_may_view() {
    let server = Server::start();
    let made = |path: &str, mut body: Value| {
        body["name"] = json!(random::name());
        text(&server.post(path, body).expect(201).json(), "pulp_href")
    };
    let url = json!({"url": "http://127.0.0.1:9/", "policy": "on_demand"});
    let (python, rpm) = (made("remotes/python/python/", url.clone()), made("remotes/rpm/rpm/", url));
    let channel = json!({"url": "uln://a", "policy": "on_demand", "username": "u", "password": "p",
        "uln_server_base_url": "http://127.0.0.1:9/"});
    let uln = made("remotes/rpm/uln/", channel);
    for (model, path, remote, remote_model) in [
        ("python.pythondistribution", "distributions/python/pypi/", &python, "python.pythonremote"),
        ("rpm.rpmdistribution", "distributions/rpm/rpm/", &rpm, "rpm.rpmremote"),
        ("rpm.rpmdistribution", "distributions/rpm/rpm/", &uln, "rpm.ulnremote"),
        ("rpm.rpmrepository", "repositories/rpm/rpm/", &rpm, "rpm.rpmremote"),
        ("rpm.rpmrepository", "repositories/rpm/rpm/", &uln, "rpm.ulnremote"),
    ] {
        let (href, maker) = user(&server);
        give(&server, &href, &format!("{model}_creator"), Value::Null);
        let body = || match path.starts_with("distributions/") {
            true => json!({"name": random::name(), "base_path": random::name(), "remote": remote}),
            false => json!({"name": random::name(), "remote": remote}),
        };
        maker.post(path, body()).expect(403);
        give(&server, &href, &format!("{remote_model}_viewer"), json!(remote));
        let answer = maker.post(path, body());
        match path.starts_with("distributions/") {
            true => drop(maker.created(answer)),
            false => drop(answer.expect(201)),
        }
    }
}

#[test]
fn a_version_is_deleted_by_who_may_delete_it_or_its_repository() {
    let server = Server::start();
    let made = server.post("repositories/rpm/rpm/", json!({"name": random::name()})).expect(201).json();
    let repository = text(&made, "pulp_href");
    let absent = format!("{repository}versions/7/");
    for (permission, status) in [
        ("rpm.delete_rpmrepository_version", 404),
        ("rpm.delete_rpmrepository", 404),
        ("rpm.repair_rpmrepository", 403),
    ] {
        let (href, name, keeper) = named_user(&server);
        let permissions = json!([permission, "rpm.view_rpmrepository"]);
        server.post("roles/", json!({"name": name, "permissions": permissions})).expect(201);
        keeper.delete(&absent).expect(403);
        give(&server, &href, &name, json!(repository));
        assert_eq!(keeper.delete(&absent).status, status, "{permission}");
    }
    for (role, count) in [("rpm.admin", 34), ("rpm.viewer", 6)] {
        let found = server.get(&format!("roles/?name={role}&locked=true")).expect(200).json();
        assert_eq!(found["results"][0]["permissions"].as_array().unwrap().len(), count, "{role}");
    }
}

#[test]
fn operations_on_several_repositories_need_rights_on_each() {
    let server = Server::start();
    let made =
        || text(&server.post("repositories/rpm/rpm/", json!({"name": random::name()})).expect(201).json(), "pulp_href");
    let (seen, own, foreign) = (made(), made(), made());
    let (href, maker) = user(&server);
    give(&server, &href, "rpm.rpmrepository_viewer", json!(seen));
    give(&server, &href, "rpm.rpmrepository_owner", json!(own));

    let copy = |config: Value| maker.post("rpm/copy/", json!({ "config": config }));
    let entry = |from: &str, to: &str| json!({"source_repo_version": from, "dest_repo": to});
    let [seen_version, own_version, foreign_version] =
        [&seen, &own, &foreign].map(|repository| format!("{repository}versions/0/"));
    server.completed(copy(json!([entry(&seen_version, &own)])));
    server.completed(copy(json!([entry(&own_version, &own)])));
    for (from, to) in [(&own_version, &seen), (&foreign_version, &own), (&own_version, &foreign)] {
        copy(json!([entry(from, to)])).expect(403);
        copy(json!([entry(&seen_version, &own), entry(from, to)])).expect(403);
    }
    let mut unknown = entry(&seen_version, &own);
    unknown["nothing"] = json!(1);
    copy(json!([unknown])).expect(400);
    copy(json!([entry("nowhere", &own)])).expect(400);
    let mut based = entry(&seen_version, &own);
    based["dest_base_version"] = json!(foreign_version);
    copy(json!([based])).expect(403);
    copy(json!([])).expect(403);

    let prune = |names: Value| maker.post("rpm/prune/", json!({ "repo_hrefs": names }));
    prune(json!([own])).expect(202);
    for names in [json!([seen]), json!([own, foreign]), json!(["*"])] {
        prune(names).expect(403);
    }

    let comps = |fields: &[(&str, &str)]| {
        let form = Multipart::new().file("file", b"<comps><group><id>a</id></group></comps>");
        let form = fields.iter().fold(form, |form, (name, value)| form.field(name, value));
        maker.request("POST", "rpm/comps/").multipart(form).send()
    };
    server.completed(comps(&[("repository", &own)]));
    comps(&[("repository", &seen)]).expect(403);
    comps(&[]).expect(403);
    let (href, everywhere) = user(&server);
    give(&server, &href, "rpm.rpmrepository_owner", Value::Null);
    everywhere.post("rpm/prune/", json!({"repo_hrefs": ["*"]})).expect(202);
    everywhere.post("rpm/copy/", json!({"config": [entry(&foreign_version, &seen)]})).expect(202);
}
