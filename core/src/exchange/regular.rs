//! Opening files in folders that others write to.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a file to read it. What was checked is what is read: the check is made of the open file.
///
/// # Errors
/// When it is no regular file. A link is not followed, and a pipe is not waited for.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let no_file = || io::Error::other("is no regular file");
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err(no_file()),
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "bytes").unwrap();
        let mut text = String::new();
        open_regular(&at("file")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "bytes");
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        for name in ["link", "pipe", "."] {
            let error = open_regular(&at(name)).expect_err(name).to_string();
            assert!(error.contains("no regular file"), "{name}: {error}");
        }
        open_regular(&at("missing")).expect_err("is not there");
    }
}
