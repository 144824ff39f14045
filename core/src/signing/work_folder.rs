//! A folder for one run of a script, which nobody else can look into.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::id::Id;

/// What is older was left over by a process that was killed: no script runs for so long.
const LEFT_OVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Removed with all that is in it when dropped.
pub struct WorkFolder(PathBuf);

impl WorkFolder {
    /// Makes one below a folder that holds nothing else. Blocking.
    pub fn new(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        // Scripts run elsewhere than this process does, so what they are told is absolute.
        let parent = fs::canonicalize(parent)?;
        remove_left_over(&parent)?;
        let path = parent.join(Id::new().to_string());
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the folder of a signing script could not be removed");
        }
    }
}

fn remove_left_over(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        // One that vanishes meanwhile was removed by its owner.
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata.modified()?.elapsed().unwrap_or_default();
        if metadata.is_dir() && age > LEFT_OVER {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
