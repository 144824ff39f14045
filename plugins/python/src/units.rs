//! For the time being.
use pith_core::plugin::Unit;
pub fn yank_key(name: &str, version: &str) -> String { format!("{name}/{version}") }
pub fn yank_unit(name: &str, version: &str, reason: &str) -> Unit {
    Unit { columns: vec![name.into(), version.into(), reason.into()], repo_key: Some(yank_key(name, version)), files: vec![] }
}
