//! Adding, listing and removing signing services. They are the administrator's, so the command line does it.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::task::spawn_blocking;

use super::references;
use crate::auth::Secrets;
use crate::db::signing_services::{self, SigningServiceRow};
use crate::db::{Conn, Db};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::openpgp::{OpenPgpError, PublicKey, SecretKey};
use crate::resource::{Kind, Registry};
use crate::signing::{DETACHED, FileSigner, KeptKey, Signing};

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

/// Adds a service after it was tried on a sample. Returns its fingerprint.
///
/// # Errors
/// `Invalid` when the key or the class is of no use; `Conflict` when the name is taken or the trial failed.
pub async fn add(
    db: &Db,
    secrets: &Arc<Secrets>,
    signing: &Signing,
    registry: &Registry,
    name: &str,
    means: NewMeans,
) -> Result<String> {
    let (name, wanted) = (name.trim().to_owned(), name.trim().to_owned());
    if name.is_empty() {
        return Err(Error::field("name", "This field may not be blank."));
    }
    if db.read(move |conn| signing_services::by_name(conn, &wanted)).await?.is_some() {
        return Err(Error::Conflict(format!("there is a signing service `{name}` already")));
    }
    let signers: Vec<Arc<dyn FileSigner>> = registry.plugins.iter().filter_map(|plugin| plugin.file_signer()).collect();
    let (mut row, kept) = spawn_blocking(move || service(name, means)).await.map_err(Error::internal)??;
    row.secrets = kept.as_ref().map(|kept| secrets.seal(kept)).transpose()?;
    try_out(signing, &signers, &row).await?;
    let (fingerprint, secrets) = (row.fingerprint.clone(), secrets.clone());
    let insert = move |conn: &mut Conn| {
        // Again: while it was tried the key may have been changed, and retired.
        row.secrets = kept.as_ref().map(|kept| secrets.seal(kept)).transpose()?;
        signing_services::insert(conn, &row)
    };
    db.write(insert).await?;
    Ok(fingerprint)
}

/// The service without its secrets, and those.
fn service(name: String, means: NewMeans) -> Result<(SigningServiceRow, Option<Json>)> {
    let wrong = |field: &'static str| move |problem: OpenPgpError| Error::field(field, problem.to_string());
    let of = |public: &PublicKey, class: String, script: String, kept: Option<Json>| {
        let public_key = public.armored().map_err(Error::internal)?;
        let fingerprint = public.fingerprint();
        Ok((SigningServiceRow { id: Id::new(), name, class, public_key, fingerprint, script, secrets: None }, kept))
    };
    let (key, passphrase) = match means {
        NewMeans::Script { path, class, public_key } => {
            let public = PublicKey::parse(&public_key).map_err(wrong("public_key"))?;
            return of(&public, class.unwrap_or_else(|| DETACHED.to_owned()), path, None);
        }
        NewMeans::Key { armored, passphrase } => {
            (SecretKey::parse(&armored, passphrase.as_deref()).map_err(wrong("key"))?, passphrase)
        }
        NewMeans::Generated { user } => (SecretKey::generate(&user).map_err(wrong("generate"))?, None),
    };
    let kept = KeptKey { key: key.armored().map_err(Error::internal)?, passphrase };
    of(key.public(), String::new(), String::new(), Some(json!(kept)))
}

async fn try_out(signing: &Signing, signers: &[Arc<dyn FileSigner>], row: &SigningServiceRow) -> Result<()> {
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

/// All services, one in a line: name, fingerprint, and the script or that the key is kept here.
pub async fn list(db: &Db) -> Result<String> {
    let mut lines = String::new();
    for service in db.read(signing_services::all).await? {
        let SigningServiceRow { name, fingerprint, script, class, .. } = service;
        let means = if script.is_empty() { "key kept here".to_owned() } else { format!("{script} ({class})") };
        writeln!(lines, "{name}\t{fingerprint}\t{means}").map_err(Error::internal)?;
    }
    Ok(lines)
}

/// Removes a service, with its key.
///
/// # Errors
/// `NotFound`; `Conflict` while a repository names it.
pub async fn remove(db: &Db, registry: Arc<Registry>, name: &str) -> Result<()> {
    let name = name.to_owned();
    db.write(move |conn| {
        let service = signing_services::by_name(conn, &name)?.ok_or_else(|| Error::not_found("SigningService"))?;
        references::refuse_if_named(&registry, conn, Kind::SigningService, service.id)?;
        signing_services::delete(conn, service.id)
    })
    .await
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
        let (secrets, signing) = (Arc::new(secrets), fixture.signing());
        let registry = Arc::new(Registry::new(vec![], resources));
        let armored = SecretKey::generate_for_tests().armored().unwrap();
        let key = || NewMeans::Key { armored: armored.clone(), passphrase: None };
        let fingerprint = add(&fixture.db, &secrets, &signing, &registry, " ours ", key()).await.unwrap();
        assert_eq!(list(&fixture.db).await.unwrap(), format!("ours\t{fingerprint}\tkey kept here\n"));
        let again = add(&fixture.db, &secrets, &signing, &registry, "ours", key()).await.unwrap_err();
        assert!(matches!(again, Error::Conflict(_)));
        let row = fixture.db.read(|conn| signing_services::by_name(conn, "ours")).await.unwrap().unwrap();
        assert!(!row.secrets.clone().unwrap().contains("PRIVATE") && row.public_key.contains("PUBLIC KEY"));
        let script = NewMeans::Script {
            path: "/nowhere".into(),
            class: Some("toy:Unknown".into()),
            public_key: row.public_key.clone().into(),
        };
        let unknown = add(&fixture.db, &secrets, &signing, &registry, "x", script).await.unwrap_err();
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
        let told = remove(&fixture.db, registry.clone(), "ours").await.unwrap_err().to_string();
        assert_eq!(told, "it is in use: toy repository `toys` (signed_by)");
        fixture
            .db
            .write(move |conn| conn.execute("DELETE FROM repository WHERE id = $1", params![repository]))
            .await
            .unwrap();
        remove(&fixture.db, registry.clone(), "ours").await.unwrap();
        assert!(matches!(remove(&fixture.db, registry, "ours").await, Err(Error::NotFound(_))));
    }
}
