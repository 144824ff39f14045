//! The process as seen from one domain: what is its own, a store, addresses, rules of delivery, over what all share.
//! Views are made when a domain is first asked for and remembered until a domain changes. A change in this process is
//! noticed at once, one on another host within [`STALE`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant as Moment};

use crate::app::{App, Shared};
use crate::db::domains::{self, Domain};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::metrics::{Counter, Kind, Text};
use crate::ops::domains::place;
use crate::resource::{Api, DEFAULT_DOMAIN};
use crate::storage::Storage;

/// How long another host may take to notice that a domain was changed.
const STALE: Duration = Duration::from_secs(1);
/// Domains remembered; with more, all are looked up again.
const REMEMBERED: usize = 5_000;

/// The domains that this process has seen.
pub struct Domains {
    /// The view of the default domain, which never changes while the process runs.
    root: OnceLock<Weak<App>>,
    known: Mutex<Known>,
    /// Grows with each change of a domain.
    generation: AtomicU64,
    /// How often one was looked up.
    looked_up: Counter,
}

#[derive(Default)]
struct Known {
    by_id: HashMap<Id, View>,
    by_name: HashMap<String, Id>,
}

#[derive(Clone)]
struct View {
    app: Shared,
    generation: u64,
    good_until: Option<Moment>,
}

#[derive(Clone)]
enum Asked {
    Id(Id),
    Name(String),
}

impl Default for Domains {
    fn default() -> Self {
        Self {
            root: OnceLock::new(),
            known: Mutex::default(),
            generation: AtomicU64::new(0),
            looked_up: Counter::default(),
        }
    }
}

impl Domains {
    /// Names the view of the default domain, once it is complete.
    pub fn bind(&self, root: &Shared) {
        // Bound once, right after the process is made.
        let _ = self.root.set(Arc::downgrade(root));
    }

    /// To be called after a transaction that changed a domain, or deleted one.
    pub fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Lets go of all views, which hold the process together as long as they are remembered.
    pub fn forget(&self) {
        let known = std::mem::take(&mut *self.known());
        drop(known);
    }

    /// Writes down how often the database was asked for a domain.
    pub fn write_metrics(&self, text: &mut Text) {
        let help = "Domains looked up in the database, since nothing that is remembered of them was good.";
        text.single("pith_domain_lookups_total", Kind::Counter, help, self.looked_up.get());
    }

    fn root(&self) -> Result<Shared> {
        self.root.get().and_then(Weak::upgrade).ok_or_else(|| Error::internal("the process is not complete"))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, asked: &Asked) -> Option<View> {
        let known = self.known();
        let id = match asked {
            Asked::Id(id) => id,
            Asked::Name(name) => known.by_name.get(name)?,
        };
        known.by_id.get(id).cloned()
    }

    fn remember(&self, view: View) {
        let mut known = self.known();
        if known.by_id.len() >= REMEMBERED {
            *known = Known::default();
        }
        let tenant = &view.app.tenant;
        known.by_name.retain(|name, id| *id != tenant.id || *name == tenant.name);
        known.by_name.insert(tenant.name.clone(), tenant.id);
        known.by_id.insert(tenant.id, view);
    }

    fn drop_view(&self, asked: &Asked) {
        let mut known = self.known();
        match asked {
            Asked::Id(id) => drop(known.by_id.remove(id)),
            Asked::Name(name) => {
                if let Some(id) = known.by_name.remove(name) {
                    known.by_id.remove(&id);
                }
            }
        }
    }
}

impl App {
    /// The process as seen from the domain with this id.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn of_domain(self: &Arc<Self>, id: Id) -> Result<Shared> {
        if id == self.domain {
            return Ok(self.clone());
        }
        self.view(Asked::Id(id)).await?.ok_or_else(|| Error::not_found("Domain"))
    }

    /// The process as seen from the domain of this name, if there is one.
    pub async fn of_domain_named(self: &Arc<Self>, name: &str) -> Result<Option<Shared>> {
        match name {
            DEFAULT_DOMAIN => self.domains.root().map(Some),
            name if name == self.tenant.name => Ok(Some(self.clone())),
            name => self.view(Asked::Name(name.to_owned())).await,
        }
    }

    /// Why a request failed that was for this domain: its store may have gone with it meanwhile.
    pub async fn cause(self: &Arc<Self>, error: Error) -> Error {
        let Error::Storage { .. } = error else { return error };
        match self.view(Asked::Id(self.domain)).await {
            Ok(None) => Error::not_found("Domain"),
            _ => error,
        }
    }

    /// The process as seen from the default domain, to which belongs what is not any domain's.
    pub fn of_default_domain(self: &Arc<Self>) -> Result<Shared> {
        if self.tenant.name == DEFAULT_DOMAIN { Ok(self.clone()) } else { self.domains.root() }
    }

    async fn view(self: &Arc<Self>, asked: Asked) -> Result<Option<Shared>> {
        let generation = self.domains.generation.load(Ordering::Acquire);
        let known = self.domains.remembered(&asked);
        let is_good =
            |view: &View| view.generation == generation && view.good_until.is_none_or(|end| Moment::now() < end);
        if let Some(view) = known.as_ref().filter(|view| is_good(view)) {
            return Ok(Some(view.app.clone()));
        }
        self.domains.looked_up.add(1);
        let wanted = asked.clone();
        let found = self.db.read(move |conn| match &wanted {
            Asked::Id(id) => domains::by_id(conn, *id),
            Asked::Name(name) => domains::by_name(conn, name),
        });
        let Some(domain) = found.await? else {
            self.domains.drop_view(&asked);
            return Ok(None);
        };
        let root = self.domains.root()?;
        if domain.id == root.domain {
            return Ok(Some(root));
        }
        let app = match known.map(|view| view.app) {
            Some(app) if *app.tenant == domain => app,
            before => root.seen_from(domain, before.as_deref()).await?,
        };
        let good_until = (!self.db.is_embedded()).then(|| Moment::now() + STALE);
        self.domains.remember(View { app: app.clone(), generation, good_until });
        Ok(Some(app))
    }

    /// Makes a view. The store of `before` is kept if it is the same.
    async fn seen_from(&self, domain: Domain, before: Option<&Self>) -> Result<Shared> {
        let is_same = |before: &&Self| {
            let tenant = &before.tenant;
            (tenant.id, &tenant.store, &tenant.second) == (domain.id, &domain.store, &domain.second)
        };
        let same = before.filter(is_same);
        let storage = match same {
            Some(before) => before.storage.clone(),
            None => Storage::attach(&place::of(&self.config, &self.secrets, &domain)?).await?,
        };
        let name = self.config.domain_enabled.then_some(domain.name.as_str());
        Ok(Arc::new(Self {
            storage,
            domain: domain.id,
            api: Arc::new(Api::new(&self.config.api_root, name)),
            tenant: Arc::new(domain),
            ..self.clone()
        }))
    }
}
