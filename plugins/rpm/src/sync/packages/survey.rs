//! What must be known of all packages before the first is taken: costs a reading of `primary` of its own.

use std::collections::{HashMap, HashSet};

use crate::evr::{Evr, Nevra};

/// The newest versions of each name and architecture, so many of each.
#[derive(Debug, Default)]
pub(super) struct Newest {
    /// How many; 0 for all.
    kept: usize,
    /// Newest first.
    versions: HashMap<(String, String), Vec<Evr>>,
}

impl Newest {
    pub fn new(kept: usize) -> Self {
        Self { kept, versions: HashMap::new() }
    }

    /// Notes a package that is there. Those of modules do not count.
    pub fn note(&mut self, nevra: Nevra, modular: &HashSet<Nevra>) {
        if self.kept == 0 || modular.contains(&nevra) {
            return;
        }
        let Nevra { name, evr, arch } = nevra;
        let versions = self.versions.entry((name, arch)).or_default();
        if let Err(at) = versions.binary_search_by(|other| evr.compare(other)) {
            versions.insert(at, evr);
            versions.truncate(self.kept);
        }
    }

    /// Whether so many newer versions were noted that the package does not count.
    pub fn leaves_out(&self, nevra: &Nevra, modular: &HashSet<Nevra>) -> bool {
        if self.kept == 0 || modular.contains(nevra) {
            return false;
        }
        let versions = self.versions.get(&(nevra.name.clone(), nevra.arch.clone()));
        let oldest = versions.filter(|versions| versions.len() >= self.kept).and_then(|versions| versions.last());
        oldest.is_some_and(|oldest| nevra.evr.compare(oldest).is_lt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_versions_are_left_out() {
        let nevra = |text: &str| Nevra::parse(text).expect("a package");
        let all = ["a-1-1.noarch", "a-10-1.noarch", "a-2-1.noarch", "a-2-1.noarch", "a-1-1.x86_64", "a-0-1.noarch"];
        let modular = HashSet::from([nevra("a-0-1.noarch")]);
        for (kept, expected) in [(0, vec![]), (1, vec!["a-1-1.noarch", "a-2-1.noarch"]), (2, vec!["a-1-1.noarch"])] {
            let mut newest = Newest::new(kept);
            all.iter().for_each(|text| newest.note(nevra(text), &modular));
            let mut found: Vec<_> = all.into_iter().filter(|text| newest.leaves_out(&nevra(text), &modular)).collect();
            found.dedup();
            assert_eq!(found, expected, "{kept}");
        }
    }
}
