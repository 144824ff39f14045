//! The verbs of core: what is done to repositories, versions, content and bytes. Verbs know neither status
//! codes nor addresses, and no format.

pub mod alternates;
pub mod artifact_distribution;
pub mod backup;
pub mod change_units;
pub mod change_version;
pub mod check;
pub mod configured;
pub mod content;
pub mod content_guards;
pub mod create_content;
mod create_together;
pub mod distributions;
pub mod domains;
pub mod exchange;
#[cfg(test)]
pub(crate) mod fixture;
pub mod housekeeping;
pub mod inspect;
mod kinds;
pub mod modify;
pub mod operands;
pub mod operation_task;
pub mod orphans;
pub mod publish;
pub mod publish_task;
pub mod reclaim;
mod references;
pub mod refresh;
mod release_pinned;
pub mod remote;
pub mod remotes;
mod remove_bytes;
pub mod repair;
pub mod replication;
mod repository_task;
pub mod reseal;
pub mod scan;
pub mod scan_task;
pub mod schedules;
pub mod shipped;
pub mod sign_upload;
pub mod signing;
mod stores;
pub mod sync;
mod sync_task;
mod take_in;
pub mod upkeep;
pub mod upkeep_tasks;
pub mod upload;
pub mod upstreams;
pub mod versions;

pub use kinds::task_kinds;
pub use stores::Stores;
pub use upkeep_tasks::keep_house;
pub use upstreams::Upstreams;
