//! How busy the connections to the database are.

use std::sync::Arc;

use crate::metrics::{Counter, Durations, Kind, Level, Text};

/// Kept by [`super::Db`], for all its handles.
#[derive(Debug)]
pub(super) struct Stats {
    /// Who waits for a connection now.
    pub waiting: Level,
    pub waits: Durations,
    /// Gave up waiting.
    pub refused: Counter,
    /// Pieces of work that the one writer of the embedded database has before it.
    pub queued: Arc<Level>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            waiting: Level::default(),
            waits: Durations::of_requests(),
            refused: Counter::default(),
            queued: Arc::default(),
        }
    }
}

impl super::Db {
    /// Writes down how the connections are used.
    pub fn write_metrics(&self, text: &mut Text) {
        let (state, stats) = (self.reads.state(), &self.stats);
        let in_use = state.connections.saturating_sub(state.idle_connections);
        text.family("pith_database_connections", Kind::Gauge, "Open connections of the pool.");
        text.sample("pith_database_connections", &[("state", "in_use")], in_use);
        text.sample("pith_database_connections", &[("state", "idle")], state.idle_connections);
        let help = "How many connections the pool may open.";
        text.single("pith_database_connections_max", Kind::Gauge, help, self.reads.max_size());
        let help = "Work that waits for a connection of the pool.";
        text.single("pith_database_waiting", Kind::Gauge, help, stats.waiting.get());
        let help = "Work that waited in vain for a connection of the pool.";
        text.single("pith_database_refused_total", Kind::Counter, help, stats.refused.get());
        text.family("pith_database_wait_seconds", Kind::Histogram, "How long work waited for a connection.");
        text.durations("pith_database_wait_seconds", &[], &stats.waits);
        if self.is_embedded() {
            let help = "Transactions that wait for the one writer of SQLite.";
            text.single("pith_database_write_queue", Kind::Gauge, help, stats.queued.get());
        }
    }
}
