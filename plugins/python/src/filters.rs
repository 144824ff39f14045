//! Which projects, releases and files a remote takes from an index.
//!
//! * `includes` and `excludes` are requirements (PEP 508) of which name and specifier count. No
//!   includes means every project. An exclude without specifier removes its project, one with a
//!   specifier the releases it names; excludes win.
//! * Specifiers choose among pre-releases as among all releases; `prereleases` decides whether
//!   there are any. A version that PEP 440 does not know fits no specifier.
//! * Platforms and kinds are of files; an sdist has no platform.
//! * `keep_latest_packages` keeps the greatest versions of those that are left.

mod platform;
mod requirement;

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::VersionSpecifiers;

use crate::filename::PackageType;
use crate::name::ProjectName;
use crate::simple::{ProjectFile, ProjectPage};
use crate::version::{self, VersionKey};

pub use platform::Platform;

/// The settings as a remote holds them.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilterSettings<'a> {
    pub includes: &'a [String],
    pub excludes: &'a [String],
    pub prereleases: bool,
    pub package_types: &'a [String],
    /// 0 keeps all.
    pub keep_latest_packages: u64,
    pub exclude_platforms: &'a [String],
}

/// Which item of which setting is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{item}` is invalid: {reason}")]
pub struct FilterError {
    /// The name of the setting.
    pub field: &'static str,
    /// The item, shortened to what a message may hold.
    pub item: String,
    pub reason: String,
}

/// Settings that have been understood.
#[derive(Clone, Debug)]
pub struct Filters {
    includes: Rules,
    excludes: Rules,
    prereleases: bool,
    package_types: Vec<PackageType>,
    keep_latest: usize,
    exclude_platforms: Vec<Platform>,
}

impl Filters {
    /// Understands the settings, or tells the first item that makes no sense.
    pub fn parse(settings: &FilterSettings<'_>) -> Result<Self, FilterError> {
        let kind = |item: &String| {
            PackageType::from_name(item).ok_or_else(|| error("package_types", item, "there is no such kind"))
        };
        let platform = |item: &String| {
            Platform::from_name(item).ok_or_else(|| error("exclude_platforms", item, "there is no such platform"))
        };
        Ok(Self {
            includes: Rules::parse("includes", settings.includes)?,
            excludes: Rules::parse("excludes", settings.excludes)?,
            prereleases: settings.prereleases,
            package_types: settings.package_types.iter().map(kind).collect::<Result<_, _>>()?,
            keep_latest: usize::try_from(settings.keep_latest_packages).unwrap_or(usize::MAX),
            exclude_platforms: settings.exclude_platforms.iter().map(platform).collect::<Result<_, _>>()?,
        })
    }

    /// The same, but pre-releases are taken.
    pub fn with_prereleases(self) -> Self {
        Self { prereleases: true, ..self }
    }

    /// The projects that are named, normalized and in order; none if every project is wanted.
    pub fn included(&self) -> Option<Vec<ProjectName>> {
        let names = self.includes.0.keys();
        (!self.includes.0.is_empty()).then(|| names.cloned().collect())
    }

    /// Whether any file of the project may be taken.
    pub fn allows_project(&self, name: &ProjectName) -> bool {
        let included = self.includes.0.is_empty() || self.includes.0.contains_key(name);
        let excluded = self.excludes.0.get(name).is_some_and(|rule| rule.whole);
        included && !excluded
    }

    /// Whether files of this release may be taken, as far as that shows without the others.
    pub fn allows_release(&self, name: &ProjectName, version: &str) -> bool {
        let parsed = version::parse(version);
        let fits = |rules: &Rules| {
            let rule = rules.0.get(name)?;
            let version = parsed.as_ref();
            let one = |set: &VersionSpecifiers| version.is_some_and(|version| set.contains(version));
            Some(rule.whole || rule.specifiers.iter().any(one))
        };
        let unwanted = !self.prereleases && parsed.as_ref().is_some_and(|version| version.any_prerelease());
        self.allows_project(name)
            && fits(&self.includes) != Some(false)
            && fits(&self.excludes) != Some(true)
            && !unwanted
    }

    /// Whether a file is of a kind and for a platform that is wanted.
    pub fn allows_file(&self, file: &ProjectFile) -> bool {
        let kind = self.package_types.is_empty() || self.package_types.contains(&file.package_type);
        kind && !self.exclude_platforms.iter().any(|platform| platform.has(file))
    }

    /// The files of a page that are wanted, in the order of the page.
    pub fn select(&self, page: &ProjectPage) -> Vec<ProjectFile> {
        let mut allowed: BTreeMap<&str, bool> = BTreeMap::new();
        let mut files: Vec<&ProjectFile> = Vec::new();
        for file in page.files.iter().filter(|file| self.allows_file(file)) {
            let version = file.version.as_str();
            let release = allowed.entry(version).or_insert_with(|| self.allows_release(&page.name, version));
            if *release {
                files.push(file);
            }
        }
        if self.keep_latest > 0 {
            let versions: BTreeSet<VersionKey> = files.iter().map(|file| VersionKey::new(&file.version)).collect();
            let latest = latest(&versions, self.keep_latest);
            files.retain(|file| latest.contains(file.version.as_str()));
        }
        files.into_iter().cloned().collect()
    }
}

/// The texts of the greatest versions; several texts of one version count once.
fn latest(versions: &BTreeSet<VersionKey>, count: usize) -> BTreeSet<&str> {
    let mut kept: Vec<&VersionKey> = Vec::new();
    let mut distinct = 0;
    for key in versions.iter().rev() {
        let same = kept.last().is_some_and(|last| version::same(last.as_str(), key.as_str()));
        if !same {
            distinct += 1;
        }
        if distinct > count {
            break;
        }
        kept.push(key);
    }
    kept.into_iter().map(VersionKey::as_str).collect()
}

/// What is said about each project.
#[derive(Clone, Debug, Default)]
struct Rules(BTreeMap<ProjectName, Rule>);

#[derive(Clone, Debug, Default)]
struct Rule {
    /// Whether it is named without specifier.
    whole: bool,
    specifiers: Vec<VersionSpecifiers>,
}

impl Rules {
    fn parse(field: &'static str, items: &[String]) -> Result<Self, FilterError> {
        let mut rules = Self::default();
        for item in items {
            let (name, specifiers) = requirement::parse(item).map_err(|reason| error(field, item, reason))?;
            let rule = rules.0.entry(name).or_default();
            match specifiers {
                Some(specifiers) => rule.specifiers.push(specifiers),
                None => rule.whole = true,
            }
        }
        Ok(rules)
    }
}

fn error(field: &'static str, item: &str, reason: impl ToString) -> FilterError {
    FilterError {
        field,
        item: item.chars().take(200).flat_map(char::escape_debug).collect(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests;
