//! Imports that are killed: their groups of tasks end, nothing stays half done, and the same import can be made again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::exchange::{export, exporter, files_of, imported, importer, place, tar_of};
use crate::support::bucket::{Bucket, WORKER_TTL};
use crate::support::pulp::text;
use crate::support::random::Random;
use crate::support::{Client, Server};

/// An export of a repository: where it lies, and the files in it.
struct Exported {
    path: String,
    /// The folder, as the setting has it.
    allowed: String,
    /// The name of the repository.
    source: String,
    files: Vec<(String, String, Value)>,
    _folder: tempfile::TempDir,
}

/// An import that was begun.
struct Begun {
    repository: String,
    importer: String,
    group: String,
}

impl Exported {
    fn of(count: usize) -> Self {
        let from = place();
        let repository = from.server.repository();
        let files: Vec<_> = (0..count).map(|number| (format!("f{number}"), format!("{number}").into_bytes())).collect();
        let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        from.server.modify_many(&repository, &files);
        let exporter = exporter(&from.server, &from.path("e"), &[&repository]);
        let path = tar_of(&export(&from.server, &exporter, json!({})));
        let allowed = json!([from.folder.path()]).to_string();
        let source = text(&from.server.get(&repository).expect(200).json(), "name");
        Self { path, allowed, source, files: files_of(&from.server, &repository), _folder: from.folder }
    }

    /// Starts an import into a new repository, which publishes by itself.
    fn begin(&self, client: &Client) -> Begun {
        let repository = client.repository_with(json!({"autopublish": true}));
        let name = text(&client.get(&repository).expect(200).json(), "name");
        let importer = importer(client, json!({self.source.as_str(): name}));
        let begun = client.post(&format!("{importer}imports/"), json!({"path": self.path})).expect(202).json();
        Begun { repository, importer, group: text(&begun, "task_group") }
    }

    /// The group ends, nothing is half done, and the same import brings all.
    fn check(&self, client: &Client, begun: &Begun) {
        begun.end(client);
        let found = files_of(client, &begun.repository);
        assert!(found.is_empty() || found == self.files, "{} of {} files", found.len(), self.files.len());
        imported(client, &begun.importer, json!({"path": self.path}));
        assert_eq!(files_of(client, &begun.repository), self.files);
    }
}

impl Begun {
    /// Waits for the tasks of the group.
    #[track_caller]
    fn end(&self, client: &Client) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let group = client.get(&self.group).expect(200).json();
            let unfinished = ["waiting", "running", "canceling"].iter().any(|state| group[state] != 0);
            if group["all_tasks_dispatched"] == true && !unfinished {
                return;
            }
            assert!(Instant::now() < end, "the group does not end: {group:#}");
            sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn an_import_killed_at_a_write_closes_its_group_and_is_made_again() {
    let exported = Exported::of(3);
    let bucket = Bucket::start();
    let mut server = bucket.server(&[WORKER_TTL, ("PITH_ALLOWED_IMPORT_PATHS", exported.allowed.as_str())]);
    let begin = |client: &Client| {
        let begun = exported.begin(client);
        let group = client.get(&begun.group).expect(200).json();
        (text(&group["tasks"][0], "pulp_href"), begun)
    };
    let check = |client: &Client, begun: Begun| exported.check(client, &begun);
    let kills = bucket.kill_at_each_write(&mut server, begin, check);
    // That of an artifact at the least.
    assert!(kills >= 1, "{kills}");
}

#[test]
fn an_import_killed_at_any_moment_leaves_nothing_half() {
    let mut random = Random::seeded();
    let exported = Exported::of(300);
    let mut server = Server::start_with(&[WORKER_TTL, ("PITH_ALLOWED_IMPORT_PATHS", exported.allowed.as_str())]);
    let begin = Instant::now();
    exported.begin(&server).end(&server);
    let whole = u64::try_from(begin.elapsed().as_millis()).unwrap().clamp(100, 5000);
    for _ in 0..6 {
        let begun = exported.begin(&server);
        sleep(Duration::from_millis(random.below(whole)));
        server.kill();
        server.restart();
        exported.check(&server, &begun);
    }
}
