//! Verifies the signatures of attestations with Sigstore's means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sigstore_verify::VerificationPolicy;
use sigstore_verify::crypto::CertificateInfo;
use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::{Bundle, Sha256Hash};

use super::{Attestation, AttestationError, Provenance, publisher};

/// What verifies attestations: the keys of one Sigstore instance. Making one takes a moment; one
/// serves for all.
pub struct Verifier {
    inner: sigstore_verify::Verifier,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Verifier").finish_non_exhaustive()
    }
}

/// Who signed an attestation, as the certificate of a trusted authority says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The address of a person or of a workflow.
    pub identity: Option<String>,
    /// Who vouched for the identity.
    pub issuer: Option<String>,
    /// The repository that was built.
    pub source_repository: Option<String>,
}

impl Verifier {
    /// With the keys of the public instance as they were when this program was built. Keys that
    /// were published later are not known to it.
    pub fn public() -> Result<Self, AttestationError> {
        Self::from_trusted_root(SIGSTORE_PRODUCTION_TRUSTED_ROOT)
    }

    /// With the keys of a `trusted_root.json`, as other instances publish it.
    pub fn from_trusted_root(json: &str) -> Result<Self, AttestationError> {
        super::crypto::install();
        let unusable = |error: String| AttestationError::Shape(format!("the trusted root is unusable: {error}"));
        let root = TrustedRoot::from_json(json).map_err(|error| unusable(error.to_string()))?;
        let inner = sigstore_verify::Verifier::new(&root).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { inner })
    }

    /// Verifies all of this, and nothing else:
    ///
    /// * the statement is about the file ([`Attestation::check_subject`]) and is signed by the key
    ///   of the certificate,
    /// * the certificate is for signing code, was issued by the trusted authority, was valid when
    ///   the log took the signature up, and is proven to be in a trusted certificate log,
    /// * every transparency entry is proven to be in a trusted log, by the log's signed promise of
    ///   the time and by a proof of inclusion up to a signed checkpoint, and is of this very
    ///   signature and certificate.
    ///
    /// It works offline: whether a log is consistent with what it told others is not checked, nor
    /// whether anything was revoked. Who signed is told, not judged.
    pub fn verify(&self, attestation: &Attestation, filename: &str, sha256: &str) -> Result<Signer, AttestationError> {
        let certificate = self.certificate(attestation, filename, sha256)?;
        Ok(Signer {
            identity: certificate.identity.as_ref().map(|identity| identity.as_str().to_owned()),
            issuer: certificate.issuer.clone(),
            source_repository: certificate.ci_claims.source_repository_uri.clone(),
        })
    }

    /// Verifies every attestation, and that its certificate is of the publisher of its bundle. Of
    /// the kinds of publishers `GitHub`, `GitLab` and `Google` are compared; any other, as
    /// `Pulp User`, claims nothing that a certificate could show.
    pub fn verify_provenance(
        &self,
        provenance: &Provenance,
        filename: &str,
        sha256: &str,
    ) -> Result<(), AttestationError> {
        for bundle in &provenance.bundles {
            for attestation in &bundle.attestations {
                let certificate = self.certificate(attestation, filename, sha256)?;
                publisher::check(&bundle.publisher, &certificate).map_err(AttestationError::Verification)?;
            }
        }
        Ok(())
    }

    fn certificate(
        &self,
        attestation: &Attestation,
        filename: &str,
        sha256: &str,
    ) -> Result<CertificateInfo, AttestationError> {
        attestation.check_subject(filename, sha256)?;
        let bundle = bundle(attestation)?;
        let digest = Sha256Hash::from_hex(sha256).map_err(|error| failed(&error))?;
        // The policy checks everything but whose certificate it is.
        let policy = VerificationPolicy::any_identity();
        let result = self.inner.verify(digest, &bundle, &policy).map_err(|error| failed(&error))?;
        if !(result.certificate_verified() && result.sct_verified() && result.tlog_verified()) {
            return Err(AttestationError::verification("not all of the evidence was checked"));
        }
        let certificate = result.certificate().cloned();
        certificate.ok_or_else(|| AttestationError::verification("there is no certificate"))
    }
}

fn failed(error: &dyn std::fmt::Display) -> AttestationError {
    AttestationError::Verification(super::excerpt(&error.to_string()))
}

/// PEP 740 has the parts of a Sigstore bundle under other names.
fn bundle(attestation: &Attestation) -> Result<Bundle, AttestationError> {
    if !attestation.transparency_entries.iter().all(|entry| entry.get("inclusionProof").is_some()) {
        return Err(AttestationError::verification("a transparency entry has no proof of inclusion"));
    }
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": STANDARD.encode(&attestation.certificate)},
            "tlogEntries": attestation.transparency_entries,
        },
        "dsseEnvelope": {
            "payload": STANDARD.encode(&attestation.statement),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": STANDARD.encode(&attestation.signature)}],
        },
    });
    Bundle::from_json(&bundle.to_string()).map_err(|error| failed(&error))
}
