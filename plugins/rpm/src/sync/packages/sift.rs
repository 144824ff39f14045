//! Which of the packages that metadata names are taken.

use std::collections::{HashMap, HashSet};

use super::super::options::Choice;
use super::is_complete;
use crate::location;
use crate::package::Package;

/// What becomes of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wanted,
    /// The client does not want its kind.
    Skipped,
    /// It was there before.
    Known,
}

/// Looks at packages one after the other.
pub(super) struct Sieve {
    choice: Choice,
    pkgids: HashSet<String>,
    /// Which package lies where, if that matters.
    places: HashMap<String, String>,
}

impl Sieve {
    pub fn new(choice: Choice) -> Self {
        Self { choice, pkgids: HashSet::new(), places: HashMap::new() }
    }

    /// Judges a package, whose location is made plain.
    ///
    /// # Errors
    /// In words that go on after the package's name: when it lies where none may, and, where the metadata is served as
    /// it is, when it lies outside of the repository or where another one lies.
    pub fn look_at(&mut self, package: &mut Package) -> Result<Verdict, String> {
        package.location_href =
            location::normalize(&package.location_href).map_err(|problem| format!("cannot be fetched: {problem}"))?;
        if self.choice.skips_sources && matches!(package.arch.as_str(), "src" | "nosrc") {
            return Ok(Verdict::Skipped);
        }
        let is_new = self.pkgids.insert(package.pkgid.clone());
        if is_complete(self.choice) {
            if !package.location_base.is_empty() {
                return Err("lies outside of the repository, which cannot be mirrored completely".to_owned());
            }
            let place = self.places.entry(package.location_href.clone()).or_insert_with(|| package.pkgid.clone());
            if *place != package.pkgid {
                let place = &package.location_href;
                return Err(format!("lies at `{place}`, where another one is, which cannot be mirrored completely"));
            }
        }
        Ok(if is_new { Verdict::Wanted } else { Verdict::Known })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::options::SyncPolicy;
    use super::*;

    fn package(pkgid: &str, location: &str) -> Package {
        let (arch, location_href) = ("src".to_owned(), location.to_owned());
        Package { pkgid: pkgid.to_owned(), arch, location_href, ..Package::default() }
    }

    fn judge(policy: SyncPolicy, skips_sources: bool, packages: &[(&str, &str, &str)]) -> Result<Vec<Verdict>, String> {
        let mut sieve = Sieve::new(Choice { policy, skips_sources, skips_trees: false });
        let judge = |(pkgid, base, location): &(&str, &str, &str)| {
            let location_base = (*base).to_owned();
            sieve.look_at(&mut Package { location_base, ..package(pkgid, location) })
        };
        packages.iter().map(judge).collect()
    }

    #[test]
    fn each_package_is_taken_once() {
        use Verdict::{Known, Skipped, Wanted};
        let twice = [("a", "", "./p/a"), ("b", "http://h/", "p/b"), ("a", "", "q/a")];
        assert_eq!(judge(SyncPolicy::Additive, false, &twice), Ok(vec![Wanted, Wanted, Known]));
        assert_eq!(judge(SyncPolicy::Additive, true, &twice), Ok(vec![Skipped; 3]));
        judge(SyncPolicy::MirrorContentOnly, true, &[("a", "", "../a")]).expect_err("outside");
    }

    #[test]
    fn complete_mirrors_have_one_package_at_each_place() {
        let complete = |packages: &[_]| judge(SyncPolicy::MirrorComplete, false, packages);
        complete(&[("a", "", "p/a"), ("b", "", "p/b"), ("a", "", "p/a")]).expect("the same line twice is harmless");
        complete(&[("a", "", "p/a"), ("a", "", "q/a")]).expect("two places for one package");
        complete(&[("a", "http://h/", "p/a")]).expect_err("elsewhere");
        complete(&[("a", "", "p/a"), ("b", "", "./p/a")]).expect_err("two packages");
    }
}
