//! Which of the packages that metadata names are taken.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::super::mirrored;
use super::super::options::Choice;
use super::is_complete;
use super::survey::Newest;
use crate::evr::Nevra;
use crate::location;
use crate::package::Package;

/// What becomes of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wanted,
    /// The client does not want its kind, or so many versions.
    Skipped,
    /// It was there before.
    Known,
    /// One of the same name, version and architecture was there before, and is kept.
    Doubled,
}

/// Why the whole is refused, in words that go on after the package's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The package can be no package's.
    Wrong(String),
    /// It cannot be served where the metadata says it is.
    Unservable(String),
}

impl Refusal {
    /// The whole message, of the document that names the package.
    pub fn message(self, document: &str, package: &str) -> String {
        match self {
            Self::Wrong(problem) => format!("`{document}`: the package `{package}` {problem}"),
            Self::Unservable(problem) => mirrored::refused(format!("`{document}`: the package `{package}` {problem}")),
        }
    }
}

/// Looks at packages one after the other.
pub(super) struct Sieve<'a> {
    choice: Choice,
    newest: &'a Newest,
    /// The packages that modules have.
    modular: &'a HashSet<Nevra>,
    pkgids: HashSet<String>,
    /// Epoch and time of the build of what was taken, by the name of its file.
    taken: HashMap<String, (u32, i64)>,
    /// Which package lies where, if that matters.
    places: HashMap<String, String>,
}

impl<'a> Sieve<'a> {
    pub fn new(choice: Choice, newest: &'a Newest, modular: &'a HashSet<Nevra>) -> Self {
        let (pkgids, taken, places) = (HashSet::new(), HashMap::new(), HashMap::new());
        Self { choice, newest, modular, pkgids, taken, places }
    }

    /// Judges a package, whose location is made plain.
    ///
    /// # Errors
    /// When it lies where none may, and, where the metadata is served as it is, when it lies outside of the repository
    /// or where another one lies.
    pub fn look_at(&mut self, package: &mut Package) -> Result<Verdict, Refusal> {
        package.location_href = location::normalize(&package.location_href)
            .map_err(|problem| Refusal::Wrong(format!("cannot be fetched: {problem}")))?;
        if self.choice.skips_sources && matches!(package.arch.as_str(), "src" | "nosrc") {
            return Ok(Verdict::Skipped);
        }
        // What has no name is refused when it is made to a unit.
        let nevra = package.nevra().ok();
        if nevra.as_ref().is_some_and(|nevra| self.newest.leaves_out(nevra, self.modular)) {
            return Ok(Verdict::Skipped);
        }
        let is_new = self.pkgids.insert(package.pkgid.clone());
        if is_complete(self.choice) {
            self.check_place(package)?;
        }
        match nevra {
            _ if !is_new => Ok(Verdict::Known),
            Some(nevra) if !self.takes(&nevra, package.time_build) => Ok(Verdict::Doubled),
            _ => Ok(Verdict::Wanted),
        }
    }

    fn check_place(&mut self, package: &Package) -> Result<(), Refusal> {
        if !package.location_base.is_empty() {
            return Err(Refusal::Unservable("lies outside of it".to_owned()));
        }
        let place = self.places.entry(package.location_href.clone()).or_insert_with(|| package.pkgid.clone());
        match *place == package.pkgid {
            true => Ok(()),
            false => Err(Refusal::Unservable(format!("lies at `{}`, where another one is", package.location_href))),
        }
    }

    /// Of packages whose files have one name the first is taken, and any later that is of a higher epoch or built
    /// later: of those the version keeps the best. Where the metadata is served as it is none can be left out, so that
    /// the second is always one too many.
    fn takes(&mut self, nevra: &Nevra, time_build: i64) -> bool {
        let rank = (nevra.evr.epoch, time_build);
        match self.taken.entry(nevra.filename()) {
            Entry::Vacant(free) => {
                free.insert(rank);
                true
            }
            Entry::Occupied(mut best) => {
                let is_better = rank > *best.get() && !is_complete(self.choice);
                if is_better {
                    best.insert(rank);
                }
                is_better
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::options::SyncPolicy;
    use super::*;

    fn package(pkgid: &str, name: &str, location: &str) -> Package {
        Package {
            pkgid: pkgid.to_owned(),
            name: name.to_owned(),
            version: "1".to_owned(),
            release: "1".to_owned(),
            arch: "src".to_owned(),
            location_href: location.to_owned(),
            ..Package::default()
        }
    }

    fn judge_all(choice: Choice, packages: &[Package]) -> Result<Vec<Verdict>, Refusal> {
        let (newest, modular) = (Newest::default(), HashSet::new());
        let mut sieve = Sieve::new(choice, &newest, &modular);
        packages.iter().map(|package| sieve.look_at(&mut package.clone())).collect()
    }

    /// Packages by the id, which is the name, too, the base and the location.
    fn judge(
        policy: SyncPolicy,
        skips_sources: bool,
        packages: &[(&str, &str, &str)],
    ) -> Result<Vec<Verdict>, Refusal> {
        let packages = packages.iter().map(|(pkgid, base, location)| {
            let location_base = (*base).to_owned();
            Package { location_base, ..package(pkgid, pkgid, location) }
        });
        judge_all(Choice { policy, skips_sources, skips_trees: false }, &packages.collect::<Vec<_>>())
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
    fn of_one_name_the_first_is_taken_and_what_was_built_later() {
        use Verdict::{Doubled, Wanted};
        let built = |pkgid: &str, time_build| Package { time_build, ..package(pkgid, "a", pkgid) };
        let choice = Choice { policy: SyncPolicy::Additive, skips_sources: false, skips_trees: false };
        let packages = [built("a", 5), built("b", 5), built("c", 9), built("d", 7)];
        assert_eq!(judge_all(choice, &packages), Ok(vec![Wanted, Doubled, Wanted, Doubled]));
        let complete = Choice { policy: SyncPolicy::MirrorComplete, ..choice };
        assert_eq!(judge_all(complete, &packages), Ok(vec![Wanted, Doubled, Doubled, Doubled]));
        let packages = [built("a", 5), Package { epoch: 1, ..built("b", 1) }];
        assert_eq!(judge_all(choice, &packages), Ok(vec![Wanted, Wanted]));
    }

    #[test]
    fn complete_mirrors_have_one_package_at_each_place() {
        let complete = |packages: &[_]| judge(SyncPolicy::MirrorComplete, false, packages);
        complete(&[("a", "", "p/a"), ("b", "", "p/b"), ("a", "", "p/a")]).expect("the same line twice is harmless");
        complete(&[("a", "", "p/a"), ("a", "", "q/a")]).expect("two places for one package");
        let elsewhere = complete(&[("a", "http://h/", "p/a")]).expect_err("elsewhere");
        assert!(elsewhere.message("primary", "a").starts_with("[RPM0006] "));
        complete(&[("a", "", "p/a"), ("b", "", "./p/a")]).expect_err("two packages");
    }
}
