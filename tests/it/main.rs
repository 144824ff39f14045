//! The tests of the whole server: each starts the real `pith`, talks HTTP to it and looks at the answers.
//!
//! The same tests run on both kinds of installation: with SQLite and a local folder when nothing is set,
//! on PostgreSQL and S3 when `PITH_TEST_DATABASE` and `PITH_TEST_STORAGE` name such services (see
//! `support/world.rs`; `tests/run` starts them).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

mod api;
mod formats;

mod access_control;
mod access_log;
mod alternates;
mod backup;
mod bad_input;
mod check;
mod content_guards;
mod crash;
mod docs;
mod domains;
mod faults;
mod hosts;
mod layering;
mod logins;
mod metrics;
mod probes;
mod replication;
mod secret_keys;
mod serve;
mod spec;
mod traces;
