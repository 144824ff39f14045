//! The folder that backups are in: closed to other users, and one process at a time writes to it.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use super::manifest::{self, PARTIAL};
use super::unwritable;
use crate::error::{Error, Result};

const LOCK: &str = ".lock";
/// What is in it beside backups. A file system may bring the last.
const PARTS: [&str; 4] = [LOCK, "artifact", "tmp", "lost+found"];

/// Makes the folder, or closes the one that is there to other users: hashes of passwords are in it.
///
/// # Errors
/// `Conflict` when others may look into it, and it is not ours to close: it has other things in it, or another owner.
pub fn close(folder: &Path) -> Result<()> {
    make_private(folder)?;
    let open = |path: &Path| Ok::<_, io::Error>(fs::metadata(path)?.permissions().mode() & 0o077 != 0);
    if open(folder).map_err(unwritable)? {
        let refused = |why: &str| {
            let folder = folder.display();
            Error::Conflict(format!(
                "the folder `{folder}` is open to other users and {why}; `chmod 700` it, or name a new folder below it"
            ))
        };
        if !holds_only_backups(folder).map_err(unwritable)? {
            return Err(refused("has other things in it than backups"));
        }
        shut(folder).map_err(|cause| refused(&format!("cannot be closed ({cause})")))?;
    }
    for part in ["artifact", "tmp"] {
        match shut(&folder.join(part)) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => {}
            shut => shut.map_err(unwritable)?,
        }
    }
    Ok(())
}

fn shut(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

fn holds_only_backups(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let is_part = PARTS.iter().any(|part| name.as_os_str() == *part);
        if !is_part && !manifest::is_partial(&path) && !manifest::is_backup(&path) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the folder for its owner only.
pub fn make_private(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)
}

/// Keeps others from writing to the folder until it is dropped.
pub fn alone(folder: &Path) -> Result<File> {
    let lock = File::create(folder.join(LOCK)).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Error::Conflict(format!("another backup is being made in `{}`", folder.display())))
        }
        Err(TryLockError::Error(cause)) => Err(unwritable(cause)),
    }
}

/// Removes what backups left that were cut.
pub fn remove_partials(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(unwritable)?.filter_map(std::result::Result::ok) {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PARTIAL)) {
            fs::remove_dir_all(entry.path()).map_err(unwritable)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_for_backups_is_closed_and_another_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("backups");
        close(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        fs::create_dir(folder.join("artifact")).unwrap();
        for path in [folder.join("artifact"), folder.clone()] {
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(folder.join("20260101T000000000Z-abcd")).unwrap();
        fs::write(folder.join("20260101T000000000Z-abcd/manifest.json"), "{}").unwrap();
        close(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&folder.join("artifact"))), (0o700, 0o700));
        fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
        fs::write(folder.join("letter"), "").unwrap();
        let told = close(&folder).unwrap_err().to_string();
        assert!(told.contains("is open to other users and has other things in it"), "{told}");
        assert_eq!(mode(&folder), 0o750);
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        close(&folder).unwrap();
    }
}
