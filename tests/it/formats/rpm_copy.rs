//! Operations on several RPM repositories: copying with what belongs together, pruning, uploads of comps.xml.

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::rpm_repository::{RpmRepository, package};
use crate::support::{Server, assert_completed};

const REPOSITORIES: &str = "repositories/rpm/rpm/";
const REMOTES: &str = "remotes/rpm/rpm/";
const PACKAGES: &str = "content/rpm/packages/";
const ADVISORIES: &str = "content/rpm/advisories/";

const COMPS: &str = "<comps>\
    <group><id>all</id><name>All</name><packagelist>\
        <packagereq type=\"mandatory\">bear</packagereq><packagereq type=\"mandatory\">absent</packagereq>\
    </packagelist></group>\
    <category><id>main</id><name>Main</name><grouplist><groupid>all</groupid></grouplist></category>\
    <environment><id>whole</id><name>Whole</name><grouplist><groupid>all</groupid></grouplist></environment>\
    <langpacks><match name=\"bear\" install=\"bear-%s\"/></langpacks></comps>";

const ADVISORY: &str = "<updates><update from=\"a@h\" status=\"final\" type=\"security\" version=\"1\"><id>A-1</id>\
    <title>t</title><issued date=\"2024-01-02 03:04:05\"/><pkglist><collection short=\"\"><name>c</name>\
    <package name=\"bear\" version=\"1\" release=\"1\" epoch=\"0\" arch=\"noarch\"><filename>b.rpm</filename></package>\
    </collection></pkglist></update></updates>";

/// A server with a repository that was synchronized.
struct World {
    server: Server,
    source: String,
}

impl World {
    /// Bears 1 and 2 and a whale that requires a shark, which requires a bear and something that nobody has; an
    /// advisory about bear 1, and groups.
    fn new() -> Self {
        let upstream = RpmRepository::of(&["shark", "whale", "snail"]);
        {
            let mut state = upstream.state();
            let requires = |name: &str| pith_rpm::package::Dependency { name: name.to_owned(), ..Default::default() };
            let provides = |(package, _): &mut (pith_rpm::package::Package, Vec<u8>)| {
                let (version, release) = (package.version.clone(), package.release.clone());
                let flags = "EQ".to_owned();
                package.provides.push(pith_rpm::package::Dependency {
                    flags,
                    version,
                    release,
                    ..requires(&package.name)
                });
            };
            state.packages.extend([package("bear", "1", "noarch"), package("bear", "2", "noarch")]);
            state.packages.iter_mut().for_each(provides);
            state.packages[0].0.requires = vec![requires("bear"), requires("elsewhere")];
            state.packages[1].0.requires = vec![requires("shark")];
            state.add_metadata("updateinfo", ADVISORY);
            state.add_metadata("group", COMPS);
        }
        let server = Server::start();
        let source = repository(&server);
        let remote = server.made(REMOTES, json!({"url": upstream.url(), "policy": "on_demand", "max_retries": 0}));
        assert_completed(&server.sync(&source, &remote));
        Self { server, source }
    }

    fn version(&self) -> String {
        self.server.latest_version(&self.source)
    }

    /// The units of the source in this list.
    fn units(&self, list: &str) -> Vec<String> {
        let separator = if list.contains('?') { '&' } else { '?' };
        let list = format!("{list}{separator}repository_version={}", self.version());
        let found = self.server.get(&list).expect(200).json();
        found["results"].as_array().unwrap().iter().map(|unit| text(unit, "pulp_href")).collect()
    }

    fn copy(&self, config: Value, solving: bool) -> Value {
        let body = json!({"config": config, "dependency_solving": solving});
        self.server.completed(self.server.post("rpm/copy/", body))
    }

    fn entry(&self, destination: &str, content: &[String]) -> Value {
        json!({"source_repo_version": self.version(), "dest_repo": destination, "content": content})
    }

    fn packages(&self, repository: &str) -> Vec<String> {
        packages(&self.server, &self.server.latest_version(repository))
    }

    fn present(&self, repository: &str) -> Value {
        let version = self.server.get(&self.server.latest_version(repository)).expect(200).json();
        let present = version["content_summary"]["present"].as_object().unwrap();
        present.iter().map(|(name, summary)| (name.clone(), summary["count"].clone())).collect()
    }
}

fn repository(server: &Server) -> String {
    server.made(REPOSITORIES, json!({}))
}

fn packages(server: &Server, version: &str) -> Vec<String> {
    let list = server.get(&format!("{PACKAGES}?repository_version={version}&limit=1000")).expect(200).json();
    let name = |package: &Value| format!("{}-{}", text(package, "name"), text(package, "version"));
    let mut names: Vec<_> = list["results"].as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn everything_is_copied_unless_units_are_named() {
    let world = World::new();
    let target = repository(&world.server);
    let whole = json!([{"source_repo_version": world.version(), "dest_repo": target}]);
    let task = world.copy(whole.clone(), true);
    assert_eq!(task["name"], "pulp_rpm.app.tasks.copy.copy_content");
    assert_eq!(task["created_resources"], json!([world.server.latest_version(&target)]));
    assert_eq!(world.present(&target), world.present(&world.source));
    let version = world.server.get(&world.server.latest_version(&target)).expect(200).json();
    assert_eq!((&version["number"], &version["base_version"]), (&json!(1), &Value::Null));
    assert_eq!(world.copy(whole, false)["created_resources"], json!([]));

    let other = repository(&world.server);
    let nothing = world.copy(json!([world.entry(&other, &[])]), true);
    assert_eq!((nothing["created_resources"].clone(), world.packages(&other).len()), (json!([]), 0));
}

#[test]
fn packages_bring_what_they_require_if_asked() {
    let world = World::new();
    let whale = world.units(&format!("{PACKAGES}?name=whale"));
    let (alone, solved) = (repository(&world.server), repository(&world.server));
    world.copy(json!([world.entry(&alone, &whale)]), false);
    assert_eq!(world.packages(&alone), ["whale-1"]);
    let task = world.copy(json!([world.entry(&solved, &whale)]), true);
    assert_eq!(world.packages(&solved), ["bear-2", "shark-1", "whale-1"]);
    // Nobody has it, which is told and not held against anyone.
    assert_eq!(task["result"]["unresolved"][0]["requires"], "elsewhere");

    let older = repository(&world.server);
    let bear = world.units(&format!("{PACKAGES}?name=bear&version=1"));
    world.server.modify(&older, &[&bear[0]], &[]);
    world.copy(json!([world.entry(&older, &whale)]), true);
    assert_eq!(world.packages(&older), ["bear-1", "shark-1", "whale-1"]);
    let upgrade = json!({"config": [world.entry(&older, &whale)], "dependency_upgrade": true});
    world.server.completed(world.server.post("rpm/copy/", upgrade));
    assert_eq!(world.packages(&older), ["bear-1", "bear-2", "shark-1", "whale-1"]);
}

#[test]
fn advisories_and_groups_bring_what_they_name() {
    let world = World::new();
    let (by_advisory, by_category) = (repository(&world.server), repository(&world.server));
    let advisory = world.units(ADVISORIES);
    let category = world.units("content/rpm/packagecategories/");
    // Both at once.
    let entries = json!([world.entry(&by_advisory, &advisory), world.entry(&by_category, &category)]);
    let task = world.copy(entries, false);
    assert_eq!(task["created_resources"].as_array().unwrap().len(), 2);
    assert_eq!(world.present(&by_advisory), json!({"rpm.advisory": 1, "rpm.package": 1}));
    assert_eq!(world.packages(&by_advisory), ["bear-1"]);
    assert_eq!(world.present(&by_category), json!({"rpm.package": 1, "rpm.packagecategory": 1, "rpm.packagegroup": 1}));
    assert_eq!(world.packages(&by_category), ["bear-2"]);
}

#[test]
fn a_copy_can_start_from_an_older_version() {
    let world = World::new();
    let target = repository(&world.server);
    let [snail, whale] = ["snail", "whale"].map(|name| world.units(&format!("{PACKAGES}?name={name}")));
    world.server.modify(&target, &[&snail[0]], &[]);
    let mut entry = world.entry(&target, &whale);
    entry["dest_base_version"] = json!(0);
    world.copy(json!([entry]), false);
    assert_eq!(world.packages(&target), ["whale-1"]);
    entry["dest_base_version"] = json!(7);
    world.server.post("rpm/copy/", json!({"config": [entry]})).expect(400);
}

#[test]
fn bad_configurations_are_refused_by_name() {
    let world = World::new();
    let target = repository(&world.server);
    let good = world.entry(&target, &[]);
    let with = |name: &str, value: Value| {
        let mut entry = good.clone();
        entry[name] = value;
        json!([good.clone(), entry])
    };
    let file = world.server.repository();
    for config in [
        good.clone(),
        json!([{"source_repo_version": world.version()}]),
        with("source_repo", json!(world.version())),
        with("dest_repo", json!(world.version())),
        with("dest_repo", json!(file)),
        with("source_repo_version", json!(target)),
        with("source_repo_version", json!(format!("{file}versions/0/"))),
        with("content", json!(["/pulp/api/v3/content/rpm/packages/"])),
        with("content", json!([target])),
    ] {
        let answer = world.server.post("rpm/copy/", json!({"config": config})).expect(400).json();
        assert!(answer["config"].is_array(), "{config}: {answer}");
    }
    let answer = world.server.post("rpm/copy/", json!({})).expect(400).json();
    assert_eq!(answer, json!({"config": ["This field is required."]}));
}

#[test]
fn old_packages_are_pruned_by_a_group_of_tasks() {
    let world = World::new();
    let prune = |body: Value| world.server.wait_for_group(world.server.post("rpm/prune/", body));
    let report = |group: &Value| {
        let tasks = group["tasks"].as_array().unwrap();
        assert_eq!((tasks.len(), &group["completed"]), (2, &json!(2)), "{group:#}");
        assert_eq!(group["group_progress_reports"].as_array().unwrap().len(), 1);
        assert_eq!(group["group_progress_reports"][0]["done"], 1);
        let task = tasks.iter().find(|task| task["name"] == "pulp_rpm.app.tasks.prune.prune_repo_packages").unwrap();
        let task = world.server.get(&text(task, "pulp_href")).expect(200).json();
        let report = &task["progress_reports"][0];
        assert_eq!(report["code"], "rpm.package.prune.repository");
        (report["done"].as_u64().unwrap(), report["total"].as_u64().unwrap())
    };
    let body = |days: i64, dry_run: bool| json!({"repo_hrefs": [world.source], "keep_days": days, "dry_run": dry_run});
    assert_eq!(report(&prune(body(0, true))), (0, 1));
    assert_eq!(report(&prune(body(1000, false))), (0, 0));
    assert_eq!(report(&prune(body(0, false))), (1, 1));
    assert_eq!(world.packages(&world.source), ["bear-2", "shark-1", "snail-1", "whale-1"]);
    assert_eq!(prune(json!({"repo_hrefs": ["*"]}))["failed"], 0);
    for (hrefs, message) in [
        (json!([]), "Must not be []"),
        (json!(["foo"]), "URI not valid"),
        (json!(["*", world.source]), "Can't specify"),
    ] {
        let answer = world.server.post("rpm/prune/", json!({"repo_hrefs": hrefs})).expect(400).json();
        assert!(answer["repo_hrefs"][0].as_str().unwrap().contains(message), "{answer}");
    }
}

#[test]
fn a_comps_file_becomes_groups_of_a_repository() {
    let server = Server::start();
    let target = repository(&server);
    let send = |document: &str, fields: &[(&str, &str)]| {
        let form = Multipart::new().file("file", document.as_bytes());
        let form = fields.iter().fold(form, |form, (name, value)| form.field(name, value));
        server.request("POST", "rpm/comps/").multipart(form).send()
    };
    let made = server.completed(send(COMPS, &[]));
    assert_eq!(made["created_resources"].as_array().unwrap().len(), 4);
    // Those that exist are named too.
    let again = server.completed(send(COMPS, &[("repository", &target)]));
    assert_eq!(again["created_resources"].as_array().unwrap().len(), 5);
    let other = "<comps><group><id>other</id></group></comps>";
    server.completed(send(other, &[("repository", &target)]));
    let groups = |number: u64| {
        server.count(&format!("content/rpm/packagegroups/?repository_version={target}versions/{number}/"))
    };
    assert_eq!((groups(1), groups(2)), (1, 2));
    server.completed(send(other, &[("repository", &target), ("replace", "true")]));
    assert_eq!(groups(3), 1);
    let version = server.get(&format!("{target}versions/3/")).expect(200).json();
    assert_eq!(version["content_summary"]["present"].as_object().unwrap().len(), 1);

    let failed = server.finished(send("<html/>", &[]));
    assert_eq!(failed["state"], "failed");
    assert!(failed["error"]["description"].as_str().unwrap().contains("file"), "{failed:#}");
    assert_eq!(send("x", &[("repository", "nothing")]).expect(400).json().as_object().unwrap().len(), 1);
    let no_file = server.request("POST", "rpm/comps/").multipart(Multipart::new().field("replace", "true")).send();
    assert!(no_file.expect(400).json()["file"].is_array());
}
