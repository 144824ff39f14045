//! Reading the metadata of packages from their files again: units that were synchronized without their files know
//! only what the index said.

use std::sync::Arc;

use pith_core::error::Result;
use pith_core::plugin::{Progress, RepositoryJob};
use serde_json::{Map, Value as Json, json};

use crate::content::{PACKAGE, StoredPackageContent};

/// Units looked at between two questions to the database.
const PAGE: i64 = 500;
/// So many of the files that cannot be read are named.
const NAMED: usize = 50;

/// The reports of the task say what was done. It has no result: clients print one where there is any.
pub(crate) async fn repair(job: &RepositoryJob) -> Result<Json> {
    let total = job.units.count(PACKAGE).await?;
    let looked_at = job.progress("Packages looked at", "repair.metadata.packages", Some(total));
    let repaired = job.progress("Packages' metadata repaired", "repair.metadata.repaired", None);
    let mut failed = Failed::new(job.progress("Packages that cannot be read", "repair.metadata.failed", None));
    let mut after = None;
    loop {
        let page = job.units.page(PACKAGE, &["filename"], after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in page {
            let filename: String = row.get(0)?;
            // The name stays what it is, whatever the metadata says.
            let given = Map::from_iter([("relative_path".to_owned(), json!(filename))]);
            match job.inspect_again(&StoredPackageContent, row.id, &filename, &given).await {
                Ok(changed) => repaired.add(i64::from(changed == Some(true))),
                Err(error) => {
                    job.check()?;
                    tracing::warn!(%error, %filename, "the metadata of a package cannot be read again");
                    failed.note(&filename, &error.public_text());
                }
            }
            looked_at.add(1);
        }
    }
    for report in [&looked_at, &repaired, &failed.report] {
        report.finish();
    }
    Ok(Json::Null)
}

/// The files that could not be read, as a report shows them.
struct Failed {
    report: Arc<dyn Progress>,
    count: usize,
    named: String,
}

impl Failed {
    fn new(report: Arc<dyn Progress>) -> Self {
        Self { report, count: 0, named: String::new() }
    }

    fn note(&mut self, filename: &str, reason: &str) {
        self.count += 1;
        self.report.add(1);
        if self.count > NAMED + 1 {
            return;
        }
        if self.count > 1 {
            self.named.push_str("; ");
        }
        if self.count > NAMED {
            self.named.push('…');
        } else {
            self.named.push_str(&format!("{filename}: {reason}"));
        }
        self.report.set_suffix(&self.named);
    }
}
