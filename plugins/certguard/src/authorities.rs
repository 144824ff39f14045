//! Whether a certificate (RFC 5280) is good: signed by one of the guard's authorities, and both are valid now.
//!
//! Each certificate of the guard is an authority by itself, those between a root and its readers too, so a reader's
//! certificate is one signature away. What an authority's own certificate restricts is kept, or the authority is not
//! taken. A certificate that is itself among those of the guard is good while it is valid.

use pith_core::id::Instant;
use pith_core::plugin::Refused;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

use crate::client::blocks;

/// Told as Pulp tells it.
const NO_CERTIFICATE: &str = "Must be PEM encoded X.509 certificate.";
/// The largest certificate, in bytes of DER.
const LARGEST: usize = 64 << 10;

/// The authorities of a guard, in DER.
pub struct Authorities(Vec<Vec<u8>>);

impl Authorities {
    /// Reads a bundle of PEM, with text between the certificates if there is.
    ///
    /// # Errors
    /// What the field is to say about it.
    pub fn parse(pem: &str) -> Result<Self, String> {
        let blocks: Option<Vec<_>> = blocks(pem).into_iter().collect();
        let blocks = blocks.filter(|blocks| !blocks.is_empty()).ok_or(NO_CERTIFICATE)?;
        for der in &blocks {
            let certificate = read(der).ok_or(NO_CERTIFICATE)?;
            if let Some(restriction) = unknown_restriction(&certificate) {
                return Err(format!("restricts what it signs in a way that is not known here ({restriction})"));
            }
        }
        Ok(Self(blocks))
    }

    /// Whether a certificate in DER is good now.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, der: &[u8], now: Instant) -> Result<(), Refused> {
        let unreadable = Refused("The client certificate cannot be read.");
        let certificate = read(der).ok_or(unreadable)?;
        let now = ASN1Time::from_timestamp(now.timestamp()).map_err(|_| unreadable)?;
        let is_trusted = self.0.iter().any(|own| own == der)
            || self.0.iter().filter_map(|own| read(own)).any(|authority| signed(&authority, &certificate, now));
        if !is_trusted {
            return Err(Refused("Client certificate is not signed by the stored 'ca_certificate'."));
        }
        if !certificate.validity().is_valid_at(now) {
            return Err(Refused("Client certificate is expired."));
        }
        let is_for_clients = usage_fits(&certificate) && unknown_restriction(&certificate).is_none();
        if is_for_clients { Ok(()) } else { Err(Refused("Client certificate is for another use.")) }
    }
}

/// A certificate that fills its bytes, and whose two statements of the algorithm are one.
pub fn read(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (rest, certificate) = X509Certificate::from_der(der).ok().filter(|_| der.len() <= LARGEST)?;
    let is_one = certificate.signature_algorithm == certificate.tbs_certificate.signature;
    let is_sane = certificate.version() == X509Version::V3 || certificate.extensions().is_empty();
    // Of two extensions with one name it is not known which one counts.
    let is_unique = certificate.tbs_certificate.extensions_map().is_ok();
    (rest.is_empty() && is_one && is_sane && is_unique).then_some(certificate)
}

/// Whether the authority, valid now and one that may sign certificates, signed this one.
fn signed(authority: &X509Certificate<'_>, certificate: &X509Certificate<'_>, now: ASN1Time) -> bool {
    authority.subject().as_raw() == certificate.issuer().as_raw()
        && authority.validity().is_valid_at(now)
        && may_sign(authority)
        && certificate.verify_signature(Some(authority.public_key())).is_ok()
}

/// Whether this is an authority. Certificates of the first version cannot say; those count that sign themselves.
fn may_sign(authority: &X509Certificate<'_>) -> bool {
    if authority.version() != X509Version::V3 {
        return authority.subject().as_raw() == authority.issuer().as_raw();
    }
    let is_authority = matches!(authority.basic_constraints(), Ok(Some(constraints)) if constraints.value.ca);
    let may_sign = authority.key_usage().is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()));
    is_authority && may_sign
}

/// Whether the certificate is for clients, or does not say for whom.
fn usage_fits(certificate: &X509Certificate<'_>) -> bool {
    let usage = certificate.extended_key_usage();
    usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.client_auth || usage.value.any))
}

/// An extension that must be understood and is not. Constraints of names are never passed over.
fn unknown_restriction(certificate: &X509Certificate<'_>) -> Option<String> {
    let unknown = certificate.extensions().iter().find(|extension| match extension.parsed_extension() {
        ParsedExtension::NameConstraints(_) => true,
        ParsedExtension::BasicConstraints(_)
        | ParsedExtension::KeyUsage(_)
        | ParsedExtension::ExtendedKeyUsage(_)
        | ParsedExtension::SubjectAlternativeName(_)
        | ParsedExtension::SubjectKeyIdentifier(_)
        | ParsedExtension::AuthorityKeyIdentifier(_) => false,
        _ => extension.critical,
    });
    unknown.map(|extension| extension.oid.to_id_string())
}
