//! TLS: authorities, client certificates, validation switched off.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore};

use super::RemoteSettings;
use super::server_certificate::{AnyCertificate, GivenAuthorities};
use crate::error::{Error, Result};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Makes ring the process's provider of cryptography. Idempotent.
pub fn install_tls_provider() {
    // It fails only when a provider is installed already.
    let _ = ring::default_provider().install_default();
}

/// The certificates of a PEM text without what stands between them, each ending with a newline, as Pulp
/// stores them. The error is the message for the field.
pub fn clean_certificates(pem: &str) -> Result<String, String> {
    let mut clean = String::new();
    let mut rest = pem;
    while let Some(start) = rest.find(BEGIN) {
        let block = &rest[start..];
        let end = block.find(END).ok_or("Certificate has no end line.")? + END.len();
        let certificate =
            CertificateDer::from_pem_slice(&block.as_bytes()[..end]).map_err(|_| "Certificate is not valid PEM.")?;
        webpki_accepts(&certificate)?;
        clean.push_str(&block[..end]);
        clean.push('\n');
        rest = &block[end..];
    }
    if clean.is_empty() {
        return Err("No PEM certificate found in the given text.".into());
    }
    Ok(clean)
}

/// What the settings ask of a TLS connection.
pub(super) fn client_config(settings: &RemoteSettings) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?;
    let builder = match given_verifier(settings, &provider)? {
        Some(verifier) => builder.dangerous().with_custom_certificate_verifier(verifier),
        None => builder.with_root_certificates(system_authorities()),
    };
    let mut config = match client_key(settings, &provider)? {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Read once: a bundle holds some hundred certificates. None at all is no error, since most remotes of an
/// isolated network speak plain HTTP or bring their own authority.
fn system_authorities() -> Arc<RootCertStore> {
    static AUTHORITIES: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(store)
    };
    AUTHORITIES.get_or_init(load).clone()
}

fn given_verifier(
    settings: &RemoteSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ServerCertVerifier>>> {
    if !settings.tls_validation {
        return Ok(Some(Arc::new(AnyCertificate::new(provider))));
    }
    let Some(pem) = given(&settings.ca_cert) else {
        return Ok(None);
    };
    let authorities = certificates("ca_cert", pem)?;
    let verifier = GivenAuthorities::new(authorities, provider).map_err(|error| Error::field("ca_cert", error))?;
    Ok(Some(Arc::new(verifier)))
}

fn client_key(settings: &RemoteSettings, provider: &CryptoProvider) -> Result<Option<CertifiedKey>> {
    let (Some(certificate), key) = (given(&settings.client_cert), given(&settings.client_key)) else {
        return Ok(None);
    };
    let chain = certificates("client_cert", certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key.unwrap_or(certificate).as_bytes())
        .map_err(|_| Error::field("client_key", "No unencrypted PEM private key found in the given text."))?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|_| Error::field("client_key", "The private key is of a kind that is not supported."))?;
    let certified = CertifiedKey::new(chain, key);
    // Certificates of X.509 version 1 cannot be compared, but servers take them.
    if let Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = certified.keys_match() {
        return Err(Error::field("client_key", "The private key does not belong to the client certificate."));
    }
    Ok(Some(certified))
}

fn certificates(field: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Error::field(field, "No PEM certificate found in the given text.")),
        Err(_) => Err(Error::field(field, "Certificate is not valid PEM.")),
    }
}

fn webpki_accepts(certificate: &CertificateDer<'_>) -> Result<(), String> {
    RootCertStore::empty().add(certificate.clone().into_owned()).map_err(|_| "Certificate is not valid X.509.".into())
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::download::tests::CERTIFICATE;

    #[test]
    fn comments_around_certificates_are_dropped() {
        let commented = format!("Intermédiaire\n{CERTIFICATE}between\n{CERTIFICATE}");
        assert_eq!(clean_certificates(&commented).unwrap(), format!("{CERTIFICATE}{CERTIFICATE}"));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let bogus = format!("{BEGIN}\nBOGUS==\n{END}\n");
        for text in ["", "MIIC", &bogus, &format!("{CERTIFICATE}{bogus}"), &format!("{BEGIN}\nAAAA\n{END}\n"), BEGIN] {
            assert!(clean_certificates(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_certificate_without_its_key_names_the_field() {
        let settings = RemoteSettings { client_cert: Some(CERTIFICATE.into()), ..RemoteSettings::default() };
        let error = client_config(&settings).err().unwrap();
        assert!(error.public_text().starts_with("client_key: "), "{error}");
        let settings = RemoteSettings { ca_cert: Some("x".into()), tls_validation: true, ..settings };
        assert!(client_config(&settings).err().unwrap().public_text().starts_with("ca_cert: "));
    }
}
