//! Reading the metadata of packages from their files again: units that were synchronized without their files know
//! only what the index said.

use pith_core::error::Result;
use pith_core::plugin::RepositoryJob;
use serde_json::{Map, Value as Json, json};

use crate::content::{PACKAGE, StoredPackageContent};

/// Units looked at between two questions to the database.
const PAGE: i64 = 500;

pub(crate) async fn repair(job: &RepositoryJob) -> Result<Json> {
    let total = job.units.count(PACKAGE).await?;
    let done = job.progress("Packages' metadata repaired", "repair.metadata", Some(total));
    let (mut after, mut repaired, mut failed) = (None, 0_u64, vec![]);
    loop {
        let page = job.units.page(PACKAGE, &["filename"], after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in page {
            let filename: String = row.get(0)?;
            // The name stays what it is, whatever the metadata says.
            let given = Map::from_iter([("relative_path".to_owned(), json!(filename))]);
            match job.inspect_again(&StoredPackageContent, row.id, &filename, &given).await {
                Ok(changed) => repaired += u64::from(changed == Some(true)),
                Err(error) => {
                    job.check()?;
                    failed.push(json!({"file": filename, "error": error.public_text()}));
                }
            }
            done.add(1);
        }
    }
    done.finish();
    failed.truncate(1000);
    Ok(json!({"repaired": repaired, "failed": failed}))
}
