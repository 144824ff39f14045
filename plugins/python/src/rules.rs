//! What a version of a repository may hold: its list of blocked packages, the rule on substitution, and that what
//! belongs to a package goes with it.

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{DraftUnits, Rejected};
use serde_json::Value as Json;

use crate::blocklist::BlocklistEntry;
use crate::content::{PACKAGE, PROVENANCE};
use crate::name::ProjectName;
use crate::resources::blocklist;

/// So many refused packages are named in an error.
const NAMED: usize = 50;

const PACKAGES: &[&str] = &["filename", "name_normalized", "version", "sha256"];

pub(crate) fn check(draft: &mut DraftUnits<'_>) -> Result<()> {
    if draft.details.get("allow_package_substitution") == Some(&Json::Bool(false)) {
        refuse_substitutes(draft)?;
    }
    refuse_blocked(draft)?;
    drop_provenances(draft)
}

fn fails(draft: &DraftUnits<'_>) -> bool {
    draft.details.get("error_on_reject") != Some(&Json::Bool(false))
}

/// Clients read the first sentence.
fn refuse_substitutes(draft: &mut DraftUnits<'_>) -> Result<()> {
    let rivals = draft.rivals(PACKAGE)?;
    if rivals.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = rivals.iter().map(|(id, filename)| format!("{filename} ({id})")).collect();
    if fails(draft) {
        return Err(Error::non_field(format!(
            "Found duplicate packages being added with the same filename but different checksums. To allow this, set \
             'allow_package_substitution' to True on the repository. Conflicting packages: {}",
            named(&names)
        )));
    }
    let ids: Vec<Id> = rivals.iter().map(|(id, _)| *id).collect();
    draft.remove(&ids)?;
    draft.reject(Rejected {
        message: "Packages left out by the rule on substitution",
        code: "python.reject.substitution",
        units: names,
    });
    Ok(())
}

/// Clients read the beginning of the sentence.
fn refuse_blocked(draft: &mut DraftUnits<'_>) -> Result<()> {
    let entries: Vec<BlocklistEntry> = draft.parts(blocklist::MODEL)?.iter().filter_map(blocklist::entry).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let mut blocked: Vec<(Id, String)> = vec![];
    let (mut names, mut files) = (vec![], vec![]);
    for entry in &entries {
        match entry {
            BlocklistEntry::File { filename } => files.push(filename.clone()),
            BlocklistEntry::Project { name } | BlocklistEntry::Release { name, .. } => names.push(name.clone()),
        }
    }
    let mut found = vec![];
    if !names.is_empty() {
        found.extend(draft.added(PACKAGE, PACKAGES, &[("name_normalized", names)])?);
    }
    if !files.is_empty() {
        found.extend(draft.added(PACKAGE, PACKAGES, &[("filename", files)])?);
    }
    for row in found {
        let (filename, name, version): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Ok(project) = ProjectName::parse(&name) else { continue };
        let hit = entries.iter().any(|entry| entry.blocks(&project, &version, &filename));
        if hit && blocked.iter().all(|(id, _)| *id != row.id) {
            blocked.push((row.id, filename));
        }
    }
    if blocked.is_empty() {
        return Ok(());
    }
    if fails(draft) {
        let names: Vec<String> = blocked.into_iter().map(|(_, filename)| filename).collect();
        let text = format!("Blocklisted packages cannot be added to this repository: {}", named(&names));
        return Err(Error::non_field(text));
    }
    let ids: Vec<Id> = blocked.iter().map(|(id, _)| *id).collect();
    draft.remove(&ids)?;
    draft.reject(Rejected {
        message: "Packages left out by the blocklist",
        code: "python.reject.blocklist",
        units: blocked.into_iter().map(|(id, filename)| format!("{filename} ({id})")).collect(),
    });
    Ok(())
}

fn named(units: &[String]) -> String {
    let mut text = units.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if units.len() > NAMED {
        text.push_str(&format!(" and {} more", units.len() - NAMED));
    }
    text
}

/// The provenance of a package that leaves goes too.
fn drop_provenances(draft: &mut DraftUnits<'_>) -> Result<()> {
    let removed = draft.removed(PACKAGE, &["sha256"])?;
    if removed.is_empty() {
        return Ok(());
    }
    let packages = removed.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?;
    let left = draft.present(PROVENANCE, &["sha256"], &[("package_sha256", packages)])?;
    let ids: Vec<Id> = left.iter().map(|row| row.id).collect();
    draft.remove(&ids)
}
