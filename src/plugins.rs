//! The formats this program is built with. A new one is a line here and a dependency.

use std::sync::Arc;

use pith_certguard::CertguardPlugin;
use pith_core::app::Plugins;
use pith_core::config::Config;
use pith_file::FilePlugin;
use pith_openpgp::OpenpgpPlugin;
use pith_python::PythonPlugin;
use pith_rpm::RpmPlugin;

pub fn plugins(config: &Config) -> Plugins {
    let python = PythonPlugin::trusting(config.sigstore_trusted_roots.clone());
    let rpm = RpmPlugin {
        changelog_limit: config.keep_changelog_limit,
        resolves_advisories: config.allow_automatic_unsafe_advisory_conflict_resolution,
        uln_server: config.default_uln_server_base_url.clone(),
    };
    vec![Arc::new(CertguardPlugin), Arc::new(FilePlugin), Arc::new(OpenpgpPlugin), Arc::new(python), Arc::new(rpm)]
}
