//! How long the lists are that name nothing but their domain and type. To count the rows takes as long as there are
//! many, on every page; so the database keeps the tally itself, by triggers, whoever adds or deletes.
//!
//! On SQLite writers take turns, and a sum is changed in place. On PostgreSQL they would wait for each other, or for
//! ever: each statement leaves a row with its change, and [`merge`] adds those up from time to time.

use super::{Conn, Value};
use crate::error::Result;
use crate::id::Id;
use crate::params;

/// Tables of which there is a tally, and which of the rows of each (`{row}`) are in its lists.
const TALLIED: [(&str, &str); 3] = [("repository", "NOT {row}user_hidden"), ("remote", ""), ("distribution", "")];

/// Has the tallies be kept from now on. Does nothing when they are; counts the rows where not.
pub fn ensure(conn: &mut Conn) -> Result<()> {
    for (table, listed) in TALLIED {
        if is_kept(conn, table)? {
            continue;
        }
        // PostgreSQL lets nobody write to the table from here to the end of the transaction.
        conn.plain(&match conn {
            Conn::Sqlite(_) => sqlite_triggers(table, listed),
            Conn::Postgres(_) => postgres_triggers(table, listed),
        })?;
        conn.execute("DELETE FROM tally WHERE kind = $1", params![table])?;
        let counted = filtered("WHERE ", listed, "");
        conn.execute(
            &format!(
                "INSERT INTO tally (kind, domain_id, pulp_type, change)
                     SELECT '{table}', domain_id, pulp_type, count(*) FROM {table}{counted} GROUP BY domain_id, pulp_type"
            ),
            &[],
        )?;
    }
    Ok(())
}

/// The rows of a domain that its list has, of one type or of all; none where there is no tally of the table.
pub fn count(conn: &mut Conn, table: &str, domain: Id, pulp_type: Option<&str>) -> Result<Option<i64>> {
    if !TALLIED.iter().any(|(tallied, _)| *tallied == table) {
        return Ok(None);
    }
    let mut sql =
        "SELECT CAST(coalesce(sum(change), 0) AS bigint) FROM tally WHERE kind = $1 AND domain_id = $2".to_owned();
    let mut params: Vec<Value> = vec![table.into(), domain.into()];
    if let Some(pulp_type) = pulp_type {
        sql.push_str(" AND pulp_type = $3");
        params.push(pulp_type.into());
    }
    conn.query_one(&sql, &params)?.get(0).map(Some)
}

/// Adds the changes up; how many sums there are anew. Others may read and write meanwhile, and do the same.
pub fn merge(conn: &mut Conn) -> Result<u64> {
    if matches!(conn, Conn::Sqlite(_)) {
        return Ok(0);
    }
    conn.execute(
        "WITH apart AS (
             SELECT kind, domain_id, pulp_type FROM tally GROUP BY kind, domain_id, pulp_type HAVING count(*) > 1
         ), gone AS (
             DELETE FROM tally t USING apart a
                 WHERE t.kind = a.kind AND t.domain_id = a.domain_id AND t.pulp_type = a.pulp_type
                 RETURNING t.kind, t.domain_id, t.pulp_type, t.change
         )
         INSERT INTO tally (kind, domain_id, pulp_type, change)
             SELECT kind, domain_id, pulp_type, CAST(sum(change) AS bigint) FROM gone GROUP BY kind, domain_id, pulp_type",
        &[],
    )
}

/// Forgets a domain.
pub fn forget(conn: &mut Conn, domain: Id) -> Result<()> {
    conn.execute("DELETE FROM tally WHERE domain_id = $1", params![domain]).map(drop)
}

fn trigger(table: &str, event: &str) -> String {
    format!("{table}_tally_{event}")
}

fn is_kept(conn: &mut Conn, table: &str) -> Result<bool> {
    let name = trigger(table, "delete");
    let found = match conn {
        Conn::Sqlite(_) => {
            let sql = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = $1";
            conn.query_opt(sql, params![name.as_str()])?
        }
        Conn::Postgres(_) => {
            let sql = format!("SELECT 1 FROM pg_trigger WHERE tgname = $1 AND tgrelid = '{table}'::regclass");
            conn.query_opt(&sql, params![name.as_str()])?
        }
    };
    Ok(found.is_some())
}

/// The condition behind a keyword, for rows that are called so; nothing where there is no condition.
fn filtered(keyword: &str, listed: &str, row: &str) -> String {
    if listed.is_empty() { String::new() } else { format!(" {keyword}{}", listed.replace("{row}", row)) }
}

fn sqlite_triggers(table: &str, listed: &str) -> String {
    let one = |event: &str, row: &str, change: i64| {
        let (name, when) = (trigger(table, event), filtered("WHEN ", listed, &format!("{row}.")));
        let sum = format!("kind = '{table}' AND domain_id = {row}.domain_id AND pulp_type = {row}.pulp_type");
        format!(
            "CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW{when} BEGIN
                 INSERT INTO tally (kind, domain_id, pulp_type, change)
                     SELECT '{table}', {row}.domain_id, {row}.pulp_type, 0
                     WHERE NOT EXISTS (SELECT 1 FROM tally WHERE {sum});
                 UPDATE tally SET change = change + {change} WHERE {sum};
             END;"
        )
    };
    one("insert", "NEW", 1) + &one("delete", "OLD", -1)
}

fn postgres_triggers(table: &str, listed: &str) -> String {
    let listed = filtered("WHERE ", listed, "");
    let function = format!(
        "CREATE OR REPLACE FUNCTION tally_{table}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
             INSERT INTO tally (kind, domain_id, pulp_type, change)
                 SELECT ''{table}'', domain_id, pulp_type, CASE TG_OP WHEN ''INSERT'' THEN count(*) ELSE -count(*) END
                 FROM changed{listed} GROUP BY domain_id, pulp_type;
             RETURN NULL;
         END';"
    );
    let one = |event: &str, rows: &str| {
        format!(
            "CREATE TRIGGER {} AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed
                 FOR EACH STATEMENT EXECUTE FUNCTION tally_{table}();",
            trigger(table, event)
        )
    };
    function + &one("insert", "NEW") + &one("delete", "OLD")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::db::pinned;
    use crate::id::now;
    use crate::ops::fixture::Fixture;

    fn add(conn: &mut Conn, domain: Id, pulp_type: &str) -> Result<Id> {
        let id = Id::new();
        let values = params![id, domain, now(), pulp_type, id.to_string(), json!({})];
        conn.execute(
            "INSERT INTO repository (id, domain_id, created, updated, pulp_type, name, labels, next_version, user_hidden,
                 details) VALUES ($1, $2, $3, $3, $4, $5, $6, 0, FALSE, $6)",
            values,
        )?;
        Ok(id)
    }

    fn counts(fixture: &Fixture) -> [Option<i64>; 3] {
        let domain = fixture.domain;
        fixture.read(|conn| {
            Ok([
                count(conn, "repository", domain, None)?,
                count(conn, "repository", domain, Some("a.b"))?,
                count(conn, "content", domain, None)?,
            ])
        })
    }

    #[test]
    fn the_tally_is_the_number_of_rows_whatever_becomes_of_them() {
        let fixture = Fixture::new();
        let domain = fixture.domain;
        let before = fixture.write(move |conn| add(conn, domain, "a.b"));
        fixture.write(ensure);
        fixture.write(ensure);
        assert_eq!(counts(&fixture), [Some(1), Some(1), None]);
        let added = fixture.write(move |conn| Ok([add(conn, domain, "a.b")?, add(conn, domain, "c.d")?]));
        // Hidden ones are in no list.
        fixture.write(move |conn| pinned::create(conn, added[0], "folder"));
        assert_eq!(counts(&fixture), [Some(3), Some(2), None]);
        fixture.write(merge);
        assert_eq!(counts(&fixture), [Some(3), Some(2), None]);
        let undone = fixture.db.write_blocking(move |conn| {
            add(conn, domain, "a.b")?;
            Err::<(), _>(crate::error::Error::Canceled)
        });
        assert!(undone.is_err());
        assert_eq!(counts(&fixture), [Some(3), Some(2), None]);
        fixture.write(move |conn| {
            conn.execute("DELETE FROM repository WHERE id = ANY($1)", params![vec![before, added[0]]])
        });
        assert_eq!(counts(&fixture), [Some(1), Some(0), None]);
        fixture.write(move |conn| forget(conn, domain));
        assert_eq!(counts(&fixture), [Some(0), Some(0), None]);
    }
}
