//! The file with the keys that seal secrets: what its lines are, how it is made, changed and watched.
//!
//! ```text
//! # a remark
//! <32 bytes in base64>              the first key that is not on standby seals
//! <32 bytes in base64> # standby    opens, and seals when it is promoted
//! <32 bytes in base64>              an older key, which opens
//! ```

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;
use std::time::SystemTime;

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

/// The text without the lines of keys that are not wanted. Keys on standby stay, and the one that seals.
pub fn retaining(text: &str, wanted: impl Fn(&Line) -> bool) -> String {
    let mut seals = false;
    let kept = text.lines().filter(|text| match line(text) {
        Ok(Some(line)) if !line.is_standby => !std::mem::replace(&mut seals, true) || wanted(&line),
        _ => true,
    });
    kept.map(|text| format!("{text}\n")).collect()
}

/// The newer of two texts, and behind it the lines of keys that only the older one has.
pub fn united(newer: &str, older: &str) -> String {
    let key = |text: &str| line(text).ok().flatten().map(|line| line.bytes);
    let known: Vec<Vec<u8>> = newer.lines().filter_map(key).collect();
    let gone = older.lines().filter(|text| key(text).is_some_and(|key| !known.contains(&key)));
    newer.lines().chain(gone).map(|text| format!("{text}\n")).collect()
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
    let (_lock, before) =
        locked(path).map_err(cannot)?.ok_or_else(|| Error::Conflict("another process changes the key file".into()))?;
    let text = change(&read(path).map_err(cannot)?)?;
    let replace = || {
        let beside = beside(path)?;
        let written = write(&beside, &text, 0o600)
            .and_then(|()| take_after(&beside, &before))
            .and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written?;
        sync_folder(path)
    };
    replace().map_err(cannot)
}

/// The file with a lock on it; none while another process has that. Whoever changes the file puts another in its
/// place, so a lock counts only when the file that has it is the one at the path.
fn locked(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    loop {
        let file = File::open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
        let (there, ours) = (fs::metadata(path)?, file.metadata()?);
        if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) {
            return Ok(Some((file, there)));
        }
    }
}

/// Gives a new file the owner, the group and the mode of an old one, so that whoever could read that can read this.
fn take_after(path: &Path, old: &Metadata) -> io::Result<()> {
    match chown(path, Some(old.uid()), Some(old.gid())) {
        // The superuser reads what belongs to others, too.
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied && old.uid() == 0 => {
            chown(path, None, Some(old.gid()))?;
        }
        other => other?,
    }
    // By name and not when the file is made: that mode the process's mask takes from.
    fs::set_permissions(path, Permissions::from_mode(old.permissions().mode() & 0o777))
}

/// What tells one content of the file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64, u64, i64, i64);

/// When the file was changed last.
pub fn changed(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

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
        assert_eq!(retaining(&text, |line| line.bytes == bytes), format!("{other}\n{next}\n# ours\n"));
    }

    #[test]
    fn no_key_is_removed_that_seals_or_stands_by() {
        let [seals, next, old] = [(); 3].map(|()| fresh().unwrap());
        let text = with_standby(&format!("{seals}\n{old}\n"), &next);
        assert_eq!(retaining(&text, |_| false), format!("{seals}\n{next} # standby\n"));
    }

    #[test]
    fn keys_of_two_texts_are_united_behind_the_newer() {
        let [seals, next, old] = [(); 3].map(|()| fresh().unwrap());
        let (older, newer) = (format!("# ours\n{seals}\n{old}\n"), format!("{next}\n{seals} # for now\n"));
        assert_eq!(united(&newer, &older), format!("{newer}{old}\n"));
        assert_eq!(united(&newer, &newer), newer);
    }

    #[test]
    fn changes_at_the_same_time_are_all_made_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        create(&path, "").unwrap();
        let made: usize = std::thread::scope(|scope| {
            let adds = || (0..200).filter(|_| change(&path, |text| Ok(format!("{text}#\n"))).is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(adds)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(read(&path).unwrap().lines().count(), made, "none was lost");
        assert!(made > 0);
    }

    #[test]
    fn a_change_keeps_the_mode_and_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        create(&path, "one\n").unwrap();
        // The mask of a process takes the last bit from files that it makes.
        fs::set_permissions(&path, Permissions::from_mode(0o646)).unwrap();
        let before = stamp(&path).unwrap();
        change(&path, |text| Ok(text.replace("one", "two"))).unwrap();
        assert_ne!(stamp(&path).unwrap(), before);
        assert_eq!(read(&path).unwrap(), "two\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o646);
        assert!(change(&path, |_| Err(Error::Forbidden)).is_err());
        assert_eq!((read(&path).unwrap().as_str(), fs::read_dir(folder.path()).unwrap().count()), ("two\n", 1));
    }
}
