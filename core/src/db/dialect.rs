//! All that differs between the databases. SQL is written once, in PostgreSQL's words; SQLite gets it
//! translated here: parameters, lists, pattern operators, and the column types of the migrations.

/// Turns a statement into SQLite's words:
/// `$1` → `?1`, `= ANY($1)` → `IN rarray(?1)`, `<> ALL($1)` → `NOT IN rarray(?1)`, and `~` → `REGEXP`,
/// which calls a function that the connection defines (`db/sqlite.rs`); `strpos` is its `instr`. Case is folded by `lower()` or `(?i)`.
pub(super) fn sqlite(sql: &str) -> String {
    sql.replace("= ANY($", "IN rarray($")
        .replace("<> ALL($", "NOT IN rarray($")
        .replace(" ~ ", " REGEXP ")
        .replace(" FOR UPDATE SKIP LOCKED", "")
        .replace("strpos(", "instr(")
        .replace('$', "?")
}

/// Turns a migration into SQLite's words: only column types differ. Bytes are the order
/// it compares texts in anyway.
pub(super) fn sqlite_schema(sql: &str) -> String {
    [
        (" bigserial PRIMARY KEY", " INTEGER PRIMARY KEY AUTOINCREMENT"),
        (" uuid", " BLOB"),
        (" bytea", " BLOB"),
        (" timestamptz", " TEXT"),
        (" jsonb", " TEXT"),
        (" bigint", " INTEGER"),
        (" double precision", " REAL"),
        // The order of bytes is SQLite's own.
        (" COLLATE \"C\"", ""),
    ]
    .iter()
    .fold(sql.to_owned(), |sql, (from, to)| sql.replace(from, to))
}
