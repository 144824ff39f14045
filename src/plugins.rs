//! The formats this program is built with. A new one is a line here and a dependency.

use std::sync::Arc;

use pith_core::app::Plugins;

pub fn plugins() -> Plugins {
    vec![Arc::new(pith_file::FilePlugin), Arc::new(pith_python::PythonPlugin)]
}
