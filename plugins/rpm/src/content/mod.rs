//! What the units of the format are, one file each.

pub(crate) mod advisory;
mod advisory_json;
pub(crate) mod carried;
pub(crate) mod category;
mod columns;
pub(crate) mod comps;
pub(crate) mod defaults;
pub(crate) mod environment;
mod given;
pub(crate) mod group;
pub(crate) mod langpacks;
pub(crate) mod metadata_file;
pub(crate) mod modulemd;
pub(crate) mod obsolete;
pub(crate) mod package;
pub(crate) mod packed;
pub(crate) mod tree;

use std::sync::Arc;

use pith_core::plugin::ContentType;

/// All types but packages.
pub(crate) fn metadata_types() -> Vec<Arc<dyn ContentType>> {
    vec![
        Arc::new(advisory::AdvisoryContent),
        Arc::new(modulemd::ModulemdContent),
        Arc::new(defaults::DefaultsContent),
        Arc::new(obsolete::ObsoleteContent),
        Arc::new(group::CONTENT),
        Arc::new(category::CONTENT),
        Arc::new(environment::CONTENT),
        Arc::new(langpacks::CONTENT),
        Arc::new(tree::CONTENT),
        Arc::new(metadata_file::CONTENT),
    ]
}
