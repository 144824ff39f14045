//! The units of a `comps.xml`.

use pith_core::plugin::Unit;

use super::{category, environment, group, langpacks};
use crate::comps::Comps;

/// The types that a document has units of.
pub(crate) const TYPES: [&str; 4] =
    [group::PACKAGEGROUP, category::PACKAGECATEGORY, environment::PACKAGEENVIRONMENT, langpacks::PACKAGELANGPACKS];

/// The units with their types, in the order of [`TYPES`].
pub(crate) fn units(comps: &Comps) -> impl Iterator<Item = (&'static str, Unit)> {
    let groups = comps.groups.iter().map(|one| (group::PACKAGEGROUP, group::unit(one)));
    let categories = comps.categories.iter().map(|one| (category::PACKAGECATEGORY, category::unit(one)));
    let environments = comps.environments.iter().map(|one| (environment::PACKAGEENVIRONMENT, environment::unit(one)));
    let langpacks = Some(&comps.langpacks).filter(|langpacks| !langpacks.is_empty());
    let langpacks = langpacks.map(|all| (langpacks::PACKAGELANGPACKS, langpacks::unit(all)));
    groups.chain(categories).chain(environments).chain(langpacks)
}
