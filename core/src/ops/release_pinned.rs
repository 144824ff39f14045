//! Deletes versions of hidden repositories that no unit pins any more, and the repositories with the last of them: what
//! they held becomes orphans, unless it is somewhere else. What a running synchronization works on is left alone.

use super::{Stores, versions};
use crate::db::{Conn, pinned, queue};
use crate::error::Result;
use crate::id::Id;

/// Repositories per slice.
const SLICE: i64 = 200;

/// How many versions went.
pub async fn release_pinned(stores: &Stores) -> Result<u64> {
    let (mut count, mut after, domain) = (0, None, stores.domain);
    loop {
        let slice = stores.db.read(move |conn| pinned::loose(conn, domain, after, SLICE)).await?;
        let Some(last) = slice.last() else { return Ok(count) };
        after = Some(*last);
        for repository in slice {
            count += stores.db.write(move |conn| release(conn, repository)).await?;
        }
    }
}

fn release(conn: &mut Conn, repository: Id) -> Result<u64> {
    // First the row, then a look at who holds it: a synchronization does both in the other order.
    if !pinned::hold(conn, repository)? || queue::is_held(conn, &format!(":{repository}"))? {
        return Ok(0);
    }
    let (loose, others) = pinned::loose_versions(conn, repository)?;
    match others {
        true => loose.iter().try_for_each(|version| versions::delete(conn, *version))?,
        false => pinned::delete(conn, repository)?,
    }
    Ok(loose.len() as u64)
}
