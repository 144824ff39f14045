//! What a version of a repository may hold: one advisory of each id, one package of each
//! file name, and so many versions of each package.
//!
//! That a version has one tree, one module of each stream and one group of each id is said by the unique keys of
//! those units.

mod advisories;
mod duplicates;
mod retention;

use pith_core::error::Result;
use pith_core::plugin::DraftUnits;

use crate::updateinfo::Policy;

/// Looks at a version before it is made, at the cost of what is new in it.
///
/// # Errors
/// `Conflict` when two advisories of one id contradict each other and the policy is strict.
pub(crate) fn check(draft: &mut DraftUnits<'_>, policy: Policy) -> Result<()> {
    advisories::resolve(draft, policy)?;
    duplicates::resolve(draft)?;
    retention::retain(draft)
}
