//! `publications/`

use serde_json::json;

use crate::support::Server;
use crate::support::pulp::{PUBLICATIONS, text};

#[test]
fn a_repository_or_one_of_its_versions_is_published() {
    let server = Server::start();
    let repository = server.repository();
    let unit = server.upload("a", b"bytes");
    server.modify(&repository, &[&unit], &[]);
    let task = server.completed(server.post(PUBLICATIONS, json!({"repository": repository})));
    assert_eq!(task["name"], "pulp_file.app.tasks.publishing.publish");
    let publication = server.get(task["created_resources"][0].as_str().unwrap()).expect(200).json();
    assert_eq!(publication["repository_version"], format!("{repository}versions/1/"));
    assert_eq!(publication["repository"], repository);
    assert_eq!(publication["manifest"], "PULP_MANIFEST");
    assert_eq!(publication["distributions"], json!([]));
    let older =
        server.created(server.post(PUBLICATIONS, json!({"repository_version": format!("{repository}versions/0/")})));
    assert_eq!(server.get(&older).expect(200).json()["repository_version"], format!("{repository}versions/0/"));
    let listed = server.get(PUBLICATIONS).expect(200).json();
    assert_eq!(text(&listed["results"][0], "pulp_href"), older, "newest first");
    assert_eq!(server.count(&format!("{PUBLICATIONS}?repository_version={repository}versions/1/")), 1);
    assert_eq!(server.count(&format!("{PUBLICATIONS}?repository={repository}")), 2);
    assert_eq!(server.count(&format!("{PUBLICATIONS}?content={unit}")), 1);
    server.delete(&older).expect(204);
    server.get(&older).expect(404);
}

#[test]
fn a_publication_of_nothing_or_of_two_things_is_refused() {
    let server = Server::start();
    let repository = server.repository();
    let version = format!("{repository}versions/0/");
    let cases = [
        (
            json!({}),
            json!({"non_field_errors": ["Either the 'repository' or 'repository_version' need to be specified"]}),
        ),
        (
            json!({"repository": repository, "repository_version": version}),
            json!({"non_field_errors": ["Either the 'repository' or 'repository_version' need to be specified but not both."]}),
        ),
        (
            json!({"repository_version": version, "checkpoint": true}),
            json!({"non_field_errors": ["'checkpoint' may only be used with 'repository'"]}),
        ),
        (json!({"repository": "abc"}), json!({"repository": ["Invalid hyperlink - No URL match."]})),
        (
            json!({"repository_version": format!("{repository}versions/9/")}),
            json!({"repository_version": ["Invalid hyperlink - Object does not exist."]}),
        ),
        (json!({"repository": repository, "manifest": ""}), json!({"manifest": ["This field may not be blank."]})),
    ];
    for (body, error) in cases {
        assert_eq!(server.post(PUBLICATIONS, body.clone()).expect(400).json(), error, "{body}");
    }
    server.patch(&server.publish(&repository), json!({})).expect(405);
}

#[test]
fn only_the_newest_checkpoints_are_retained_as_such() {
    let server = Server::start();
    let repository = server.repository();
    let checkpoint =
        || server.created(server.post(PUBLICATIONS, json!({"repository": repository, "checkpoint": true})));
    let (first, second) = (checkpoint(), checkpoint());
    server.completed(server.patch(&repository, json!({"retain_checkpoints": 1})));
    let is_checkpoint = |publication: &str| server.get(publication).expect(200).json()["checkpoint"] == true;
    assert!(!is_checkpoint(&first) && is_checkpoint(&second));
    let third = checkpoint();
    assert!(!is_checkpoint(&second) && is_checkpoint(&third));
}
