//! What an export consists of, as it is found before anything of it is kept.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::PathBuf;

use serde_json::Value as Json;
use sha2::Digest;

use super::export::not_moved;
use super::{LABELS, source};
use crate::app::{App, PULP_VERSION};
use crate::error::Result;
use crate::exchange::{Entry, EntryName, Facts, REPOSITORIES, RowReader, VERSIONS, unusable};
use crate::id::Sha256;
use crate::plugin::{Plugin, RepositoryDump};
use crate::resource::Kind;
use crate::tasks::TaskContext;

/// The most that is read of a member that is held in memory.
const SMALL: u64 = 16 << 20;
/// The most of all of them, and of what is held of each folder beside them.
const HELD: u64 = 64 << 20;
const FOLDER: u64 = 256;
/// What is kept of the row of a repository.
const COLUMNS: [&str; 6] = ["name", "pulp_type", "description", "retain_repo_versions", "retain_checkpoints", LABELS];

/// What was seen of the dumps of a folder: their names and digests, in the order of the tar.
#[derive(Clone, Debug, Default)]
pub struct Fingerprint(sha2::Sha256);

impl Fingerprint {
    pub fn add(&mut self, path: &str, digest: &Sha256) {
        self.0.update(format!("{path}\0{digest}\0"));
    }

    pub fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// What there is of a version of a repository.
#[derive(Clone, Debug)]
pub struct Folder {
    /// As the tar has it.
    pub name: String,
    pub fingerprint: Fingerprint,
    /// What the repository says of itself, with the name of the dump.
    settings: Option<(&'static str, Facts)>,
}

impl Folder {
    pub fn settings(&self) -> Option<&Facts> {
        self.settings.as_ref().map(|(_, facts)| facts)
    }
}

/// What there is in an export.
#[derive(Default)]
pub struct Contents {
    versions: Option<Vec<u8>>,
    pub repositories: Vec<Facts>,
    /// By the names of repositories.
    folders: HashMap<String, Folder>,
    held: u64,
}

impl Contents {
    /// Reads all members once: names, digests, versions and what repositories say of themselves. Blocks.
    ///
    /// # Errors
    /// Naming the first member that no export has, or whose bytes are not those that its name says.
    pub fn look_through(app: &App, context: &TaskContext, files: Vec<PathBuf>) -> Result<Self> {
        let dumps: HashMap<&'static str, RepositoryDump> = app
            .registry
            .plugins
            .iter()
            .filter_map(|plugin| plugin.exchange())
            .map(|exchange| (exchange.repository.name, exchange.repository))
            .collect();
        let mut contents = Self::default();
        source::open(files)?.read(|entry, bytes| {
            context.check()?;
            match &entry.name {
                EntryName::Versions => contents.versions = Some(contents.small(entry, bytes)?),
                EntryName::Artifact(expected) => {
                    let found = digest(context, &entry.path, bytes)?;
                    if found != *expected {
                        let problem = format!("has the digest {found}, which its name does not say");
                        return Err(unusable(&entry.path, problem));
                    }
                }
                EntryName::Dump(name) if name == REPOSITORIES => {
                    let bytes = contents.small(entry, bytes)?;
                    let mut reader = RowReader::new(&entry.path, bytes.as_slice());
                    while let Some(row) = reader.next_row()? {
                        contents.repositories.push(kept(row.facts, |name| COLUMNS.contains(&name)));
                    }
                }
                EntryName::Dump(_) => {}
                EntryName::OfRepository { folder, dump } => {
                    let dump = dumps.get(dump.as_str());
                    contents.dump(context, entry, folder, dump, bytes)?;
                }
            }
            Ok(())
        })?;
        Ok(contents)
    }

    fn dump(
        &mut self,
        context: &TaskContext,
        entry: &Entry,
        folder: &str,
        settings: Option<&RepositoryDump>,
        bytes: &mut dyn Read,
    ) -> Result<()> {
        let (digest, settings) = match settings {
            None => (digest(context, &entry.path, bytes)?, None),
            Some(dump) => {
                let bytes = self.small(entry, bytes)?;
                let row = RowReader::new(&entry.path, bytes.as_slice()).next_row()?;
                let is_told = |name: &str| name == "name" || dump.details.iter().any(|(detail, _)| *detail == name);
                (Sha256::of(&bytes), row.map(|row| (dump.name, kept(row.facts, is_told))))
            }
        };
        let name = repository_of(folder).ok_or_else(|| unusable(&entry.path, "lies in no folder of a repository"))?;
        if !self.folders.contains_key(name) {
            self.hold(&entry.path, FOLDER + 2 * folder.len() as u64)?;
            let new = Folder { name: folder.to_owned(), fingerprint: Fingerprint::default(), settings: None };
            self.folders.insert(name.to_owned(), new);
        }
        let Some(found) = self.folders.get_mut(name).filter(|found| found.name == folder) else {
            return Err(unusable(&entry.path, "is of a second version of its repository"));
        };
        found.fingerprint.add(&entry.path, &digest);
        if settings.is_some() {
            found.settings = settings;
        }
        Ok(())
    }

    /// The bytes of a member that is held in memory.
    fn small(&mut self, entry: &Entry, bytes: &mut dyn Read) -> Result<Vec<u8>> {
        self.hold(&entry.path, entry.size)?;
        source::small(entry, bytes, SMALL)
    }

    fn hold(&mut self, path: &str, bytes: u64) -> Result<()> {
        self.held = self.held.saturating_add(bytes);
        let problem = || unusable(path, format!("the export says more than {HELD} bytes of its repositories"));
        if self.held > HELD { Err(problem()) } else { Ok(()) }
    }

    /// # Errors
    /// When the export is of other versions, lacks the rows of what it has folders of, or has repositories of an
    /// unknown type.
    pub fn check(&self, app: &App) -> Result<()> {
        let components = self.check_versions(app)?;
        let file = format!("{REPOSITORIES}.json");
        if self.repositories.is_empty() {
            return Err(unusable(file, "tells of no repository"));
        }
        let mut known = HashSet::new();
        for row in &self.repositories {
            let (name, pulp_type) = (row.text("name"), row.text("pulp_type"));
            if !known.insert(name.clone()) {
                return Err(unusable(file, format!("tells of the repository `{name}` twice")));
            }
            let plugin = app.registry.plugin(&pulp_type).ok_or_else(|| not_moved(&pulp_type))?;
            if !components.contains(plugin.name()) {
                let problem = format!("does not name the component `{}`, which has a repository", plugin.name());
                return Err(unusable(VERSIONS, problem));
            }
            self.check_settings(&name, &pulp_type, plugin.as_ref())?;
            app.registry.typed(Kind::Repository, &pulp_type).ok_or_else(|| not_moved(&pulp_type))?;
        }
        Ok(())
    }

    /// The dump that names the repository is what an export has of every repository, however empty.
    fn check_settings(&self, name: &str, pulp_type: &str, plugin: &dyn Plugin) -> Result<()> {
        let dump = plugin.exchange().ok_or_else(|| not_moved(pulp_type))?.repository.name;
        let folder = self.folder(name)?;
        let file = format!("{}/{dump}.json", folder.name);
        let missing = || unusable(&file, "is missing: it names the repository");
        let (_, facts) = folder.settings.as_ref().filter(|(of, _)| *of == dump).ok_or_else(missing)?;
        let named = facts.text("name");
        if named == name {
            return Ok(());
        }
        Err(unusable(&file, format!("is of the repository `{named}`, its folder is that of `{name}`")))
    }

    /// The folder of a repository: `repository-<name>_<number>`.
    ///
    /// # Errors
    /// When there is none.
    pub fn folder(&self, repository: &str) -> Result<&Folder> {
        let missing =
            || unusable(format!("repository-{repository}_…"), "is missing: the export tells of the repository");
        self.folders.get(repository).ok_or_else(missing)
    }

    /// The components with which the export was made. Versions are compared to their second number, as the reference
    /// does.
    fn check_versions(&self, app: &App) -> Result<HashSet<String>> {
        let bytes = self.versions.as_deref().ok_or_else(|| unusable(VERSIONS, "is missing"))?;
        let mut reader = RowReader::new(VERSIONS, bytes);
        let mut components = HashSet::new();
        while let Some(row) = reader.next_row()? {
            let (component, version) = (row.facts.text("component"), row.facts.text("version"));
            let own = match component.as_str() {
                "core" => Some(PULP_VERSION),
                name => app.registry.plugins.iter().find(|plugin| plugin.name() == name).map(|plugin| plugin.version()),
            };
            let own = own.ok_or_else(|| unusable(VERSIONS, format!("there is no component `{component}` here")))?;
            let major_minor = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
            if major_minor(&version) != major_minor(own) {
                let problem = format!("the export was made by `{component}` {version}, here is {own}");
                return Err(unusable(VERSIONS, problem));
            }
            components.insert(component);
        }
        if components.contains("core") {
            return Ok(components);
        }
        Err(unusable(VERSIONS, "does not name the component `core`"))
    }
}

/// The name in `repository-<name>_<number>`.
fn repository_of(folder: &str) -> Option<&str> {
    let (name, number) = folder.strip_prefix("repository-")?.rsplit_once('_')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    Some(name).filter(|_| is_number)
}

fn digest(context: &TaskContext, path: &str, bytes: &mut dyn Read) -> Result<Sha256> {
    let (mut hasher, mut block) = (sha2::Sha256::new(), vec![0; 256 << 10]);
    loop {
        context.check()?;
        match bytes.read(&mut block).map_err(|error| unusable(path, error))? {
            0 => break,
            count => hasher.update(&block[..count]),
        }
    }
    hex::encode(hasher.finalize()).parse().map_err(crate::error::Error::internal)
}

/// Some columns of a row. Lists in them become texts, which take less memory and are read as well.
fn kept(facts: Facts, is_wanted: impl Fn(&str) -> bool) -> Facts {
    let flat = |value: Json| match value {
        Json::Array(_) | Json::Object(_) => Json::String(value.to_string()),
        other => other,
    };
    Facts(facts.0.into_iter().filter(|(name, _)| is_wanted(name)).map(|(name, value)| (name, flat(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_of_which_repository_they_are() {
        for (folder, name) in [
            ("repository-x_1", Some("x")),
            ("repository-x_y_12", Some("x_y")),
            ("repository-a/b_3", Some("a/b")),
            ("repository-__3", Some("_")),
            ("repository-x", None),
            ("repository-x_", None),
            ("repository-x_1a", None),
        ] {
            assert_eq!(repository_of(folder), name, "{folder}");
        }
    }

    #[test]
    fn a_fingerprint_depends_on_names_and_bytes() {
        let of = |members: &[(&str, &str)]| {
            let mut fingerprint = Fingerprint::default();
            members.iter().for_each(|(path, bytes)| fingerprint.add(path, &Sha256::of(bytes.as_bytes())));
            fingerprint.finish()
        };
        let first = of(&[("a", "1"), ("b", "2")]);
        assert_eq!(first, of(&[("a", "1"), ("b", "2")]));
        for other in [&[("a", "1")][..], &[("a", "1"), ("b", "3")], &[("a", "1"), ("c", "2")], &[]] {
            assert_ne!(first, of(other));
        }
    }
}
