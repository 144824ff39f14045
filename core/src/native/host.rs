//! What core does for a face, in the name of whoever sent the request.

use async_trait::async_trait;

use crate::app::Shared;
use crate::auth::policy::Actor;
use crate::error::Result;
use crate::id::Id;
use crate::ops::{change_units, upload, upstreams};
use crate::plugin::{Change, FaceDistribution, FaceHost, Upload, Uploaded, UpstreamReader};

pub struct Host {
    pub app: Shared,
    pub cid: String,
    pub actor: Option<Actor>,
}

impl Host {
    fn user_id(&self) -> Option<i64> {
        self.actor.as_ref().map(|actor| actor.user_id)
    }
}

#[async_trait]
impl FaceHost for Host {
    async fn upload(&self, upload: Upload) -> Result<Uploaded> {
        upload::upload(&self.app, upload, &self.cid, self.user_id()).await
    }

    async fn change(&self, change: Change) -> Result<Id> {
        change_units::dispatch(&self.app, change, &self.cid, self.user_id()).await
    }

    async fn upstream(&self, distribution: &FaceDistribution) -> Result<Option<UpstreamReader>> {
        match distribution.remote {
            Some(remote) => upstreams::reader(&self.app, remote, distribution.repository).await,
            None => Ok(None),
        }
    }
}
