//! What the name of a distribution file says: project, version, kind, Python tag.
//!
//! Wheels by PEP 427 (`name-version(-build)?-python-abi-platform.whl`), sdists by PEP 625 and as
//! they were named before it, eggs, and the installers of old. Suffixes of companions
//! (`.metadata`, `.asc`) are cut off by the caller.

use crate::name::{NameError, ProjectName};
use crate::version;

/// File systems end here as well.
const MAX_LENGTH: usize = 255;

/// The kinds of distribution files, by the names the public index and Pulp use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PackageType {
    BdistDmg,
    BdistDumb,
    BdistEgg,
    BdistMsi,
    BdistRpm,
    BdistWheel,
    BdistWininst,
    Sdist,
}

impl PackageType {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 8] = [
        Self::BdistDmg,
        Self::BdistDumb,
        Self::BdistEgg,
        Self::BdistMsi,
        Self::BdistRpm,
        Self::BdistWheel,
        Self::BdistWininst,
        Self::Sdist,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BdistDmg => "bdist_dmg",
            Self::BdistDumb => "bdist_dumb",
            Self::BdistEgg => "bdist_egg",
            Self::BdistMsi => "bdist_msi",
            Self::BdistRpm => "bdist_rpm",
            Self::BdistWheel => "bdist_wheel",
            Self::BdistWininst => "bdist_wininst",
            Self::Sdist => "sdist",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The parts of a valid file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionFile {
    filename: String,
    name: ProjectName,
    version: String,
    package_type: PackageType,
    python_version: String,
}

/// Why a text is no name of a distribution file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilenameError {
    #[error("a file name has more than {MAX_LENGTH} characters")]
    TooLong,
    #[error("the file name `{0}` holds characters other than ASCII letters, digits and `._-+!~`")]
    Character(String),
    #[error(
        "the extension of `{0}` is not one of a Python distribution \
         (.whl, .tar.gz, .zip, .tar.bz2, .egg, .exe)"
    )]
    Extension(String),
    #[error("`{filename}` is not of the form `{form}`")]
    Form { filename: String, form: &'static str },
    #[error("in the file name `{filename}`: {source}")]
    Name { filename: String, source: NameError },
}

impl DistributionFile {
    /// Takes a file name apart; where a legacy sdist is ambiguous, the last part that reads as a
    /// version is the version.
    pub fn parse(filename: &str) -> Result<Self, FilenameError> {
        Self::take_apart(filename, None)
    }

    /// Takes a file name apart that belongs to a known project, which settles what is ambiguous:
    /// `a-b-1-2.tar.gz` is version `1-2` of `a-b`, or version `2` of `a-b-1`.
    pub fn parse_for(filename: &str, project: &ProjectName) -> Result<Self, FilenameError> {
        Self::take_apart(filename, Some(project))
    }

    /// The whole name.
    pub fn filename(&self) -> &str {
        &self.filename
    }

    /// The project, spelled as in the file name.
    pub fn name(&self) -> &ProjectName {
        &self.name
    }

    /// The version as it stands in the file name, which may be escaped
    /// ([`version::agrees_with_filename`]).
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The kind of file.
    pub fn package_type(&self) -> PackageType {
        self.package_type
    }

    /// The Python tag of a wheel (`py2.py3`), egg or installer (`py2.7`), `source` for an sdist,
    /// empty where the name tells none.
    pub fn python_version(&self) -> &str {
        &self.python_version
    }

    fn take_apart(filename: &str, project: Option<&ProjectName>) -> Result<Self, FilenameError> {
        check_characters(filename)?;
        let (stem, package_type) =
            split_extension(filename).ok_or_else(|| FilenameError::Extension(filename.to_owned()))?;
        let parts = match package_type {
            PackageType::BdistWheel => wheel(stem),
            PackageType::BdistEgg => egg(stem),
            PackageType::BdistWininst | PackageType::BdistMsi => installer(stem),
            PackageType::BdistRpm => rpm(stem),
            PackageType::BdistDumb => dumb(stem, project),
            PackageType::BdistDmg | PackageType::Sdist => sdist(stem, project),
        };
        let parts =
            parts.ok_or_else(|| FilenameError::Form { filename: filename.to_owned(), form: form(package_type) })?;
        let name = ProjectName::parse(parts.name)
            .map_err(|source| FilenameError::Name { filename: filename.to_owned(), source })?;
        Ok(Self {
            filename: filename.to_owned(),
            name,
            version: parts.version.to_owned(),
            package_type,
            python_version: parts.python.to_owned(),
        })
    }
}

/// Whether all characters are safe in a path and an address, and not too many.
pub(crate) fn check_characters(filename: &str) -> Result<(), FilenameError> {
    if filename.len() > MAX_LENGTH {
        return Err(FilenameError::TooLong);
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-+!~".contains(&b);
    if !filename.bytes().all(allowed) {
        return Err(FilenameError::Character(filename.escape_debug().to_string()));
    }
    Ok(())
}

const EXTENSIONS: [(&str, PackageType); 12] = [
    (".whl", PackageType::BdistWheel),
    (".tar.gz", PackageType::Sdist),
    (".tar.bz2", PackageType::Sdist),
    (".zip", PackageType::Sdist),
    (".tgz", PackageType::Sdist),
    (".tar.xz", PackageType::Sdist),
    (".tar.Z", PackageType::Sdist),
    (".egg", PackageType::BdistEgg),
    (".exe", PackageType::BdistWininst),
    (".msi", PackageType::BdistMsi),
    (".rpm", PackageType::BdistRpm),
    (".dmg", PackageType::BdistDmg),
];

/// What the platform part of a `bdist_dumb` begins with; it stands where an sdist has its end.
const DUMB_PLATFORMS: [&str; 5] = [".linux-", ".macosx-", ".win32", ".win-amd64", ".cygwin-"];

fn split_extension(filename: &str) -> Option<(&str, PackageType)> {
    let (stem, kind) =
        EXTENSIONS.iter().find_map(|(extension, kind)| Some((filename.strip_suffix(extension)?, *kind)))?;
    let dumb = kind == PackageType::Sdist && dumb_platform(stem).is_some();
    Some((stem, if dumb { PackageType::BdistDumb } else { kind }))
}

fn dumb_platform(stem: &str) -> Option<usize> {
    DUMB_PLATFORMS.iter().find_map(|mark| stem.rfind(mark))
}

fn form(kind: PackageType) -> &'static str {
    match kind {
        PackageType::BdistWheel => "name-version(-build)-python-abi-platform.whl",
        PackageType::BdistEgg => "name-version(-python)(-platform).egg",
        PackageType::BdistWininst => "name-version.platform(-python).exe",
        PackageType::BdistMsi => "name-version.platform(-python).msi",
        PackageType::BdistRpm => "name-version-release.arch.rpm",
        PackageType::BdistDumb => "name-version.platform.tar.gz",
        PackageType::BdistDmg => "name-version.dmg",
        PackageType::Sdist => "name-version.tar.gz",
    }
}

struct Parts<'a> {
    name: &'a str,
    version: &'a str,
    python: &'a str,
}

fn wheel(stem: &str) -> Option<Parts<'_>> {
    let fields: Vec<&str> = stem.split('-').collect();
    if fields.iter().any(|field| field.is_empty()) {
        return None;
    }
    let (name, version, python) = match fields.as_slice() {
        [name, version, python, _, _] => (name, version, python),
        [name, version, build, python, _, _] if starts_with_digit(build) => (name, version, python),
        _ => return None,
    };
    Some(Parts { name, version, python })
}

/// Names in eggs have their hyphens escaped, so the fields are told apart by counting.
fn egg(stem: &str) -> Option<Parts<'_>> {
    let mut fields = stem.splitn(4, '-');
    let (name, version) = (fields.next()?, fields.next()?);
    let python = fields.next().unwrap_or("");
    (!version.is_empty()).then_some(Parts { name, version, python })
}

/// `name-version.platform(-python)`; the platform is what ends in a known word.
fn installer(stem: &str) -> Option<Parts<'_>> {
    const PLATFORMS: [&str; 5] = ["win32", "win-amd64", "win-arm64", "win-arm32", "win-ia64"];
    let (at, after) = PLATFORMS.iter().find_map(|platform| {
        let at = stem.rfind(&format!(".{platform}"))?;
        Some((at, at + 1 + platform.len()))
    })?;
    let python = match &stem[after..] {
        "" => "",
        rest => rest.strip_prefix('-')?,
    };
    let (name, version) = split_name(&stem[..at], None)?;
    Some(Parts { name, version, python })
}

fn rpm(stem: &str) -> Option<Parts<'_>> {
    let (rest, _arch) = stem.rsplit_once('.')?;
    let (rest, _release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    (!version.is_empty()).then_some(Parts { name, version, python: "" })
}

fn dumb<'a>(stem: &'a str, project: Option<&ProjectName>) -> Option<Parts<'a>> {
    let (name, version) = split_name(&stem[..dumb_platform(stem)?], project)?;
    Some(Parts { name, version, python: "" })
}

fn sdist<'a>(stem: &'a str, project: Option<&ProjectName>) -> Option<Parts<'a>> {
    let (name, version) = split_name(stem, project)?;
    Some(Parts { name, version, python: "source" })
}

/// Splits `name-version` where both may hold hyphens.
fn split_name<'a>(stem: &'a str, project: Option<&ProjectName>) -> Option<(&'a str, &'a str)> {
    let splits = || {
        let cut = |(at, _)| (&stem[..at], &stem[at + 1..]);
        let whole = |(name, version): &(&str, &str)| !name.is_empty() && !version.is_empty();
        stem.match_indices('-').map(cut).filter(whole)
    };
    if let Some(project) = project {
        let mine = |(name, _): &(&str, &str)| crate::name::normalize(name) == project.normalized();
        if let Some(found) = splits().find(mine) {
            return Some(found);
        }
    }
    let mut valid = splits().filter(|(_, version)| version::is_valid(version));
    let legacy = || splits().find(|(_, version)| starts_with_digit(version));
    valid.next_back().or_else(legacy).or_else(|| splits().next_back())
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (filename, name, version, kind, python) in [
            ("shelf_reader-0.1-py2-none-any.whl", "shelf_reader", "0.1", "bdist_wheel", "py2"),
            ("Django-1.10.4-py2.py3-none-any.whl", "Django", "1.10.4", "bdist_wheel", "py2.py3"),
            ("a-1!2.0+local-1x-cp39-abi3-linux_x86_64.whl", "a", "1!2.0+local", "bdist_wheel", "cp39"),
            ("shelf-reader-0.1.tar.gz", "shelf-reader", "0.1", "sdist", "source"),
            ("foo-1.0.tar.bz2", "foo", "1.0", "sdist", "source"),
            ("foo-2004d.zip", "foo", "2004d", "sdist", "source"),
            ("a-b-c.tar.gz", "a-b", "c", "sdist", "source"),
            ("foo-1.0-py3.8.egg", "foo", "1.0", "bdist_egg", "py3.8"),
            ("foo-1.0-py3.8-linux-x86_64.egg", "foo", "1.0", "bdist_egg", "py3.8"),
            ("foo-1.0.win32-py2.7.exe", "foo", "1.0", "bdist_wininst", "py2.7"),
            ("foo-bar-1.0.win-amd64.exe", "foo-bar", "1.0", "bdist_wininst", ""),
            ("foo-1.0.win32-py2.7.msi", "foo", "1.0", "bdist_msi", "py2.7"),
            ("foo-1.0-1.noarch.rpm", "foo", "1.0", "bdist_rpm", ""),
            ("foo-1.0.linux-x86_64.tar.gz", "foo", "1.0", "bdist_dumb", ""),
            ("foo-1.0.macosx-10.9-x86_64.tar.gz", "foo", "1.0", "bdist_dumb", ""),
        ] {
            let file = DistributionFile::parse(filename).unwrap();
            assert_eq!(file.name().as_given(), name, "{filename}");
            assert_eq!(file.version(), version, "{filename}");
            assert_eq!(file.package_type().as_str(), kind, "{filename}");
            assert_eq!(file.python_version(), python, "{filename}");
        }
    }

    #[test]
    fn a_known_project_settles_what_is_ambiguous() {
        for (filename, project, name, version) in [
            ("a-b-1-2.tar.gz", "A.B", "a-b", "1-2"),
            ("a-b-1-2.tar.gz", "a-b-1", "a-b-1", "2"),
            ("foo-1.0-rc1.tar.gz", "foo", "foo", "1.0-rc1"),
            ("foo-1.0.tar.gz", "other", "foo", "1.0"),
        ] {
            let project = ProjectName::parse(project).unwrap();
            let file = DistributionFile::parse_for(filename, &project).unwrap();
            assert_eq!((file.name().as_given(), file.version()), (name, version));
        }
    }

    #[test]
    fn what_is_no_file_name_is_refused() {
        let long = format!("{}-1.0.tar.gz", "a".repeat(300));
        for filename in [
            "",
            "foo",
            ".whl",
            "foo-1.0.txt",
            "foo.tar.gz",
            "foo-.tar.gz",
            "-1.0.tar.gz",
            "foo-1.0.whl",
            "foo-1.0-py3-none.whl",
            "foo--py3-none-any.whl",
            "foo-1.0-x1-py3-none-any.whl",
            "foo-1.0-1-2-py3-none-any.whl",
            "../foo-1.0.tar.gz",
            "a/foo-1.0.tar.gz",
            "a\\foo-1.0.tar.gz",
            "foo-1.0 .tar.gz",
            "föö-1.0.tar.gz",
            "foo-1.0\0.tar.gz",
            "foo-1.0\n.tar.gz",
            "foo-1.0%2f.tar.gz",
            "foo-1.0.exe",
            ".foo-1.0.tar.gz",
            &long,
        ] {
            assert!(DistributionFile::parse(filename).is_err(), "{filename:?}");
        }
    }

    #[test]
    fn kinds_have_one_name_each() {
        for kind in PackageType::ALL {
            assert_eq!(PackageType::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(PackageType::from_name("wheel"), None);
    }
}
