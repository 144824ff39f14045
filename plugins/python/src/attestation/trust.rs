//! Whose attestations are believed.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::{AttestationError, Provenance, Verifier};

/// The public instance of Sigstore, and the instances whose `trusted_root.json` lies at the given paths. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Trust(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    roots: Vec<PathBuf>,
    /// Made when the first attestation comes.
    verifiers: OnceLock<Result<Vec<Verifier>, String>>,
}

impl Trust {
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self(Arc::new(Inner { roots, verifiers: OnceLock::new() }))
    }

    /// As [`Verifier::verify_provenance`], by one of the instances. What it says then is why the public one refuses.
    ///
    /// # Errors
    /// What is wrong with one of the files; that is no fault of the provenance.
    pub fn verify_provenance(
        &self,
        provenance: &Provenance,
        filename: &str,
        sha256: &str,
    ) -> Result<Result<(), AttestationError>, String> {
        let verifiers = self.0.verifiers.get_or_init(|| verifiers(&self.0.roots)).as_ref().map_err(Clone::clone)?;
        let mut refused = Ok(());
        for verifier in verifiers {
            match verifier.verify_provenance(provenance, filename, sha256) {
                Ok(()) => return Ok(Ok(())),
                Err(problem) => refused = refused.and(Err(problem)),
            }
        }
        Ok(refused)
    }
}

/// That of the public instance first.
fn verifiers(roots: &[PathBuf]) -> Result<Vec<Verifier>, String> {
    let mut verifiers = vec![Verifier::public().map_err(|problem| problem.to_string())?];
    for path in roots {
        let wrong = |problem: String| format!("the trusted root {} cannot be used: {problem}", path.display());
        let json = std::fs::read_to_string(path).map_err(|problem| wrong(problem.to_string()))?;
        verifiers.push(Verifier::from_trusted_root(&json).map_err(|problem| wrong(problem.to_string()))?);
    }
    Ok(verifiers)
}

#[cfg(test)]
mod tests {
    use sigstore_verify::trust_root::SIGSTORE_STAGING_TRUSTED_ROOT;

    use super::*;

    #[test]
    fn further_instances_are_told_by_files() {
        assert_eq!(verifiers(&[]).map(|verifiers| verifiers.len()), Ok(1));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trusted_root.json");
        let read = || verifiers(std::slice::from_ref(&path)).map(|verifiers| verifiers.len());
        assert!(read().is_err_and(|problem| problem.contains("trusted_root.json cannot be used")));
        std::fs::write(&path, "{").unwrap();
        assert!(read().is_err_and(|problem| problem.contains("trusted_root.json cannot be used")));
        std::fs::write(&path, SIGSTORE_STAGING_TRUSTED_ROOT).unwrap();
        assert_eq!(read(), Ok(2));
    }
}
