//! A package as repository metadata describes it: the fields of createrepo_c's three files.

mod rows;

use crate::checksum::ChecksumType;
use crate::evr::{Evr, Nevra, NevraError};

/// The most dependencies of one kind that a package may have. The largest real ones, of whole
/// distributions of TeX, have some 10,000.
pub const MAX_DEPENDENCIES: usize = 100_000;

/// A package. Texts that a package does not have are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub epoch: u32,
    pub version: String,
    pub release: String,
    /// `src` for source packages, whatever they were built on.
    pub arch: String,
    /// The checksum of the whole file, in lower-case hexadecimal.
    pub pkgid: String,
    pub checksum_type: ChecksumType,
    pub summary: String,
    pub description: String,
    pub packager: String,
    pub url: String,
    /// When the file was last changed, in seconds of the epoch.
    pub time_file: i64,
    /// When the package was built, in seconds of the epoch.
    pub time_build: i64,
    /// Bytes of the file, of what it installs, and of its payload unpacked.
    pub size_package: u64,
    pub size_installed: u64,
    pub size_archive: u64,
    /// The path of the file below the repository, or below `location_base`.
    pub location_href: String,
    /// `xml:base`: an address outside of the repository, as some metadata has it.
    pub location_base: String,
    pub license: String,
    pub vendor: String,
    pub group: String,
    pub buildhost: String,
    pub sourcerpm: String,
    /// The first byte of the header, and the one after its last, counted from the start of the file.
    pub header_start: u64,
    pub header_end: u64,
    pub provides: Vec<Dependency>,
    pub requires: Vec<Dependency>,
    pub conflicts: Vec<Dependency>,
    pub obsoletes: Vec<Dependency>,
    pub suggests: Vec<Dependency>,
    pub enhances: Vec<Dependency>,
    pub recommends: Vec<Dependency>,
    pub supplements: Vec<Dependency>,
    /// All files, in the order of the header. Of a package read from `primary` alone, those few
    /// that it lists.
    pub files: Vec<File>,
    /// Oldest first.
    pub changelogs: Vec<Changelog>,
    /// Who signed: `v4:<fingerprint>`, `v6:<fingerprint>` or `keyid:<64 bits>`, in upper-case
    /// hexadecimal (Pulp's form). Metadata does not say it, only the file does.
    pub signing_keys: Vec<String>,
}

impl Default for Package {
    fn default() -> Self {
        let text = String::new;
        Self {
            name: text(),
            epoch: 0,
            version: text(),
            release: text(),
            arch: text(),
            pkgid: text(),
            checksum_type: ChecksumType::Sha256,
            summary: text(),
            description: text(),
            packager: text(),
            url: text(),
            time_file: 0,
            time_build: 0,
            size_package: 0,
            size_installed: 0,
            size_archive: 0,
            location_href: text(),
            location_base: text(),
            license: text(),
            vendor: text(),
            group: text(),
            buildhost: text(),
            sourcerpm: text(),
            header_start: 0,
            header_end: 0,
            provides: Vec::new(),
            requires: Vec::new(),
            conflicts: Vec::new(),
            obsoletes: Vec::new(),
            suggests: Vec::new(),
            enhances: Vec::new(),
            recommends: Vec::new(),
            supplements: Vec::new(),
            files: Vec::new(),
            changelogs: Vec::new(),
            signing_keys: Vec::new(),
        }
    }
}

impl Package {
    /// The package's full name, if its parts can be one.
    pub fn nevra(&self) -> Result<Nevra, NevraError> {
        Nevra::new(&self.name, self.evr(), &self.arch)
    }

    /// Epoch, version and release.
    pub fn evr(&self) -> Evr {
        Evr::new(self.epoch, self.version.clone(), self.release.clone())
    }

    /// The lists of dependencies by the names of their elements, in createrepo_c's order.
    pub fn dependencies(&self) -> [(DependencyKind, &[Dependency]); 8] {
        use DependencyKind::{Conflicts, Enhances, Obsoletes, Provides, Recommends, Requires, Suggests, Supplements};
        [
            (Provides, &self.provides),
            (Requires, &self.requires),
            (Conflicts, &self.conflicts),
            (Obsoletes, &self.obsoletes),
            (Suggests, &self.suggests),
            (Enhances, &self.enhances),
            (Recommends, &self.recommends),
            (Supplements, &self.supplements),
        ]
    }

    /// The list of that kind, to fill it.
    pub fn dependencies_mut(&mut self, kind: DependencyKind) -> &mut Vec<Dependency> {
        match kind {
            DependencyKind::Provides => &mut self.provides,
            DependencyKind::Requires => &mut self.requires,
            DependencyKind::Conflicts => &mut self.conflicts,
            DependencyKind::Obsoletes => &mut self.obsoletes,
            DependencyKind::Suggests => &mut self.suggests,
            DependencyKind::Enhances => &mut self.enhances,
            DependencyKind::Recommends => &mut self.recommends,
            DependencyKind::Supplements => &mut self.supplements,
        }
    }

    /// Keeps the newest changelog entries, so many (Pulp's `KEEP_CHANGELOG_LIMIT`).
    pub fn keep_changelogs(&mut self, limit: usize) {
        let surplus = self.changelogs.len().saturating_sub(limit);
        self.changelogs.drain(..surplus);
    }
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DependencyKind {
    Provides,
    Requires,
    Conflicts,
    Obsoletes,
    Suggests,
    Enhances,
    Recommends,
    Supplements,
}

impl DependencyKind {
    /// All of them, in createrepo_c's order.
    pub const ALL: [Self; 8] = [
        Self::Provides,
        Self::Requires,
        Self::Conflicts,
        Self::Obsoletes,
        Self::Suggests,
        Self::Enhances,
        Self::Recommends,
        Self::Supplements,
    ];

    /// The name of its element in `primary`, and of Pulp's field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provides => "provides",
            Self::Requires => "requires",
            Self::Conflicts => "conflicts",
            Self::Obsoletes => "obsoletes",
            Self::Suggests => "suggests",
            Self::Enhances => "enhances",
            Self::Recommends => "recommends",
            Self::Supplements => "supplements",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A capability, with or without a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dependency {
    /// A name, a path, or a whole expression in parentheses.
    pub name: String,
    /// `EQ`, `LT`, `GT`, `LE` or `GE`; empty for any version.
    pub flags: String,
    /// Digits, or empty.
    pub epoch: String,
    pub version: String,
    pub release: String,
    /// Needed before the package is installed.
    pub pre: bool,
}

/// A file or folder of a package.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct File {
    pub kind: FileKind,
    /// The whole path; without a leading slash only in source packages.
    pub path: String,
    /// The digest that the header has, in hexadecimal, empty for what has none (folders, links);
    /// `None` where only metadata was read, which does not say it.
    pub digest: Option<String>,
}

impl File {
    /// The folder with its final slash, and the name in it.
    pub fn split(&self) -> (&str, &str) {
        self.path.split_at(self.path.rfind('/').map_or(0, |slash| slash + 1))
    }

    /// Whether `primary` lists the file, so that dependencies on it are found without `filelists`.
    pub fn is_primary(&self) -> bool {
        is_primary_path(&self.path)
    }
}

/// createrepo_c's rule for the paths that `primary` lists.
pub fn is_primary_path(path: &str) -> bool {
    path.contains("bin/") || path.starts_with("/etc/") || path == "/usr/lib/sendmail"
}

/// What a path of a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    File,
    Dir,
    /// Owned by the package, but not in it.
    Ghost,
}

impl FileKind {
    /// The value of `type`; empty for a file, as Pulp and createrepo_c have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "",
            Self::Dir => "dir",
            Self::Ghost => "ghost",
        }
    }

    /// The kind of that name; anything unknown is a file.
    pub fn from_name(name: &str) -> Self {
        match name {
            "dir" => Self::Dir,
            "ghost" => Self::Ghost,
            _ => Self::File,
        }
    }
}

/// An entry of a changelog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Changelog {
    /// Who, and by custom which version.
    pub author: String,
    /// Seconds of the epoch.
    pub date: i64,
    pub text: String,
}
