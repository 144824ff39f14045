//! The files of a header.

use super::store::Store;
use super::{HeaderError, tags};
use crate::package::{File, FileKind};
use crate::text;

/// The most bytes that all paths of a package may come to. Names and folders are stored apart, so a
/// small header can say very long paths very often.
const MAX_PATHS: usize = 256 << 20;

/// The longest path (Linux' own limit).
const MAX_PATH: usize = 4096;

const MODE_TYPE: u32 = 0o170_000;
const MODE_DIR: u32 = 0o040_000;

/// All files in the order of the header.
pub(super) fn read(main: &Store) -> Result<Vec<File>, HeaderError> {
    let paths = paths(main)?;
    let modes = main.numbers(tags::FILEMODES)?;
    let flags = main.numbers(tags::FILEFLAGS)?;
    let digests = main.strings(tags::FILEDIGESTS)?;
    for list in [modes.len(), flags.len(), digests.len()] {
        if list != 0 && list != paths.len() {
            return Err(HeaderError::Uneven("files"));
        }
    }
    let file = |(at, path)| {
        let mode = modes.get(at).copied().unwrap_or(0);
        let kind = if mode & MODE_TYPE == MODE_DIR {
            FileKind::Dir
        } else if flags.get(at).is_some_and(|flags| flags & tags::FILE_GHOST != 0) {
            FileKind::Ghost
        } else {
            FileKind::File
        };
        let digest = digests.get(at).map_or_else(String::new, |&digest| text::from_header(digest));
        let is_digest = digest.len() <= 128 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        File { kind, path, digest: Some(if is_digest { digest } else { String::new() }) }
    };
    Ok(paths.into_iter().enumerate().map(file).collect())
}

fn paths(main: &Store) -> Result<Vec<String>, HeaderError> {
    let names = main.strings(tags::BASENAMES)?;
    if names.is_empty() {
        let paths = main.strings(tags::OLDFILENAMES)?;
        return Ok(paths.into_iter().map(text::from_header).collect());
    }
    let folders = main.strings(tags::DIRNAMES)?;
    let indexes = main.numbers(tags::DIRINDEXES)?;
    if indexes.len() != names.len() {
        return Err(HeaderError::Uneven("files"));
    }
    let folder = |index: u32| usize::try_from(index).ok().and_then(|index| folders.get(index)).copied();
    let mut total = 0;
    for (name, &index) in names.iter().zip(&indexes) {
        let folder = folder(index).ok_or(HeaderError::Missing("folder that a file is in"))?;
        total += folder.len() + name.len();
        if folder.len() + name.len() > MAX_PATH || total > MAX_PATHS {
            return Err(HeaderError::Paths);
        }
    }
    let path = |(name, index): (&[u8], u32)| {
        let mut path = folder(index).unwrap_or_default().to_vec();
        path.extend_from_slice(name);
        text::from_header(&path)
    };
    Ok(names.into_iter().zip(indexes).map(path).collect())
}
