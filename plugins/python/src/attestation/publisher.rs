//! Whether a certificate is of the publisher that a provenance names.
//!
//! The claims stand in extensions of the certificate, copied there by the authority from the token
//! of the build service. A publisher of another kind, such as the users of a Pulp, has no claims
//! that could be compared.

use serde_json::Value;
use sigstore_verify::crypto::CertificateInfo;

/// Compares; the error is a line that says what differs.
pub(super) fn check(publisher: &Value, certificate: &CertificateInfo) -> Result<(), String> {
    match text(publisher, "kind")? {
        "GitHub" => github(publisher, certificate),
        "GitLab" => gitlab(publisher, certificate),
        "Google" => google(publisher, certificate),
        _ => Ok(()),
    }
}

fn github(publisher: &Value, certificate: &CertificateInfo) -> Result<(), String> {
    let repository = format!("https://github.com/{}", text(publisher, "repository")?);
    let config = format!("{repository}/.github/workflows/{}", text(publisher, "workflow")?);
    issuer(certificate, "https://token.actions.githubusercontent.com")?;
    build(certificate, &repository, &config)
}

fn gitlab(publisher: &Value, certificate: &CertificateInfo) -> Result<(), String> {
    let repository = format!("https://gitlab.com/{}", text(publisher, "repository")?);
    let config = format!("{repository}//{}", text(publisher, "workflow_filepath")?);
    issuer(certificate, "https://gitlab.com")?;
    build(certificate, &repository, &config)
}

fn google(publisher: &Value, certificate: &CertificateInfo) -> Result<(), String> {
    issuer(certificate, "https://accounts.google.com")?;
    let email = text(publisher, "email")?;
    let identity = certificate.identity.as_ref().map(|identity| identity.as_str());
    same("identity", identity, email)
}

fn text<'a>(publisher: &'a Value, field: &str) -> Result<&'a str, String> {
    let text = publisher.get(field).and_then(Value::as_str);
    text.ok_or_else(|| format!("the publisher has no `{field}`"))
}

fn issuer(certificate: &CertificateInfo, expected: &str) -> Result<(), String> {
    same("issuer", certificate.issuer.as_deref(), expected)
}

/// The build is of the repository, and was configured by that file at the commit or reference
/// that the certificate tells; a publisher cannot know these.
fn build(certificate: &CertificateInfo, repository: &str, config: &str) -> Result<(), String> {
    let claims = &certificate.ci_claims;
    same("source repository", claims.source_repository_uri.as_deref(), repository)?;
    let at = [&claims.source_repository_digest, &claims.source_repository_ref];
    let fits = |at: &String| claims.build_config_uri.as_ref() == Some(&format!("{config}@{at}"));
    if at.into_iter().flatten().any(fits) {
        return Ok(());
    }
    let told = claims.build_config_uri.as_deref().unwrap_or("none");
    Err(format!("the certificate's build configuration is `{}`, the publisher's `{config}`", super::excerpt(told)))
}

fn same(what: &str, found: Option<&str>, expected: &str) -> Result<(), String> {
    if found == Some(expected) {
        return Ok(());
    }
    let found = super::excerpt(found.unwrap_or("none"));
    Err(format!("the certificate's {what} is `{found}`, the publisher's `{expected}`"))
}
