//! A format that reads by groups: its index has a line `<group> <serial>` each, and a group's page, a file of
//! the group's name, lists `<path> <digest>`.

use std::collections::BTreeMap;

use super::*;
use crate::plugin::{Inspected, PageRequest, UpstreamPage};

struct Grouped;

#[async_trait]
impl ContentType for Grouped {
    fn pulp_type(&self) -> &'static str {
        "toy.toy"
    }

    fn table(&self) -> DetailTable {
        DetailTable { name: "grouped_content", columns: &["path", "digest", "part"], natural_key: &[0, 1] }
    }

    fn resource(&self) -> Resource {
        unimplemented()
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        unimplemented()
    }
}

#[async_trait]
impl Plugin for Grouped {
    fn name(&self) -> &'static str {
        "grouped"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("grouped", "grouped")
    }

    fn migrations(&self) -> Migrations {
        Migrations {
            component: "grouped",
            steps: &[(
                "0001",
                "CREATE TABLE grouped_content (content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
                     domain_id uuid NOT NULL, path text NOT NULL, digest text NOT NULL, part text NOT NULL,
                     UNIQUE (domain_id, path, digest));",
            )],
        }
    }

    fn resources(&self) -> Vec<Resource> {
        vec![]
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![Arc::new(Grouped)]
    }

    fn groups(&self) -> &'static [(&'static str, &'static str)] {
        &[("toy.toy", "part")]
    }

    async fn sync(&self, job: &SyncJob) -> Result<()> {
        let remembered = job.remembered(&json!("settings")).await?;
        let index = job.metadata(&job.remote.url).await?;
        let index = String::from_utf8_lossy(&index).into_owned();
        let upstream: BTreeMap<_, _> = index.lines().map(|line| line.split_once(' ').unwrap()).collect();
        for (group, _) in remembered.iter().filter(|(group, _)| !upstream.contains_key(group)) {
            job.looked_at(group);
            job.forget(group);
        }
        for (group, serial) in upstream.iter().filter(|(group, serial)| remembered.get(group) != Some(**serial)) {
            match read(job, group).await {
                Ok(()) => job.remember(group, (*serial).to_owned()),
                Err(error) => job.failed(group, group, error)?,
            }
        }
        Ok(())
    }
}

async fn read(job: &SyncJob, group: &str) -> Result<()> {
    let request = PageRequest { url: job.resolve(group), largest: 1 << 20, ..PageRequest::default() };
    let UpstreamPage::Found(page) = job.page(&request).await? else { return Err(Error::upstream("no page")) };
    let page = page.body.into_bytes().await?;
    for line in String::from_utf8_lossy(&page).lines() {
        let (path, digest) = line.split_once(' ').unwrap();
        let unit = Unit {
            columns: vec![path.into(), digest.into(), group.into()],
            repo_key: Some(path.into()),
            files: vec![UnitFile { relative_path: path.parse().unwrap(), sha256: digest.parse().ok() }],
        };
        let files =
            vec![UpstreamFile { url: job.resolve(path), size: None, digests: vec![("sha256", digest.to_owned())] }];
        job.want("toy.toy", Wanted { unit, files, group: Some(group.into()), pinned: vec![] }).await?;
    }
    job.looked_at(group);
    Ok(())
}

impl World {
    fn grouped() -> Self {
        let world = Self::new();
        world.fixture.db.migrate(&[Grouped.migrations()]).unwrap();
        world
    }

    /// Groups as (name, serial, files); files are named after their content, a `!` before one lists a digest
    /// that is not the file's.
    fn offer_groups(&self, groups: &[(&str, u32, &[&str])]) {
        let index: String = groups.iter().map(|(name, serial, _)| format!("{name} {serial}\n")).collect();
        self.put("LIST", &index);
        for (name, _, files) in groups {
            let line = |file: &&str| {
                let content = file.trim_start_matches('!');
                self.put(&format!("{name}-{content}"), content);
                let digest = match file.strip_prefix('!') {
                    Some(_) => "0".repeat(64),
                    None => Digests::of(content.as_bytes(), DigestSet::sha256()).unwrap().sha256.to_string(),
                };
                format!("{name}-{content} {digest}\n")
            };
            self.put(name, &files.iter().map(line).collect::<String>());
        }
    }

    fn sync_groups(&self, policy: &str, mirror: bool) -> (Made, Vec<(String, i64)>) {
        self.run(Grouped, self.request(policy, mirror, true)).unwrap()
    }

    /// What is remembered.
    fn state(&self) -> Vec<(String, String)> {
        let rows = self.fixture.read(|conn| conn.query("SELECT key, value FROM sync_state ORDER BY key", &[]));
        rows.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap())).collect()
    }

    /// Takes the page of a group away, so that looking at it would fail.
    fn hide(&self, group: &str) {
        fs::remove_file(self.upstream.join(group)).unwrap();
    }

    /// Removes a file from the newest version, as a client may.
    fn remove(&self, path: &str) {
        let (repository, path) = (self.repository, path.to_owned());
        self.fixture.write(move |conn| {
            let draft = versions::begin(conn, repository)?;
            let row =
                conn.query_one("SELECT content_id FROM grouped_content WHERE path = $1", params![path.as_str()])?;
            draft.remove(conn, &[row.get(0)?])?;
            let kind = RepositoryKind { plugin: &Grouped, content_types: &["toy.toy"], publishes: true };
            draft.finish(conn, &kind, Overwrite::Allowed)
        });
    }
}

#[test]
fn unchanged_groups_are_kept_without_a_look() {
    let world = World::grouped();
    world.offer_groups(&[("a", 1, &["1", "2"]), ("b", 1, &["1"])]);
    let (made, _) = world.sync_groups("on_demand", true);
    assert_eq!(made.version.map(|version| version.number), Some(1));
    world.offer_groups(&[("a", 1, &[]), ("b", 2, &["3"])]);
    world.hide("a");
    let (made, _) = world.sync_groups("on_demand", true);
    assert_eq!((made.failures, made.version.map(|version| version.number)), (0, Some(2)));
    assert_eq!(world.paths(), ["a-1", "a-2", "b-3"]);
    assert_eq!(world.state(), [("a".into(), "1".into()), ("b".into(), "2".into())]);
    world.hide("b");
    let (made, _) = world.sync_groups("on_demand", true);
    assert_eq!((made.failures, made.version), (0, None));
}

#[test]
fn a_group_that_is_gone_leaves_a_mirror_only() {
    for mirror in [true, false] {
        let world = World::grouped();
        world.offer_groups(&[("a", 1, &["1"]), ("b", 1, &["1"])]);
        world.sync_groups("on_demand", mirror);
        world.offer_groups(&[("a", 1, &["1"])]);
        world.sync_groups("on_demand", mirror);
        let expected: &[&str] = if mirror { &["a-1"] } else { &["a-1", "b-1"] };
        assert_eq!(world.paths(), expected);
        assert_eq!(world.state(), [("a".into(), "1".into())]);
    }
}

#[test]
fn a_file_that_fails_is_left_out_and_tried_again() {
    let world = World::grouped();
    world.offer_groups(&[("a", 1, &["1", "!2"]), ("b", 1, &["1"])]);
    let (made, reports) = world.sync_groups("immediate", true);
    assert!(made.version.is_some());
    assert_eq!((made.failures, made.failed.len()), (1, 1));
    assert!(made.failed[0].file.ends_with("/a-2") && made.failed[0].reason.contains("PLP0003"), "{:?}", made.failed);
    assert_eq!(done(&reports, "sync.failed.files"), Some(&1));
    assert_eq!(world.paths(), ["a-1", "b-1"]);
    assert_eq!(world.state(), [("b".into(), "1".into())]);
    world.offer_groups(&[("a", 1, &["1", "2"]), ("b", 1, &[])]);
    let (made, reports) = world.sync_groups("immediate", true);
    assert_eq!(made.failures, 0);
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&1));
    assert_eq!(world.paths(), ["a-1", "a-2", "b-1"]);
}

#[test]
fn a_page_that_fails_costs_a_mirror_nothing() {
    let world = World::grouped();
    world.offer_groups(&[("a", 1, &["1"]), ("b", 1, &["1"])]);
    world.sync_groups("on_demand", true);
    for policy in ["on_demand", "immediate"] {
        // Other settings: everything is to be looked at.
        world.offer_groups(&[("a", 2, &["1"]), ("b", 2, &["2"])]);
        world.hide("a");
        let (made, _) = world.sync_groups(policy, true);
        assert_eq!(made.failures, 1);
        assert_eq!(world.paths(), ["a-1", "b-2"]);
        assert_eq!(world.state(), [("b".into(), "2".into())]);
    }
}

#[test]
fn what_others_changed_is_looked_at_again() {
    let world = World::grouped();
    world.offer_groups(&[("a", 1, &["1", "2"]), ("b", 1, &["1"])]);
    world.sync_groups("on_demand", true);
    world.remove("a-2");
    assert_eq!(world.paths(), ["a-1", "b-1"]);
    world.hide("b");
    let (made, _) = world.sync_groups("on_demand", true);
    assert_eq!(made.failures, 0);
    assert_eq!(world.paths(), ["a-1", "a-2", "b-1"]);
}

#[test]
fn files_given_up_are_a_reason_for_another_look() {
    let world = World::grouped();
    world.offer_groups(&[("a", 1, &["1"]), ("b", 1, &["2"])]);
    world.sync_groups("immediate", true);
    world.fixture.write(|conn| {
        let sql = "UPDATE content_artifact SET artifact_id = NULL WHERE relative_path = 'a-1'";
        conn.execute(sql, &[])
    });
    world.hide("b");
    let (made, _) = world.sync_groups("immediate", true);
    assert_eq!(made.failures, 0);
    assert_eq!(world.count("SELECT count(*) FROM content_artifact WHERE artifact_id IS NULL"), 0);
}

#[test]
fn an_upstream_that_is_down_ends_the_sync() {
    let world = World::grouped();
    let names: Vec<String> = (0..150).map(|n| format!("g{n:03}")).collect();
    let groups: Vec<(&str, u32, &[&str])> = names.iter().map(|name| (name.as_str(), 1, &["1"][..])).collect();
    world.offer_groups(&groups);
    names.iter().for_each(|name| world.hide(name));
    assert!(world.run(Grouped, world.request("on_demand", true, true)).is_err());
    assert_eq!(world.paths(), Vec::<String>::new());
}

#[test]
fn what_is_remembered_goes_with_its_remote() {
    let world = World::grouped();
    world.offer_groups(&[("a", 1, &["1"])]);
    world.sync_groups("on_demand", true);
    assert_eq!(world.state().len(), 1);
    world.fixture.write(|conn| conn.execute("DELETE FROM remote", &[]));
    assert_eq!(world.state(), []);
    assert_eq!(world.count("SELECT count(*) FROM sync_source"), 0);
}
