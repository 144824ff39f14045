//! The commands in the documentation work: all blocks marked `sh` of a file run, in order, in one shell.

use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use tempfile::TempDir;

use crate::support::Server;
use crate::support::rpm::Rpm;
use crate::support::server::PASSWORD;

/// Where the documentation says the server is.
const DOCUMENTED: &str = "http://127.0.0.1:8080";

#[test]
fn the_quickstart_for_files_works() {
    run("docs/quickstart-file.md");
}

#[test]
fn the_quickstart_for_python_works() {
    run("docs/quickstart-python.md");
}

#[test]
fn the_quickstart_for_rpm_packages_works() {
    let package = Rpm::new("hello", "1.0");
    run_with("docs/quickstart-rpm.md", &[(&package.filename(), package.bytes())]);
}

#[test]
fn the_commands_for_operators_work() {
    let server = Server::start();
    run_on(&server, "docs/operating.md", &[]);
    assert!(server.data().join("secret.key").exists());
}

/// What a link names is there. (The tour in the README, made with a real client, is run by `tests/clients/`.)
#[test]
fn links_between_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let link = Regex::new(r"\]\(([^):#]+)\)").unwrap();
    let mut documents = vec![root.join("README.md"), root.join("CONTRIBUTING.md"), root.join("CHANGELOG.md")];
    documents.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for document in documents.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(document).unwrap();
        for found in link.captures_iter(&text) {
            let target = document.parent().unwrap().join(&found[1]);
            assert!(target.exists(), "{} names {}", document.display(), &found[1]);
        }
    }
}

fn run(file: &str) {
    run_with(file, &[]);
}

/// In a folder with these files.
fn run_with(file: &str, files: &[(&str, Vec<u8>)]) {
    run_on(&Server::start(), file, files);
}

fn run_on(server: &Server, file: &str, files: &[(&str, Vec<u8>)]) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let script = blocks(&text).replace(DOCUMENTED, &format!("http://{}", server.address()));
    assert!(!script.is_empty(), "{file} has no commands");
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut shell = Command::new("bash");
    shell.args(["-euxo", "pipefail", "-c", &script]).current_dir(&folder).env("PASSWORD", PASSWORD);
    // `pith` is the one under test, with the settings of the server.
    let programs = Path::new(env!("CARGO_BIN_EXE_pith")).parent().unwrap().to_str().unwrap();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("PITH_")) {
        shell.env_remove(key);
    }
    shell.env("PATH", path).envs(server.settings().iter().cloned());
    let output = shell.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}:\n{}\n{shown}", String::from_utf8_lossy(&output.stdout));
}

/// What stands between the lines "```sh" and "```".
fn blocks(text: &str) -> String {
    let parts = text.split("\n```sh\n").skip(1);
    let blocks = parts.map(|part| part.split("\n```").next().unwrap_or_default());
    blocks.map(|block| format!("{block}\n")).collect()
}
