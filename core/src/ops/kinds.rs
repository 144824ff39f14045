//! All tasks, by the keys under which they wait in the queue.

use super::{
    change_units, change_version, configured, create_content, domains, exchange, operation_task, publish_task, refresh,
    replication, repository_task, scan_task, sync_task, take_in, upkeep_tasks,
};
use crate::tasks::{PURGE, TaskKind};

/// What this program can do as a task. A key, once released, keeps its meaning: tasks wait across upgrades.
pub fn task_kinds() -> Vec<TaskKind> {
    let short = |key, run| TaskKind::Short { key, run };
    let long = |key, run| TaskKind::Long { key, run };
    vec![
        short("general_create", configured::run_create),
        short("general_update", configured::run_update),
        short("general_delete", configured::run_delete),
        short("modify", change_version::run_modify),
        long("modify_and_publish", change_version::run_modify_and_publish),
        long("modify_signed", change_version::run_modify_signed),
        short("delete_version", change_version::run_delete),
        short("content_create", create_content::run),
        long(create_content::KIND_PUBLISHING, create_content::run_long),
        long(create_content::KIND_OF_UPLOAD, create_content::run_long),
        long("content_from_url", create_content::run_long),
        short(take_in::KIND, take_in::run),
        long(take_in::KIND_PUBLISHING, take_in::run_and_publish),
        short("change_units", change_units::run),
        long("change_units_and_publish", change_units::run_and_publish),
        long("upload_commit", create_content::run_commit),
        long("sync", sync_task::run),
        long(refresh::KIND, refresh::run),
        long(replication::REPLICATE, replication::run),
        short(replication::FINISH, replication::run_finish),
        long("publish", publish_task::run),
        long("repository_work", repository_task::run),
        long(operation_task::KIND, operation_task::run),
        long(scan_task::KIND, scan_task::run),
        long(exchange::EXPORT, exchange::export::run),
        long(exchange::FILESYSTEM_EXPORT, exchange::filesystem::run),
        long(exchange::IMPORT, exchange::import::run),
        long(exchange::IMPORT_VERSION, exchange::run_import_version),
        long("orphan_cleanup", upkeep_tasks::clean_up),
        long("orphan_dry_run", upkeep_tasks::look_for_orphans),
        long("repair", upkeep_tasks::run_repair),
        long("reclaim_space", upkeep_tasks::run_reclaim),
        long("domain_delete", domains::delete::run),
        long(domains::migrate::KIND, domains::migrate::run),
        PURGE,
    ]
}
