//! Versions of Python repositories scanned for known vulnerabilities: who is asked, what is reported, what a source
//! that means harm can do.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::multipart::Multipart;
use crate::support::package_index::{PackageIndex, Style};
use crate::support::pulp::text;
use crate::support::random::name;
use crate::support::vulnerabilities::{VulnerabilityService, record};
use crate::support::wheel::{Wheel, zip};
use crate::support::{Reply, Server, assert_completed};

/// A repository on a server.
struct Scanned {
    server: Server,
    repository: String,
}

impl Scanned {
    fn asking(service: &VulnerabilityService) -> Self {
        Self::with(&[("PITH_OSV_URL", service.url().as_str())])
    }

    /// A server that must not ask anybody.
    fn reading(dump: &Path) -> Self {
        Self::with(&[("PITH_OSV_DUMP", dump.to_str().unwrap()), ("PITH_OSV_URL", "http://127.0.0.1:9/")])
    }

    fn with(settings: &[(&str, &str)]) -> Self {
        let server = Server::start_with(settings);
        let made = server.post("repositories/python/python/", json!({"name": name()})).expect(201).json();
        Self { repository: text(&made, "pulp_href"), server }
    }

    #[track_caller]
    fn upload(&self, wheel: &Wheel, filename: &str) -> String {
        let form = Multipart::new().named_file("file", filename, &wheel.bytes);
        let answer = self.server.request("POST", "content/python/packages/upload/").multipart(form).send();
        text(&answer.expect(201).json(), "pulp_href")
    }

    /// Adds releases and returns the units.
    #[track_caller]
    fn add(&self, releases: &[(&str, &str)]) -> Vec<String> {
        let wheels = releases.iter().map(|(name, version)| Wheel::new(name, version));
        let units: Vec<_> = wheels.map(|wheel| self.upload(&wheel, &wheel.filename)).collect();
        self.server.modify(&self.repository, &units.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        units
    }

    fn version(&self) -> String {
        self.server.latest_version(&self.repository)
    }

    /// The task that scans the newest version, once it is over.
    #[track_caller]
    fn scan(&self) -> Value {
        self.server.finished(self.server.post(&format!("{}scan/", self.version()), json!({})))
    }

    /// The reports that a scan which must complete says it made.
    #[track_caller]
    fn made(&self) -> Vec<String> {
        let task = self.scan();
        assert_completed(&task);
        task["created_resources"].as_array().unwrap().iter().map(|href| href.as_str().unwrap().to_owned()).collect()
    }

    /// The reports about a version.
    #[track_caller]
    fn reports(&self, version: &str) -> Vec<Value> {
        let address = text(&self.server.get(version).expect(200).json(), "vuln_report");
        self.server.get(&address).expect(200).json()["results"].as_array().unwrap().clone()
    }

    /// The report of a unit, if there is one.
    #[track_caller]
    fn report(&self, unit: &str) -> Option<Value> {
        let shown = self.server.get(unit).expect(200).json();
        shown["vuln_report"].as_str().map(|href| self.server.get(href).expect(200).json())
    }

    /// The ids of what is known of a unit.
    #[track_caller]
    fn ids(&self, unit: &str) -> Vec<String> {
        let report = self.report(unit).unwrap_or_else(|| json!({"vulns": []}));
        report["vulns"].as_array().unwrap().iter().map(|record| text(record, "id")).collect()
    }
}

fn progress(task: &Value, code: &str) -> Value {
    let reports = task["progress_reports"].as_array().unwrap();
    reports.iter().find(|report| report["code"] == code).cloned().unwrap_or_default()
}

/// Why a task failed.
#[track_caller]
fn failure(task: &Value) -> String {
    assert_eq!(task["state"], "failed", "{task:#}");
    text(&task["error"], "description")
}

#[test]
fn each_vulnerable_unit_gets_the_records_about_it() {
    let service = VulnerabilityService::new();
    let records = [record("X-1", "alpha", "2.0"), record("X-2", "alpha", "2.0"), record("X-3", "alpha", "2.0")];
    service.know("alpha", "1.0", &records);
    let scanned = Scanned::asking(&service);
    let units = scanned.add(&[("Alpha", "1.0"), ("alpha", "2.0"), ("beta", "1.0")]);
    let other = scanned.upload(&Wheel::with("alpha", "1.0", "", "built again"), "alpha-1.0-1-py3-none-any.whl");
    scanned.server.modify(&scanned.repository, &[&other], &[]);
    let task = scanned.scan();
    assert_completed(&task);
    assert_eq!(task["name"], "pulpcore.app.tasks.vulnerability_report.check_content");
    assert_eq!(task["created_resources"].as_array().unwrap().len(), 2, "{task:#}");
    let packages = progress(&task, "scan.packages");
    assert_eq!((&packages["done"], &packages["total"]), (&json!(4), &json!(4)), "{task:#}");
    assert_eq!(progress(&task, "scan.vulnerable")["done"], 2, "{task:#}");
    // A release is asked for once, whatever number of files it has; three records are two pages.
    assert_eq!(service.asked(), ["alpha 1.0", "alpha 1.0", "alpha 2.0", "beta 1.0"]);
    assert_eq!(service.state().ecosystems, ["PyPI"; 4]);

    let version = scanned.version();
    let reports = scanned.reports(&version);
    assert_eq!(reports.len(), 2);
    for unit in [&units[0], &other] {
        let report = scanned.report(unit).unwrap();
        assert_eq!(report["vulns"], json!(records));
        assert_eq!((&report["content"], &report["repo_versions"]), (&json!(unit), &json!([version])));
        assert!(text(&report, "prn").starts_with("prn:core.vulnerabilityreport:"));
        assert!(
            reports.contains(&report) && task["created_resources"].as_array().unwrap().contains(&report["pulp_href"])
        );
    }
    for unit in &units[1..] {
        assert_eq!(scanned.report(unit), None);
    }
    assert!(scanned.reports(&version.replace("/versions/2/", "/versions/1/")).is_empty());
    let not_a_version = format!("vuln_report/?repo_versions={}", units[0]);
    scanned.server.get(&not_a_version).expect(400);
    let by_prn = format!("vuln_report/?prn__in={}&ordering=-vulns&fields=vulns", text(&reports[0], "prn"));
    assert_eq!(scanned.server.get(&by_prn).expect(200).json()["results"], json!([{"vulns": records}]));
}

#[test]
fn another_scan_replaces_the_reports() {
    let service = VulnerabilityService::new();
    service.know("alpha", "1.0", &[record("X-1", "alpha", "2.0")]);
    service.know("beta", "1.0", &[record("X-2", "beta", "2.0")]);
    let scanned = Scanned::asking(&service);
    let units = scanned.add(&[("alpha", "1.0"), ("beta", "1.0")]);
    let first = scanned.version();
    assert_eq!(scanned.made().len(), 2);
    let before = scanned.report(&units[0]).unwrap();

    service.know("alpha", "1.0", &[record("X-1", "alpha", "2.0"), record("X-3", "alpha", "3.0")]);
    service.know("beta", "1.0", &[]);
    scanned.add(&[("gamma", "1.0")]);
    assert!(scanned.made().is_empty());
    let after = scanned.report(&units[0]).unwrap();
    assert_eq!((&after["pulp_href"], &after["pulp_created"]), (&before["pulp_href"], &before["pulp_created"]));
    assert_ne!(after["pulp_last_updated"], before["pulp_last_updated"]);
    assert_eq!(scanned.ids(&units[0]), ["X-1", "X-3"]);
    assert_eq!(after["repo_versions"], json!([first, scanned.version()]));
    assert_eq!(scanned.report(&units[1]), None);
    assert_eq!(scanned.reports(&first), [after]);
}

#[test]
fn a_report_goes_when_it_is_deleted_and_with_its_unit() {
    let service = VulnerabilityService::new();
    service.know("alpha", "1.0", &[record("X-1", "alpha", "2.0")]);
    let scanned = Scanned::asking(&service);
    let unit = scanned.add(&[("alpha", "1.0")]).remove(0);
    let report = scanned.made().remove(0);
    scanned.server.delete(&report).expect(204);
    scanned.server.delete(&report).expect(404);
    assert_eq!(scanned.report(&unit), None);
    assert_ne!(scanned.made(), [report]);
    scanned.server.completed(scanned.server.delete(&scanned.repository));
    assert_eq!(scanned.report(&unit).unwrap()["repo_versions"], json!([]));
    scanned.server.completed(scanned.server.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
    assert_eq!(scanned.server.count("vuln_report/"), 0);
}

#[test]
fn only_versions_of_packages_are_scanned() {
    let service = VulnerabilityService::new();
    let scanned = Scanned::asking(&service);
    assert!(scanned.made().is_empty(), "there is nothing in the first version");
    scanned.server.post(&format!("{}versions/7/scan/", scanned.repository), json!({})).expect(404);
    let files = scanned.server.repository();
    scanned.server.post(&format!("{files}versions/0/scan/"), json!({})).expect(404);
    assert!(service.asked().is_empty());
}

#[test]
fn a_remote_can_ask_for_scans_of_what_is_synchronized() {
    let service = VulnerabilityService::new();
    service.know("alpha", "1.0", &[record("X-1", "alpha", "2.0")]);
    let (scanned, index) = (Scanned::asking(&service), PackageIndex::of(Style::Serials, &["alpha", "beta"]));
    let sync = |vulnerabilities: bool| {
        let fields = json!({"name": name(), "url": index.url(), "vulnerabilities": vulnerabilities});
        let remote = text(&scanned.server.post("remotes/python/python/", fields).expect(201).json(), "pulp_href");
        let task = scanned.server.sync(&scanned.repository, &remote);
        assert_completed(&task);
        task
    };
    assert_eq!(sync(false)["child_tasks"], json!([]));
    index.release("gamma", "1.0");
    let children = sync(true)["child_tasks"].clone();
    let scan = scanned.server.wait_for(children[0].as_str().unwrap());
    assert_completed(&scan);
    assert_eq!(scan["created_resources"].as_array().unwrap().len(), 1, "{scan:#}");
    // Without a new version there is nothing to look for.
    assert_eq!(sync(true)["child_tasks"], json!([]));
}

#[test]
fn hostile_answers_fail_the_scan_and_name_the_service() {
    let service = VulnerabilityService::new();
    service.know("alpha", "1.0", &[record("X-1", "alpha", "2.0")]);
    let scanned = Scanned::asking(&service);
    let unit = scanned.add(&[("alpha", "1.0")]).remove(0);
    assert_eq!(scanned.made().len(), 1);
    let bytes = |text: &str| Reply::Bytes(text.as_bytes().to_vec());
    for (answer, expected) in [
        (Reply::Endless, "larger than the allowed"),
        (Reply::Status(404), "404"),
        (Reply::Redirect("file:///etc/passwd".into()), "not an http(s) address"),
        (bytes("<html>"), "not JSON"),
        (bytes(&"[".repeat(1 << 20)), "not JSON"),
        (bytes("[]"), "not an object"),
        (bytes(r#"{"status": "ok"}"#), "no `vulns`"),
        (bytes(r#"{"vulns": {"id": "X-1"}}"#), "not a list"),
        (bytes(r#"{"vulns": ["X-1"]}"#), "no record"),
        (bytes(r#"{"vulns": [{"id": "X\u0000"}]}"#), "null character"),
        (bytes(r#"{"vulns": [], "next_page_token": {}}"#), "not a text"),
        (bytes(r#"{"vulns": [], "next_page_token": "again"}"#), "pages"),
    ] {
        service.state().answer = Some(answer);
        let told = failure(&scanned.scan());
        assert!(told.contains(expected) && told.contains(&service.url()), "{expected}: {told}");
        assert!(told.len() < 400 && !told.contains("root:"), "{told}");
        assert_eq!(scanned.ids(&unit), ["X-1"]);
    }
    service.state().answer = None;
    assert!(scanned.made().is_empty());
}

/// Records in a folder, which is what the dump holds apart from their form.
fn dump_of(records: &[(&str, Value)]) -> TempDir {
    let folder = TempDir::new_in("/tmp").unwrap();
    for (path, record) in records {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, record.to_string()).unwrap();
    }
    folder
}

fn dumped() -> Vec<(&'static str, Value)> {
    let mut withdrawn = record("X-4", "alpha", "9");
    withdrawn["withdrawn"] = json!("2024-01-01T00:00:00Z");
    let mut of_npm = record("X-5", "alpha", "9");
    of_npm["affected"][0]["package"]["ecosystem"] = json!("npm");
    let mut listed = record("X-0", "al_pha", "0.1");
    listed["affected"][0]["versions"] = json!(["1.0.0"]);
    vec![
        ("X-1.json", record("X-1", "Al.Pha", "1.5")),
        ("deep/er/X-0.json", listed),
        ("X-2.json", record("X-2", "other", "9")),
        ("X-3.json", record("X-3", "al-pha", "not a version")),
        ("X-4.json", withdrawn),
        ("X-5.json", of_npm),
        ("README.md", json!("no record")),
    ]
}

#[track_caller]
fn check_dump(dump: &Path) {
    let scanned = Scanned::reading(dump);
    let units = scanned.add(&[("al-pha", "1.0"), ("al-pha", "1.5"), ("beta", "1.0")]);
    let task = scanned.scan();
    assert_completed(&task);
    assert_eq!(progress(&task, "scan.records")["done"], 6, "{task:#}");
    let refused = progress(&task, "scan.refused.records");
    assert!(refused["done"] == 1 && text(&refused, "suffix").contains("X-3"), "{task:#}");
    assert_eq!(scanned.ids(&units[0]), ["X-0", "X-1"]);
    assert_eq!(scanned.report(&units[0]).unwrap()["vulns"][1], record("X-1", "Al.Pha", "1.5"));
    assert!(scanned.ids(&units[1]).is_empty() && scanned.ids(&units[2]).is_empty());
}

#[test]
fn a_folder_of_records_is_read_instead_of_asking() {
    let folder = dump_of(&dumped());
    // A way out that is not taken.
    std::os::unix::fs::symlink("/", folder.path().join("out")).unwrap();
    check_dump(folder.path());
}

#[test]
fn an_archive_of_records_is_read_instead_of_asking() {
    let folder = dump_of(&[]);
    let path = folder.path().join("all.zip");
    let files: Vec<_> = dumped().into_iter().map(|(path, record)| (path, record.to_string())).collect();
    let entries: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    fs::write(&path, zip(&entries)).unwrap();
    check_dump(&path);
}

#[test]
fn dumps_that_cannot_be_used_fail_the_scan_and_are_named() {
    let folder = dump_of(&[]);
    let dump = folder.path().join("dump");
    let scanned = Scanned::reading(&dump);
    let unit = scanned.add(&[("alpha", "1.0")]).remove(0);
    let file = |name: &str, text: &str| {
        fs::create_dir_all(&dump).unwrap();
        fs::write(dump.join(name), text).unwrap();
    };
    let zipped = |text: &[u8]| fs::write(&dump, text).unwrap();
    let cases: [(&str, &dyn Fn()); 10] = [
        ("No such file", &|| {}),
        ("not below any of the allowed import paths", &|| std::os::unix::fs::symlink("/etc", &dump).unwrap()),
        ("holds no records", &|| file("X-1.txt", "{}")),
        ("`X-1.json` is not JSON", &|| file("X-1.json", "{\"id\":")),
        ("`X-1.json` is no record", &|| file("X-1.json", "{\"vulns\": []}")),
        ("`X-1.json` has a null character", &|| file("X-1.json", r#"{"id": "X", "a\u0000": 1}"#)),
        ("`X-1.json` has more than", &|| file("X-1.json", &" ".repeat(5 << 20))),
        ("zip archive", &|| zipped(b"no archive")),
        ("`X-1.json` is not JSON", &|| zipped(&zip(&[("X-1.json", b"no record".as_slice())]))),
        ("holds no records", &|| zipped(&zip(&[]))),
    ];
    for (expected, prepare) in cases {
        prepare();
        let told = failure(&scanned.scan());
        assert!(told.contains(expected) && told.contains(dump.to_str().unwrap()), "{expected}: {told}");
        assert!(scanned.ids(&unit).is_empty());
        let _ = fs::remove_file(&dump).or_else(|_| fs::remove_dir_all(&dump));
    }
    let told = Server::refusal(&[("PITH_OSV_DUMP", "/etc"), ("PITH_ALLOWED_IMPORT_PATHS", r#"["/tmp"]"#)]);
    assert!(told.contains("osv_dump") && told.contains("allowed_import_paths"), "{told}");
}
