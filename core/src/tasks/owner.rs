//! Who may see and cancel a task: whoever asked for it, by roles on it.

use crate::app::App;
use crate::db::Conn;
use crate::db::queue::NewRow;
use crate::db::roles::ObjectKey;
use crate::error::Result;
use crate::resource::{Kind, creator};

/// Gives the roles on a task that was just added. `has_owner` is what adding it said.
pub(super) fn give(app: &App, conn: &mut Conn, row: &NewRow, has_owner: bool) -> Result<()> {
    match app.registry.untyped(Kind::Task).filter(|_| has_owner) {
        Some(tasks) => creator::created(&app.registry, conn, tasks, ObjectKey::Id(row.id), row.created_by),
        None => Ok(()),
    }
}
