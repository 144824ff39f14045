//! The RPM format.
//!
//! Pure, bytes in and values out; all that is read is hostile and bounded:
//! - `evr`: versions and their order; `package`: what metadata says of a package;
//! - `capability`: whether one package has what another asks for;
//! - `header`: reading package files; `resign`: putting signatures into them;
//! - `primary`, `filelists`, `other`: the documents of packages, `document` what they share;
//!   `merge` reads the three side by side;
//! - `repomd`: the index of all; `compression`: how its files are packed;
//! - `updateinfo`, `comps`, `modulemd`, `treeinfo`: advisories, groups, modules, installable trees;
//! - `mirrorlist`: lists of mirrors and metalinks; `uln`: how channels of Oracle's network are entered;
//! - `osv`: which packages records of known vulnerabilities are about.
//!
//! With core: `plugin` (what core is told), `resources` (the REST collections), `content` (what units are, each a
//! table), `publish`, `sync`, `rules` (what a version may hold), `copy`, `prune` and `comps_upload` (operations of its
//! own), `signer` (what signs packages),
//! `scan` (which packages are looked up among known vulnerabilities). `solve` says which packages have to be copied along; it is pure.

pub mod capability;
pub mod checksum;
pub mod compression;
pub mod comps;
pub mod document;
pub mod evr;
pub mod filelists;
pub mod header;
pub mod location;
pub mod merge;
pub mod mirrorlist;
pub mod modulemd;
pub mod osv;
pub mod other;
pub mod package;
pub mod primary;
pub mod repomd;
pub mod resign;
pub mod treeinfo;
pub mod uln;
pub mod updateinfo;

mod comps_upload;
mod config_repo;
mod content;
mod copy;
mod export;
mod plugin;
mod prune;
mod publish;
mod replication;
mod resources;
mod rules;
mod scan;
mod signer;
mod solve;
mod sync;
mod text;
mod xml;

pub use plugin::RpmPlugin;

pub use xml::{XmlError, XmlProblem};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// What a pure module may not name.
    const ABSENT: [&str; 3] = ["pith_core", "tokio", "async "];
    /// Pure, too, and of no use to others.
    const ALSO_PURE: [&str; 3] = ["solve", "text", "xml"];

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
        // Core has the ranges of OSV's records, which are pure as well.
        wrong.retain(|(path, _)| !path.ends_with("osv.rs"));
        assert_eq!(wrong, [], "modules that are said to be pure");
    }
}
