//! The Python format: packages, uploaded or mirrored from an index, and the index that pip reads.
//!
//! - `plugin.rs`: what core is told; `resources.rs`: the REST collections, as values;
//! - `content/`: what a unit is and how a file becomes one;
//! - `face/`: what pip, uv and twine speak, below `/pypi/`;
//! - `repair.rs`: reading the metadata of files again; `scan.rs`: which packages are looked up among vulnerabilities;
//! - `sync/`: reading an index, and pulling through;
//! - `rules.rs`: what a version may hold; `publish.rs`: publications;
//! - the public modules are pure: they take bytes or the path of a file and give values. None of them talks to a
//!   network, a database or a clock.

pub mod archive;
pub mod attestation;
pub mod bandersnatch;
pub mod blocklist;
pub mod filename;
pub mod filters;
pub mod metadata;
pub mod name;
pub mod osv;
pub mod simple;
pub mod version;

mod content;
mod exchange;
mod face;
mod plugin;
mod publish;
mod repair;
mod replication;
mod resources;
mod rules;
mod scan;
mod sync;

pub use plugin::PythonPlugin;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// What a pure module may not name.
    const ABSENT: [&str; 3] = ["pith_core", "tokio", "async "];
    /// Pure, too, and of no use to others.
    const ALSO_PURE: [&str; 0] = [];

    /// The files of a module.
    fn files(path: &Path) -> Vec<PathBuf> {
        let mut found = vec![path.with_extension("rs")];
        if let Ok(entries) = fs::read_dir(path) {
            let below = entries.map(|entry| entry.expect("an entry").path());
            found.extend(below.flat_map(|path| files(&path.with_extension(""))));
        }
        found.retain(|path| path.is_file());
        found
    }

    /// The modules of this crate that a text names.
    fn used(text: &str) -> Vec<String> {
        let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let names = text.split("crate::").skip(1).flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').map(name).collect(),
            None => vec![name(rest)],
        });
        names.filter(|name: &String| name.starts_with(char::is_lowercase)).collect()
    }

    #[test]
    fn pure_modules_know_neither_core_nor_what_does() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let root = fs::read_to_string(source.join("lib.rs")).expect("the root");
        let public = root.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        let pure: Vec<&str> = public.chain(ALSO_PURE).collect();
        assert!(pure.len() > 10);
        let mut wrong = vec![];
        for path in pure.iter().flat_map(|module| files(&source.join(module))) {
            let text = fs::read_to_string(&path).expect("a file");
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let code = code.join("\n");
            wrong.extend(
                ABSENT
                    .iter()
                    .filter(|absent| code.contains(*absent))
                    .map(|absent| (path.clone(), (*absent).to_owned())),
            );
            wrong.extend(
                used(&code).into_iter().filter(|name| !pure.contains(&name.as_str())).map(|name| (path.clone(), name)),
            );
        }
        // Core has the reader of zip archives and the ranges of OSV's records, which are pure as well.
        wrong.retain(|(path, _)| !path.ends_with("archive/unzip.rs") && !path.ends_with("osv.rs"));
        assert_eq!(wrong, [], "modules that are said to be pure");
    }
}
