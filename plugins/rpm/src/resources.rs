//! The REST collections of the format, as values.

pub(crate) mod advisory;
pub(crate) mod category;
pub(crate) mod defaults;
pub(crate) mod environment;
pub(crate) mod group;
pub(crate) mod langpacks;
pub(crate) mod metadata_file;
pub(crate) mod modulemd;
pub(crate) mod obsolete;
pub(crate) mod tree;

use pith_core::resource::kinds::Names;

pub(crate) const NAMES: Names = Names {
    app: "rpm",
    model: "",
    noun: "",
    pulp_type: "",
    path: "",
    operations: "",
    href_parameter: "",
    tag: "",
    description: "",
};
