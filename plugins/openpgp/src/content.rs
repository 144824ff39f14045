//! Units of content. A file makes a key, and what belongs to the key comes along. A part of a key is the same unit
//! wherever it comes from, and belongs to one key.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{
    Bound, Certificate, ContentType, DetailTable, Inspected, Inspection, KeyPacket, SignaturePacket, Unit, Value,
};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::{PUBLIC_KEY, SIGNATURE, SUBKEY, USER_ATTRIBUTE, USER_ID, resources};

/// No more of a file is read; larger keys are refused.
const READ: u64 = (1 << 20) + 1;

/// All types, that of keys first.
pub(crate) fn types() -> Vec<Arc<dyn ContentType>> {
    let part = |pulp_type, table, resource| -> Arc<dyn ContentType> { Arc::new(Part { pulp_type, table, resource }) };
    vec![
        Arc::new(PublicKeyContent),
        part(
            SUBKEY,
            DetailTable {
                name: "openpgp_public_subkey",
                columns: &["fingerprint", "public_key", "created_at", "raw_data"],
                natural_key: &[0, 1],
            },
            resources::subkeys,
        ),
        part(
            USER_ID,
            DetailTable {
                name: "openpgp_user_id",
                columns: &["sha256", "public_key", "user_id", "raw_data"],
                natural_key: &[0, 1],
            },
            resources::user_ids,
        ),
        part(
            USER_ATTRIBUTE,
            DetailTable {
                name: "openpgp_user_attribute",
                columns: &["sha256", "public_key", "raw_data"],
                natural_key: &[0, 1],
            },
            resources::user_attributes,
        ),
        part(SIGNATURE, SIGNATURES, resources::signatures),
    ]
}

const SIGNATURES: DetailTable = DetailTable {
    name: "openpgp_signature",
    columns: &[
        "sha256",
        "public_key",
        "signed_type",
        "signed",
        "issuer",
        "created_at",
        "lives",
        "key_lives",
        "subkey_created_at",
        "signers_user_id",
        "raw_data",
    ],
    natural_key: &[0, 1, 2, 3],
};

/// Keys, which clients bring.
#[derive(Clone, Copy, Debug)]
struct PublicKeyContent;

#[async_trait]
impl ContentType for PublicKeyContent {
    fn pulp_type(&self) -> &'static str {
        PUBLIC_KEY
    }

    fn table(&self) -> DetailTable {
        DetailTable {
            name: "openpgp_public_key",
            columns: &["fingerprint", "key_id", "created_at", "raw_data"],
            natural_key: &[0],
        }
    }

    fn resource(&self) -> Resource {
        resources::public_keys()
    }

    fn reads_file(&self) -> bool {
        true
    }

    fn uploads_at_once(&self) -> bool {
        false
    }

    /// A key can have thousands of parts.
    fn names_companions(&self) -> bool {
        false
    }

    /// The file is read and not kept.
    async fn inspect(&self, file: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        let path = file.path.clone().ok_or_else(|| Error::internal("a key without its file"))?;
        let read = move || {
            let unreadable = |cause| Error::storage("cannot read an uploaded key", cause);
            let mut bytes = Vec::new();
            File::open(path).map_err(unreadable)?.take(READ).read_to_end(&mut bytes).map_err(unreadable)?;
            let refused = |cause| Error::field("file", format!("the file {cause}"));
            Ok(units(Certificate::parse(&bytes).map_err(refused)?))
        };
        tokio::task::spawn_blocking(read).await.map_err(Error::internal)?
    }
}

/// What belongs to keys and comes with them.
struct Part {
    pulp_type: &'static str,
    table: DetailTable,
    resource: fn() -> Resource,
}

#[async_trait]
impl ContentType for Part {
    fn pulp_type(&self) -> &'static str {
        self.pulp_type
    }

    fn table(&self) -> DetailTable {
        self.table
    }

    fn resource(&self) -> Resource {
        (self.resource)()
    }

    fn uploads_at_once(&self) -> bool {
        false
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        Err(Error::internal(format!("a `{}` comes with its key", self.pulp_type)))
    }
}

/// A key and its parts; of each kind all together, in the order of the file.
fn units(certificate: Certificate) -> Inspected {
    let Certificate { key, signatures, bound } = certificate;
    let of = key.fingerprint.clone();
    let signed = |pulp_type, name: &str, subkey: Option<i64>, list: Vec<SignaturePacket>| {
        let signed = Signed { key: &of, pulp_type, name, subkey };
        list.into_iter().map(|one| (SIGNATURE, signature(one, &signed))).collect::<Vec<_>>()
    };
    let mut all_signatures = signed(PUBLIC_KEY, &of, None, signatures);
    let mut parts = vec![];
    for (one, list) in bound {
        let (pulp_type, name, subkey, columns) = part(one, &of);
        all_signatures.extend(signed(pulp_type, &name, subkey, list));
        parts.push((pulp_type, unit(columns)));
    }
    parts.sort_by_key(|(pulp_type, _)| *pulp_type);
    parts.extend(all_signatures);
    let columns = vec![key.fingerprint.into(), key.key_id.into(), key.created.into(), key.body.into()];
    Inspected { unit: unit(columns), derived: vec![], companions: parts }
}

/// Nothing of a keyring clashes: parts that are the same are the same unit.
fn unit(columns: Vec<Value>) -> Unit {
    Unit { columns, repo_key: None, files: vec![] }
}

/// The type of a part, the name by which signatures know it, when it was made if it is a subkey, and its columns.
fn part(bound: Bound, key: &str) -> (&'static str, String, Option<i64>, Vec<Value>) {
    match bound {
        Bound::Subkey(KeyPacket { fingerprint, created, body, .. }) => {
            let columns = vec![(&fingerprint).into(), key.into(), created.into(), body.into()];
            (SUBKEY, fingerprint, Some(created), columns)
        }
        Bound::UserId { text, body } => {
            let sha256 = sha256(&body);
            let columns = vec![(&sha256).into(), key.into(), text.into(), body.into()];
            (USER_ID, sha256, None, columns)
        }
        Bound::UserAttribute { body } => {
            let sha256 = sha256(&body);
            let columns = vec![(&sha256).into(), key.into(), body.into()];
            (USER_ATTRIBUTE, sha256, None, columns)
        }
    }
}

/// What a signature is of.
struct Signed<'a> {
    key: &'a str,
    pulp_type: &'static str,
    name: &'a str,
    subkey: Option<i64>,
}

fn signature(signature: SignaturePacket, signed: &Signed<'_>) -> Unit {
    unit(vec![
        sha256(&signature.body).into(),
        signed.key.into(),
        signed.pulp_type.into(),
        signed.name.into(),
        signature.issuer.into(),
        signature.created.into(),
        signature.lives.into(),
        signature.key_lives.into(),
        signed.subkey.into(),
        signature.signers_user_id.into(),
        signature.body.into(),
    ])
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
