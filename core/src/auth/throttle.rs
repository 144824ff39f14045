//! Guessing of passwords is slowed: failed logins cost growing time, per user name and per address, up to a bound.
//!
//! Nobody is locked out. Sessions, tokens and passwords that were verified lately do not come by here. Where somebody
//! has logged in before from the same address, guesses from elsewhere, and of other names from there, make no
//! difference: such a pair of name and address has a count of its own.
//!
//! Counts are this process's own and forgotten after a while; there are so many at most. Names are kept as digests
//! under a key of this process.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use ring::hmac;

use super::random;
use crate::error::Result;

/// So many of each kind are remembered; of more, those that were heard of last.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
/// After so long without a failure all is forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// What the first failure beyond those that cost nothing costs; each further one twice as much.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Failures that cost nothing: of one name, and from one address, which may be that of many people.
const FREE_OF_NAME: u32 = 5;
const FREE_OF_ADDRESS: u32 = 20;

type Digest = [u8; 32];

/// A login with a password.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub username: &'a str,
    pub password: &'a str,
    /// Of the client, where it is known.
    pub address: Option<IpAddr>,
}

/// The failures of this process.
pub struct Throttle {
    key: hmac::Key,
    counts: Mutex<Counts>,
}

struct Counts {
    names: LruCache<Digest, Failures>,
    addresses: LruCache<IpAddr, Failures>,
    /// Names that logged in from an address.
    pairs: LruCache<(Digest, IpAddr), Failures>,
}

/// How often something failed, and when it did last.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Throttle {
    pub fn new() -> Result<Self> {
        let counts = Counts {
            names: LruCache::new(REMEMBERED),
            addresses: LruCache::new(REMEMBERED),
            pairs: LruCache::new(REMEMBERED),
        };
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?), counts: Mutex::new(counts) })
    }

    /// How long this attempt has to wait; none when it may be made.
    pub fn wait(&self, attempt: &Attempt<'_>, now: Instant) -> Option<Duration> {
        let (name, network, mut counts) = (self.name(attempt), network(attempt), self.counts());
        if let Some(network) = network
            && let Some(failures) = counts.pairs.get(&(name, network))
        {
            return failures.wait(FREE_OF_NAME, now);
        }
        let of_name = counts.names.peek(&name).and_then(|failures| failures.wait(FREE_OF_NAME, now));
        let of_address = network.and_then(|network| counts.addresses.peek(&network).copied());
        of_name.max(of_address.and_then(|failures| failures.wait(FREE_OF_ADDRESS, now)))
    }

    /// Notes that an attempt failed.
    pub fn failed(&self, attempt: &Attempt<'_>, now: Instant) {
        let (name, network, mut counts) = (self.name(attempt), network(attempt), self.counts());
        if let Some(network) = network
            && let Some(failures) = counts.pairs.get_mut(&(name, network))
        {
            failures.add(now);
            return;
        }
        note(&mut counts.names, name, now);
        if let Some(network) = network {
            note(&mut counts.addresses, network, now);
        }
    }

    /// Notes that an attempt succeeded.
    pub fn succeeded(&self, attempt: &Attempt<'_>, now: Instant) {
        if let Some(network) = network(attempt) {
            self.counts().pairs.put((self.name(attempt), network), Failures { count: 0, last: now });
        }
    }

    fn name(&self, attempt: &Attempt<'_>) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.key, attempt.username.as_bytes()).as_ref());
        digest
    }

    /// A count cannot be left half changed, so a poisoned lock is as good as any.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note<K: Hash + Eq>(counts: &mut LruCache<K, Failures>, key: K, now: Instant) {
    counts.get_or_insert_mut(key, || Failures { count: 0, last: now }).add(now);
}

impl Failures {
    fn is_forgiven(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= FORGIVEN_AFTER
    }

    fn add(&mut self, now: Instant) {
        let before = if self.is_forgiven(now) { 0 } else { self.count };
        *self = Self { count: before.saturating_add(1), last: now };
    }

    fn wait(&self, free: u32, now: Instant) -> Option<Duration> {
        if self.is_forgiven(now) {
            return None;
        }
        let beyond = self.count.checked_sub(free + 1)?;
        let cost = FIRST_WAIT.saturating_mul(1 << beyond.min(16)).min(LONGEST_WAIT);
        let left = (self.last + cost).saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

/// The address that counts: of IPv6 the network, since a client there has as many addresses as it likes.
fn network(attempt: &Attempt<'_>) -> Option<IpAddr> {
    Some(match attempt.address?.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt<'a>(username: &'a str, address: &str) -> Attempt<'a> {
        Attempt { username, password: "x", address: Some(address.parse().unwrap()) }
    }

    fn seconds(wait: Option<Duration>) -> u64 {
        wait.map_or(0, |wait| wait.as_secs())
    }

    #[test]
    fn failures_of_a_name_cost_growing_time_up_to_a_bound() {
        let (throttle, now) = (Throttle::new().unwrap(), Instant::now());
        let mut waits = Vec::new();
        for at in 0..14 {
            // From everywhere, so that no address is known for it.
            let attempt = Attempt { address: Some(IpAddr::from([10, 0, 0, at])), ..attempt("ada", "10.0.0.1") };
            waits.push(seconds(throttle.wait(&attempt, now)));
            throttle.failed(&attempt, now);
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        let ada = attempt("ada", "10.9.9.9");
        assert_eq!(seconds(throttle.wait(&ada, now + Duration::from_secs(20))), 40);
        assert_eq!(throttle.wait(&ada, now + LONGEST_WAIT), None);
        assert_eq!(throttle.wait(&attempt("bob", "10.9.9.9"), now), None);
        // Forgiven: the next one costs nothing again.
        let later = now + FORGIVEN_AFTER;
        throttle.failed(&ada, later);
        assert_eq!(throttle.wait(&ada, later), None);
    }

    #[test]
    fn an_address_that_tries_many_names_waits() {
        let (throttle, now) = (Throttle::new().unwrap(), Instant::now());
        for at in 0..=FREE_OF_ADDRESS {
            assert_eq!(throttle.wait(&attempt(&at.to_string(), "2001:db8::1"), now), None);
            throttle.failed(&attempt(&at.to_string(), &format!("2001:db8::{at:x}")), now);
        }
        assert!(throttle.wait(&attempt("another", "2001:db8::ffff"), now).is_some());
        assert_eq!(throttle.wait(&attempt("another", "2001:db8:0:1::1"), now), None);
        for _ in 0..=FREE_OF_ADDRESS {
            throttle.failed(&Attempt { username: "x", password: "x", address: None }, now);
        }
        assert!(throttle.wait(&attempt("x", "10.0.0.1"), now).is_some());
    }

    #[test]
    fn who_has_logged_in_from_there_does_not_wait_for_the_guesses_of_others() {
        let (throttle, now) = (Throttle::new().unwrap(), Instant::now());
        let home = attempt("ada", "192.0.2.1");
        throttle.succeeded(&home, now);
        for at in 0..50 {
            throttle.failed(&attempt("ada", "198.51.100.1"), now);
            throttle.failed(&attempt(&at.to_string(), "192.0.2.1"), now);
        }
        assert_eq!(throttle.wait(&home, now), None);
        assert!(throttle.wait(&attempt("ada", "198.51.100.2"), now).is_some());
        // Guesses from there have a count of their own.
        (0..=FREE_OF_NAME).for_each(|_| throttle.failed(&home, now));
        assert!(throttle.wait(&home, now).is_some());
    }

    #[test]
    fn so_many_are_remembered_at_most() {
        let (throttle, now) = (Throttle::new().unwrap(), Instant::now());
        for at in 0..REMEMBERED.get() + 100 {
            throttle.failed(&Attempt { username: &at.to_string(), password: "x", address: None }, now);
        }
        assert_eq!(throttle.counts().names.len(), REMEMBERED.get());
    }
}
