//! Environments: groups that make a whole system.

use pith_core::plugin::{DetailTable, Unit};

use super::carried::CarriedContent;
use super::category::group_ids;
use super::columns;
use crate::comps::{Environment, digest, render_environment};
use crate::resources;

/// The type of environments.
pub(crate) const PACKAGEENVIRONMENT: &str = "rpm.packageenvironment";

pub(crate) const CONTENT: CarriedContent = CarriedContent {
    pulp_type: PACKAGEENVIRONMENT,
    table: DetailTable {
        name: "rpm_packageenvironment",
        columns: &[
            "id",
            "name",
            "description",
            "display_order",
            "group_ids",
            "option_ids",
            "desc_by_lang",
            "name_by_lang",
            "digest",
            "snippet",
        ],
        natural_key: &[8],
    },
    resource: resources::environment::package_environments,
};

/// The unit of an environment. A repository has one of each id.
pub(crate) fn unit(environment: &Environment) -> Unit {
    let snippet = render_environment(environment);
    let values = vec![
        columns::text(&environment.id),
        columns::text(&environment.texts.name),
        columns::text(&environment.texts.description),
        environment.display_order.into(),
        columns::json(&group_ids(&environment.group_ids)),
        columns::json(&group_ids(&environment.option_ids)),
        columns::json(&environment.texts.desc_by_lang),
        columns::json(&environment.texts.name_by_lang),
        digest(&snippet).into(),
        columns::text(&snippet),
    ];
    Unit { columns: values, repo_key: Some(environment.id.clone()), files: vec![] }
}
