//! The content face: `GET` and `HEAD` of `{content_path_prefix}<base_path>/<path>`, the way from a path to
//! its distribution, to what that serves, to the bytes.
//!
//! Versions and publications never change, so what a path of one leads to is remembered without limit in
//! time, absence included; only where a distribution points moves. Who moves it calls
//! [`Delivery::distributions_changed`]; other hosts of the installation notice within [`STALE`].

mod answer;
mod artifact;
mod at_hand;
mod blocks;
mod checkpoint;
mod conditional;
mod content_type;
mod direct;
mod file;
mod flight;
mod folder;
mod guard;
mod html;
mod lazy;
mod locate;
mod made;
mod open_files;
mod path;
mod pointer;
mod reason;
#[cfg(test)]
mod tests;
mod wire;

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_http::{Request, Response};
use actix_web::body::BoxBody;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use crate::auth::Actor;
use crate::config::Config;
pub use crate::db::delivery::{Distribution, StoredFile};
pub use crate::db::lazy::Remote;
use crate::db::listing::Listed;
use crate::db::pending::Pending;
use crate::db::{Conn, Db};
use crate::download::Downloader;
use crate::error::{Error, Result};
use crate::guards::Guard;
use crate::id::Id;
use crate::metrics::{Operation, Requests};
use crate::plugin::{Pullable, Version, VersionUnits};
use crate::storage::{DigestSet, Staged, Storage};
pub(crate) use answer::with_slash;
pub(crate) use blocks::stream as stream_of_file;
pub(crate) use conditional::{Validators, Verdict, judge_whole};
pub(crate) use direct::Direct;
pub(crate) use guard::{is_for, private, unshared};
pub(crate) use html::encode;
pub use made::{Made, MadeAnswer};
use open_files::OpenFiles;
pub(crate) use path::decode;
pub(crate) use pointer::{FaceView, Pointer};
pub(crate) use reason::in_status_line;
pub use wire::{Outbox, server};

/// How long another host may take to notice that a distribution points elsewhere.
const STALE: Duration = Duration::from_secs(1);
/// Distributions remembered; more are looked up again.
const POINTERS: usize = 10_000;
/// Bytes that a body in memory takes beside its own, about.
const SURROUNDINGS: u64 = 256;
/// The length of a usual body, about.
const USUAL_BODY: u64 = 4 << 10;
/// Repositories are told of so many units at most once in so long.
const JOINED: u64 = 10_000;
const JOINED_FOR: Duration = Duration::from_secs(600);
/// Listings made at the same time; each may read a whole version.
const LISTINGS: usize = 2;

/// What delivery must be told about formats and remotes.
#[async_trait]
pub trait Formats: Send + Sync + 'static {
    /// Whether distributions of this type serve publications rather than versions.
    fn publishes(&self, pulp_type: &str) -> bool;

    /// Whether distributions of this type have a native face.
    fn has_face(&self, pulp_type: &str) -> bool;

    /// The access policies of the native face of this type that were changed, by their viewsets.
    fn changed_policies(&self, _conn: &mut Conn, _pulp_type: &str) -> Result<Vec<String>> {
        Ok(vec![])
    }

    /// The domain of this name, of which there are several only where they are turned on.
    async fn domain(&self, _name: &str) -> Result<Option<Arc<ServedDomain>>> {
        Ok(None)
    }

    /// The guard with this id, ready to judge.
    fn guard(&self, _conn: &mut Conn, _id: Id) -> Result<Guard> {
        Err(Error::internal("there are no guards"))
    }

    /// Who asks, as far as that is proven; for guards that must know.
    fn actor<'a>(&'a self, _request: &'a HttpRequest) -> LocalBoxFuture<'a, Result<Option<Actor>>> {
        Box::pin(async { Ok(None) })
    }

    /// The units of a version and those that wait for the next one, for formats of this type.
    fn units(&self, pulp_type: &str, version: Version, pending: &Pending) -> Option<VersionUnits>;

    /// Where the upstream of the distribution keeps the file at `path`, as far as its repository would take it.
    async fn upstream_file(&self, distribution: &Distribution, path: &str) -> Result<Option<Pullable>>;

    /// Whether the distribution's repository would not take the file at `path`, which the remote was asked for before,
    /// by this distribution or by others.
    async fn withholds(&self, distribution: &Distribution, path: &str) -> Result<bool>;

    /// What the native face of the distribution's format has at `path` for readers of the content face.
    fn native<'a>(
        &'a self,
        _request: &'a HttpRequest,
        _pointer: &'a Arc<Pointer>,
        _path: &'a str,
    ) -> LocalBoxFuture<'a, Option<Result<HttpResponse>>> {
        Box::pin(async { None })
    }

    /// The names of files at the root of distributions of this type that their format may make when they are asked for.
    fn generated_files(&self, _pulp_type: &str) -> &'static [&'static str] {
        &[]
    }

    /// The text of one of them; `origin` is the scheme and host by which the server was asked.
    async fn generated(&self, _pointer: &Pointer, _path: &str, _origin: &str) -> Result<Option<String>> {
        Ok(None)
    }

    /// Those of them that the distribution has.
    async fn generated_names(&self, _pointer: &Pointer) -> Result<Vec<&'static str>> {
        Ok(vec![])
    }

    /// Whether distributions of this type have no files but those that their format makes of units.
    fn makes_files(&self, _pulp_type: &str) -> bool {
        false
    }

    /// What the distribution's format makes of the units that it serves.
    async fn made(&self, _pointer: &Pointer, _asked: Made) -> Result<Option<MadeAnswer>> {
        Ok(None)
    }

    /// A downloader with the settings of the remote; delivery keeps it until the remote is changed.
    async fn downloader(&self, remote: Id) -> Result<Downloader>;

    /// Stores a file that was pulled through, and what it means to its format. When the same path is asked
    /// for again, a unit is found whose content artifact has that path and a source at that remote.
    async fn keep_pulled(&self, pulled: Pulled) -> Result<StoredFile>;

    /// Sees to it that units become part of the next version of a repository of the domain.
    async fn add_to_repository(&self, domain: Id, repository: Id, units: Vec<Id>) -> Result<()>;
}

/// A domain as delivery sees it.
#[derive(Clone)]
pub struct ServedDomain {
    pub id: Id,
    pub storage: Storage,
    /// Readers are sent to the bucket.
    pub redirects: bool,
    pub listed: Listed,
}

/// A file that was fetched because a client asked a distribution for it; its digests are verified as far
/// as the upstream told any.
pub struct Pulled {
    pub domain: Id,
    pub pulp_type: String,
    pub distribution: Id,
    /// The repository that shall get it, when the distribution has one too.
    pub repository: Option<Id>,
    pub remote: Id,
    pub path: String,
    pub url: String,
    /// What the upstream says about it.
    pub told: serde_json::Value,
    pub staged: Staged,
}

/// The content face of this process. Cheap to clone.
#[derive(Clone)]
pub struct Delivery(Arc<Inner>);

struct Inner {
    db: Db,
    /// The default domain; where domains are off, the one that is served.
    domain: Arc<ServedDomain>,
    formats: Arc<dyn Formats>,
    settings: Settings,
    requests: Arc<Requests>,
    /// Grows with each change of a distribution.
    generation: AtomicU64,
    pointers: Cache<String, Arc<pointer::Pointer>>,
    paths: Cache<locate::Key, locate::Found>,
    bodies: Cache<blocks::Address, Bytes, WithSurroundings>,
    files: OpenFiles,
    pages: Cache<locate::Key, Bytes, WithSurroundings>,
    searches: Semaphore,
    listings: Semaphore,
    flights: flight::Flights,
    /// Units that were pulled through elsewhere, and repositories that were told to take them.
    joined: moka::sync::Cache<(Id, Id), ()>,
}

/// What the administrator decided about delivery.
struct Settings {
    /// Starts and ends with `/`.
    prefix: String,
    /// Paths begin with the name of a domain.
    has_domains: bool,
    cooldown: Duration,
    digests: DigestSet,
    access_log: bool,
}

impl Delivery {
    /// # Errors
    /// `Malformed` when the configuration names an unknown digest.
    pub fn new(config: &Config, db: Db, (id, storage): (Id, Storage), formats: Arc<dyn Formats>) -> Result<Self> {
        let settings = Settings {
            prefix: config.content_path_prefix.clone(),
            has_domains: config.domain_enabled,
            cooldown: config.remote_content_fetch_failure_cooldown,
            digests: DigestSet::parse(&config.allowed_content_checksums)?,
            access_log: config.access_log,
        };
        let listed = Listed::of(config.hide_guarded_distributions);
        let domain = ServedDomain { id, storage, redirects: config.redirect_to_object_storage, listed };
        Ok(Self(Arc::new(Inner {
            db,
            domain: Arc::new(domain),
            formats,
            settings,
            requests: Arc::default(),
            generation: AtomicU64::new(0),
            pointers: Cache::new(POINTERS),
            paths: Cache::new(usize::try_from(config.path_cache_entries).unwrap_or(usize::MAX)),
            bodies: weighed(config.body_cache_bytes / 2),
            files: OpenFiles::new(),
            pages: weighed(config.body_cache_bytes / 8),
            searches: Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from) * 2),
            listings: Semaphore::new(LISTINGS),
            flights: flight::Flights::new(),
            joined: moka::sync::Cache::builder().max_capacity(JOINED).time_to_live(JOINED_FOR).build(),
        })))
    }

    /// The distribution that `path`, decoded, lies in.
    pub(crate) async fn pointer(&self, path: &str) -> Result<Option<Arc<Pointer>>> {
        pointer::find(&self.0, path).await
    }

    /// The answer to a reader whom the distribution's guard does not let through; none for all others. `path` is
    /// the base path and what follows it, decoded.
    pub(crate) async fn refusal(
        &self,
        request: &HttpRequest,
        pointer: &Pointer,
        path: &str,
    ) -> Result<Option<HttpResponse>> {
        guard::refusal(&self.0, request, pointer, path).await
    }

    /// The answer to a request that asks for what is at hand; none for all others, which go the usual way.
    pub(crate) fn at_hand(&self, request: &Request) -> Option<Response<BoxBody>> {
        at_hand::answer(&self.0, request)
    }

    /// The counts of all requests.
    pub(crate) fn measured(&self) -> Operation<'_> {
        Operation { face: answer::FACE, name: answer::OPERATION, method: "GET", requests: &self.0.requests }
    }

    /// To be called after artifacts were deleted whose content stays: what paths lead to is looked up anew.
    pub fn files_left(&self) {
        self.0.paths.clear();
        self.0.bodies.clear();
        // The disk gets its space back.
        self.0.files.clear();
        self.distributions_changed();
    }

    /// To be called after each transaction that touched distributions, publications or versions: from then
    /// on no answer follows the old state. Without a wait.
    pub fn distributions_changed(&self) {
        self.0.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl Inner {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// Weighs bodies in bytes, what surrounds them included.
#[derive(Clone)]
struct WithSurroundings;

impl<K> Weighter<K, Bytes> for WithSurroundings {
    fn weight(&self, _: &K, bytes: &Bytes) -> u64 {
        bytes.len() as u64 + SURROUNDINGS
    }
}

/// A cache of bodies that takes so many bytes.
fn weighed<K: Hash + Eq>(capacity: u64) -> Cache<K, Bytes, WithSurroundings> {
    let bodies = usize::try_from(capacity / USUAL_BODY).unwrap_or(usize::MAX);
    Cache::with_weighter(bodies, capacity, WithSurroundings)
}

/// Adds the content face to a server. The prefix is plain text to the router: a pattern would be matched as a
/// regular expression, which took a third of the time of a small answer.
pub fn routes(config: &mut ServiceConfig, delivery: &Delivery) {
    let prefix = delivery.0.settings.prefix.trim_end_matches('/');
    let delivery = delivery.clone();
    let answer = web::route().to(move |request| answer::answer(delivery.clone(), request));
    config.service(web::scope(prefix).default_service(answer));
}
