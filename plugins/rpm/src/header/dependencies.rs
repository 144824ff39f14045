//! The dependencies of a header, with what createrepo_c leaves out.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::HeaderError;
use super::store::Store;
use super::tags::{self, sense};
use crate::evr::{self, rpmvercmp};
use crate::package::{Dependency, MAX_DEPENDENCIES, Package, is_primary_path};
use crate::text;

/// A dependency as the header has it.
struct Raw {
    name: String,
    flags: u32,
    version: String,
}

/// Fills the eight lists of a package whose files are there already.
///
/// Provides and requirements that are said twice in a row of the same name are taken once. Of
/// requirements these are left out: `rpmlib(…)`, which rpm itself provides; what the package
/// provides itself by the same name and version; its own files, if `primary` lists them; and of
/// those on `libc.so.6` all but the newest, which goes to the end.
pub(super) fn read(main: &Store, package: &mut Package) -> Result<(), HeaderError> {
    let provides = raw(main, tags::PROVIDES)?;
    package.requires = requires(raw(main, tags::REQUIRES)?, &provides, package);
    package.provides = plain(provides);
    package.conflicts = plain(raw(main, tags::CONFLICTS)?);
    package.obsoletes = plain(raw(main, tags::OBSOLETES)?);
    package.suggests = plain(raw(main, tags::SUGGESTS)?);
    package.enhances = plain(raw(main, tags::ENHANCES)?);
    package.recommends = plain(raw(main, tags::RECOMMENDS)?);
    package.supplements = plain(raw(main, tags::SUPPLEMENTS)?);
    for (old, weak, strong) in [
        (tags::OLD_SUGGESTS, &mut package.suggests, &mut package.recommends),
        (tags::OLD_ENHANCES, &mut package.enhances, &mut package.supplements),
    ] {
        for raw in raw(main, old)? {
            if raw.flags & sense::STRONG != 0 { strong.push(raw.into()) } else { weak.push(raw.into()) }
        }
    }
    Ok(())
}

fn raw(main: &Store, [tag, flags, versions]: [u32; 3]) -> Result<Vec<Raw>, HeaderError> {
    let names = main.strings(tag)?;
    if names.len() > MAX_DEPENDENCIES {
        return Err(HeaderError::TooManyItems(tag));
    }
    let flags = main.numbers(flags)?;
    let versions = main.strings(versions)?;
    // Provides of very old packages have no versions.
    for list in [flags.len(), versions.len()] {
        if list != 0 && list != names.len() {
            return Err(HeaderError::Uneven("dependencies"));
        }
    }
    let raw = |(at, name): (usize, &[u8])| Raw {
        name: text::from_header(name),
        flags: flags.get(at).copied().unwrap_or(0),
        version: versions.get(at).map(|version| text::from_header(version)).unwrap_or_default(),
    };
    Ok(names.into_iter().enumerate().map(raw).collect())
}

fn plain(list: Vec<Raw>) -> Vec<Dependency> {
    list.into_iter().map(Dependency::from).collect()
}

fn requires(list: Vec<Raw>, provides: &[Raw], package: &Package) -> Vec<Dependency> {
    let provided: HashSet<(&str, &str, &str)> =
        provides.iter().map(|raw| (raw.name.as_str(), comparison(raw.flags), raw.version.as_str())).collect();
    let own: HashSet<&str> = package.files.iter().map(|file| file.path.as_str()).collect();
    let mut last: HashMap<String, (&'static str, String, bool)> = HashMap::new();
    let mut libc: Option<Dependency> = None;
    let mut kept = Vec::new();
    for raw in list {
        let key = (comparison(raw.flags), raw.version.clone(), is_pre(raw.flags));
        if raw.name.starts_with("rpmlib(")
            || (raw.name.starts_with('/') && is_primary_path(&raw.name) && own.contains(raw.name.as_str()))
            || provided.contains(&(raw.name.as_str(), key.0, key.1.as_str()))
            || last.get(&raw.name) == Some(&key)
        {
            continue;
        }
        last.insert(raw.name.clone(), key);
        let pre = is_pre(raw.flags);
        let dependency = Dependency { pre, ..raw.into() };
        if dependency.name.starts_with("libc.so.6") {
            let newer = |old: &Dependency| libc_order(&dependency.name, &old.name).is_gt();
            if libc.as_ref().is_none_or(newer) {
                libc = Some(dependency);
            }
            continue;
        }
        kept.push(dependency);
    }
    kept.extend(libc);
    kept
}

/// The order of `libc.so.6(GLIBC_2.34)(64bit)` and its like, by the version.
fn libc_order(left: &str, right: &str) -> Ordering {
    let version = |name: &str| -> String {
        let inside = name.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(inside, _)| inside);
        inside.split_once('_').map_or("", |(_, version)| version).to_owned()
    };
    rpmvercmp(&version(left), &version(right))
}

fn is_pre(flags: u32) -> bool {
    let before = sense::PREREQ | sense::SCRIPT_PRE | sense::SCRIPT_POST | sense::PRETRANS | sense::POSTTRANS;
    flags & before != 0
}

fn comparison(flags: u32) -> &'static str {
    const LESS_EQUAL: u32 = sense::LESS | sense::EQUAL;
    const GREATER_EQUAL: u32 = sense::GREATER | sense::EQUAL;
    match flags & (sense::LESS | sense::GREATER | sense::EQUAL) {
        sense::LESS => "LT",
        sense::GREATER => "GT",
        sense::EQUAL => "EQ",
        LESS_EQUAL => "LE",
        GREATER_EQUAL => "GE",
        _ => "",
    }
}

impl From<Raw> for Dependency {
    fn from(raw: Raw) -> Self {
        let flags = comparison(raw.flags).to_owned();
        if flags.is_empty() || raw.version.is_empty() {
            return Self { name: raw.name, flags, ..Self::default() };
        }
        let (epoch, version, release) = evr::split(&raw.version);
        Self {
            name: raw.name,
            flags,
            epoch: epoch.unwrap_or("0").to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
            pre: false,
        }
    }
}
