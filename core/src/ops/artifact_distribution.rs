//! The distribution that serves artifacts by their ids, made by the program, and the addresses that it signs.

use serde_json::Value as Json;

use super::configured::{self, Change};
use crate::app::App;
use crate::auth::random;
use crate::db::artifact_distribution::{self as rows, ARTIFACTS};
use crate::db::{Conn, Lock, Value, content_guards};
use crate::error::{Error, Result};
use crate::guards::redirect::{self, REDIRECT};
use crate::id::{Id, now};
use crate::resource::{Kind, Resource};

/// Makes the distribution and its guard where they are not there yet. `app` is seen from the default domain. Safe to call
/// from several hosts at once.
pub fn ensure(app: &App, conn: &mut Conn) -> Result<()> {
    conn.lock(&Lock::Migrations)?;
    let known = rows::find(conn)?;
    if known.as_ref().is_some_and(|known| known.guard.is_some()) {
        return Ok(());
    }
    let name = format!("a{}", hex::encode(random::<32>()?));
    let named = || vec![("name".to_owned(), Value::from(name.clone()))];
    let guard = configured::create(app, conn, resource(app, Kind::ContentGuard, REDIRECT)?, &Change::of(named()))?;
    match known {
        Some(known) => rows::set_guard(conn, known.id, guard),
        None => {
            let mut columns = named();
            columns.extend([
                ("base_path".to_owned(), name.clone().into()),
                ("hidden".to_owned(), false.into()),
                ("labels".to_owned(), Json::Object(serde_json::Map::new()).into()),
                ("content_guard_id".to_owned(), guard.into()),
            ]);
            let distributions = resource(app, Kind::Distribution, ARTIFACTS)?;
            configured::create(app, conn, distributions, &Change::of(columns)).map(drop)
        }
    }
}

fn resource<'a>(app: &'a App, kind: Kind, pulp_type: &str) -> Result<&'a Resource> {
    app.registry.typed(kind, pulp_type).ok_or_else(|| Error::internal(format!("there is no type `{pulp_type}`")))
}

/// Makes addresses of artifacts, which whoever has them can read for an hour.
pub struct Addresses {
    origin: String,
    /// From the root of the host to the distribution.
    path: String,
    secrets: Json,
}

impl Addresses {
    /// `app` is seen from the default domain; `origin` is scheme and host of the request at hand, for where no address of
    /// the content is configured.
    pub fn load(app: &App, conn: &mut Conn, origin: &str) -> Result<Self> {
        let absent = || Error::internal("the distribution of artifacts is gone");
        let found = rows::find(conn)?.ok_or_else(absent)?;
        let guard = content_guards::by_id(conn, found.guard.ok_or_else(absent)?)?.ok_or_else(absent)?;
        let secrets = app.secrets.open(&guard.secrets.ok_or_else(absent)?)?;
        let origin = app.config.content_origin.as_deref().unwrap_or(origin).to_owned();
        Ok(Self { origin, path: format!("{}{}/", app.content_path(), found.base_path), secrets })
    }

    pub fn of(&self, artifact: Id) -> Result<String> {
        let path = format!("{}{artifact}", self.path);
        let query = redirect::sign(&self.secrets, &path, now())?;
        Ok(format!("{}{path}?{query}", self.origin))
    }
}
