//! Where a distribution points at this moment.

use std::sync::Arc;
use std::time::Instant as Moment;

use sha2::Digest;

use super::{Formats, Inner, STALE, ServedDomain, path};
use crate::db::Conn;
use crate::db::artifact_distribution::ARTIFACTS;
use crate::db::delivery::{self, Distribution, Tree};
use crate::db::pending::{self, Pending};
use crate::db::units;
use crate::error::Result;
use crate::guards::Guard;
use crate::id::{Id, now};
use crate::plugin::{FaceDistribution, VersionUnits};

/// A distribution and what it serves.
pub struct Pointer {
    pub distribution: Distribution,
    /// The distribution's.
    pub domain: Arc<ServedDomain>,
    /// Who may read it; without one everybody.
    pub guard: Option<Arc<Guard>>,
    pub tree: Option<Tree>,
    /// Superseded publications that are still answered.
    pub grace: Option<Tree>,
    /// Units that the version does not have yet and that are served with it.
    pub pending: Vec<Id>,
    /// The same for the native face of its format, if it has one.
    pub face: Option<FaceView>,
    /// Whether it has no files but those that its format makes of units.
    pub makes_files: bool,
    /// The names of files at its root that its format makes when they are asked for.
    pub generated: &'static [&'static str],
    /// Names all of the above: equal scopes find equal files.
    pub scope: u128,
    generation: u64,
    good_until: Option<Moment>,
}

/// What a native face is told of a distribution.
pub struct FaceView {
    pub distribution: Arc<FaceDistribution>,
    pub units: Option<VersionUnits>,
    /// The viewsets of its access policies that were changed. The others let everybody read.
    pub changed_policies: Vec<String>,
}

impl Pointer {
    fn is_good(&self, generation: u64) -> bool {
        self.generation == generation && self.good_until.is_none_or(|end| Moment::now() < end)
    }

    /// Whether its paths lead to files of its tree, for everybody.
    pub fn is_plain(&self) -> bool {
        let distribution = &self.distribution;
        let is_special = self.guard.is_some() || self.face.is_some() || self.makes_files || distribution.checkpoint;
        !is_special && distribution.is_pointing() && distribution.pulp_type != ARTIFACTS
    }

    /// Whether its format is this component.
    pub fn belongs_to(&self, component: &str) -> bool {
        self.distribution.pulp_type.split('.').next() == Some(component)
    }

    /// The publication that is served.
    pub fn publication(&self) -> Option<Id> {
        match &self.tree {
            Some(Tree::Publications(ids)) => ids.first().copied(),
            _ => None,
        }
    }

    /// A pointer to one checkpoint, with the life of the distribution's own.
    pub fn at_checkpoint(&self, publication: Id, stamp: &str) -> Self {
        let at = |path: &str| format!("{path}/{stamp}");
        let (base_path, place) = (at(&self.distribution.base_path), at(&self.distribution.place));
        let distribution = Distribution { base_path, place, checkpoint: false, ..self.distribution.clone() };
        let tree = Some(Tree::Publications(vec![publication]));
        let scope = scope(&distribution, tree.as_ref(), None, (&[], None));
        Self {
            distribution,
            domain: self.domain.clone(),
            guard: self.guard.clone(),
            tree,
            grace: None,
            pending: vec![],
            face: None,
            makes_files: self.makes_files,
            generated: self.generated,
            scope,
            generation: self.generation,
            good_until: self.good_until,
        }
    }
}

/// The distribution that `path` belongs to. Remembered ones cost no trip to the database.
pub async fn find(inner: &Arc<Inner>, path: &str) -> Result<Option<Arc<Pointer>>> {
    match remembered(inner, path) {
        Some(pointer) => Ok(Some(pointer)),
        None => Box::pin(look_up(inner, path, inner.generation())).await,
    }
}

/// The same, as far as it is remembered.
pub fn remembered(inner: &Inner, path: &str) -> Option<Arc<Pointer>> {
    let generation = inner.generation();
    // What is remembered goes by the whole path, the name of the domain included.
    let known = path::prefixes(path).filter_map(|prefix| inner.pointers.get(prefix)).last();
    known.filter(|pointer| pointer.is_good(generation))
}

async fn look_up(inner: &Arc<Inner>, path: &str, generation: u64) -> Result<Option<Arc<Pointer>>> {
    let Some((domain, mount)) = domain_of(inner, path).await? else { return Ok(None) };
    let prefixes: Vec<String> = path::prefixes(&path[mount.len()..]).map(str::to_owned).collect();
    if prefixes.is_empty() {
        return Ok(None);
    }
    let mount = mount.to_owned();
    let (formats, life) = (inner.formats.clone(), (!inner.db.is_embedded()).then_some(STALE));
    let found = inner.db.read(move |conn| {
        let found = delivery::distribution(conn, domain.id, &mount, prefixes)?;
        found.map(|distribution| load(conn, domain, distribution, formats.as_ref())).transpose()
    });
    let Some((mut pointer, grace_left)) = found.await? else { return Ok(None) };
    pointer.generation = generation;
    pointer.good_until = [life, grace_left].into_iter().flatten().min().map(|left| Moment::now() + left);
    let pointer = Arc::new(pointer);
    inner.pointers.insert(pointer.distribution.place.clone(), pointer.clone());
    Ok(Some(pointer))
}

/// The domain that a path lies in, and what of the path names it; none when there is no such domain.
pub async fn domain_of<'p>(inner: &Arc<Inner>, path: &'p str) -> Result<Option<(Arc<ServedDomain>, &'p str)>> {
    if !inner.settings.has_domains {
        return Ok(Some((inner.domain.clone(), "")));
    }
    let Some(end) = path.find('/') else { return Ok(None) };
    let domain = inner.formats.domain(&path[..end]).await?;
    Ok(domain.map(|domain| (domain, &path[..=end])))
}

/// The pointer, and how long until the first superseded publication ends.
fn load(
    conn: &mut Conn,
    domain: Arc<ServedDomain>,
    distribution: Distribution,
    formats: &dyn Formats,
) -> Result<(Pointer, Option<std::time::Duration>)> {
    let now = now();
    // Before the version is: what waits no longer is then in the version, and nothing is ever in neither.
    let pending = match distribution.serves_newest().filter(|_| formats.has_face(&distribution.pulp_type)) {
        Some(repository) => pending::units(conn, repository)?,
        None => Pending::default(),
    };
    let tree = match (distribution.checkpoint, formats.publishes(&distribution.pulp_type)) {
        (true, _) => None,
        (false, true) => delivery::publication(conn, &distribution)?.map(|id| Tree::Publications(vec![id])),
        (false, false) => match distribution.publication {
            Some(publication) => Some(Tree::Publications(vec![publication])),
            None => delivery::version(conn, &distribution)?.map(Tree::Version),
        },
    };
    let mut grace = delivery::grace(conn, distribution.id, now)?;
    grace.retain(|(id, _)| tree != Some(Tree::Publications(vec![*id])));
    let left = grace.iter().filter_map(|(_, end)| (*end - now).to_std().ok()).min();
    let ids: Vec<Id> = grace.into_iter().map(|(id, _)| id).collect();
    let grace = (!ids.is_empty()).then_some(Tree::Publications(ids));
    // Pages tell what units say of themselves.
    let revision = formats.has_face(&distribution.pulp_type).then(|| units::revision(conn)).transpose()?.flatten();
    let scope = scope(&distribution, tree.as_ref(), grace.as_ref(), (&pending.units, revision.as_deref()));
    let guard = distribution.guard.map(|id| formats.guard(conn, id)).transpose()?.map(Arc::new);
    let face = face(conn, &distribution, tree.as_ref(), &pending, formats)?;
    let pointer = Pointer {
        domain,
        guard,
        tree,
        grace,
        pending: pending.units,
        face,
        makes_files: formats.makes_files(&distribution.pulp_type),
        generated: formats.generated_files(&distribution.pulp_type),
        scope,
        generation: 0,
        good_until: None,
        distribution,
    };
    Ok((pointer, left))
}

fn face(
    conn: &mut Conn,
    distribution: &Distribution,
    tree: Option<&Tree>,
    pending: &Pending,
    formats: &dyn Formats,
) -> Result<Option<FaceView>> {
    if !formats.has_face(&distribution.pulp_type) {
        return Ok(None);
    }
    let version = match tree {
        Some(Tree::Version(id)) => Some(*id),
        Some(Tree::Publications(ids)) => match ids.first() {
            Some(publication) => delivery::published_version(conn, *publication)?,
            None => None,
        },
        None => None,
    };
    let version = version.map(|id| units::version(conn, id)).transpose()?.flatten();
    let units = version.and_then(|version| formats.units(&distribution.pulp_type, version, pending));
    let seen = FaceDistribution {
        id: distribution.id,
        pulp_type: distribution.pulp_type.clone(),
        base_path: distribution.base_path.clone(),
        details: distribution.details.clone(),
        repository: distribution.repository,
        remote: distribution.remote,
        published: matches!(tree, Some(Tree::Publications(_))),
    };
    let changed_policies = formats.changed_policies(conn, &distribution.pulp_type)?;
    Ok(Some(FaceView { distribution: Arc::new(seen), units, changed_policies }))
}

fn scope(
    distribution: &Distribution,
    tree: Option<&Tree>,
    grace: Option<&Tree>,
    (pending, revision): (&[Id], Option<&str>),
) -> u128 {
    let named = format!("{:?} {:?} {tree:?} {grace:?} {pending:?} {revision:?}", distribution.id, distribution.remote);
    let digest = sha2::Sha256::digest(named.as_bytes());
    digest.iter().take(16).fold(0, |scope, byte| scope << 8 | u128::from(*byte))
}
