//! The core of Pith: artifacts, content, repositories, versions, publications, distributions, tasks and
//! users, knowing no format. Formats come in through [`plugin`]; see `docs/ARCHITECTURE.md`.

pub mod app;
pub mod auth;
pub mod config;
pub mod db;
pub mod domains;
pub mod download;
pub mod error;
pub mod exchange;
mod formats;
pub mod guards;
pub mod id;
pub mod installation;
mod metrics;
mod native;
mod observe;
mod openpgp;
pub mod ops;
pub mod plugin;
mod probes;
pub mod resource;
pub mod rest;
pub mod serve;
pub mod server;
mod signing;
pub mod storage;
pub mod tasks;
mod trace;
mod zip;

pub use error::{Error, Result};
