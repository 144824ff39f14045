//! The file with the keys that seal secrets: what its lines are, how it is made, changed and watched.
//!
//! ```text
//! # a remark
//! <32 bytes in base64>              the first key that is not on standby seals
//! <32 bytes in base64> # standby    opens, and seals when it is promoted
//! <32 bytes in base64>              an older key, which opens
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::random;
use crate::error::{Error, Result};

/// Keys of many years fit; a device or a wrong file does not.
const LARGEST_FILE: u64 = 64 * 1024;

const STANDBY: &str = "standby";

/// A line that has a key.
pub struct Line {
    pub bytes: Vec<u8>,
    pub is_standby: bool,
}

/// The key in a line, if it has one.
///
/// # Errors
/// It has something else.
pub fn line(text: &str) -> Result<Option<Line>, &'static str> {
    let (key, remark) = text.split_once('#').unwrap_or((text, ""));
    let key = key.trim();
    if key.is_empty() {
        return Ok(None);
    }
    // Both alphabets of base64 are in use for key files, with and without padding.
    let unpadded = key.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let bytes = STANDARD_NO_PAD.decode(unpadded).unwrap_or_default();
    match bytes.len() {
        32 => Ok(Some(Line { bytes, is_standby: remark.trim() == STANDBY })),
        _ => Err("is not 32 bytes in base64"),
    }
}

/// A key that nobody has yet, as it stands in a line.
pub fn fresh() -> Result<String> {
    Ok(STANDARD.encode(random::<32>()?))
}

/// The text with a key more, which opens and does not seal yet.
pub fn with_standby(text: &str, key: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}{key} # {STANDBY}\n")
}

/// The text with the newest key on standby, or with `fresh` where there is none, as the one that seals.
pub fn promoted(text: &str, fresh: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let standby = lines.iter().rposition(|text| matches!(line(text), Ok(Some(Line { is_standby: true, .. }))));
    let key = standby.and_then(|at| lines[at].split('#').next()).map_or(fresh, str::trim);
    let others = lines.iter().enumerate().filter(|(at, _)| Some(*at) != standby).map(|(_, text)| format!("{text}\n"));
    std::iter::once(format!("{key}\n")).chain(others).collect()
}

/// The text without the lines whose keys are not wanted.
pub fn retaining(text: &str, wanted: impl Fn(&Line) -> bool) -> String {
    let kept = text.lines().filter(|text| !matches!(line(text), Ok(Some(line)) if !wanted(&line)));
    kept.map(|text| format!("{text}\n")).collect()
}

pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes the file with this text, for its owner only: written beside it, then linked into place, so that a crash
/// leaves no half key, and of two processes the second finds what the first made.
pub fn create(path: &Path, text: &str) -> io::Result<()> {
    let beside = beside(path)?;
    let written = write(&beside, text, 0o600);
    let linked = written.and_then(|()| match fs::hard_link(&beside, path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&beside);
    linked.and(removed)?;
    sync_folder(path)
}

/// Changes the file at once, or not at all; it stays readable for whom it was.
///
/// # Errors
/// `Conflict` while another process does the same.
pub fn change(path: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let cannot = |cause| Error::storage(format!("cannot change `{}`", path.display()), cause);
    let lock = File::open(path).map_err(cannot)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::Conflict("another process changes the key file".into())),
        Err(TryLockError::Error(cause)) => return Err(cannot(cause)),
    }
    let (before, text) = (fs::metadata(path).map_err(cannot)?, change(&read(path).map_err(cannot)?)?);
    let replace = || {
        let beside = beside(path)?;
        let written = write(&beside, &text, before.permissions().mode() & 0o777)
            .and_then(|()| chown(&beside, Some(before.uid()), Some(before.gid())))
            .and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written?;
        sync_folder(path)
    };
    replace().map_err(cannot)
}

/// What tells one content of the file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64, u64, i64, i64);

pub fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    Ok(Stamp(metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

fn beside(path: &Path) -> io::Result<std::path::PathBuf> {
    let random = random::<4>().map_err(io::Error::other)?;
    Ok(path.with_extension(format!("new-{}", hex::encode(random))))
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_from_standby_to_the_top() {
        let [old, next, other] = [(); 3].map(|()| fresh().unwrap());
        let text = with_standby(&format!("# ours\n{old} # until 2030"), &next);
        assert_eq!(text, format!("# ours\n{old} # until 2030\n{next} # standby\n"));
        let text = promoted(&text, &other);
        assert_eq!(text, format!("{next}\n# ours\n{old} # until 2030\n"));
        let text = promoted(&text, &other);
        assert_eq!(text, format!("{other}\n{next}\n# ours\n{old} # until 2030\n"));
        let bytes = STANDARD.decode(&next).unwrap();
        assert_eq!(retaining(&text, |line| line.bytes == bytes), format!("{next}\n# ours\n"));
    }

    #[test]
    fn a_change_keeps_the_mode_and_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        create(&path, "one\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let before = stamp(&path).unwrap();
        change(&path, |text| Ok(text.replace("one", "two"))).unwrap();
        assert_ne!(stamp(&path).unwrap(), before);
        assert_eq!(read(&path).unwrap(), "two\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(change(&path, |_| Err(Error::Forbidden)).is_err());
        assert_eq!((read(&path).unwrap().as_str(), fs::read_dir(folder.path()).unwrap().count()), ("two\n", 1));
    }
}
