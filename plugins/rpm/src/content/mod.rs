//! What the units of the format are, one file each.

pub(crate) mod package;
pub(crate) mod packed;
