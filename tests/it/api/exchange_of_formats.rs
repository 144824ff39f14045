//! What formats beside files say in exports comes back as it was.

use std::fs;

use serde_json::{Value, json};

use super::exchange::{Place, export, exporter, imported, importer, place, tar_of};
use crate::support::multipart::Multipart;
use crate::support::pulp::{assert_completed, sha256, text};
use crate::support::rpm::Rpm;
use crate::support::rpm_repository::RpmRepository;
use crate::support::wheel::Wheel;
use crate::support::{Server, random};

const ADVISORY: &str = "<updates><update from=\"a@h\" status=\"final\" type=\"security\" version=\"1\"><id>A-1</id>\
    <title>t</title><issued date=\"2024-01-02 03:04:05\"/><references><reference href=\"http://r.example/\" \
    id=\"R-1\" type=\"bugzilla\" title=\"r\"/></references><pkglist><collection short=\"s\"><name>c</name>\
    <package name=\"bear\" version=\"1\" release=\"1\" epoch=\"0\" arch=\"noarch\"><filename>b.rpm</filename></package>\
    </collection><collection short=\"s\"><name>c</name>\
    <package name=\"cat\" version=\"1\" release=\"1\" epoch=\"0\" arch=\"noarch\"><filename>c.rpm</filename></package>\
    </collection></pkglist></update></updates>";
const COMPS: &str = "<comps>\
    <group><id>all</id><name>All</name><name xml:lang=\"de\">Alle</name><packagelist>\
        <packagereq type=\"mandatory\">bear</packagereq><packagereq type=\"optional\">absent</packagereq>\
    </packagelist></group>\
    <category><id>main</id><name>Main</name><grouplist><groupid>all</groupid></grouplist></category>\
    <environment><id>whole</id><name>Whole</name><grouplist><groupid>all</groupid></grouplist></environment>\
    <langpacks><match name=\"bear\" install=\"bear-%s\"/></langpacks></comps>";
const MODULES: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: zoo\n  stream: \"1\"\n  version: 5\n  \
    context: c0ffee\n  arch: noarch\n  summary: s\n  description: d\n  license:\n    module: [MIT]\n  artifacts:\n    \
    rpms: [\"bear-0:1-1.noarch\"]\n...\n---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: zoo\n  \
    stream: \"1\"\n...\n---\ndocument: modulemd-obsoletes\nversion: 1\ndata:\n  modified: 2024-01-02T00:00Z\n  \
    module: zoo\n  stream: \"1\"\n  message: gone\n...\n";

/// Of the shape that is asked for; nobody verifies it here.
const PROVENANCE: &str = r#"{"version": 1, "attestation_bundles": [{"publisher": {"kind": "me"}, "attestations": [{"version": 1,
    "verification_material": {"certificate": "eA==", "transparency_entries": [{}]},
    "envelope": {"signature": "eA==", "statement": "eyJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwgInN1YmplY3QiOiBbeyJuYW1lIjogImEiLCAiZGlnZXN0IjogeyJzaGEyNTYiOiAiYiJ9fV0sICJwcmVkaWNhdGVUeXBlIjogImMifQ=="}}]}]}"#;

/// What a new server shows of an export of this repository.
fn moved(from: &Place, repository: &str, lists: &str) -> (Place, String) {
    let exporter = exporter(&from.server, &from.path("out"), &[repository]);
    let made = export(&from.server, &exporter, json!({}));
    let to = place();
    let copy = to.folder.path().join("in.tar");
    fs::copy(tar_of(&made), &copy).unwrap();
    let importer = importer(&to.server, json!({}));
    imported(&to.server, &importer, json!({"path": copy, "create_repositories": true}));
    let name = text(&from.server.get(repository).expect(200).json(), "name");
    let found = to.server.get(&format!("{lists}?name={name}")).expect(200).json()["results"][0].clone();
    (to, text(&found, "pulp_href"))
}

/// The units of a repository without what each server says on its own.
fn shown(server: &Server, repository: &str, list: &str) -> Vec<String> {
    let version = server.latest_version(repository);
    let list = server.get(&format!("content/{list}/?repository_version={version}&limit=100")).expect(200).json();
    let units = list["results"].as_array().unwrap().iter().map(|unit| {
        let mut unit = unit.clone();
        let own = ["package", "pulp_href", "prn", "pulp_created", "pulp_last_updated", "artifact", "artifacts"];
        let fields = unit.as_object_mut().unwrap();
        fields.retain(|name, _| !own.contains(&name.as_str()));
        // Packages of modules are named by their addresses.
        if let Some(packages) = fields.get_mut("packages").filter(|_| list_is_of_modules(&list)) {
            *packages = json!(packages.as_array().unwrap().len());
        }
        // Packages name their provenance so.
        if let Some(provenance) = fields.get_mut("provenance").filter(|value| value.is_string()) {
            *provenance = json!("a unit");
        }
        for image in fields.get_mut("images").and_then(Value::as_array_mut).into_iter().flatten() {
            image["artifact"] = image["artifact"]["sha256"].clone();
        }
        unit.to_string()
    });
    let mut units: Vec<_> = units.collect();
    units.sort();
    units
}

fn list_is_of_modules(list: &Value) -> bool {
    list["results"].as_array().unwrap().iter().any(|unit| unit.get("static_context").is_some())
}

/// An upstream with a unit of every type.
fn zoo() -> RpmRepository {
    let upstream = RpmRepository::of(&["bear", "shark"]);
    let image = b"a kernel".to_vec();
    let tree = format!(
        "[header]\ntype = productmd.treeinfo\nversion = 1.2\n[release]\nname = Zoo\nshort = Z\nversion = 1\n[tree]\n\
         arch = noarch\nbuild_timestamp = 5\nplatforms = noarch\nvariants = Zoo\n[variant-Zoo]\nid = Zoo\nname = \
         Zoo\ntype = variant\nuid = Zoo\npackages = Packages\nrepository = .\naddons = Zoo-Sea\n[addon-Zoo-Sea]\n\
         id = Sea\nname = Sea\ntype = addon\nuid = Zoo-Sea\npackages = Packages\nrepository = ../elsewhere\n\
         [images-noarch]\nkernel = images/vmlinuz\n[checksums]\nimages/vmlinuz = sha256:{}\n",
        sha256(&image)
    );
    {
        let mut state = upstream.state();
        state.add_metadata("updateinfo", ADVISORY);
        state.add_metadata("modules", MODULES);
        state.add_metadata("group", COMPS);
        state.add_metadata("productid", "a certificate");
        state.files.insert(".treeinfo".to_owned(), tree.into_bytes());
        state.files.insert("images/vmlinuz".to_owned(), image);
    }
    upstream
}

#[test]
fn an_exchange_keeps_all_of_an_rpm_repository() {
    let (upstream, from) = (zoo(), place());
    let settings = json!({"name": random::name(), "autopublish": true, "checksum_type": "sha512",
        "retain_package_versions": 3, "repo_config": {"gpgcheck": 1}});
    let made = from.server.post("repositories/rpm/rpm/", settings).expect(201).json();
    let repository = text(&made, "pulp_href");
    let remote = json!({"name": random::name(), "url": upstream.url(), "policy": "immediate"});
    let remote = text(&from.server.post("remotes/rpm/rpm/", remote).expect(201).json(), "pulp_href");
    assert_completed(&from.server.sync(&repository, &remote));
    // What only the file of a package tells comes along as well.
    let form = Multipart::new().named_file("file", "x.rpm", &Rpm::new("whale", "2").file("/usr/bin/whale").bytes());
    let whale = from.server.request("POST", "content/rpm/packages/upload/").multipart(form).send().expect(201).json();
    from.server.modify(&repository, &[&text(&whale, "pulp_href")], &[]);

    let (to, own) = moved(&from, &repository, "repositories/rpm/rpm/");
    let copy = to.server.get(&own).expect(200).json();
    for name in ["autopublish", "checksum_type", "retain_package_versions", "repo_config"] {
        assert_eq!(copy[name], made[name], "{name}");
    }
    for (list, count) in [
        ("packages", 3),
        ("advisories", 1),
        ("modulemds", 1),
        ("modulemd_defaults", 1),
        ("modulemd_obsoletes", 1),
        ("packagegroups", 1),
        ("packagecategories", 1),
        ("packageenvironments", 1),
        ("packagelangpacks", 1),
        ("repo_metadata_files", 1),
        ("distribution_trees", 1),
    ] {
        let list = format!("rpm/{list}");
        let units = shown(&from.server, &repository, &list);
        assert_eq!((units.len(), &units), (count, &shown(&to.server, &own, &list)), "{list}");
    }
}

#[test]
fn an_exchange_keeps_all_of_a_python_repository() {
    let from = place();
    let made = from.server.post("repositories/python/python/", json!({"name": random::name()})).expect(201).json();
    let repository = text(&made, "pulp_href");
    let lines = "Classifier: A :: B\nRequires-Dist: x>1\nProject-URL: Home, https://h.example/\nSummary: \u{fc}\n";
    for wheel in [Wheel::with("shelf-reader", "0.1", lines, ""), Wheel::new("Other.Name", "2")] {
        let form = Multipart::new().named_file("file", &wheel.filename, &wheel.bytes);
        let unit = from.server.request("POST", "content/python/packages/upload/").multipart(form).send();
        from.server.modify(&repository, &[&text(&unit.expect(201).json(), "pulp_href")], &[]);
    }
    let yank = json!({"name": "Other.Name", "version": "2", "yanked_reason": "broken"});
    let index = from.server.distribute_in("distributions/python/pypi/", json!({"repository": repository}));
    let index = format!("/pypi/{}/", index.trim_end_matches('/').rsplit('/').next().unwrap());
    from.server.completed(from.server.post(&format!("{index}yank/"), yank));
    let version = from.server.latest_version(&repository);
    let list = from.server.get(&format!("content/python/packages/?repository_version={version}&name=shelf-reader"));
    let package = text(&list.expect(200).json()["results"][0], "pulp_href");
    let form = Multipart::new().file("file", PROVENANCE.as_bytes()).field("package", &package).field("verify", "false");
    let made = from.server.request("POST", "content/python/provenance/").multipart(form).send();
    let provenance = from.server.created(made);
    from.server.modify(&repository, &[&provenance], &[]);
    let (to, own) = moved(&from, &repository, "repositories/python/python/");
    for (list, count) in [("packages", 2), ("yanks", 1), ("provenance", 1)] {
        let list = format!("python/{list}");
        let of = |server: &Server, repository: &str| shown(server, repository, &list);
        let units = of(&from.server, &repository);
        assert_eq!((units.len(), &units), (count, &of(&to.server, &own)), "{list}");
    }
}
