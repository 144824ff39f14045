//! Guards that let through readers with a certificate that one of the guard's authorities signed. The proxy in front
//! has proven that the reader holds its key, and passes the certificate on ([`client`]).
//!
//! - `authorities.rs`: whether a certificate is good;
//! - `client.rs`: the certificate out of the proxy's header;
//! - `rhsm/`: what an entitlement certificate entitles to;
//! - `resources.rs`: the REST collections.
//!
//! It has no content: a component, and no format.

mod authorities;
mod client;
mod resources;
mod rhsm;

use std::sync::Arc;

use pith_core::error::{Error, Result};
use pith_core::plugin::{Asked, ContentType, Gate, GuardType, Migrations, Plugin, Refused};
use pith_core::resource::Resource;
use serde_json::Value as Json;

use authorities::Authorities;

const X509: &str = "certguard.x509";
const RHSM: &str = "certguard.rhsm";

/// The component.
#[derive(Clone, Copy, Debug, Default)]
pub struct CertguardPlugin;

impl Plugin for CertguardPlugin {
    fn name(&self) -> &'static str {
        "certguard"
    }

    fn version(&self) -> &'static str {
        "3.123.1"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("pulpcore", "pulp_certguard.app")
    }

    fn migrations(&self) -> Migrations {
        Migrations { component: "certguard", steps: &[] }
    }

    fn resources(&self) -> Vec<Resource> {
        resources::all()
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![]
    }

    fn guards(&self) -> Vec<Arc<dyn GuardType>> {
        vec![Arc::new(X509Guard), Arc::new(RhsmGuard)]
    }
}

/// Lets through whoever has a good certificate.
struct X509Guard;

impl GuardType for X509Guard {
    fn pulp_type(&self) -> &'static str {
        X509
    }

    fn gate(&self, settings: &Json, _: &Json) -> Result<Arc<dyn Gate>> {
        Ok(Arc::new(X509Gate(authorities(settings)?)))
    }
}

/// Lets through whoever has a good certificate that entitles to the path.
struct RhsmGuard;

impl GuardType for RhsmGuard {
    fn pulp_type(&self) -> &'static str {
        RHSM
    }

    fn gate(&self, settings: &Json, _: &Json) -> Result<Arc<dyn Gate>> {
        Ok(Arc::new(RhsmGate(authorities(settings)?)))
    }
}

fn authorities(settings: &Json) -> Result<Authorities> {
    let pem = settings.get("ca_certificate").and_then(Json::as_str).unwrap_or_default();
    Authorities::parse(pem).map_err(Error::internal)
}

struct X509Gate(Authorities);

impl Gate for X509Gate {
    fn admit(&self, asked: &Asked<'_>) -> Result<(), Refused> {
        self.0.verify(&client::certificate(asked)?, asked.now)
    }
}

struct RhsmGate(Authorities);

impl Gate for RhsmGate {
    fn admit(&self, asked: &Asked<'_>) -> Result<(), Refused> {
        let certificate = client::certificate(asked)?;
        self.0.verify(&certificate, asked.now)?;
        // Nothing of it was believed before.
        match rhsm::entitles(&certificate, asked.path) {
            Some(true) => Ok(()),
            Some(false) => Err(Refused("Requested path is not a subpath of a path in the client certificate.")),
            None => Err(Refused("The client certificate is no entitlement certificate.")),
        }
    }
}

#[cfg(test)]
mod tests;
