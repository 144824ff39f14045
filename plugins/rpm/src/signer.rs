//! Signing packages, as core asks for it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{FileSigner, PublicKey, SecretKey, SignedBy, SignedHead};
use serde_json::Value as Json;

use crate::content::package::PACKAGE;
use crate::header::{Header, HeaderError};
use crate::resign::{self, LEAD, Signatures};
use crate::resources::PACKAGE_SIGNING;

/// As the end of a part: that of the file, wherever it is.
const END: u64 = u64::MAX;
/// Bytes read at once.
const BLOCK: usize = 64 << 10;

/// Puts signatures into packages and looks for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackageSigner;

impl FileSigner for PackageSigner {
    fn class(&self) -> &'static str {
        PACKAGE_SIGNING
    }

    fn answer(&self) -> &'static str {
        "rpm_package"
    }

    fn file_name(&self) -> &'static str {
        "package.rpm"
    }

    fn content_type(&self) -> &'static str {
        PACKAGE
    }

    fn carried(&self) -> &'static [&'static str] {
        &["is_modular"]
    }

    fn wanted(&self, repository: &Json) -> Option<SignedBy> {
        let text = |name: &str| repository.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let service: Id = text("package_signing_service")?.parse().ok()?;
        let key = text("package_signing_fingerprint").map(|name| bare(name).to_owned());
        Some(SignedBy { service, key })
    }

    fn sample(&self) -> Result<Bytes> {
        resign::sample().map(Bytes::from).map_err(Error::internal)
    }

    fn sign(&self, file: &mut File, key: &SecretKey, name: Option<&str>) -> Result<SignedHead> {
        let (lead, header) = read(file)?;
        let (start, end) = header.range();
        let mut sign = |end: u64| {
            let signed = key.sign_binary(name, part(file, start, end)?);
            signed.map_err(|problem| Error::Conflict(problem.to_string()))
        };
        let (packet, is_rsa) = sign(end)?;
        let whole = match header.vouches_for_payload().map_err(refused)? {
            true => None,
            false => Some(sign(END)?.0),
        };
        let signatures = Signatures { header: &packet, whole: whole.as_deref(), is_rsa };
        let head = resign::head(&lead, &header, signatures).map_err(refused)?;
        Ok(SignedHead { head: head.into(), rest: start })
    }

    fn is_signed(&self, file: &mut File, key: &PublicKey) -> Result<bool> {
        let (_, header) = read(file)?;
        let (start, end) = header.range();
        if !is_valid(file, &header.header_signatures().map_err(refused)?, (start, end), key)? {
            return Ok(false);
        }
        match header.vouches_for_payload().map_err(refused)? {
            true => Ok(true),
            false => is_valid(file, &header.whole_signatures().map_err(refused)?, (start, END), key),
        }
    }
}

/// Whether a key made one of the signatures of a part of a file.
fn is_valid(file: &mut File, signatures: &[Vec<u8>], (start, end): (u64, u64), key: &PublicKey) -> Result<bool> {
    for signature in signatures {
        if key.verify(signature, part(file, start, end)?).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A fingerprint or key id without the word in front that says which it is.
fn bare(name: &str) -> &str {
    ["v4:", "v6:", "keyid:"].iter().find_map(|word| name.strip_prefix(word)).unwrap_or(name)
}

fn read(file: &mut File) -> Result<([u8; LEAD], Header)> {
    let mut lead = [0; LEAD];
    file.rewind().map_err(unreadable)?;
    let mut input = BufReader::with_capacity(BLOCK, &mut *file);
    let header = Header::read(&mut input).map_err(refused)?;
    input.rewind().and_then(|()| input.read_exact(&mut lead)).map_err(unreadable)?;
    Ok((lead, header))
}

fn part(file: &mut File, start: u64, end: u64) -> Result<impl Read> {
    file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
    Ok(BufReader::with_capacity(BLOCK, file.take(end - start)))
}

fn unreadable(cause: std::io::Error) -> Error {
    Error::storage("cannot read a package to sign", cause)
}

fn refused(problem: HeaderError) -> Error {
    Error::field("file", problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_repository_says_who_signs() {
        let service = Id::new();
        let by = |key: Json| {
            PackageSigner.wanted(&json!({"package_signing_service": service, "package_signing_fingerprint": key}))
        };
        let signed_by = |key: Option<&str>| Some(SignedBy { service, key: key.map(str::to_owned) });
        assert_eq!(by(json!("v4:abcd")), signed_by(Some("abcd")));
        assert_eq!(by(json!("keyid:0123")), signed_by(Some("0123")));
        assert_eq!(by(json!("ABCD")), signed_by(Some("ABCD")));
        assert_eq!(by(Json::Null), signed_by(None));
        assert_eq!(by(json!("")), signed_by(None));
        for none in [json!({}), json!({"package_signing_service": null, "package_signing_fingerprint": "abcd"})] {
            assert_eq!(PackageSigner.wanted(&none), None);
        }
    }
}
