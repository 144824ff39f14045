//! The REST collections of the component.

use pith_core::plugin::Owned;
use pith_core::resource::kinds::Names;
use pith_core::resource::{Draft, Errors, Field, Resource};
use serde_json::Value as Json;

use crate::authorities::Authorities;
use crate::{RHSM, X509};

pub fn all() -> Vec<Resource> {
    let rhsm = Names {
        app: "certguard",
        model: "RHSMCertGuard",
        noun: "RHSM certificate guard",
        pulp_type: RHSM,
        path: "contentguards/certguard/rhsm/",
        operations: "contentguards_certguard_rhsm",
        href_parameter: "certguard_r_h_s_m_cert_guard_href",
        tag: "Contentguards: Rhsm",
        description: "Guards that let through whoever has an entitlement certificate for the path.",
    };
    let x509 = Names {
        app: "certguard",
        model: "X509CertGuard",
        noun: "X.509 certificate guard",
        pulp_type: X509,
        path: "contentguards/certguard/x509/",
        operations: "contentguards_certguard_x509",
        href_parameter: "certguard_x509_cert_guard_href",
        tag: "Contentguards: X509",
        description: "Guards that let through whoever has a certificate that an authority signed.",
    };
    vec![guard(rhsm, "rhsmcertguard"), guard(x509, "x509certguard")]
}

fn guard(names: Names, model: &'static str) -> Resource {
    let pem = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n";
    let authorities = Field::text("ca_certificate", "PEM of the authorities that sign the readers' certificates.", pem)
        .required()
        .detail();
    let resource = Resource::content_guard(names, vec![authorities], Owned::new("certguard", model).policy());
    Resource { check: Some(check), ..resource }
}

fn check(draft: &Draft, errors: &mut Errors) {
    if let Some(Err(problem)) = draft.get("ca_certificate").and_then(Json::as_str).map(Authorities::parse) {
        errors.add("ca_certificate", problem);
    }
}
