//! Units that are added to a repository whose files are signed: each is replaced by one whose file has the signature,
//! made now or when it was last asked for.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::Map;

use super::change_version::Created;
use super::create_content::{self, content_type};
use super::inspect::{self, NewUnit};
use super::sign_upload;
use crate::app::{App, Shared};
use crate::db::repositories::Settings;
use crate::db::signing_results::{self as rows, Unsigned};
use crate::db::{Conn, signing_services};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::plugin::ContentType;
use crate::resource::Kind;
use crate::signing::{FileSigner, SignedBy, key_of_files};
use crate::tasks::TaskContext;

/// Files that are signed at once.
const AT_ONCE: usize = 4;
/// Units that become rows together. What was signed before a failure is not signed again.
const TOGETHER: usize = 32;

/// What is done to units of a repository.
#[derive(Clone)]
pub struct Signature {
    signer: Arc<dyn FileSigner>,
    by: SignedBy,
}

/// The signature that units get which are added to a repository with these settings; none where they stay as they are.
pub fn wanted(app: &App, settings: &Settings) -> Option<Signature> {
    let signer = app.registry.plugin(&settings.pulp_type)?.file_signer()?;
    let by = signer.wanted(&settings.details)?;
    Some(Signature { signer, by })
}

impl Signature {
    /// # Errors
    /// `Invalid` when one of the units has a file that is not here: there is nothing to sign.
    pub fn check(&self, conn: &mut Conn, units: &[Id]) -> Result<()> {
        match rows::lack_files(conn, units, self.signer.content_type())? {
            true => Err(lacks_file()),
            false => Ok(()),
        }
    }
}

fn lacks_file() -> Error {
    Error::non_field("Cannot add on-demand packages to repo with set package signing service.")
}

/// What is to be added in the end.
#[derive(Debug, Default)]
pub struct Signed {
    pub units: Vec<Id>,
    /// The units that were made.
    pub created: Vec<Created>,
}

/// The units, and in the place of those whose files lack the signature others. Those are no part of a version yet.
///
/// # Errors
/// `Invalid` when a file is not here or is none of the format's; `Conflict` naming the signing service that fails.
pub async fn signed(app: &Shared, context: &TaskContext, with: &Signature, units: Vec<Id>) -> Result<Signed> {
    let content_type = content_type(app, with.signer.content_type())?;
    let work = Work { app, context, with, content_type: &**content_type, key: key(app, &with.by).await? };
    let mut found = work.unsigned(&units).await?;
    let mut replaced = work.known(&found).await?;
    found.retain(|one| !replaced.contains_key(&one.unit));
    let progress = context.progress("Signing Packages", "modify.signing.packages", i64::try_from(found.len()).ok());
    let mut signed = Signed::default();
    for some in found.chunks(TOGETHER) {
        for (unsigned, made, created) in work.sign(some).await? {
            replaced.insert(unsigned, made);
            signed.created.extend(created);
        }
        progress.add(i64::try_from(some.len()).unwrap_or(0));
    }
    progress.finish();
    signed.units = units.into_iter().map(|unit| replaced.get(&unit).copied().unwrap_or(unit)).collect();
    signed.units.sort_unstable();
    signed.units.dedup();
    Ok(signed)
}

/// # Errors
/// `Conflict` when a unit that was signed has been cleaned up before it became a part of a version.
pub fn check_kept(conn: &mut Conn, units: &[Id]) -> Result<()> {
    match rows::are_here(conn, units)? {
        true => Ok(()),
        false => Err(Error::Conflict("a signed package was cleaned up before it was added".into())),
    }
}

/// The key as results are noted by.
async fn key(app: &App, by: &SignedBy) -> Result<String> {
    if let Some(key) = &by.key {
        return Ok(key.to_ascii_uppercase());
    }
    let service = by.service;
    let row = app.db.read(move |conn| signing_services::by_id(conn, service)).await?;
    row.and_then(key_of_files).ok_or_else(|| Error::Conflict("the signing service was removed".into()))
}

struct Work<'a> {
    app: &'a Shared,
    context: &'a TaskContext,
    with: &'a Signature,
    content_type: &'a dyn ContentType,
    key: String,
}

/// A unit, the one in its place, and how the task names that if it is new.
type Replaced = (Id, Id, Option<Created>);

impl Work<'_> {
    async fn unsigned(&self, units: &[Id]) -> Result<Vec<Unsigned>> {
        let (units, table) = (units.to_vec(), self.content_type.table());
        let (pulp_type, carried) = (self.content_type.pulp_type(), self.with.signer.carried());
        let found = self.app.db.read(move |conn| rows::unsigned(conn, &units, (pulp_type, &table), carried)).await?;
        match found.iter().all(|one| one.file.is_some()) {
            true => Ok(found),
            false => Err(lacks_file()),
        }
    }

    /// What the units were signed to before.
    async fn known(&self, units: &[Unsigned]) -> Result<HashMap<Id, Id>> {
        let files: Vec<(Id, Sha256)> =
            units.iter().filter_map(|one| Some((one.unit, one.file.as_ref()?.1.clone()))).collect();
        let digests: Vec<Sha256> = files.iter().map(|(_, sha256)| sha256.clone()).collect();
        let (domain, key) = (self.app.domain, self.key.clone());
        let known = self.app.db.read(move |conn| rows::known(conn, domain, &digests, &key)).await?;
        Ok(files.into_iter().filter_map(|(unit, sha256)| Some((unit, *known.get(&sha256)?))).collect())
    }

    /// Signs the files of these units and makes units of them.
    async fn sign(&self, units: &[Unsigned]) -> Result<Vec<Replaced>> {
        let mut made = vec![];
        for some in units.chunks(AT_ONCE) {
            self.context.check()?;
            for (one, unit) in some.iter().zip(join_all(some.iter().map(|one| self.unit(one))).await) {
                if let Some(unit) = unit? {
                    made.push((one.clone(), unit));
                }
            }
        }
        self.keep(made).await
    }

    /// The unit of a signed file, which is in the store; none where it has the signature already.
    async fn unit(&self, Unsigned { file, carried, .. }: &Unsigned) -> Result<Option<NewUnit>> {
        let Some((artifact, _)) = file else { return Ok(None) };
        let (path, _copy) = inspect::readable(self.app, *artifact).await?;
        let Signature { signer, by } = self.with;
        let signed = self.app.signing.under(self.context.cid()).sign_file(signer, by, &path).await?;
        let Some(signed) = signed else { return Ok(None) };
        let staged = sign_upload::stage(self.app, signed, &path).await?;
        let (mut new, _) = inspect::staged(self.app, self.content_type, staged, None, &Map::new()).await?;
        let columns = self.content_type.table().columns;
        for (name, value) in signer.carried().iter().zip(carried) {
            let at = columns.iter().position(|column| column == name);
            let place = at.and_then(|at| new.unit.columns.get_mut(at));
            *place.ok_or_else(|| Error::internal(format!("units have no column `{name}`")))? = value.clone();
        }
        Ok(Some(new))
    }

    async fn keep(&self, made: Vec<(Unsigned, NewUnit)>) -> Result<Vec<Replaced>> {
        let units: Vec<&NewUnit> = made.iter().map(|(_, unit)| unit).collect();
        let (count, _announced) = inspect::waited(self.app, &units).await?;
        if count < made.len() {
            return Err(Error::Conflict("a signed package was cleaned up before it was kept".into()));
        }
        let (app, fence, key) = (self.app.clone(), self.context.clone(), self.key.clone());
        let pulp_type = self.content_type.pulp_type();
        let keep = move |conn: &mut Conn| {
            fence.fence(conn)?;
            made.iter().map(|(unsigned, new)| keep_one(&app, conn, (unsigned, new), pulp_type, &key)).collect()
        };
        self.app.db.write(keep).await
    }
}

fn keep_one(
    app: &App,
    conn: &mut Conn,
    (unsigned, new): (&Unsigned, &NewUnit),
    pulp_type: &str,
    key: &str,
) -> Result<Replaced> {
    let stored = create_content::store(app, conn, pulp_type, new, Some(&unsigned.labels))?.unit;
    let unit = match &unsigned.file {
        Some((_, sha256)) => rows::note(conn, app.domain, (sha256, key), stored.id)?,
        None => stored.id,
    };
    let resource = app.registry.typed(Kind::Content, pulp_type);
    let resource = resource.ok_or_else(|| Error::internal("a content type without a resource"))?;
    let is_new = stored.created && unit == stored.id;
    Ok((unsigned.unit, unit, is_new.then(|| (resource.prn(unit), format!("{}{unit}/", resource.path)))))
}
