//! What the tests share: a real server, a client for it, an upstream to sync from.

pub mod bucket;
pub mod http;
pub mod multipart;
pub mod package_index;
pub mod pulp;
pub mod random;
pub mod raw;
pub mod rpm;
pub mod rpm_repository;
pub mod server;
pub mod upstream;
pub mod vulnerabilities;
pub mod wheel;
pub mod world;

pub use http::{Answer, Client};
pub use pulp::{assert_completed, sha256};
pub use server::Server;
pub use upstream::{Reply, Upstream};
