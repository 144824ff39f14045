//! Versions of RPM repositories scanned for known vulnerabilities: in which ecosystems, under which names.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::rpm::Rpm;
use crate::support::vulnerabilities::VulnerabilityService;
use crate::support::{Server, assert_completed};

const REPOSITORIES: &str = "repositories/rpm/rpm/";
const PACKAGES: &str = "content/rpm/packages/";

struct Scanned {
    server: Server,
    repository: String,
}

impl Scanned {
    fn with(settings: &[(&str, &str)], osv_config: Value) -> Self {
        let server = Server::start_with(settings);
        Self { repository: server.made(REPOSITORIES, json!({"osv_config": osv_config})), server }
    }

    fn upload(&self, package: &Rpm) -> String {
        let form = Multipart::new().field("repository", &self.repository).named_file("file", "a.rpm", &package.bytes());
        let task = self.server.completed(self.server.request("POST", PACKAGES).multipart(form).send());
        let mut made = task["created_resources"].as_array().unwrap().iter().filter_map(Value::as_str);
        made.find(|href| href.contains("content/rpm/packages")).unwrap().to_owned()
    }

    fn version(&self) -> String {
        self.server.latest_version(&self.repository)
    }

    fn scan(&self) {
        let task = self.server.finished(self.server.post(&format!("{}scan/", self.version()), json!({})));
        assert_completed(&task);
    }

    /// The ids of what is known of a unit.
    fn ids(&self, unit: &str) -> Vec<String> {
        let shown = self.server.get(unit).expect(200).json();
        let Some(href) = shown["vuln_report"].as_str() else { return vec![] };
        let report = self.server.get(href).expect(200).json();
        assert_eq!(report["content"], unit);
        report["vulns"].as_array().unwrap().iter().map(|record| text(record, "id")).collect()
    }
}

fn record(id: &str, ecosystem: &str, package: &str, fixed: &str) -> Value {
    json!({"id": id, "affected": [{
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
    }]})
}

#[test]
fn packages_are_looked_up_in_each_ecosystem_of_their_repository() {
    let service = VulnerabilityService::new();
    let rhel = json!({"name": "Red Hat", "releases": ["cpe:/o:redhat:enterprise_linux:7::workstation"]});
    let rocky = json!({"name": "Rocky Linux", "releases": ["9"]});
    let url = service.url();
    let scanned = Scanned::with(&[("PITH_OSV_URL", &url)], json!([rhel, rocky]));
    let bash = scanned.upload(&Rpm::new("bash", "5.1").epoch(2));
    let zsh = scanned.upload(&Rpm::new("zsh", "5.8"));
    service.know("bash", "2:5.1-1", &[record("RHSA-1", "Red Hat", "bash", "2:5.2-1")]);
    scanned.scan();
    // The record came in both ecosystems and is there once.
    assert_eq!((scanned.ids(&bash), scanned.ids(&zsh)), (vec!["RHSA-1".to_owned()], vec![]));
    assert_eq!(service.asked(), ["bash 2:5.1-1", "bash 2:5.1-1", "zsh 0:5.8-1", "zsh 0:5.8-1"]);
    let mut asked = service.state().ecosystems.clone();
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["Red Hat:enterprise_linux:7::workstation", "Rocky Linux:9"]);
    let version = scanned.server.get(&scanned.version()).expect(200).json();
    let reports = scanned.server.get(&text(&version, "vuln_report")).expect(200).json();
    assert_eq!(reports["count"], 1);
}

#[test]
fn a_repository_that_names_no_ecosystem_is_not_scanned() {
    let scanned = Scanned::with(&[("PITH_OSV_URL", "http://127.0.0.1:9/")], Value::Null);
    let refused = scanned.server.post(&format!("{}scan/", scanned.version()), json!({})).expect(400).json();
    assert!(refused["osv_config"].to_string().contains("Required label"), "{refused}");
    let config = json!({"osv_config": [{"name": "AlmaLinux", "releases": ["9"]}]});
    scanned.server.completed(scanned.server.patch(&scanned.repository, config));
    scanned.scan();
}

#[test]
fn a_dump_is_read_in_the_order_of_rpm() {
    let folder = TempDir::new_in("/tmp").unwrap();
    for record in [
        record("A", "AlmaLinux:9", "bash", "5.10-1"),
        record("B", "AlmaLinux:9", "bash", "5.1-1"),
        record("C", "AlmaLinux:8", "bash", "9-1"),
        record("D", "Rocky Linux:9", "bash", "9-1"),
        record("E", "AlmaLinux:9", "zsh", "9-1"),
    ] {
        fs::write(folder.path().join(format!("{}.json", text(&record, "id"))), record.to_string()).unwrap();
    }
    let dump = folder.path().to_str().unwrap();
    let settings = [("PITH_OSV_DUMP", dump), ("PITH_OSV_URL", "http://127.0.0.1:9/")];
    let scanned = Scanned::with(&settings, json!([{"name": "AlmaLinux", "releases": ["9"]}]));
    let bash = scanned.upload(&Rpm::new("bash", "5.9"));
    scanned.scan();
    assert_eq!(scanned.ids(&bash), ["A"]);
}
