//! Running the server: its roles, its upkeep, its end. And the verbs of the command line beside `serve`.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::app::{self, App, Plugins, Shared, check_secret_key, open_database};
use crate::auth::{Secrets, password};
use crate::config::{Config, Role, StartError};
use crate::db::users;
use crate::db::workers::AppType;
use crate::download::install_tls_provider;
use crate::error::{Error, Result};
use crate::ops;
use crate::ops::domains::place;
use crate::ops::signing::Workshop;
use crate::resource::{DEFAULT_DOMAIN, Registry};
use crate::storage::Storage;
use crate::tasks::{self, Presence};
use crate::{native, probes, rest, serve as delivery, trace};

/// How often what is left over is looked for.
const UPKEEP: Duration = Duration::from_secs(60);

/// What Linux sends for such a write, on all processors that Pith runs on.
const SIGXFSZ: i32 = 25;

/// Serves until a signal asks to stop: running requests end, tasks hand over.
pub fn serve(config: Config, plugins: Plugins) -> Result<(), StartError> {
    install_tls_provider();
    let runtime = runtime()?;
    runtime.block_on(run(config, plugins))
}

fn runtime() -> Result<Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.enable_all().build().map_err(Error::internal)?)
}

async fn run(config: Config, plugins: Plugins) -> Result<(), StartError> {
    survive_large_files()?;
    let listener = TcpListener::bind(&config.listen).map_err(|cause| config.listen_error(&cause))?;
    let address = listener.local_addr().map_err(Error::internal)?;
    let watched = metrics_listener(&config)?;
    let app = App::open(config, plugins).await?;
    if let Some(url) = &app.config.otlp_traces_url {
        trace::start(url, env!("CARGO_PKG_VERSION"))?;
    }
    tasks::recover(&app).await?;
    ops::schedules::keep(&app).await?;
    let stop = CancellationToken::new();
    let mut background = tokio::task::JoinSet::new();
    if app.config.has_role(Role::Worker) {
        // Announced before the first answer, so that who reads `listening on` finds it among the workers.
        let presence = Presence::begin(&app, AppType::Worker).await?;
        let (worker, stopped) = (app.clone(), stop.clone().cancelled_owned());
        background.spawn(async move {
            if let Err(error) = tasks::run_workers(worker, presence, stopped).await {
                tracing::error!(%error, "the worker ended");
            }
        });
    }
    background.spawn(stop_aware(stop.clone(), upkeep(app.clone())));
    let presences = announce(&app).await?;
    let server = http(&app, listener)?;
    if let Some(listener) = watched {
        let server = metrics(&app, listener)?;
        background.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the server of the metrics ended");
            }
        });
    }
    println!("listening on http://{address}");
    tracing::info!(%address, roles = ?app.config.roles, "serving");
    server.await.map_err(Error::internal)?;
    stop.cancel();
    while background.join_next().await.is_some() {}
    for presence in presences {
        presence.end().await?;
    }
    tokio::task::spawn_blocking(trace::finish).await.map_err(Error::internal)?;
    app.domains.forget();
    Ok(())
}

/// A file that would grow beyond what the process may write (`ulimit -f`) is an error of that write, as on a
/// full disk, not the end of the process.
fn survive_large_files() -> Result<()> {
    // Handled means not fatal, for as long as the process runs; nobody has to listen.
    signal(SignalKind::from_raw(SIGXFSZ)).map(drop).map_err(Error::internal)
}

async fn stop_aware(stop: CancellationToken, work: impl Future<Output = ()>) {
    stop.run_until_cancelled(work).await;
}

async fn announce(app: &Shared) -> Result<Vec<Presence>> {
    let mut presences = Vec::new();
    for (role, app_type) in [(Role::Api, AppType::Api), (Role::Content, AppType::Content)] {
        if app.config.has_role(role) {
            presences.push(Presence::begin(app, app_type).await?);
        }
    }
    Ok(presences)
}

fn http(app: &Shared, listener: TcpListener) -> Result<actix_web::dev::Server> {
    let app = app.clone();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let at_hand = app.config.has_role(Role::Content).then(|| app.delivery.clone());
    let server = delivery::server(listener, workers, at_hand, move |services| {
        if app.config.has_role(Role::Content) {
            delivery::routes(services, &app.delivery);
        }
        if app.config.has_role(Role::Content) || app.config.has_role(Role::Api) {
            native::routes(services, &app);
        }
        probes::routes(services, &app);
        if app.config.has_role(Role::Api) {
            services.app_data(web::Data::new(app.clone()));
            services.default_service(web::route().to(rest::handle));
        }
    });
    server.map_err(Error::internal)
}

/// The address for those alone who watch, where one is wanted. It is taken before anything begins that would have to
/// be undone when it cannot be had.
fn metrics_listener(config: &Config) -> Result<Option<TcpListener>, StartError> {
    let bound = config.metrics_listen.as_ref().map(TcpListener::bind).transpose();
    Ok(bound.map_err(|cause| config.metrics_listen_error(&cause))?)
}

/// The server that answers there. It ends by signals, as the other does.
fn metrics(app: &Shared, listener: TcpListener) -> Result<actix_web::dev::Server> {
    let address = listener.local_addr().map_err(Error::internal)?;
    let app = app.clone();
    let server = delivery::server(listener, 1, None, move |services| probes::routes_apart(services, &app));
    println!("metrics on http://{address}/metrics");
    server.map_err(Error::internal)
}

/// Removes what time has made superfluous.
async fn upkeep(app: Shared) {
    tokio::join!(regularly(|| ops::keep_house(&app)), regularly(|| ops::keep_stores(&app)));
}

async fn regularly<W: Future<Output = Result<()>>>(work: impl Fn() -> W) {
    let mut ticks = interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = work().await {
            tracing::warn!(%error, "upkeep failed and is tried again");
        }
    }
}

/// Brings the database's schema up to date.
pub fn migrate(config: &Config, plugins: &Plugins) -> Result<(), StartError> {
    config.prepare_data_dir()?;
    runtime()?.block_on(async { Ok(open_database(config, plugins).await.map(drop)?) })
}

/// Compares the database with the store and reports what does not fit; changes nothing. Also returns
/// whether all is well.
pub fn check(config: &Config, plugins: &Plugins) -> Result<(String, bool), StartError> {
    install_tls_provider();
    runtime()?.block_on(async {
        let db = open_database(config, plugins).await?;
        let secrets = Secrets::load_or_create(&config.secret_key_file)?;
        let (mut text, mut is_sound) = (String::new(), true);
        for domain in db.read(crate::db::domains::all).await? {
            let is_default = domain.name == DEFAULT_DOMAIN;
            let place = place::of_any(config, &secrets, &domain)?;
            let found = ops::check::check(&db, domain.id, &Storage::open(&place).await?).await?;
            if !is_default {
                text.push_str(&format!("domain `{}`:\n", domain.name));
            }
            text.push_str(&found.to_string());
            is_sound &= found.is_sound();
        }
        Ok((text, is_sound))
    })
}

/// All signing services, one in a line.
pub fn list_signing_services(config: &Config, plugins: &Plugins) -> Result<String, StartError> {
    runtime()?.block_on(async { Ok(ops::signing::list(&open_database(config, plugins).await?).await?) })
}

/// Does with signing services what needs their keys.
pub fn with_signing_services<T>(
    config: &Config,
    plugins: Plugins,
    work: impl AsyncFnOnce(Workshop) -> Result<T>,
) -> Result<T, StartError> {
    config.prepare_data_dir()?;
    let secrets = Arc::new(Secrets::load_or_create(&config.secret_key_file)?);
    runtime()?.block_on(async {
        let db = open_database(config, &plugins).await?;
        check_secret_key(&db, &secrets).await?;
        let signing = app::signing(config, &db, &secrets);
        let registry = Arc::new(Registry::new(plugins, rest::core_resources));
        Ok(work(Workshop { db, secrets, signing, registry }).await?)
    })
}

/// Gives a user a new password.
pub fn set_password(config: &Config, plugins: &Plugins, name: &str, password: &str) -> Result<(), StartError> {
    runtime()?.block_on(async {
        let db = open_database(config, plugins).await?;
        let (name, hash) = (name.to_owned(), password::hash(password)?);
        if !db.write(move |conn| users::set_password(conn, &name, &hash)).await? {
            return Err(Error::not_found("User").into());
        }
        Ok(())
    })
}
