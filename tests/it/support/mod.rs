//! What the tests share: a real server, a client for it, an upstream to sync from.

pub mod bucket;
pub mod gate;
pub mod git;
pub mod gpg;
pub mod http;
pub mod multipart;
pub mod oidc;
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

use std::thread::sleep;
use std::time::{Duration, Instant};

pub use http::{Answer, Client};
pub use pulp::{assert_completed, sha256};
pub use server::Server;
pub use upstream::{Reply, Upstream};

/// What `look` finds, which looks again and again. Fails the test when there is nothing after a minute.
#[track_caller]
pub fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "after a minute still not: {what}");
        sleep(Duration::from_millis(10));
    }
}
