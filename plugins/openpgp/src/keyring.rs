//! The keys of a version as files: one for each key, named by its key id, with those of its parts that the version has.

use std::collections::HashMap;

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::plugin::{CertificatePacket, MadeFile, UnitRow, VersionUnits, armored_certificate};

use crate::{PUBLIC_KEY, SIGNATURE, SUBKEY, USER_ATTRIBUTE, USER_ID};

const ENDING: &str = ".pub";
/// Keys read together for a listing.
const PAGE: i64 = 5_000;
/// The types of parts, with the columns by which signatures name them, in the order of a file.
const PARTS: [(&str, CertificatePacket, &[&str]); 3] = [
    (USER_ID, CertificatePacket::UserId, &["sha256", "raw_data"]),
    (USER_ATTRIBUTE, CertificatePacket::UserAttribute, &["sha256", "raw_data"]),
    (SUBKEY, CertificatePacket::Subkey, &["fingerprint", "raw_data"]),
];

type Packets = Vec<(CertificatePacket, Vec<u8>)>;
/// The bodies of signatures by the type and the name of what they are of.
type Signatures = HashMap<(String, String), Vec<Vec<u8>>>;

/// The names of all files, sorted.
pub(crate) async fn names(units: &VersionUnits) -> Result<Vec<String>> {
    let (mut names, mut after) = (vec![], None);
    loop {
        let page = units.list(PUBLIC_KEY, &["key_id"], after, PAGE).await?;
        for row in &page {
            names.push(format!("{}{ENDING}", row.get::<String>(0)?));
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => break,
        }
    }
    names.sort_unstable();
    // Keys can be made to share an id. They share the file, then.
    names.dedup();
    Ok(names)
}

/// The file of the key with this id.
pub(crate) async fn file(units: &VersionUnits, name: &str) -> Result<Option<MadeFile>> {
    let Some(key_id) = name.strip_suffix(ENDING) else { return Ok(None) };
    let columns = &["fingerprint", "raw_data"];
    let keys = units.matching(PUBLIC_KEY, columns, vec![("key_id", vec![key_id.to_owned()])]).await?;
    if keys.is_empty() {
        return Ok(None);
    }
    let mut packets = vec![];
    for key in &keys {
        packets.extend(packets_of(units, key).await?);
    }
    let text = armored_certificate(packets.iter().map(|(kind, body)| (*kind, body.as_slice())));
    let bytes = Bytes::from(text.map_err(Error::internal)?);
    Ok(Some(MadeFile { media_type: "application/pgp-keys; charset=us-ascii", bytes }))
}

/// A key, its own signatures, then each part with its.
async fn packets_of(units: &VersionUnits, key: &UnitRow) -> Result<Packets> {
    let fingerprint: String = key.get(0)?;
    let of_key = || vec![("public_key", vec![fingerprint.clone()])];
    let mut signatures = Signatures::new();
    for row in units.matching(SIGNATURE, &["signed_type", "signed", "raw_data"], of_key()).await? {
        signatures.entry((row.get(0)?, row.get(1)?)).or_default().push(row.get(2)?);
    }
    let mut packets = vec![(CertificatePacket::Key, key.get(1)?)];
    packets.extend(signed(&mut signatures, PUBLIC_KEY, fingerprint.clone()));
    for (pulp_type, kind, columns) in PARTS {
        for row in units.matching(pulp_type, columns, of_key()).await? {
            packets.push((kind, row.get(1)?));
            packets.extend(signed(&mut signatures, pulp_type, row.get(0)?));
        }
    }
    Ok(packets)
}

fn signed(signatures: &mut Signatures, pulp_type: &str, name: String) -> Packets {
    let found = signatures.remove(&(pulp_type.to_owned(), name)).unwrap_or_default();
    found.into_iter().map(|body| (CertificatePacket::Signature, body)).collect()
}
