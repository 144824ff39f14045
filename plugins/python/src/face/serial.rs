//! Serials: the whole index says Pulp's constant one, each project when it changed last.

use pith_core::id::Instant;

/// What Pulp gives as the serial of everything.
pub const INDEX: u64 = 1_000_000_000;
/// The header in which clients look for it.
pub const HEADERS: &[(&str, &str)] = &[("X-PyPI-Last-Serial", "1000000000")];

/// The serial of a project that changed last at this instant: it grows with each change, and does not go back but
/// with the repository.
pub fn of(changed: Instant) -> u64 {
    u64::try_from(changed.timestamp_micros()).unwrap_or(0)
}
