//! Brings the schema up to date: each component's files in order, each once.

use std::collections::{BTreeSet, HashSet};

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
        ("0046_hidden_repository", include_str!("../../../migrations/core/0046_hidden_repository.sql")),
        ("0050_api_token", include_str!("../../../migrations/core/0050_api_token.sql")),
        ("0052_upstream_pulp", include_str!("../../../migrations/core/0052_upstream_pulp.sql")),
        ("0053_domain_store", include_str!("../../../migrations/core/0053_domain_store.sql")),
        ("0056_signing_result", include_str!("../../../migrations/core/0056_signing_result.sql")),
        ("0057_signing_successor", include_str!("../../../migrations/core/0057_signing_successor.sql")),
        ("0058_scoped_lists", include_str!("../../../migrations/core/0058_scoped_lists.sql")),
        ("0059_upload_removal", include_str!("../../../migrations/core/0059_upload_removal.sql")),
        ("0060_tally", include_str!("../../../migrations/core/0060_tally.sql")),
    ],
};

pub(super) fn run(conn: &mut Conn, sets: &[Migrations]) -> Result<()> {
    apply(conn, sets, |_, _| true)
}

/// Brings the schema up to date by those of the migrations that `wanted` says yes to, as part of a transaction.
pub fn apply(conn: &mut Conn, sets: &[Migrations], wanted: impl Fn(&str, &str) -> bool) -> Result<()> {
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

/// The tables that these migrations leave behind, by what their statements say.
pub fn tables(sets: &[Migrations]) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for (_, statements) in sets.iter().flat_map(|set| set.steps) {
        let code = statements.lines().map(|line| line.split("--").next().unwrap_or(line)).collect::<Vec<_>>().join(" ");
        code.split(';').for_each(|statement| follow(statement, &mut tables));
    }
    tables
}

/// What a statement does to the set of tables.
fn follow(statement: &str, tables: &mut BTreeSet<String>) {
    let words: Vec<String> = statement
        .split(|c: char| c.is_whitespace() || c == '(')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .filter(|word| !matches!(word.as_str(), "if" | "not" | "exists"))
        .collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["create", "table", name, ..] => {
            tables.insert((*name).to_owned());
        }
        ["drop", "table", name, ..] => {
            tables.remove(*name);
        }
        ["alter", "table", old, "rename", "to", new, ..] => {
            tables.remove(*old);
            tables.insert((*new).to_owned());
        }
        _ => {}
    }
}

#[cfg(test)]
impl super::Db {
    /// Makes core's tables, for tests of other modules.
    pub(crate) fn migrate_core(&self) -> Result<()> {
        self.migrate(&[CORE])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Address, Db, dump, sqlite_file};

    #[test]
    fn the_tables_of_migrations_are_read_from_their_statements() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Address::Sqlite(sqlite_file(folder.path())), 2).unwrap();
        db.migrate_core().unwrap();
        let found = db.read_blocking(dump::present).unwrap();
        let expected: BTreeSet<String> = found.into_iter().filter(|name| name != "migration").collect();
        assert!(expected.contains("artifact") && expected.contains("artifact_removal"));
        assert_eq!(tables(&[CORE]), expected);
    }
}
