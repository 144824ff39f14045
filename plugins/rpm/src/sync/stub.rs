//! Stand-ins until the units are here.
#![allow(dead_code, unused_variables)]
macro_rules! stub {
    ($($module:ident $name:ident = $type:literal ($($argument:ident: $of:ty),*);)*) => {
        $(pub(super) mod $module {
            use super::*;
            pub const $name: &str = $type;
            pub fn unit($($argument: $of),*) -> Result<Unit> { Err(Error::internal("stub")) }
        })*
    };
}
use crate::checksum::Checksum;
use pith_core::error::{Error, Result};
use pith_core::id::Sha256;
use pith_core::plugin::{Unit, UnitFile};
stub! {
    advisory ADVISORY = "rpm.advisory" (a: &crate::updateinfo::Advisory);
    modulemd MODULEMD = "rpm.modulemd" (a: &crate::modulemd::Modulemd, b: &str);
    defaults MODULEMD_DEFAULTS = "rpm.modulemd_defaults" (a: &crate::modulemd::Defaults, b: &str);
    obsolete MODULEMD_OBSOLETE = "rpm.modulemd_obsolete" (a: &crate::modulemd::Obsolete, b: &str);
    group PACKAGE_GROUP = "rpm.packagegroup" (a: &crate::comps::Group);
    category PACKAGE_CATEGORY = "rpm.packagecategory" (a: &crate::comps::Category);
    environment PACKAGE_ENVIRONMENT = "rpm.packageenvironment" (a: &crate::comps::Environment);
    langpacks PACKAGE_LANGPACKS = "rpm.packagelangpacks" (a: &crate::comps::Langpacks);
    tree DISTRIBUTION_TREE = "rpm.distribution_tree" (a: &crate::treeinfo::Treeinfo, b: Vec<UnitFile>, c: &str);
    metadata_file REPO_METADATA_FILE = "rpm.repo_metadata_file" (a: &str, b: &Checksum, c: &str, d: Option<Sha256>);
}
