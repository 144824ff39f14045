//! `domains/`: making, changing and deleting them, and where they answer.

use serde_json::json;
use tempfile::TempDir;

use super::{FOLDER, domain, folder, server};
use crate::support::pulp::{FILES, text};
use crate::support::random;
use crate::support::server::Server;

#[test]
fn a_domain_is_made_changed_and_deleted() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let root = server.within("default");
    let body = json!({
        "name": "team-1", "description": "ours", "pulp_labels": {"a": "b"},
        "storage_class": FOLDER, "storage_settings": {"MEDIA_ROOT": place.path()},
    });
    let made = root.post("domains/", body.clone()).expect(201).json();
    let href = text(&made, "pulp_href");
    assert!(href.starts_with("/pulp/default/api/v3/domains/"), "{href}");
    assert_eq!(
        made["storage_settings"],
        json!({
            "hidden_fields": [], "location": place.path(), "base_url": "",
            "file_permissions_mode": 420, "directory_permissions_mode": null,
        })
    );
    assert_eq!(
        (&made["redirect_to_object_storage"], &made["hide_guarded_distributions"]),
        (&json!(true), &json!(false))
    );
    // Wherever it is asked for, it is seen from the default domain.
    let seen = server.within("team-1").get("domains/?name=team-1").expect(200).json();
    assert_eq!(seen["results"][0]["pulp_href"], json!(href));
    assert_eq!(seen["results"][0]["storage_settings"], made["storage_settings"]);
    let taken = root.post("domains/", body).expect(400).json();
    assert_eq!(taken, json!({"name": ["This field must be unique."]}));
    root.patch(&href, json!({"description": "ours"})).expect(200);
    root.completed(root.patch(&href, json!({"name": "team-2", "hide_guarded_distributions": true})));
    server.within("team-1").get("repositories/").expect(404);
    server.within("team-2").get("repositories/").expect(200);
    root.post(&format!("{href}set_label/"), json!({"key": "x", "value": "y"})).expect(201);
    assert_eq!(root.get("domains/?pulp_label_select=x").expect(200).json()["count"], 1);
    root.completed(root.delete(&href));
    root.get(&href).expect(404);
    server.within("team-2").get("repositories/").expect(404);
}

#[test]
fn what_a_domain_cannot_be_is_refused_by_name() {
    let server = server();
    let root = server.within("default");
    let name = |name: &str| {
        let mut body = folder(&server.data().join("x"));
        body["name"] = json!(name);
        root.post("domains/", body).expect(400).json()
    };
    for reserved in ["api", "content"] {
        assert_eq!(name(reserved), json!({"name": ["Name can not be 'api' or 'content'."]}));
    }
    let slug = "Enter a valid \"slug\" consisting of letters, numbers, underscores or hyphens.";
    for wrong in ["a/b", "a b", "ü", "a.b", ".."] {
        assert_eq!(name(wrong), json!({"name": [slug]}), "{wrong}");
    }
    assert_eq!(name(&"x".repeat(51)), json!({"name": ["Ensure this field has no more than 50 characters."]}));
    assert_eq!(name("default"), json!({"name": ["This field must be unique."]}));
    let settings = |class: &str, settings: serde_json::Value| {
        let body = json!({"name": random::name(), "storage_class": class, "storage_settings": settings});
        root.post("domains/", body).expect(400).json()
    };
    let required = json!({"storage_settings": {"location": ["This field is required."]}});
    assert_eq!(settings(FOLDER, json!({})), required);
    let unexpected = json!({"storage_settings": {"bogus": "Unexpected field"}});
    assert_eq!(settings(FOLDER, json!({"location": "", "bogus": 1})), unexpected);
    assert_eq!(settings("x.y", json!({})), json!({"storage_class": ["\"x.y\" is not a valid choice."]}));
    let azure = json!({"storage_class": ["Backend is not installed on Pulp."]});
    assert_eq!(settings("storages.backends.azure_storage.AzureStorage", json!({})), azure);
    assert_eq!(
        settings("storages.backends.s3.S3Storage", json!({})),
        json!({"storage_settings": {
            "access_key": ["This field is required."], "secret_key": ["This field is required."],
            "bucket_name": ["This field is required."],
        }})
    );
    assert_eq!(settings(FOLDER, json!(5)), json!({"storage_settings": ["Storage settings should be a JSON object."]}));
    for outside in ["/etc/pith", "relative", "/tmp/../etc"] {
        let wrong = settings(FOLDER, json!({"location": outside}));
        assert!(wrong["storage_settings"]["location"].is_array(), "{outside}: {wrong}");
    }
}

#[test]
fn the_default_domain_stays_as_it_is() {
    let server = server();
    let root = server.within("default");
    let found = root.get("domains/?name=default").expect(200).json();
    let href = text(&found["results"][0], "pulp_href");
    for (answer, done) in [
        (root.patch(&href, json!({"name": "other"})), "updated"),
        (root.put(&href, json!({})), "updated"),
        (root.delete(&href), "deleted"),
    ] {
        assert_eq!(answer.expect(400).json(), json!([format!("Default domain can not be {done}.")]));
    }
    root.post(&format!("{href}set_label/"), json!({"key": "x", "value": "y"})).expect(201);
}

#[test]
fn a_domain_that_holds_something_is_not_deleted() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, team) = domain(&server, place.path());
    let repository = team.repository();
    team.modify_many(&repository, &[("a", b"of the team")]);
    let refused = root.finished(root.delete(&href));
    assert_eq!(refused["state"], "failed");
    let text = refused["error"]["description"].as_str().unwrap();
    assert_eq!(text, "[PLP0007] You cannot delete a domain that still contains repositories with content.");
    assert_eq!(team.get(FILES).expect(200).json()["count"], 1, "refused before anything was deleted");
    team.completed(team.delete(&repository));
    // Orphans go with it, their bytes too.
    root.completed(root.delete(&href));
    assert_eq!(crate::support::bucket::files_below(place.path()), 0);
    root.get(&href).expect(404);
}

#[test]
fn each_domain_answers_below_its_name_and_the_status_everywhere() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let (_, team) = domain(&server, place.path());
    for client in [&server.within("default"), &team] {
        for path in ["status/", "docs/api.json", "livez/"] {
            client.get(path).expect(200);
        }
        client.get("repositories/").expect(200);
    }
    for path in ["status/", "docs/api.json", "livez/"] {
        server.get(path).expect(200);
    }
    assert_eq!(server.get("status/").json()["domain_enabled"], true);
    server.get("repositories/").expect(404);
    server.get("").expect(404);
    server.within("nowhere").get("status/").expect(404);
    let document = server.get("docs/api.json").json();
    assert_eq!(document["info"]["x-pulp-domain-enabled"], true);
    let listed = &document["paths"]["/pulp/{pulp_domain}/api/v3/repositories/file/file/"]["get"]["parameters"];
    assert!(listed.as_array().unwrap().iter().any(|parameter| parameter["name"] == "pulp_domain"));
    assert!(document["paths"]["/pulp/api/v3/status/"].is_object());
    assert!(document["paths"]["/pypi/{pulp_domain}/{path}/simple/"].is_object());
    assert!(
        document["paths"]["{file_file_repository_href}"]["get"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .all(|parameter| parameter["name"] != "pulp_domain")
    );
}

#[test]
fn without_domains_they_are_in_no_path() {
    let server = Server::start();
    server.within("default").get("repositories/").expect(404);
    let document = server.get("docs/api.json").expect(200).json();
    assert_eq!(document["info"]["x-pulp-domain-enabled"], false);
    assert!(!document.to_string().contains("pulp_domain"));
    assert_eq!(server.get("domains/?name=default").expect(200).json()["count"], 1);
}

#[test]
fn distributions_get_the_guard_of_their_domain() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, team) = domain(&server, place.path());
    let guard = |client: &crate::support::http::Client| {
        let body = json!({"name": random::name()});
        text(&client.post("contentguards/core/rbac/", body).expect(201).json(), "pulp_href")
    };
    let (own, foreign) = (guard(&team), guard(&root));
    let wrong = root.patch(&href, json!({"default_content_guard": foreign})).expect(400).json();
    assert!(wrong["default_content_guard"].is_array(), "{wrong}");
    root.completed(root.patch(&href, json!({"default_content_guard": own})));
    assert_eq!(root.get(&href).expect(200).json()["default_content_guard"], json!(own));
    let body = json!({"name": "d", "base_path": "d"});
    let made = team.created(team.post("distributions/file/file/", body.clone()));
    assert_eq!(team.get(&made).expect(200).json()["content_guard"], json!(own));
    let made = root.created(root.post("distributions/file/file/", body));
    assert_eq!(root.get(&made).expect(200).json()["content_guard"], json!(null));
    root.completed(root.patch(&href, json!({"default_content_guard": null})));
}
