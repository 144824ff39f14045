//! Adding, listing and removing signing services, and changing their keys. They are the administrator's, so the command
//! line does it.

mod report;
mod rotate;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::task::spawn_blocking;

use super::references;
use crate::auth::Secrets;
use crate::db::signing_services::{self, KeyRow, SigningServiceRow};
use crate::db::{Conn, Db};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::openpgp::{OpenPgpError, PublicKey, SecretKey};
use crate::resource::{Kind, Registry};
use crate::signing::{DETACHED, FileSigner, KeptKey, Signing};

pub use report::{check, list};
pub use rotate::{Rotated, cancel, finish, rotate};

/// What a new service signs with.
#[derive(Debug)]
pub enum NewMeans {
    /// A secret key in armour, to be kept here.
    Key { armored: String, passphrase: Option<String> },
    /// A key that is made for this user (`Packages <packages@example.org>`) and kept here.
    Generated { user: String },
    /// A script at an absolute path, what it signs, and the public key of what it signs with.
    Script { path: String, class: Option<String>, public_key: Vec<u8> },
}

/// What a service is changed to.
#[derive(Debug)]
pub enum NewKey {
    /// A secret key in armour, to be kept here.
    Kept { armored: String, passphrase: Option<String> },
    /// A key that is made for this user and kept here.
    Generated { user: String },
    /// The public key of another that a script signs with.
    Public(Vec<u8>),
}

/// What changing a service takes.
#[derive(Clone)]
pub struct Workshop {
    pub db: Db,
    pub secrets: Arc<Secrets>,
    pub signing: Signing,
    pub registry: Arc<Registry>,
}

/// Adds a service after it was tried on a sample. Returns its fingerprint.
///
/// # Errors
/// `Invalid` when the key or the class is of no use; `Conflict` when the name is taken or the trial failed.
pub async fn add(workshop: &Workshop, name: &str, means: NewMeans) -> Result<String> {
    let (name, wanted) = (name.trim().to_owned(), name.trim().to_owned());
    if name.is_empty() {
        return Err(Error::field("name", "This field may not be blank."));
    }
    if workshop.db.read(move |conn| signing_services::by_name(conn, &wanted)).await?.is_some() {
        return Err(Error::Conflict(format!("there is a signing service `{name}` already")));
    }
    let (script, class, key) = match means {
        NewMeans::Key { armored, passphrase } => (String::new(), String::new(), NewKey::Kept { armored, passphrase }),
        NewMeans::Generated { user } => (String::new(), String::new(), NewKey::Generated { user }),
        NewMeans::Script { path, class, public_key } => {
            (path, class.unwrap_or_else(|| DETACHED.to_owned()), NewKey::Public(public_key))
        }
    };
    let made = made(key).await?;
    let mut row =
        SigningServiceRow { id: Id::new(), name, class, script, key: made.sealed(&workshop.secrets)?, successor: None };
    try_out(workshop, &row).await?;
    let (fingerprint, secrets) = (made.fingerprint.clone(), workshop.secrets.clone());
    let insert = move |conn: &mut Conn| {
        // Again: while it was tried the key may have been changed, and retired.
        row.key = made.sealed(&secrets)?;
        signing_services::insert(conn, &row)
    };
    workshop.db.write(insert).await?;
    Ok(fingerprint)
}

/// A key that was read or made.
#[derive(Clone)]
struct Made {
    public_key: String,
    fingerprint: String,
    /// What is to be sealed; none where a script signs.
    kept: Option<Json>,
}

impl Made {
    fn sealed(&self, secrets: &Secrets) -> Result<KeyRow> {
        let Self { public_key, fingerprint, kept } = self.clone();
        Ok(KeyRow { public_key, fingerprint, secrets: kept.map(|kept| secrets.seal(&kept)).transpose()? })
    }
}

/// Reads or makes a key, which takes its time.
async fn made(key: NewKey) -> Result<Made> {
    spawn_blocking(move || make(key)).await.map_err(Error::internal)?
}

fn make(key: NewKey) -> Result<Made> {
    let wrong = |field: &'static str| move |problem: OpenPgpError| Error::field(field, problem.to_string());
    let of = |public: &PublicKey, kept: Option<Json>| {
        let public_key = public.armored().map_err(Error::internal)?;
        Ok(Made { public_key, fingerprint: public.fingerprint(), kept })
    };
    let (key, passphrase) = match key {
        NewKey::Public(bytes) => return of(&PublicKey::parse(&bytes).map_err(wrong("public_key"))?, None),
        NewKey::Kept { armored, passphrase } => {
            (SecretKey::parse(&armored, passphrase.as_deref()).map_err(wrong("key"))?, passphrase)
        }
        NewKey::Generated { user } => (SecretKey::generate(&user).map_err(wrong("generate"))?, None),
    };
    let kept = KeptKey { key: key.armored().map_err(Error::internal)?, passphrase };
    of(key.public(), Some(json!(kept)))
}

/// Tries a service on a sample of whatever it is to sign.
async fn try_out(Workshop { signing, registry, .. }: &Workshop, row: &SigningServiceRow) -> Result<()> {
    let signers: Vec<Arc<dyn FileSigner>> = registry.plugins.iter().filter_map(|plugin| plugin.file_signer()).collect();
    let is_any = row.class.is_empty();
    if is_any || row.class == DETACHED {
        signing.try_out(row.clone()).await?;
    }
    let mut is_known = is_any || row.class == DETACHED;
    for signer in signers.iter().filter(|signer| is_any || signer.class() == row.class) {
        signing.try_out_on(row.clone(), signer).await?;
        is_known = true;
    }
    if is_known {
        return Ok(());
    }
    let known: Vec<&str> = std::iter::once(DETACHED).chain(signers.iter().map(|signer| signer.class())).collect();
    Err(Error::field("class", format!("`{}` is none of: {}", row.class, known.join(", "))))
}

/// Removes a service, with its key.
///
/// # Errors
/// `NotFound`; `Conflict` while a repository names it.
pub async fn remove(workshop: &Workshop, name: &str) -> Result<()> {
    let (name, registry) = (name.to_owned(), workshop.registry.clone());
    let remove = move |conn: &mut Conn| {
        let service = signing_services::by_name(conn, &name)?.ok_or_else(|| Error::not_found("SigningService"))?;
        references::refuse_if_named(&registry, conn, Kind::SigningService, service.id)?;
        signing_services::delete(conn, service.id)
    };
    workshop.db.write(remove).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::policy::Owned;
    use crate::id::now;
    use crate::ops::fixture::Fixture;
    use crate::params;
    use crate::resource::kinds::Names;
    use crate::resource::{Field, Resource, Target};

    fn resources(_: &dyn Fn(Kind) -> Vec<&'static str>) -> Vec<Resource> {
        let names = Names {
            app: "toy",
            model: "ToyRepository",
            noun: "toy repository",
            pulp_type: "toy.toy",
            path: "repositories/toy/toy/",
            operations: "repositories_toy_toy",
            href_parameter: "toy_toy_repository_href",
            tag: "Repositories: Toy",
            description: "Toys.",
        };
        let target = Target::Typed(Kind::SigningService, DETACHED);
        let repository = Resource::repository(names, Owned::new("toy", "toyrepository"));
        let field = Field::href("signed_by", target, "Who signs.", "").nullable().detail();
        vec![repository.with_fields([field]), Resource::signing_services()]
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_is_tried_kept_and_not_removed_while_in_use() {
        let fixture = Fixture::new();
        let secrets = Secrets::load_or_create(&fixture.folder.path().join("secret.key")).unwrap();
        let workshop = Workshop {
            db: fixture.db.clone(),
            secrets: Arc::new(secrets),
            signing: fixture.signing(),
            registry: Arc::new(Registry::new(vec![], resources)),
        };
        let armored = SecretKey::generate_for_tests().armored().unwrap();
        let key = || NewMeans::Key { armored: armored.clone(), passphrase: None };
        let fingerprint = add(&workshop, " ours ", key()).await.unwrap();
        assert_eq!(list(&fixture.db).await.unwrap(), format!("ours\t{fingerprint}\tkey kept here\tdoes not expire\n"));
        let again = add(&workshop, "ours", key()).await.unwrap_err();
        assert!(matches!(again, Error::Conflict(_)));
        let row = fixture.db.read(|conn| signing_services::by_name(conn, "ours")).await.unwrap().unwrap();
        assert!(!row.key.secrets.clone().unwrap().contains("PRIVATE") && row.key.public_key.contains("PUBLIC KEY"));
        let script = NewMeans::Script {
            path: "/nowhere".into(),
            class: Some("toy:Unknown".into()),
            public_key: row.key.public_key.clone().into(),
        };
        let unknown = add(&workshop, "x", script).await.unwrap_err();
        assert!(unknown.to_string().contains("none of: core:AsciiArmored"), "{unknown}");

        let (repository, service, domain) = (Id::new(), row.id, fixture.domain);
        let named = move |conn: &mut crate::db::Conn| {
            conn.execute(
                "INSERT INTO repository (id, domain_id, created, updated, pulp_type, name, labels, details, next_version,
                     user_hidden) VALUES ($1, $2, $3, $3, 'toy.toy', 'toys', $4, $5, 0, FALSE)",
                params![repository, domain, now(), json!({}), json!({"signed_by": service})],
            )
        };
        fixture.db.write(named).await.unwrap();
        let told = remove(&workshop, "ours").await.unwrap_err().to_string();
        assert_eq!(told, "it is in use: toy repository `toys` (signed_by)");
        fixture
            .db
            .write(move |conn| conn.execute("DELETE FROM repository WHERE id = $1", params![repository]))
            .await
            .unwrap();
        remove(&workshop, "ours").await.unwrap();
        assert!(matches!(remove(&workshop, "ours").await, Err(Error::NotFound(_))));
    }
}
