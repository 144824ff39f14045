//! How many versions of each package a version of a repository keeps (`retain_package_versions`).

use std::collections::BTreeMap;

use pith_core::error::Result;
use pith_core::id::Id;
use pith_core::plugin::DraftUnits;
use serde_json::Value as Json;

use crate::content::package::PACKAGE;
use crate::evr::Evr;

/// Names of packages looked up together.
const NAMES: usize = 500;

/// Takes out all but the newest versions of each name and architecture. Packages of modules stay, whatever their
/// number. Only the names that are new are looked at, unless the setting may be new too.
pub(super) fn retain(draft: &mut DraftUnits<'_>) -> Result<()> {
    let kept = draft.details.get("retain_package_versions").and_then(Json::as_u64).unwrap_or(0);
    let kept = usize::try_from(kept).unwrap_or(usize::MAX);
    if kept == 0 {
        return Ok(());
    }
    let mut names = vec![];
    if draft.settings_changed()? {
        names.extend(crowded(draft, &[], kept)?);
    } else {
        let added = draft.added(PACKAGE, &["name"], &[])?;
        let added = distinct(added.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?);
        for some in added.chunks(NAMES) {
            names.extend(crowded(draft, &[("name", some.to_vec())], kept)?);
        }
    }
    let names = distinct(names);
    names.chunks(NAMES).try_for_each(|some| retain_some(draft, some, kept))
}

fn crowded(draft: &mut DraftUnits<'_>, equal: &[(&'static str, Vec<String>)], kept: usize) -> Result<Vec<String>> {
    let found = draft.crowded(PACKAGE, &["name", "arch"], equal, kept)?;
    Ok(found.into_iter().filter_map(|values| values.into_iter().next()).collect())
}

fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

fn retain_some(draft: &mut DraftUnits<'_>, names: &[String], kept: usize) -> Result<()> {
    const COLUMNS: &[&str] = &["name", "arch", "epoch", "version", "release", "is_modular"];
    let mut packages: BTreeMap<(String, String), Vec<(Evr, Id)>> = BTreeMap::new();
    for row in draft.present(PACKAGE, COLUMNS, &[("name", names.to_vec())])? {
        if row.get(5)? {
            continue;
        }
        let epoch: String = row.get(2)?;
        let evr = Evr::new(epoch.parse().unwrap_or(0), row.get::<String>(3)?, row.get::<String>(4)?);
        packages.entry((row.get(0)?, row.get(1)?)).or_default().push((evr, row.id));
    }
    let surplus: Vec<Id> = packages.into_values().flat_map(|versions| surplus(versions, kept)).collect();
    draft.remove(&surplus)
}

/// The units beyond the newest versions. Units of one version stay or go together.
fn surplus(mut versions: Vec<(Evr, Id)>, kept: usize) -> Vec<Id> {
    versions.sort_by(|(a, _), (b, _)| b.compare(a));
    let mut number = 0;
    let mut last: Option<&Evr> = None;
    let mut out = vec![];
    for (evr, id) in &versions {
        if last.is_none_or(|last| last.compare(evr).is_ne()) {
            number += 1;
            last = Some(evr);
        }
        if number > kept {
            out.push(*id);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_versions_are_kept() {
        for (versions, kept, gone) in [
            (vec!["1-1", "1-2", "1-10"], 1, vec!["1-1", "1-2"]),
            (vec!["1-1", "1:0-1", "2-1"], 2, vec!["1-1"]),
            (vec!["1-1", "1-1", "2-1"], 2, vec![]),
            (vec!["1-1", "1-1", "2-1", "2~rc1-1"], 2, vec!["1-1", "1-1"]),
            (vec![], 1, vec![]),
        ] {
            let units: Vec<(Evr, Id)> = versions.iter().map(|text| (Evr::parse(text), Id::new())).collect();
            let out = surplus(units.clone(), kept);
            let mut texts: Vec<String> =
                units.iter().filter(|(_, id)| out.contains(id)).map(|(evr, _)| evr.to_string()).collect();
            texts.sort_unstable();
            assert_eq!(texts, gone, "{versions:?}, {kept}");
        }
    }
}
