//! Each format from upstream to client.

mod conformance;
mod file;
mod file_git;
mod openpgp;
mod python_pages;
mod python_sync;
pub mod python_uploads;
mod python_vulnerabilities;
mod rpm;
mod rpm_content;
mod rpm_copy;
mod rpm_publish;
mod rpm_sync;
mod rpm_uln;
mod rpm_vulnerabilities;
mod tiny;

pub use python_uploads::Index;
