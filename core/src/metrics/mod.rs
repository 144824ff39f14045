//! What is counted while the server works. Counting is adding to atomics that stand ready: no lock is taken and no
//! label is put together for it, so that it may happen on the way of every answer. The text that Prometheus reads is
//! written of them when somebody asks.

mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use text::{Kind, Text};

/// Upper bounds for requests and waits, in microseconds.
const OF_REQUESTS: &[u64] = &[
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    120_000_000,
];
/// The same for tasks.
const OF_TASKS: &[u64] = &[
    10_000,
    50_000,
    250_000,
    1_000_000,
    5_000_000,
    15_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    14_400_000_000,
];

/// Those that are counted apart.
const STATUSES: [u16; 25] = [
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 416, 500, 502,
    503, 504,
];

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many are at something now.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// One more, until the answer is dropped.
    #[must_use]
    pub fn enter(&self) -> Entered<'_> {
        self.raise();
        Entered(self)
    }

    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn lower(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub struct Entered<'a>(&'a Level);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.lower();
    }
}

/// How often something took how long.
#[derive(Debug)]
pub struct Durations {
    bounds: &'static [u64],
    /// One for each bound, and one for what took longer.
    counts: Box<[AtomicU64]>,
    /// In microseconds.
    sum: AtomicU64,
}

impl Durations {
    pub fn of_requests() -> Self {
        Self::within(OF_REQUESTS)
    }

    pub fn of_tasks() -> Self {
        Self::within(OF_TASKS)
    }

    fn within(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    pub fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = self.bounds.iter().position(|bound| micros <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }
}

/// The requests of one operation.
#[derive(Debug)]
pub struct Requests {
    /// By status, the last are all others.
    statuses: [AtomicU64; STATUSES.len() + 1],
    bytes: Counter,
    durations: Durations,
}

impl Default for Requests {
    fn default() -> Self {
        let statuses = std::array::from_fn(|_| AtomicU64::new(0));
        Self { statuses, bytes: Counter::default(), durations: Durations::of_requests() }
    }
}

impl Requests {
    pub fn note(&self, status: u16, bytes: u64, took: Duration) {
        let at = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        self.statuses[at].fetch_add(1, Ordering::Relaxed);
        self.bytes.add(bytes);
        self.durations.note(took);
    }

    /// How many there were by status, where there were any.
    fn counts(&self) -> impl Iterator<Item = (String, u64)> {
        let names = STATUSES.iter().map(ToString::to_string).chain(["other".to_owned()]);
        let counts = self.statuses.iter().map(|count| count.load(Ordering::Relaxed));
        names.zip(counts).filter(|(_, count)| *count > 0)
    }
}

/// The operation that some requests were for, as it is told.
pub struct Operation<'a> {
    pub face: &'a str,
    pub name: &'a str,
    pub method: &'a str,
    pub requests: &'a Requests,
}

/// Writes down the requests of all operations that were asked for.
pub fn requests(text: &mut Text, operations: &[Operation<'_>]) {
    let asked: Vec<_> = operations.iter().filter(|one| one.requests.counts().next().is_some()).collect();
    fn labels<'a>(one: &Operation<'a>) -> [(&'static str, &'a str); 3] {
        [("face", one.face), ("operation", one.name), ("method", one.method)]
    }
    text.family("pith_http_requests_total", Kind::Counter, "Requests that were answered, by operation and status.");
    for one in &asked {
        for (status, count) in one.requests.counts() {
            let [face, operation, method] = labels(one);
            text.sample("pith_http_requests_total", &[face, operation, method, ("status", &status)], count);
        }
    }
    let help = "Bytes of the bodies of answers, as far as they were sent.";
    text.family("pith_http_response_bytes_total", Kind::Counter, help);
    for one in &asked {
        text.sample("pith_http_response_bytes_total", &labels(one), one.requests.bytes.get());
    }
    let help = "From a request's head to its answer; of long answers to their last byte.";
    text.family("pith_http_request_duration_seconds", Kind::Histogram, help);
    for one in &asked {
        text.durations("pith_http_request_duration_seconds", &labels(one), &one.requests.durations);
    }
}
