//! The REST API, a file for each noun of its addresses.

mod artifacts;
mod content;
mod distributions;
mod exchange;
mod exchange_filesystem;
mod exchange_imports;
mod exchange_killed;
mod exchange_of_formats;
mod filters;
mod labels;
mod login;
mod orphans;
mod publications;
mod reclaim;
mod remotes;
mod repair;
mod repositories;
mod signing_services;
mod status;
mod task_schedules;
mod tasks;
mod uploads;
mod uploads_together;
mod users;
mod versions;
mod workers;
