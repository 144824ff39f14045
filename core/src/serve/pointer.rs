//! Where a distribution points at this moment.

use std::sync::Arc;
use std::time::Instant as Moment;

use sha2::Digest;

use super::{Formats, Inner, STALE, path};
use crate::db::Conn;
use crate::db::delivery::{self, Distribution, Tree};
use crate::error::Result;
use crate::id::{Id, now};

/// A distribution and what it serves.
#[derive(Debug)]
pub struct Pointer {
    pub distribution: Distribution,
    pub tree: Option<Tree>,
    /// Superseded publications that are still answered.
    pub grace: Option<Tree>,
    /// Names all of the above: equal scopes find equal files.
    pub scope: u128,
    generation: u64,
    good_until: Option<Moment>,
}

impl Pointer {
    fn is_good(&self, generation: u64) -> bool {
        self.generation == generation && self.good_until.is_none_or(|end| Moment::now() < end)
    }

    /// A pointer to one checkpoint, with the life of the distribution's own.
    pub fn at_checkpoint(&self, publication: Id, stamp: &str) -> Self {
        let base_path = format!("{}/{stamp}", self.distribution.base_path);
        let distribution = Distribution { base_path, checkpoint: false, ..self.distribution.clone() };
        let tree = Some(Tree::Publications(vec![publication]));
        let scope = scope(&distribution, tree.as_ref(), None);
        Self { distribution, tree, grace: None, scope, generation: self.generation, good_until: self.good_until }
    }
}

/// The distribution that `path` belongs to. Remembered ones cost no trip to the database.
pub async fn find(inner: &Arc<Inner>, path: &str) -> Result<Option<Arc<Pointer>>> {
    let generation = inner.generation();
    let known = path::prefixes(path).filter_map(|prefix| inner.pointers.get(prefix)).last();
    if let Some(pointer) = known.filter(|pointer| pointer.is_good(generation)) {
        return Ok(Some(pointer));
    }
    let prefixes: Vec<String> = path::prefixes(path).map(str::to_owned).collect();
    if prefixes.is_empty() {
        return Ok(None);
    }
    let (formats, life) = (inner.formats.clone(), (!inner.db.is_embedded()).then_some(STALE));
    let found = inner.db.read(move |conn| {
        let found = delivery::distribution(conn, prefixes)?;
        found.map(|distribution| load(conn, distribution, formats.as_ref())).transpose()
    });
    let Some((mut pointer, grace_left)) = found.await? else { return Ok(None) };
    pointer.generation = generation;
    pointer.good_until = [life, grace_left].into_iter().flatten().min().map(|left| Moment::now() + left);
    let pointer = Arc::new(pointer);
    inner.pointers.insert(pointer.distribution.base_path.clone(), pointer.clone());
    Ok(Some(pointer))
}

/// The pointer, and how long until the first superseded publication ends.
fn load(
    conn: &mut Conn,
    distribution: Distribution,
    formats: &dyn Formats,
) -> Result<(Pointer, Option<std::time::Duration>)> {
    let now = now();
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
    let scope = scope(&distribution, tree.as_ref(), grace.as_ref());
    Ok((Pointer { distribution, tree, grace, scope, generation: 0, good_until: None }, left))
}

fn scope(distribution: &Distribution, tree: Option<&Tree>, grace: Option<&Tree>) -> u128 {
    let named = format!("{:?} {:?} {tree:?} {grace:?}", distribution.id, distribution.remote);
    let digest = sha2::Sha256::digest(named.as_bytes());
    digest.iter().take(16).fold(0, |scope, byte| scope << 8 | u128::from(*byte))
}
