//! The transaction in which a replication prepares what it works with: a remote, a repository and a distribution of the
//! name of each distribution of the upstream. It happens whole, or fails and says all that is in its way.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::finish::{Ending, Missing, Placed};
use super::listing::{Listed, Listing};
use super::ownership::Ownership;
use super::{new_task, settings};
use crate::app::{App, Shared};
use crate::db::roles::ObjectKey;
use crate::db::upstream_pulps::{self as rows, Object, UpstreamRow};
use crate::db::{Conn, Lock, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::configured;
use crate::plugin::Replication;
use crate::resource::{Errors, Kind, Mode, Resource, creator};
use crate::tasks::{NewTask, TaskContext};

/// So many problems are told of.
const MOST_PROBLEMS: usize = 20;
const SECRETS: [&str; 3] = ["client_key", "username", "password"];

/// What is to be done.
pub(super) struct Plan {
    pub app: Shared,
    pub context: TaskContext,
    pub upstream: Arc<UpstreamRow>,
    pub listed: Listing,
    /// Whether what is not listed is gone.
    pub deletes: bool,
}

/// What there is to do when it was carried out.
pub(super) struct Planned {
    /// By the names of the distributions.
    pub synchronizations: Vec<(String, NewTask)>,
    pub ending: Ending,
}

/// What the upstream has of one type.
struct Format<'a> {
    replication: &'a Replication,
    remotes: &'a Resource,
    repositories: &'a Resource,
    distributions: &'a Resource,
}

/// A plan while it is carried out.
struct Work<'a> {
    plan: &'a Plan,
    ownership: Ownership,
    secrets: Json,
    problems: Vec<String>,
    /// What stays, by its id.
    used: HashSet<Id>,
    planned: Planned,
}

impl Plan {
    /// # Errors
    /// `Conflict` naming what is in the way; then nothing has changed.
    pub fn carry_out(self, conn: &mut Conn) -> Result<Planned> {
        self.context.fence(conn)?;
        conn.lock(&Lock::BasePaths)?;
        let mut work = Work {
            ownership: Ownership::of(conn, self.app.domain, &self.upstream)?,
            secrets: settings::secrets(&self.app, &self.upstream)?,
            plan: &self,
            problems: vec![],
            used: HashSet::new(),
            planned: Planned { synchronizations: vec![], ending: Ending::of(self.upstream.id) },
        };
        for (pulp_type, (replication, listed)) in &self.listed {
            let of = |kind| {
                let found = self.app.registry.typed(kind, pulp_type);
                found.ok_or_else(|| Error::internal(format!("no {kind:?} of the type `{pulp_type}`")))
            };
            let format = Format {
                replication,
                remotes: of(Kind::Remote)?,
                repositories: of(Kind::Repository)?,
                distributions: of(Kind::Distribution)?,
            };
            for one in listed {
                if work.problems.len() < MOST_PROBLEMS {
                    work.prepare(conn, &format, one)?;
                }
            }
        }
        if !work.problems.is_empty() {
            return Err(Error::Conflict(format!("nothing was replicated: {}", work.problems.join("; "))));
        }
        if self.deletes && self.upstream.policy != "nodelete" {
            work.find_missing(conn)?;
        }
        Ok(work.planned)
    }
}

impl Work<'_> {
    fn prepare(&mut self, conn: &mut Conn, format: &Format<'_>, listed: &Listed) -> Result<()> {
        let remote = self.remote(listed, format);
        let Some((remote, is_new_remote)) = self.ensure(conn, format.remotes, &listed.name, remote)? else {
            return Ok(());
        };
        let fields = [("name".to_owned(), json!(listed.name))].into_iter().collect();
        let Some((repository, _)) = self.ensure(conn, format.repositories, &listed.name, fields)? else {
            return Ok(());
        };
        let Ok(distribution) = self.distribution(conn, format, listed)? else { return Ok(()) };
        let lacks_publication = self.lacks_publication(conn, format, repository)?;
        let is_current = match distribution {
            Some(distribution) => {
                let is_current =
                    !is_new_remote && !lacks_publication && self.is_current(conn, distribution, repository, listed)?;
                if !is_current {
                    // Until all of it is here.
                    rows::set_seen(conn, distribution, None)?;
                }
                is_current
            }
            None => false,
        };
        self.planned.ending.placed.push(Placed {
            pulp_type: format.replication.pulp_type.to_owned(),
            name: listed.name.clone(),
            base_path: listed.base_path.clone(),
            distribution,
            repository,
            unchanged_since: listed.unchanged_since.clone(),
        });
        if !is_current {
            let task = self.synchronization(format, repository, remote, lacks_publication);
            self.planned.synchronizations.push((listed.name.clone(), task));
        }
        Ok(())
    }

    /// What the upstream has was here when it was replicated last, and nobody touched it since.
    fn is_current(&self, conn: &mut Conn, distribution: Id, repository: Id, listed: &Listed) -> Result<bool> {
        let Some(seen) = rows::seen(conn, distribution)? else { return Ok(false) };
        let is_same = seen.unchanged_since.is_some() && seen.unchanged_since == listed.unchanged_since;
        let is_own = seen.upstream == self.plan.upstream.id;
        Ok(is_same && is_own && seen.version == repositories::newest_version(conn, repository)?)
    }

    /// The fields of the remote.
    fn remote(&self, listed: &Listed, format: &Format<'_>) -> Map<String, Json> {
        let upstream = &self.plan.upstream;
        let mut fields = (format.replication.remote)(listed.base_url.as_str());
        let may_know = settings::may_know_secrets(upstream, &listed.base_url);
        for name in SECRETS {
            let secret = self.secrets.get(name).filter(|_| may_know).cloned();
            fields.insert(name.to_owned(), secret.unwrap_or(Json::Null));
        }
        let mut put = |name: &str, value: Json| drop(fields.insert(name.to_owned(), value));
        put("name", json!(listed.name));
        put("ca_cert", json!(upstream.ca_cert));
        put("client_cert", json!(upstream.client_cert.as_ref().filter(|_| may_know)));
        put("tls_validation", json!(upstream.tls_validation));
        put("download_concurrency", json!(upstream.download_concurrency));
        put("max_retries", json!(upstream.max_retries));
        put("total_timeout", json!(upstream.total_timeout));
        put("connect_timeout", json!(upstream.connect_timeout));
        put("sock_connect_timeout", json!(upstream.sock_connect_timeout));
        put("sock_read_timeout", json!(upstream.sock_read_timeout));
        if let Some(policy) = &upstream.remote_policy {
            put("policy", json!(policy));
        }
        fields
    }

    /// Makes the object of this name, or changes the one that there is. Its id and whether anything changed; none when
    /// it is somebody else's.
    fn ensure(
        &mut self,
        conn: &mut Conn,
        resource: &Resource,
        name: &str,
        mut fields: Map<String, Json>,
    ) -> Result<Option<(Id, bool)>> {
        let app = &self.plan.app;
        let known = rows::find(conn, resource.kind.table(), "name", app.domain, name)?;
        let Some(known) = known else {
            fields.insert("pulp_labels".to_owned(), self.ownership.mark(&json!({})));
            return Ok(self.made(conn, resource, name, &fields)?.map(|id| (id, true)));
        };
        if !self.may_change(resource, &known) {
            return Ok(None);
        }
        self.used.insert(known.id);
        fields.insert("pulp_labels".to_owned(), self.ownership.mark(&known.labels));
        let (content, mut errors) = (app.content_base(None), Errors::default());
        let draft = Mode::Change.parse(&resource.fields, &fields, &mut errors);
        let change = configured::check(app, &app.scope(&content), conn, resource, &draft, Some(known.id), &mut errors)?;
        if let Err(error) = errors.into_result() {
            self.problem(resource, name, &error);
            return Ok(None);
        }
        let changes = configured::would_change(app, conn, resource, known.id, &change)?;
        if changes {
            configured::update(app, conn, resource, known.id, &change)?;
        }
        Ok(Some((known.id, changes)))
    }

    fn made(
        &mut self,
        conn: &mut Conn,
        resource: &Resource,
        name: &str,
        fields: &Map<String, Json>,
    ) -> Result<Option<Id>> {
        let made = make(&self.plan.app, conn, resource, fields, self.plan.context.created_by())?;
        match made {
            Ok(id) => {
                self.used.insert(id);
                Ok(Some(id))
            }
            Err(error) => {
                self.problem(resource, name, &error);
                Ok(None)
            }
        }
    }

    fn may_change(&mut self, resource: &Resource, known: &Object) -> bool {
        let noun = resource.noun;
        let problem = match (self.ownership.covers(&known.labels), resource.pulp_type == Some(&known.pulp_type)) {
            (true, true) => return true,
            (false, _) => format!("{noun} `{}`: the name is taken by what this upstream has not brought", known.name),
            (true, false) => format!("{noun} `{}`: the name is taken by one of type `{}`", known.name, known.pulp_type),
        };
        self.problems.push(problem);
        false
    }

    fn problem(&mut self, resource: &Resource, name: &str, error: &Error) {
        self.problems.push(format!("{} `{name}`: {}", resource.noun, error.public_text()));
    }

    /// The distribution that will serve what is listed: the one of this name, else the one at this path, else a new one,
    /// which serves nothing yet. Inner none: it is made at the end, when others have made way.
    fn distribution(
        &mut self,
        conn: &mut Conn,
        format: &Format<'_>,
        listed: &Listed,
    ) -> Result<std::result::Result<Option<Id>, ()>> {
        let (resource, domain) = (format.distributions, self.plan.app.domain);
        let table = resource.kind.table();
        let named = rows::find(conn, table, "name", domain, &listed.name)?;
        let there = rows::find(conn, table, "base_path", domain, &listed.base_path)?;
        if let Some(other) = there.as_ref().filter(|other| !self.ownership.covers(&other.labels)) {
            let (name, path, other) = (&listed.name, &listed.base_path, &other.name);
            self.problems.push(format!(
                "{} `{name}`: its base_path `{path}` is taken by `{other}`, which this upstream has not brought",
                resource.noun
            ));
            return Ok(Err(()));
        }
        if let Some(named) = named {
            if !self.may_change(resource, &named) {
                return Ok(Err(()));
            }
            self.used.insert(named.id);
            return Ok(Ok(Some(named.id)));
        }
        match there {
            // It was called otherwise, unless another one is called so that has yet to move away.
            Some(renamed) if resource.pulp_type == Some(&renamed.pulp_type) && !self.stays(&renamed) => {
                self.used.insert(renamed.id);
                Ok(Ok(Some(renamed.id)))
            }
            Some(_) => Ok(Ok(None)),
            None => {
                let fields = json!({"name": listed.name, "base_path": listed.base_path,
                                    "pulp_labels": self.ownership.mark(&json!({}))});
                let fields = fields.as_object().cloned().unwrap_or_default();
                Ok(self.made(conn, resource, &listed.name, &fields)?.map(Some).ok_or(()))
            }
        }
    }

    /// Whether the upstream still has a distribution of this name.
    fn stays(&self, known: &Object) -> bool {
        self.used.contains(&known.id)
            || self.plan.listed.values().any(|(_, listed)| listed.iter().any(|one| one.name == known.name))
    }

    /// The newest version was never published: it is the empty one, or a synchronization was killed after it.
    fn lacks_publication(&self, conn: &mut Conn, format: &Format<'_>, repository: Id) -> Result<bool> {
        if !self.plan.app.registry.publishes(format.replication.pulp_type) {
            return Ok(false);
        }
        let version = repositories::newest_version(conn, repository)?;
        Ok(!rows::is_published(conn, version)?)
    }

    fn synchronization(&self, format: &Format<'_>, repository: Id, remote: Id, lacks_publication: bool) -> NewTask {
        let resource = format.repositories;
        let upstream = crate::id::prn("core", "UpstreamPulp", self.plan.upstream.id);
        let mut options = format.replication.sync_options.clone();
        if lacks_publication {
            options.insert("optimize".to_owned(), Json::Bool(false));
        }
        new_task(
            &format!("pulp_{}.app.tasks.synchronizing.synchronize", resource.app),
            "sync",
            json!({"repository": repository, "remote": remote, "options": options,
                   "publishes_newest": lacks_publication}),
            vec![resource.prn(repository)],
            vec![format.remotes.prn(remote), upstream],
        )
    }

    /// What replications made and the upstream has no more, of the formats that were listed.
    fn find_missing(&mut self, conn: &mut Conn) -> Result<()> {
        for kind in [Kind::Distribution, Kind::Repository, Kind::Remote] {
            for known in rows::labelled(conn, kind.table(), self.plan.app.domain)? {
                let is_listed = self.plan.listed.contains_key(known.pulp_type.as_str());
                if is_listed && !self.used.contains(&known.id) && self.ownership.covers(&known.labels) {
                    self.planned.ending.missing.push(Missing::new(kind, &known));
                }
            }
        }
        Ok(())
    }
}

/// Makes an object in the name of whoever asked for the replication. What cannot be is an inner error.
pub(super) fn make(
    app: &App,
    conn: &mut Conn,
    resource: &Resource,
    fields: &Map<String, Json>,
    user: Option<i64>,
) -> Result<Result<Id>> {
    let (content, mut errors) = (app.content_base(None), Errors::default());
    let draft = Mode::Create.parse(&resource.fields, fields, &mut errors);
    let change = configured::check(app, &app.scope(&content), conn, resource, &draft, None, &mut errors)?;
    if let Err(error) = errors.into_result() {
        return Ok(Err(error));
    }
    let id = configured::create(app, conn, resource, &change)?;
    creator::created(&app.registry, conn, resource, ObjectKey::Id(id), user)?;
    Ok(Ok(id))
}
