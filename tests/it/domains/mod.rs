//! Domains: parts of one installation that know nothing of each other.

mod deletion;
mod management;
mod migration;
mod places;
mod roles;
mod stores;
mod tightness;

use serde_json::{Value, json};

use crate::support::http::Client;
use crate::support::pulp::text;
use crate::support::random;
use crate::support::server::Server;

/// The class of stores that are folders.
pub const FOLDER: &str = "pulpcore.app.models.storage.FileSystem";

/// The class of stores that are buckets.
pub const BUCKET: &str = "storages.backends.s3.S3Storage";

/// A server with domains. Folders below the one for temporary files may be theirs, and take exports.
pub fn server() -> Server {
    let temporary = std::env::temp_dir();
    let paths = json!([temporary]).to_string();
    Server::start_with(&[
        ("PITH_DOMAIN_ENABLED", "true"),
        ("PITH_DOMAIN_STORAGE_PATHS", paths.as_str()),
        ("PITH_ALLOWED_EXPORT_PATHS", paths.as_str()),
        ("PITH_ALLOWED_IMPORT_PATHS", paths.as_str()),
    ])
}

/// The settings of a store in a folder of its own.
pub fn folder(path: &std::path::Path) -> Value {
    json!({"storage_class": FOLDER, "storage_settings": {"location": path}})
}

/// A new domain with its files below `path`: its href, and a client that speaks to it.
pub fn domain(server: &Server, path: &std::path::Path) -> (String, Client) {
    domain_with(server, folder(path))
}

/// The settings of a store in the bucket of a test, at this endpoint.
pub fn bucket_settings(endpoint: &str) -> Value {
    json!({
        "storage_class": BUCKET,
        "storage_settings": {
            "access_key": "pith-test", "secret_key": "pith-test", "bucket_name": "bucket", "location": "prefix",
            "endpoint_url": endpoint, "region_name": "us-east-1", "addressing_style": "path",
        },
    })
}

/// The same of a domain with such a store.
pub fn domain_with(server: &Server, mut body: Value) -> (String, Client) {
    let name = random::name();
    body["name"] = json!(name);
    let made = server.within("default").post("domains/", body).expect(201).json();
    (text(&made, "pulp_href"), server.within(&name))
}
