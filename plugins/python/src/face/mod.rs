//! What pip, uv and twine speak: `/pypi/<base_path>/…`, one file per group of operations. The same pages serve
//! repositories, their versions and publications.

mod feeds;
mod integrity;
mod json_api;
mod operations;
mod serial;
mod simple;
mod summary;
mod upload;
mod upstream;
mod yank;

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{Face, FaceAnswer, FaceOperation, FaceRequest};

use crate::content::{PACKAGE, PROVENANCE, YANK};

/// Answers below `/pypi/`.
#[derive(Clone, Copy, Debug)]
pub struct PypiFace;

#[async_trait]
impl Face for PypiFace {
    fn prefix(&self) -> &'static str {
        "pypi"
    }

    fn operations(&self) -> Vec<FaceOperation> {
        operations::all()
    }

    async fn answer(&self, request: FaceRequest) -> Result<FaceAnswer> {
        match request.operation {
            "pypi_read" => summary::answer(&request),
            "pypi_simple_read" => simple::index(&request),
            "pypi_simple_package_read" => simple::project(&request).await,
            "pypi_pypi_read" => json_api::answer(&request),
            "pypi_integrity_provenance_read" => integrity::answer(&request),
            "pypi_rss_updates.xml_updates" => feeds::updates(&request),
            "pypi_rss_packages.xml_packages" => feeds::packages(&request),
            "pypi_rss_project_releases.xml_project_releases" => feeds::releases(&request),
            "pypi_legacy_create" | "pypi_simple_create" => upload::answer(request).await,
            "pypi_yank_yank" => yank::yank(request).await,
            "pypi_unyank_unyank" => yank::unyank(request).await,
            other => Err(Error::internal(format!("no operation `{other}`"))),
        }
    }
}

/// The address of a file.
fn file_url(base: &str, filename: &str) -> String {
    format!("{base}{}", encoded(filename))
}

/// A path segment as it stands in an address.
fn encoded(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'!' => {
                out.push(char::from(byte))
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// That there is no such project, as clients are told.
fn absent(name: &str) -> String {
    format!("{name} does not exist.")
}
