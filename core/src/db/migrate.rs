//! Brings the schema up to date: each component's files in order, each once.

use std::collections::HashSet;

use super::{Conn, Lock};
use crate::error::Result;
use crate::id::now;
use crate::params;

/// A component's migrations, oldest first: (name, statements in PostgreSQL's words).
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    pub component: &'static str,
    pub steps: &'static [(&'static str, &'static str)],
}

/// Core's own.
pub const CORE: Migrations = Migrations {
    component: "core",
    steps: &[
        ("0001_initial", include_str!("../../../migrations/core/0001_initial.sql")),
        ("0002_sync_state", include_str!("../../../migrations/core/0002_sync_state.sql")),
        ("0004_repository_part", include_str!("../../../migrations/core/0004_repository_part.sql")),
        ("0006_pending_content", include_str!("../../../migrations/core/0006_pending_content.sql")),
        ("0007_vulnerability_report", include_str!("../../../migrations/core/0007_vulnerability_report.sql")),
        ("0008_placement", include_str!("../../../migrations/core/0008_placement.sql")),
        ("0012_signing_service", include_str!("../../../migrations/core/0012_signing_service.sql")),
        ("0013_content_guard", include_str!("../../../migrations/core/0013_content_guard.sql")),
        ("0017_alternate_content_source", include_str!("../../../migrations/core/0017_alternate_content_source.sql")),
        ("0020_task_schedule", include_str!("../../../migrations/core/0020_task_schedule.sql")),
        ("0021_access_control", include_str!("../../../migrations/core/0021_access_control.sql")),
        ("0025_domain", include_str!("../../../migrations/core/0025_domain.sql")),
        ("0030_pinned_version", include_str!("../../../migrations/core/0030_pinned_version.sql")),
        ("0040_exchange", include_str!("../../../migrations/core/0040_exchange.sql")),
    ],
};

pub(super) fn run(conn: &mut Conn, sets: &[Migrations]) -> Result<()> {
    run_only(conn, sets, |_, _| true)
}

/// As [`run`], of those that `wanted` says yes to.
pub(super) fn run_only(conn: &mut Conn, sets: &[Migrations], wanted: impl Fn(&str, &str) -> bool) -> Result<()> {
    conn.lock(&Lock::Migrations)?;
    conn.batch(
        "CREATE TABLE IF NOT EXISTS migration (
             component text NOT NULL, name text NOT NULL, applied_at timestamptz NOT NULL,
             PRIMARY KEY (component, name))",
    )?;
    for set in sets {
        for (name, statements) in set.steps.iter().filter(|(name, _)| wanted(set.component, name)) {
            let known = conn.query_opt(
                "SELECT 1 FROM migration WHERE component = $1 AND name = $2",
                params![set.component, *name],
            )?;
            if known.is_none() {
                conn.batch(statements)?;
                conn.execute(
                    "INSERT INTO migration (component, name, applied_at) VALUES ($1, $2, $3)",
                    params![set.component, *name, now()],
                )?;
            }
        }
    }
    Ok(())
}

/// Those that were not applied.
pub(super) fn missing(conn: &mut Conn, sets: &[Migrations]) -> Result<Vec<String>> {
    let rows = conn.query("SELECT component, name FROM migration", &[])?;
    let applied: HashSet<(String, String)> =
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_>>()?;
    let names = sets.iter().flat_map(|set| set.steps.iter().map(|(name, _)| (set.component, *name)));
    let missing = names.filter(|(component, name)| !applied.contains(&((*component).into(), (*name).into())));
    Ok(missing.map(|(component, name)| format!("{component}/{name}")).collect())
}

#[cfg(test)]
impl super::Db {
    /// Makes core's tables, for tests of other modules.
    pub(crate) fn migrate_core(&self) -> Result<()> {
        self.migrate(&[CORE])
    }
}
