//! PostgreSQL by its wire protocol, without libpq.

use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::str::FromStr;

use postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use postgres::{Client, Statement};

use super::conn::placeholders;
use super::{Row, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};

/// The protocol counts parameters with 16 bits.
const MOST_PARAMETERS: usize = 60_000;
/// Rows per statement when inserting many.
const ROWS_PER_INSERT: usize = 500;
/// How many prepared statements a connection keeps.
const STATEMENTS: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not zero");

/// A client and its prepared statements by their text. The texts are few: filters add conditions to
/// fixed heads, and lists are one parameter.
pub struct Session {
    pub(super) client: Closing,
    statements: lru::LruCache<String, Statement>,
}

pub(super) fn connect(url: &str) -> Result<Session> {
    let config = postgres::Config::from_str(url)
        .map_err(|cause| Error::storage("`database` is not a PostgreSQL address", cause))?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut client = config
        .connect(tokio_postgres_rustls::MakeRustlsConnect::new(tls))
        .map_err(|cause| Error::storage("cannot connect to PostgreSQL", full(&cause)))?;
    // Notices, such as that a table is there already, would stand between what a verb tells its user.
    let session = "SET TIME ZONE 'UTC'; SET client_min_messages = warning";
    client.batch_execute(session).map_err(|cause| error(&cause))?;
    Ok(Session { client: Closing(Some(client)), statements: lru::LruCache::new(STATEMENTS) })
}

/// A client that says goodbye on a thread of its own: it blocks, which a thread of a runtime must not.
pub(super) struct Closing(Option<Client>);

impl Deref for Closing {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.as_ref().expect("only dropping takes the client")
    }
}

impl DerefMut for Closing {
    fn deref_mut(&mut self) -> &mut Client {
        self.0.as_mut().expect("only dropping takes the client")
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let client = self.0.take();
        std::thread::spawn(move || drop(client));
    }
}

#[derive(Debug)]
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Bool(value) => value.to_sql(ty, out),
            Value::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Value::Int(value) => value.to_sql(ty, out),
            Value::Real(value) => value.to_sql(ty, out),
            Value::Text(value) => value.to_sql(ty, out),
            Value::Id(value) => value.0.to_sql(ty, out),
            Value::Instant(value) => value.to_sql(ty, out),
            Value::Json(value) => value.to_sql(ty, out),
            Value::Bytes(value) => value.to_sql(ty, out),
            Value::Ids(values) => values.iter().map(|id| id.0).collect::<Vec<_>>().to_sql(ty, out),
            Value::Texts(values) => values.to_sql(ty, out),
            Value::Ints(values) => values.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn prepare(session: &mut Session, sql: &str) -> Result<Statement> {
    if let Some(statement) = session.statements.get(sql) {
        return Ok(statement.clone());
    }
    let statement = session.client.prepare(sql).map_err(|cause| error(&cause))?;
    session.statements.put(sql.to_owned(), statement.clone());
    Ok(statement)
}

pub(super) fn query(session: &mut Session, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
    let statement = prepare(session, sql)?;
    let params: Vec<Parameter> = params.iter().map(Parameter).collect();
    let refs: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
    let rows = session.client.query(&statement, &refs).map_err(|cause| error(&cause))?;
    rows.iter().map(row).collect()
}

pub(super) fn execute(session: &mut Session, sql: &str, params: &[Value]) -> Result<u64> {
    let statement = prepare(session, sql)?;
    let params: Vec<Parameter> = params.iter().map(Parameter).collect();
    let refs: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
    session.client.execute(&statement, &refs).map_err(|cause| error(&cause))
}

/// `head` is `INSERT INTO t (a, b) VALUES `; rows go in chunks, so that few texts are prepared.
pub(super) fn insert_many(
    session: &mut Session,
    head: &str,
    columns: usize,
    rows: &[Vec<Value>],
    suffix: &str,
) -> Result<u64> {
    let chunk = ROWS_PER_INSERT.min(MOST_PARAMETERS / columns.max(1));
    let mut count = 0;
    for rows in rows.chunks(chunk) {
        let values: Vec<_> = (0..rows.len()).map(|row| placeholders(row * columns + 1, columns)).collect();
        let params: Vec<Value> = rows.iter().flatten().cloned().collect();
        count += execute(session, &format!("{head}{}{suffix}", values.join(", ")), &params)?;
    }
    Ok(count)
}

fn row(row: &postgres::Row) -> Result<Row> {
    (0..row.len()).map(|at| column(row, at)).collect::<Result<_>>().map(Row)
}

fn column(row: &postgres::Row, at: usize) -> Result<Value> {
    fn get<'a, T: FromSql<'a> + Into<Value>>(row: &'a postgres::Row, at: usize) -> Result<Value> {
        row.try_get::<_, Option<T>>(at).map(Into::into).map_err(|cause| error(&cause))
    }
    match *row.columns()[at].type_() {
        Type::BOOL => get::<bool>(row, at),
        Type::INT4 => get::<i32>(row, at),
        Type::INT8 => get::<i64>(row, at),
        Type::FLOAT8 => get::<f64>(row, at),
        Type::UUID => Ok(row.try_get::<_, Option<uuid::Uuid>>(at).map_err(|cause| error(&cause))?.map(Id).into()),
        Type::TIMESTAMPTZ => get::<Instant>(row, at),
        Type::JSON | Type::JSONB => get::<serde_json::Value>(row, at),
        Type::BYTEA => {
            Ok(row.try_get::<_, Option<Vec<u8>>>(at).map_err(|cause| error(&cause))?.map_or(Value::Null, Value::Bytes))
        }
        Type::VOID => Ok(Value::Null),
        _ => get::<String>(row, at),
    }
}

/// PostgreSQL names a violated key in its detail: `Key (domain_id, name)=(…) already exists.`
pub(super) fn error(cause: &postgres::Error) -> Error {
    let Some(db) = cause.as_db_error() else {
        return Error::storage("the database does not answer", full(cause));
    };
    match db.code().code() {
        "23505" => {
            let names = db.detail().and_then(|detail| detail.strip_prefix("Key (")?.split_once(")=("));
            let columns = names.map(|(names, _)| names.split(", ").map(str::to_owned).collect());
            Error::Duplicate { columns: columns.unwrap_or_default() }
        }
        "23503" => Error::Referenced,
        // SQLite is given patterns in the same syntax but for some rare parts.
        "2201B" => Error::non_field("The database does not understand the regular expression."),
        // The one character of a text that SQLite keeps and PostgreSQL does not.
        "22021" | "22P05" => Error::non_field("Null characters are not allowed."),
        "53100" | "53200" => Error::storage("cannot write the database", db),
        _ => Error::internal(full(cause)),
    }
}

/// The driver's own text says "db error"; its source says which.
fn full(cause: &postgres::Error) -> String {
    let mut text = cause.to_string();
    let mut source = std::error::Error::source(cause);
    while let Some(next) = source {
        text = format!("{text}: {next}");
        source = next.source();
    }
    text
}
