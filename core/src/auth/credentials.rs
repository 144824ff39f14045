//! Credentials that were verified are remembered for a short while, so that a client which sends its
//! password with each request does not pay the slow hash each time.
//!
//! What is kept is neither password nor hash but an HMAC under a key that lives as long as the process. The
//! stored hash goes into it, so changing a password forgets the old one at once, on every host.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;
use ring::hmac;

use super::throttle::{Attempt, Throttle};
use super::{password, random};
use crate::error::Result;

const LIFETIME: Duration = Duration::from_secs(300);
const CAPACITY: u64 = 10_000;

type Digest = [u8; 32];

/// What an attempt to log in comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    Wrong,
    /// It was not looked at: too many failed before. So long the next one has to wait.
    Wait(Duration),
}

/// Verifies passwords and remembers those that were right; one for the whole process.
pub struct CredentialCache {
    key: hmac::Key,
    throttle: Throttle,
    remembered: Cache<Digest, ()>,
    hashing: Gate,
    /// Made when it is first needed: hashing at the start would cost its time and memory.
    unknown_user: OnceLock<String>,
}

impl CredentialCache {
    /// `parallel` is how many passwords may be hashed at the same time: each takes 19 MiB and a processor.
    pub fn new(parallel: usize) -> Result<Self> {
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?),
            throttle: Throttle::new()?,
            remembered: Cache::builder().max_capacity(CAPACITY).time_to_live(LIFETIME).build(),
            hashing: Gate::new(parallel.max(1)),
            unknown_user: OnceLock::new(),
        })
    }

    /// Whether these credentials were verified lately against this stored hash. Quick.
    pub fn is_remembered(&self, username: &str, password: &str, stored: &str) -> bool {
        self.remembered.contains_key(&self.digest(username, password, stored))
    }

    /// Verifies and remembers success; failures are counted. Slow unless remembered, so call it where blocking is
    /// allowed; many equal calls at once hash once.
    pub fn verify(&self, attempt: &Attempt<'_>, stored: &str) -> Verdict {
        let verdict = Cell::new(Verdict::Wrong);
        let check = || {
            verdict.set(self.hash(attempt, stored));
            (verdict.get() == Verdict::Right).then_some(())
        };
        let digest = self.digest(attempt.username, attempt.password, stored);
        match self.remembered.optionally_get_with(digest, check) {
            Some(()) => Verdict::Right,
            None => verdict.get(),
        }
    }

    /// Takes as long as a wrong password does and counts as one: for a user who does not exist or may not log in, so
    /// that neither the time of the answer nor the next one tells.
    pub fn refuse(&self, attempt: &Attempt<'_>) -> Verdict {
        // Without random bytes there is no hash, and then no password is accepted either.
        let unknown = self.unknown_user.get_or_init(|| password::unknown().unwrap_or_default());
        match self.hash(attempt, unknown) {
            Verdict::Right => Verdict::Wrong,
            other => other,
        }
    }

    /// Whether an attempt may be made is asked when it is its turn, so that of many at once no more get by than are
    /// hashed at once.
    fn hash(&self, attempt: &Attempt<'_>, stored: &str) -> Verdict {
        if let Some(wait) = self.throttle.wait(attempt, Instant::now()) {
            return Verdict::Wait(wait);
        }
        self.hashing.pass(|| {
            if let Some(wait) = self.throttle.wait(attempt, Instant::now()) {
                return Verdict::Wait(wait);
            }
            if password::verify(attempt.password, stored) {
                self.throttle.succeeded(attempt, Instant::now());
                return Verdict::Right;
            }
            self.throttle.failed(attempt, Instant::now());
            Verdict::Wrong
        })
    }

    fn digest(&self, username: &str, password: &str, stored: &str) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [username, password, stored] {
            // The length keeps `ab` + `c` apart from `a` + `bc`.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

/// Lets a number of threads through at a time.
struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Gate {
    fn new(places: usize) -> Self {
        Self { free: Mutex::new(places), freed: Condvar::new() }
    }

    fn pass<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut free = self.free();
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        let _place = Place(self);
        work()
    }

    /// A number cannot be left half changed, so a poisoned lock is as good as any.
    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives its place back when dropped, also on panic.
struct Place<'a>(&'a Gate);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn attempt<'a>(username: &'a str, password: &'a str) -> Attempt<'a> {
        Attempt { username, password, address: None }
    }

    #[test]
    fn success_is_remembered_until_the_stored_hash_changes() {
        let cache = CredentialCache::new(2).unwrap();
        let stored = password::hash("right").unwrap();
        assert!(!cache.is_remembered("admin", "right", &stored));
        assert_eq!(cache.verify(&attempt("admin", "right"), &stored), Verdict::Right);
        assert!(cache.is_remembered("admin", "right", &stored));
        for (username, password) in [("admin", "wrong"), ("root", "right"), ("adminr", "ight")] {
            assert!(!cache.is_remembered(username, password, &stored), "{username} {password}");
        }
        let changed = password::hash("other").unwrap();
        assert!(!cache.is_remembered("admin", "right", &changed));
        assert_eq!(cache.verify(&attempt("admin", "right"), &changed), Verdict::Wrong);
    }

    #[test]
    fn failure_is_not_remembered() {
        let cache = CredentialCache::new(1).unwrap();
        let stored = password::hash("right").unwrap();
        assert_eq!(cache.verify(&attempt("admin", "wrong"), &stored), Verdict::Wrong);
        assert!(!cache.is_remembered("admin", "wrong", &stored));
    }

    #[test]
    fn known_and_unknown_names_come_to_wait_alike_and_what_is_remembered_does_not() {
        let cache = CredentialCache::new(1).unwrap();
        let stored = password::hash("right").unwrap();
        assert_eq!(cache.verify(&attempt("ada", "right"), &stored), Verdict::Right);
        let known = |_| matches!(cache.verify(&attempt("ada", "wrong"), &stored), Verdict::Wait(_));
        let unknown = |_| matches!(cache.refuse(&attempt("bob", "wrong")), Verdict::Wait(_));
        let known: Vec<bool> = (0..8).map(known).collect();
        assert_eq!(known, (0..8).map(unknown).collect::<Vec<_>>());
        assert!(!known[5] && known[6]);
        assert_eq!(cache.verify(&attempt("ada", "right"), &stored), Verdict::Right);
    }

    #[test]
    fn only_so_many_pass_at_once() {
        let (gate, inside, most) = (Gate::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            inside.fetch_sub(1, Ordering::SeqCst);
        };
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| gate.pass(work)))));
        assert_eq!(most.into_inner(), 2);
        assert_eq!(*gate.free(), 2);
    }
}
