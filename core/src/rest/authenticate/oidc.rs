//! Users whom a provider of OpenID Connect vouches for: from what a token says to a user with groups.

use std::sync::Arc;

use super::outside;
use crate::app::Shared;
use crate::auth::oidc::{Expected, Provider};
use crate::auth::policy::Actor;
use crate::auth::token::Grant;
use crate::config::{Config, ConfigError};
use crate::db::groups;
use crate::error::{Error, Result};

/// The provider of the configuration.
pub struct Oidc {
    provider: Provider,
    /// Stands before the names that the provider gives.
    prefix: String,
    /// Groups as the provider calls them, and as they are called here.
    groups: Vec<(String, String)>,
}

impl Oidc {
    /// None unless the configuration names a provider.
    ///
    /// # Errors
    /// The address of the provider is none that can be asked.
    pub fn new(config: &Config) -> Result<Option<Self>, ConfigError> {
        let (Some(issuer), Some(audience)) = (&config.oidc_issuer, &config.oidc_audience) else { return Ok(None) };
        let expected = Expected {
            issuer: issuer.clone(),
            audience: audience.clone(),
            username_claim: config.oidc_username_claim.clone(),
            groups_claim: config.oidc_groups_claim.clone(),
        };
        let provider =
            Provider::new(expected).map_err(|error| ConfigError::for_key("oidc_issuer", error.public_text()))?;
        let groups = config.oidc_groups.iter().filter_map(|pair| pair.rsplit_once('='));
        Ok(Some(Self {
            provider,
            prefix: config.oidc_username_prefix.clone().unwrap_or_default(),
            groups: groups.map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned())).collect(),
        }))
    }

    /// The user that a token names. Administrators do not get in that way: whoever can choose a name at the provider
    /// would choose theirs.
    ///
    /// # Errors
    /// `Unauthenticated`; `Upstream` when the provider's keys are not to be had.
    pub async fn actor(&self, app: &Shared, token: &str) -> Result<Actor> {
        let claims = self.provider.verify(token).await?;
        let user = outside::user(app, format!("{}{}", self.prefix, claims.username)).await?;
        if user.is_superuser {
            return Err(Error::Unauthenticated("administrators do not log in by a provider".into()));
        }
        if let Some(groups) = claims.groups {
            self.join(app, user.id, &groups).await?;
        }
        Ok(Actor { token: Some(Arc::new(Grant::of_provider())), ..user.into_actor() })
    }

    /// Sees to it that the user is in those of the mapped groups that the token names, and in no other of them.
    async fn join(&self, app: &Shared, user: i64, named: &[String]) -> Result<()> {
        let mapped: Vec<String> = self.groups.iter().map(|(_, ours)| ours.clone()).collect();
        if mapped.is_empty() {
            return Ok(());
        }
        let wanted = self.groups.iter().filter(|(theirs, _)| named.contains(theirs));
        let wanted: Vec<String> = wanted.map(|(_, ours)| ours.clone()).collect();
        let asked = (mapped.clone(), wanted.clone());
        let is_so = app.db.read(move |conn| groups::is_in_just(conn, user, &asked.0, &asked.1)).await?;
        if is_so {
            return Ok(());
        }
        app.db.write(move |conn| groups::put_in_just(conn, user, &mapped, &wanted)).await
    }
}
