//! Finding out what the servers of alternate content sources have: their metadata is read as a synchronization reads
//! it, and of what it declares the digests and addresses of files are noted. No file is fetched, no unit made.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc::{self, Receiver};

use super::publish_task::{format, stores};
use super::{Stores, remote};
use crate::app::{App, Shared};
use crate::db::alternates::{self, ListedFile, SourceRow};
use crate::db::{Conn, remotes};
use crate::download::{Downloader, join_path};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{Declared, Failures, Plugin, SyncJob, SyncParts, SyncRemote, SyncRepository, Task, UpstreamFile};
use crate::resource::{Kind, Resource};
use crate::storage::{Algorithm, DigestSet, Digests};
use crate::tasks::TaskContext;

pub const KIND: &str = "refresh_alternates";

/// Declared units that wait, and that are noted together.
const BATCH: usize = 1000;
/// Requests at once unless the remote says otherwise.
const CONCURRENCY: i64 = 10;

/// What a task is told.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    source: Id,
    path: String,
}

/// A task that a refresh consists of: its arguments and what it reserves.
pub struct PathTask {
    pub args: Json,
    pub exclusive: String,
    pub shared: Vec<String>,
}

/// The tasks that refresh a source, one for each path.
///
/// # Errors
/// `NotFound` when there is no such source.
pub fn plan(app: &App, conn: &mut Conn, resource: &Resource, source: Id) -> Result<Vec<PathTask>> {
    let row = alternates::by_id(conn, source)?.ok_or_else(|| Error::not_found(resource.model))?;
    let remotes = app.registry.typed(Kind::Remote, &row.pulp_type);
    let remote = remotes.map(|remotes| remotes.prn(row.remote)).unwrap_or_default();
    let task = |path: String| {
        // Two that read the same path would be in each other's way. It may be long, and names are not.
        let name = Digests::of(path.as_bytes(), DigestSet::sha256())?.sha256;
        Ok(PathTask {
            exclusive: format!("pdrn:{}:acs:{source}:{name}", app.domain),
            shared: vec![remote.clone(), resource.prn(source)],
            args: json!(Told { source, path }),
        })
    };
    row.paths.into_iter().map(task).collect()
}

/// Notes what there is at one path. What was known of it before counts until that has succeeded.
pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let Told { source, path } = serde_json::from_value(args).map_err(Error::internal)?;
        let (stores, task): (_, Arc<dyn Task>) = (stores(&app)?, Arc::new(context));
        let reading = Reading::of(&app, source, &path).await?;
        let (fence, at) = (task.clone(), path.clone());
        let begin = move |conn: &mut Conn| {
            fence.fence(conn)?;
            alternates::begin(conn, source, &at)
        };
        let listing = stores.db.write(begin).await?;
        let listed = reading.list(&stores, &task, listing).await;
        let (fence, is_listed) = (task, listed.is_ok());
        let end = move |conn: &mut Conn| {
            fence.fence(conn)?;
            match is_listed {
                true => alternates::finish(conn, source, &path, listing),
                false => alternates::abandon(conn, source, &path),
            }
        };
        let ended = stores.db.write(end).await;
        listed?;
        ended?;
        while stores.db.write(move |conn| alternates::sweep(conn, source)).await? {}
        Ok(Json::Null)
    })
}

/// What is read, and with which settings.
struct Reading {
    plugin: Arc<dyn Plugin>,
    remote: SyncRemote,
    downloader: Downloader,
    concurrency: usize,
}

impl Reading {
    async fn of(app: &Shared, source: Id, path: &str) -> Result<Self> {
        let found = app.db.read(move |conn| {
            let row = alternates::by_id(conn, source)?.ok_or_else(|| Error::not_found("AlternateContentSource"))?;
            let remote = remotes::by_id(conn, row.remote)?.ok_or_else(|| Error::not_found("Remote"))?;
            Ok((row, remote))
        });
        let (SourceRow { pulp_type, paths, .. }, mut row) = found.await?;
        if !paths.iter().any(|known| known == path) {
            return Err(Error::Conflict(format!("the alternate content source has no path `{path}` any more")));
        }
        row.url = join_path(&row.url, path);
        let downloader = remote::downloader(app, &row)?;
        let row = remote::reached(app, row)?;
        let remote = SyncRemote {
            id: row.id,
            pulp_type: row.pulp_type.clone(),
            url: row.url.clone(),
            policy: row.policy.clone(),
            details: row.details.clone(),
        };
        let concurrency = row.download_concurrency.unwrap_or(CONCURRENCY).max(1);
        Ok(Self {
            plugin: format(app, &pulp_type)?.clone(),
            remote,
            downloader,
            concurrency: usize::try_from(concurrency).unwrap_or(1),
        })
    }

    /// Writes all that is declared to the listing.
    async fn list(self, stores: &Stores, task: &Arc<dyn Task>, listing: Id) -> Result<()> {
        let (plugin, (sender, receiver)) = (self.plugin.clone(), mpsc::channel(BATCH));
        let job = self.job(stores, task, sender)?;
        let declare = async {
            plugin.sync(&job).await?;
            // Ends the declarations.
            drop(job);
            Ok::<_, Error>(())
        };
        tokio::try_join!(declare, note(stores, task, listing, receiver))?;
        Ok(())
    }

    /// A synchronization into a repository that there is not.
    fn job(self, stores: &Stores, task: &Arc<dyn Task>, sender: mpsc::Sender<Declared>) -> Result<SyncJob> {
        let repository = SyncRepository {
            id: Id::new(),
            latest_version: 0,
            details: json!({}),
            lacks_files: false,
            lacks_publication: false,
        };
        let options = self.plugin.sync_options(&Map::new(), &repository.details)?;
        let parts = SyncParts {
            db: stores.db.clone(),
            downloader: self.downloader,
            storage: stores.storage.clone(),
            failures: Arc::new(Failures::new(task)),
            concurrency: self.concurrency,
            columns: vec![],
            domain: stores.domain,
            digests: stores.digests,
            keeps: false,
        };
        Ok(SyncJob::new((self.remote, repository, options), task.clone(), parts, sender, None))
    }
}

async fn note(stores: &Stores, task: &Arc<dyn Task>, listing: Id, mut receiver: Receiver<Declared>) -> Result<()> {
    let progress = task.progress("Listed Files", "acs.listed.files", None);
    let mut declared = Vec::new();
    while receiver.recv_many(&mut declared, BATCH).await > 0 {
        task.check()?;
        let files: Vec<_> = declared.drain(..).flat_map(|(_, wanted)| wanted.files).collect();
        let listed: Vec<_> = files.iter().flat_map(listed).collect();
        stores.db.write(move |conn| alternates::add(conn, listing, &listed)).await?;
        progress.add(i64::try_from(files.len()).unwrap_or(0));
    }
    progress.finish();
    Ok(())
}

/// A row for each digest that can be computed, and is one.
fn listed(file: &UpstreamFile) -> impl Iterator<Item = ListedFile> + '_ {
    let is_one = |(name, digest): &&(&'static str, String)| {
        let digits = name.parse::<Algorithm>().map(Algorithm::digits);
        digits.is_ok_and(|digits| digest.len() == digits) && digest.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    let known = file.digests.iter().filter(is_one);
    known.map(|(_, digest)| ListedFile { digest: digest.to_ascii_lowercase(), url: file.url.clone() })
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::id::now;
    use crate::ops::fixture::Fixture;
    use crate::params;

    /// A source of an old listing with so many files.
    fn old_listing(fixture: &Fixture, files: usize) -> Id {
        let (domain, remote, source) = (fixture.domain, Id::new(), Id::new());
        fixture.write(move |conn| {
            conn.execute(
                "INSERT INTO remote (id, domain_id, created, updated, pulp_type, name, labels, url, policy,
                     tls_validation, details)
                 VALUES ($1, $2, $3, $3, 'file.file', 'r', $4, 'http://h/', 'on_demand', TRUE, $4)",
                params![remote, domain, now(), json!({})],
            )?;
            conn.execute(
                "INSERT INTO alternate_content_source (id, domain_id, created, updated, pulp_type, name, remote_id,
                     paths, details)
                 VALUES ($1, $2, $3, $3, 'file.file', 's', $4, $5, $6)",
                params![source, domain, now(), remote, json!([""]), json!({})],
            )?;
            let listing = alternates::begin(conn, source, "")?;
            let file = |at| ListedFile { digest: format!("{at:064x}"), url: "http://h/a".to_owned() };
            let all: Vec<_> = (0..files).map(file).collect();
            alternates::add(conn, listing, &all)?;
            alternates::abandon(conn, source, "")
        });
        source
    }

    #[test]
    fn tasks_that_tidy_up_at_the_same_time_take_away_no_more_than_their_slices() {
        let fixture = Fixture::new();
        let source = old_listing(&fixture, 25_000);
        thread::scope(|scope| {
            // The second waits for the rows of the first, where the database lets it begin at all.
            for pause in [500, 0] {
                let fixture = &fixture;
                scope.spawn(move || {
                    fixture.write(move |conn| {
                        alternates::sweep(conn, source)?;
                        thread::sleep(Duration::from_millis(pause));
                        Ok(())
                    });
                });
                thread::sleep(Duration::from_millis(200));
            }
        });
        assert!((5_000..=15_000).contains(&fixture.count("alternate_file")));
        assert_eq!(fixture.count("alternate_listing"), 1);
        while fixture.write(move |conn| alternates::sweep(conn, source)) {}
        assert_eq!((fixture.count("alternate_file"), fixture.count("alternate_listing")), (0, 0));
    }
}
