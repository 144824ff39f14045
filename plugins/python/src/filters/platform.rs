//! The platforms that a remote can leave out, and how files show that they are for one.

use crate::filename::{DistributionFile, PackageType};
use crate::simple::ProjectFile;

/// A platform, by the names of bandersnatch and Pulp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Windows,
    Macos,
    Freebsd,
    Linux,
}

impl Platform {
    pub const ALL: [Self; 4] = [Self::Windows, Self::Macos, Self::Freebsd, Self::Linux];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Macos => "macos",
            Self::Freebsd => "freebsd",
            Self::Linux => "linux",
        }
    }

    /// The platform of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == name)
    }

    /// Whether the file is for this platform, if for others besides.
    pub fn has(self, file: &ProjectFile) -> bool {
        match file.package_type {
            PackageType::Sdist => false,
            PackageType::BdistWininst | PackageType::BdistMsi if self == Self::Windows => true,
            PackageType::BdistDmg if self == Self::Macos => true,
            PackageType::BdistRpm if self == Self::Linux => true,
            _ => {
                let tags = tags(file).to_ascii_lowercase();
                self.marks().iter().any(|mark| begins_a_tag(&tags, mark))
            }
        }
    }

    /// What a platform tag begins with (PEP 425, 513, 571, 599, 600, 656).
    fn marks(self) -> &'static [&'static str] {
        match self {
            Self::Windows => &["win32", "win_", "win-"],
            Self::Macos => &["macosx_", "macosx-"],
            Self::Freebsd => &["freebsd"],
            Self::Linux => &["linux_", "linux-", "manylinux", "musllinux"],
        }
    }
}

/// The part of the file name behind name and version, so that a project called `linux-utils` is
/// not for Linux.
fn tags(file: &ProjectFile) -> &str {
    let name = file.filename.as_str();
    if file.package_type == PackageType::BdistWheel {
        return name.rsplit('-').next().unwrap_or(name);
    }
    match DistributionFile::parse(name) {
        Ok(parsed) => name.get(parsed.name().as_given().len()..).unwrap_or(name),
        Err(_) => name,
    }
}

fn begins_a_tag(tags: &str, mark: &str) -> bool {
    let starts = |(at, _): (usize, &str)| at == 0 || tags[..at].ends_with(['.', '-']);
    tags.match_indices(mark).any(starts)
}
