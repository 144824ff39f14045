//! Making a publication: every file at its path, and the manifest that lists them.

use pith_core::error::{Error, Result};
use pith_core::id::RelativePath;
use pith_core::plugin::{PublicationWriter, VersionFile, VersionReader};
use serde_json::{Value as Json, json};

use crate::manifest;

/// The manifest's name unless told otherwise.
pub(crate) const DEFAULT_MANIFEST: &str = "PULP_MANIFEST";

pub(crate) async fn publish(version: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
    publication.pass_through();
    // A manifest of `null` means none.
    let Some(name) = publication.details.get("manifest").and_then(Json::as_str) else { return Ok(()) };
    let name: RelativePath =
        name.parse().map_err(|problem| Error::field("manifest", format!("`{name}` cannot be its path: {problem}")))?;
    let mut writer = publication.stage()?;
    while let Some(page) = version.next_page().await? {
        let mut lines = String::new();
        page.iter().try_for_each(|file| write_line(&mut lines, file))?;
        writer.write(lines.into()).await?;
    }
    let staged = writer.finish().await?;
    publication.add_staged(name, staged)
}

fn write_line(lines: &mut String, file: &VersionFile) -> Result<()> {
    let (Some(sha256), Some(size)) = (&file.sha256, file.size) else {
        return Err(Error::Conflict(format!("nothing tells size and digest of `{}`", file.relative_path)));
    };
    manifest::write_entry(lines, &file.relative_path, sha256, size);
    Ok(())
}

/// The details of a publication of a repository with these details.
pub(crate) fn details(repository: &Json) -> Json {
    let manifest = repository.get("manifest").cloned().unwrap_or_else(|| json!(DEFAULT_MANIFEST));
    json!({"manifest": manifest})
}

pub(crate) fn autopublication(repository: &Json) -> Option<Json> {
    (repository.get("autopublish") == Some(&Json::Bool(true))).then(|| details(repository))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_repositories_that_ask_for_it_are_published_by_themselves() {
        assert_eq!(autopublication(&json!({})), None);
        assert_eq!(autopublication(&json!({"autopublish": false, "manifest": "x"})), None);
        let found = autopublication(&json!({"autopublish": true, "manifest": "x"}));
        assert_eq!(found, Some(json!({"manifest": "x"})));
        assert_eq!(autopublication(&json!({"autopublish": true})), Some(json!({"manifest": "PULP_MANIFEST"})));
        assert_eq!(autopublication(&json!({"autopublish": true, "manifest": null})), Some(json!({"manifest": null})));
    }
}
