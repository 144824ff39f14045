//! What one process holds: configuration, database, store, formats, as seen from one domain. Handed to every verb.
//! Starting one brings the database up to date and makes what a first start needs.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value as Json, json};

use crate::auth::{CredentialCache, Secrets, password};
use crate::config::{Config, DatabaseAddress, StartError};
use crate::db::domains::Domain;
use crate::db::{self, Address, Db, Migrations};
use crate::domains::Domains;
use crate::error::{Error, Result};
use crate::formats::KnownFormats;
use crate::id::Id;
use crate::native::Native;
use crate::ops;
use crate::ops::domains::place;
use crate::params;
use crate::plugin::Plugin;
use crate::probes::Readiness;
use crate::resource::{Api, DEFAULT_DOMAIN, Registry, Scope};
use crate::rest::authenticate::Logins;
use crate::rest::{self, Routes};
use crate::serve::Delivery;
use crate::signing::Signing;
use crate::storage::{DigestSet, Storage, StorageConfig};
use crate::tasks::{Queue, QueueParts, Sealing};

/// The version of the reference whose interface is spoken; clients ask for it.
pub const PULP_VERSION: &str = "3.123.1";

/// How long running tasks may go on when the process is to end.
const SHUTDOWN_GRACE: std::time::Duration = std::time::Duration::from_secs(20);

/// The process's parts, shared by its roles, as seen from one domain. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub db: Db,
    /// Of the domain.
    pub storage: Storage,
    pub secrets: Arc<Secrets>,
    pub credentials: Arc<CredentialCache>,
    pub logins: Arc<Logins>,
    /// Formats and their resources.
    pub registry: Arc<Registry>,
    /// The API's operations.
    pub routes: Arc<Routes>,
    /// The domain from which the process is seen.
    pub domain: Id,
    /// The same domain with its settings.
    pub tenant: Arc<Domain>,
    /// The other domains.
    pub domains: Arc<Domains>,
    pub queue: Arc<Queue>,
    pub delivery: Delivery,
    pub signing: Signing,
    pub upstreams: Arc<ops::Upstreams>,
    pub native: Arc<Native>,
    pub readiness: Arc<Readiness>,
    /// When the process began.
    pub started: SystemTime,
    /// What the database must have.
    pub migrations: Vec<Migrations>,
    /// Where the API of the domain is.
    pub api: Arc<Api>,
}

pub type Shared = Arc<App>;

/// The formats that the program was built with.
pub type Plugins = Vec<Arc<dyn Plugin>>;

impl App {
    /// Opens database and store, brings the schema up to date, and on a first start makes the domain and the
    /// administrator.
    pub async fn open(config: Config, plugins: Plugins) -> Result<Shared, StartError> {
        config.prepare_data_dir()?;
        let logins = Logins::new(&config)?;
        let secrets = Arc::new(Secrets::load_or_create(&config.secret_key_file)?);
        let address = database_address(&config);
        let db = open_database(&config, &plugins).await?;
        let migrations = migrations(&plugins);
        let storage = Storage::open(&storage_config(&config)?).await?;
        let tenant = Arc::new(default_domain(&db, &config).await?);
        check_secret_key(&db, &secrets).await?;
        ensure_administrator(&db, &config).await?;
        let registry = Arc::new(Registry::new(plugins, rest::core_resources));
        let shipped = Arc::clone(&registry);
        db.write(move |conn| ops::shipped::ensure(&shipped, conn)).await?;
        let formats = Arc::new(KnownFormats::default());
        let delivery = Delivery::new(&config, db.clone(), (tenant.id, storage.clone()), formats.clone())?;
        let native = Native::new(&config, &registry, storage.clone());
        let queue = Queue::new(QueueParts {
            db: db.clone(),
            address,
            sealing: sealing(&secrets),
            kinds: ops::task_kinds(),
            versions: versions(&registry),
            workers: config.workers,
            grace: config.task_grace_interval,
            shutdown_grace: SHUTDOWN_GRACE,
            worker_ttl: config.worker_ttl,
        });
        let signing = signing(&config, &db, &secrets);
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let app = Arc::new(Self {
            routes: Arc::new(Routes::new(&registry)),
            credentials: Arc::new(CredentialCache::new(threads)?),
            logins: Arc::new(logins),
            api: Arc::new(Api::new(&config.api_root, config.domain_enabled.then_some(DEFAULT_DOMAIN))),
            config: Arc::new(config),
            db,
            storage,
            secrets,
            registry,
            domain: tenant.id,
            tenant,
            domains: Arc::default(),
            queue: Arc::new(queue),
            delivery,
            signing,
            upstreams: Arc::default(),
            native: Arc::new(native),
            readiness: Arc::default(),
            started: SystemTime::now(),
            migrations,
        });
        formats.bind(&app);
        app.domains.bind(&app);
        let root = app.clone();
        app.db.write(move |conn| ops::artifact_distribution::ensure(&root, conn)).await?;
        Ok(app)
    }

    /// What showing and resolving need; `content` is [`App::content_base`].
    pub fn scope<'a>(&'a self, content: &'a str) -> Scope<'a> {
        Scope {
            registry: &self.registry,
            api: &self.api,
            secrets: &self.secrets,
            content,
            domain: self.domain,
            domain_name: &self.tenant.name,
            worker_ttl: self.config.worker_ttl,
            guard_variables: &self.config.guard_variables,
        }
    }

    /// The address of the domain's content: as configured, else by the origin of the request at hand.
    pub fn content_base(&self, origin: Option<&str>) -> String {
        let origin = self.config.content_origin.as_deref().or(origin).unwrap_or_default();
        format!("{origin}{}", self.content_path())
    }

    /// The path of the domain's content.
    pub fn content_path(&self) -> String {
        format!("{}{}", self.config.content_path_prefix, self.api.mount())
    }

    /// To be called after a transaction that may have changed what a distribution serves.
    pub fn served_content_changed(&self) {
        self.delivery.distributions_changed();
    }

    /// To be called after a transaction that changed a domain.
    pub fn domain_changed(&self) {
        self.domains.changed();
        // What is remembered of distributions has their domain in it.
        self.delivery.distributions_changed();
    }

    /// The digests that artifacts get.
    pub fn digests(&self) -> Result<DigestSet> {
        DigestSet::parse(&self.config.allowed_content_checksums)
    }
}

/// The signing services, with the folder where their scripts work.
pub fn signing(config: &Config, db: &Db, secrets: &Arc<Secrets>) -> Signing {
    Signing::new(db.clone(), secrets.clone(), config.data_dir.join("signing"))
}

/// Opens the database and brings its schema up to date.
pub async fn open_database(config: &Config, plugins: &Plugins) -> Result<Db> {
    let (address, pool_size) = (database_address(config), config.database_pool_size);
    let migrations = migrations(plugins);
    let open = move || {
        let db = Db::open(&address, pool_size)?;
        db.migrate(&migrations)?;
        Ok(db)
    };
    tokio::task::spawn_blocking(open).await.map_err(Error::internal)?
}

/// The migrations of core and of the formats.
pub fn migrations(plugins: &Plugins) -> Vec<Migrations> {
    std::iter::once(db::CORE).chain(plugins.iter().map(|plugin| plugin.migrations())).collect()
}

/// How the configuration says to reach the database.
pub fn database_address(config: &Config) -> Address {
    match &config.database {
        DatabaseAddress::Sqlite(path) => Address::Sqlite(path.clone()),
        DatabaseAddress::Postgres(url) => Address::Postgres(url.reveal().to_owned()),
    }
}

/// How the configuration says to reach the store.
pub fn storage_config(config: &Config) -> Result<StorageConfig> {
    Ok(StorageConfig {
        url: config.storage.to_string(),
        endpoint: config.s3_endpoint.clone(),
        region: Some(config.s3_region.clone()),
        access_key_id: config.s3_access_key_id.as_ref().map(|key| key.reveal().to_owned()),
        secret_access_key: config.s3_secret_access_key.as_ref().map(|key| key.reveal().to_owned()),
        allow_http: config.s3_allow_http,
        staging: config.data_dir.join("tmp"),
        digests: DigestSet::parse(&config.allowed_content_checksums)?,
        ..StorageConfig::default()
    })
}

fn sealing(secrets: &Arc<Secrets>) -> Sealing {
    let (seal, open) = (Arc::clone(secrets), Arc::clone(secrets));
    Sealing {
        seal: Box::new(move |value: &Json| seal.seal(value)),
        open: Box::new(move |sealed: &str| open.open(sealed)),
    }
}

/// Version by component, as the reference names them.
pub fn versions(registry: &Registry) -> Json {
    let mut versions = json!({"core": PULP_VERSION});
    for plugin in &registry.plugins {
        versions[plugin.name()] = json!(plugin.version());
    }
    versions
}

/// The default domain, made when there is none. It keeps to the configuration, which its row shows.
pub async fn default_domain(db: &Db, config: &Config) -> Result<Domain> {
    let shown = place::of_installation(config);
    let (redirects, hides) = (config.redirect_to_object_storage, config.hide_guarded_distributions);
    db.write(move |conn| {
        conn.lock(&db::Lock::Migrations)?;
        db::installation::refuse_unfinished_restore(conn)?;
        db::domains::ensure_default(conn, &shown, redirects, hides)
    })
    .await
}

/// Refuses to start with another key than what is in the database was sealed with.
pub async fn check_secret_key(db: &Db, secrets: &Secrets) -> Result<(), StartError> {
    let probe = secrets.seal(&json!("probe"))?;
    let stored = db
        .write(move |conn| {
            conn.execute(
                "INSERT INTO installation (name, value) VALUES ('secret_key_probe', $1) ON CONFLICT DO NOTHING",
                params![probe],
            )?;
            conn.query_one("SELECT value FROM installation WHERE name = 'secret_key_probe'", &[])?.get::<String>(0)
        })
        .await?;
    Ok(secrets.check(&stored)?)
}

/// The administrator of a new installation; a generated password is printed once.
async fn ensure_administrator(db: &Db, config: &Config) -> Result<()> {
    if db.read(db::users::any).await? {
        return Ok(());
    }
    let given = config.admin_password.as_ref().map(|password| password.reveal().to_owned());
    let is_generated = given.is_none();
    let text = given.map_or_else(password::generate, Ok)?;
    let plain = text.clone();
    let hash = tokio::task::spawn_blocking(move || password::hash(&plain)).await.map_err(Error::internal)??;
    let added = db
        .write(move |conn| {
            conn.lock(&db::Lock::Migrations)?;
            if db::users::any(conn)? {
                return Ok(false);
            }
            db::users::add_administrator(conn, "admin", &hash)?;
            Ok(true)
        })
        .await?;
    if added && is_generated {
        println!("made the user `admin` with the password {text} (shown this once)");
    }
    Ok(())
}
