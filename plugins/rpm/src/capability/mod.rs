//! Whether what one package provides is what another asks for, as rpm and libsolv decide it.

mod rich;

use crate::evr::Evr;
use crate::package::{Dependency, Package};

pub use rich::{Expression, RichError};

/// What the flags of a dependency allow.
#[derive(Clone, Copy)]
struct Range {
    less: bool,
    greater: bool,
    equal: bool,
}

impl Range {
    /// `None` for any version.
    fn of(flags: &str) -> Option<Self> {
        let (less, greater, equal) = match flags {
            "EQ" => (false, false, true),
            "LT" => (true, false, false),
            "GT" => (false, true, false),
            "LE" => (true, false, true),
            "GE" => (false, true, true),
            _ => return None,
        };
        Some(Self { less, greater, equal })
    }
}

impl Dependency {
    /// Epoch, version and release; an epoch that is none counts as 0.
    pub fn evr(&self) -> Evr {
        Evr::new(self.epoch.parse().unwrap_or(0), self.version.clone(), self.release.clone())
    }

    /// Whether this capability, which a package provides, is what is `wanted`: of the same name,
    /// and with a version in common. Where either side names no version, all are.
    ///
    /// Releases count where both sides have one. Expressions in parentheses are names here; see
    /// [`Expression`].
    pub fn satisfies(&self, wanted: &Self) -> bool {
        if self.name != wanted.name {
            return false;
        }
        let (Some(ours), Some(theirs)) = (Range::of(&self.flags), Range::of(&wanted.flags)) else {
            return true;
        };
        match self.evr().compare_dependency(&wanted.evr()) {
            std::cmp::Ordering::Less => ours.greater || theirs.less,
            std::cmp::Ordering::Greater => ours.less || theirs.greater,
            std::cmp::Ordering::Equal => {
                ours.equal && theirs.equal || ours.less && theirs.less || ours.greater && theirs.greater
            }
        }
    }
}

impl Package {
    /// Whether the package provides a single capability, by its provides or by one of its files.
    pub fn provides(&self, wanted: &Dependency) -> bool {
        let by_path = || wanted.name.starts_with('/') && self.files.iter().any(|file| file.path == wanted.name);
        self.provides.iter().any(|provided| provided.satisfies(wanted)) || by_path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{File, FileKind};

    fn dependency(text: &str) -> Dependency {
        Expression::parse(text).expect("a dependency").capabilities().remove(0).clone()
    }

    #[test]
    fn versions_in_common_satisfy() {
        for (provided, wanted, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a", "a >= 1", true),
            ("a = 1", "a", true),
            ("a = 1", "a = 1", true),
            ("a = 1", "a = 2", false),
            ("a = 2", "a > 1", true),
            ("a = 1", "a > 1", false),
            ("a = 1", "a >= 1", true),
            ("a = 1-5", "a = 1", true),
            ("a = 1-5", "a > 1", false),
            ("a = 1-5", "a = 1-6", false),
            ("a = 1:1", "a < 2", false),
            ("a = 1~rc1", "a < 1", true),
            ("a >= 2", "a < 2", false),
            ("a >= 2", "a <= 2", true),
            ("a < 2", "a > 1", true),
            ("a < 1", "a > 1", false),
            ("a < 2", "a < 1", true),
            ("a > 2", "a > 3", true),
        ] {
            assert_eq!(dependency(provided).satisfies(&dependency(wanted)), expected, "{provided} / {wanted}");
        }
    }

    #[test]
    fn packages_provide_their_files() {
        let file = File { kind: FileKind::File, path: "/usr/bin/sh".to_owned(), digest: None };
        let package = Package { provides: vec![dependency("a = 1")], files: vec![file], ..Package::default() };
        assert!(package.provides(&dependency("a >= 1")) && package.provides(&dependency("/usr/bin/sh")));
        assert!(!package.provides(&dependency("/usr/bin/bash")) && !package.provides(&dependency("b")));
    }
}
