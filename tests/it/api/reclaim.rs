//! `repositories/reclaim_space/`

use serde_json::json;

use crate::support::pulp::FILES;
use crate::support::{Server, Upstream, sha256};

#[test]
fn files_that_can_be_fetched_again_make_room_and_return_on_demand() {
    let server = Server::start();
    let upstream = Upstream::with_manifest(&[("a", b"some bytes")]);
    let repository = server.repository_with(json!({"autopublish": true}));
    server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), json!({})));
    let base = server.distribute(json!({"repository": repository}));
    let artifacts = || server.count(&format!("artifacts/?sha256={}", sha256(b"some bytes")));
    let kept = json!({"repo_hrefs": [repository], "repo_versions_keeplist": [format!("{repository}versions/1/")]});
    server.completed(server.post("repositories/reclaim_space/", kept));
    assert_eq!(artifacts(), 1);
    let task = server.completed(server.post("repositories/reclaim_space/", json!({"repo_hrefs": [repository]})));
    assert_eq!(task["progress_reports"][0]["code"], "reclaim-space.artifact");
    assert_eq!(artifacts(), 0);
    let unit = &server.get(&format!("{FILES}?repository_version={repository}")).expect(200).json()["results"][0];
    assert!(unit["artifact"].is_null());
    assert_eq!(server.download(&format!("{base}a")).expect(200).body, b"some bytes");
    assert_eq!(artifacts(), 1);
}

#[test]
fn uploaded_files_stay() {
    let server = Server::start();
    let repository = server.repository();
    let unit = server.upload("a", b"only here");
    server.modify(&repository, &[&unit], &[]);
    server.completed(server.post("repositories/reclaim_space/", json!({"repo_hrefs": ["*"]})));
    assert!(server.get(&unit).expect(200).json()["artifact"].is_string());
}

#[test]
fn a_reclaim_of_nonsense_is_refused() {
    let server = Server::start();
    let repository = server.repository();
    let cases = [
        (json!({}), json!({"repo_hrefs": ["This field is required."]})),
        (json!({"repo_hrefs": []}), json!({"repo_hrefs": ["Must not be []."]})),
        (json!({"repo_hrefs": ["abc"]}), json!({"repo_hrefs": ["URI not valid: abc"]})),
        (
            json!({"repo_hrefs": ["*", repository]}),
            json!({"repo_hrefs": ["Can not specify other HREFs when using '*'"]}),
        ),
        (
            json!({"repo_hrefs": [repository], "repo_versions_keeplist": ["abc"]}),
            json!({"repo_versions_keeplist": ["Invalid hyperlink - No URL match."]}),
        ),
    ];
    for (body, error) in cases {
        assert_eq!(server.post("repositories/reclaim_space/", body.clone()).expect(400).json(), error, "{body}");
    }
}
