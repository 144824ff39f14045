//! The files of an export: written under a hidden name until all are complete, read as one.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Crc;

use super::open_regular;

/// A file that was written: its name, and its checksum as the table of contents spells it.
pub type Written = (String, String);

/// The checksum of a regular file.
pub fn crc32_of(path: &Path) -> io::Result<String> {
    let (mut file, mut crc, mut block) = (open_regular(path)?, Crc::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(spelled(&crc)),
            count => crc.update(&block[..count]),
        }
    }
}

/// Without leading zeros, as Pulp does.
fn spelled(crc: &Crc) -> String {
    format!("{:x}", crc.sum())
}

/// Writes a tar into one file, or into several of one size. What is dropped unfinished leaves no file behind.
pub struct ChunkWriter {
    folder: PathBuf,
    name: String,
    /// What hidden names begin with.
    hidden: String,
    chunk_size: Option<u64>,
    open: Option<(File, Crc, u64)>,
    done: Vec<Written>,
    finished: bool,
}

impl ChunkWriter {
    /// Files `name`, or `name.0000` and so on, in an existing folder. Remains of an earlier writer whose hidden names
    /// begin alike are removed.
    pub fn new(folder: &Path, name: &str, hidden: &str, chunk_size: Option<u64>) -> io::Result<Self> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(hidden) {
                fs::remove_file(entry.path())?;
            }
        }
        let (folder, name, hidden) = (folder.to_owned(), name.to_owned(), hidden.to_owned());
        Ok(Self { folder, name, hidden, chunk_size, open: None, done: vec![], finished: false })
    }

    fn current(&self) -> String {
        match self.chunk_size {
            None => self.name.clone(),
            Some(_) => format!("{}.{:04}", self.name, self.done.len()),
        }
    }

    fn hidden_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}{name}", self.hidden))
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some((file, crc, _)) = self.open.take() {
            file.sync_all()?;
            self.done.push((self.current(), spelled(&crc)));
        }
        Ok(())
    }

    /// Gives all files, and one more with this text, their names; that one last.
    pub fn finish(mut self, last: &str, text: impl FnOnce(&[Written]) -> String) -> io::Result<(Vec<Written>, String)> {
        self.close()?;
        let text = text(&self.done);
        let mut file = File::options().write(true).create_new(true).open(self.hidden_path(last))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        for (name, _) in &self.done {
            fs::rename(self.hidden_path(name), self.folder.join(name))?;
        }
        fs::rename(self.hidden_path(last), self.folder.join(last))?;
        File::open(&self.folder)?.sync_all()?;
        self.finished = true;
        Ok((std::mem::take(&mut self.done), text))
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let (Some((_, _, size)), Some(limit)) = (&self.open, self.chunk_size)
            && *size >= limit
        {
            self.close()?;
        }
        if self.open.is_none() {
            let path = self.hidden_path(&self.current());
            let file = File::options().write(true).create_new(true).open(path)?;
            self.open = Some((file, Crc::new(), 0));
        }
        let Some((file, crc, size)) = &mut self.open else { return Err(io::Error::other("no file is open")) };
        let room = self.chunk_size.map_or(bytes.len() as u64, |limit| limit - *size);
        let count = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        file.write_all(&bytes[..count])?;
        crc.update(&bytes[..count]);
        *size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ChunkWriter {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let open = self.open.take().map(|_| self.current());
        for name in self.done.iter().map(|(name, _)| name.clone()).chain(open) {
            // Some may have their names already; others are not there yet.
            let _ = fs::remove_file(self.hidden_path(&name));
            let _ = fs::remove_file(self.folder.join(&name));
        }
    }
}

/// Files read as one.
pub struct ChunkReader {
    /// With where each begins.
    files: Vec<(PathBuf, u64)>,
    size: u64,
    position: u64,
    open: Option<(usize, File)>,
}

impl ChunkReader {
    /// # Errors
    /// When one is not a regular file; links are not followed.
    pub fn open(paths: Vec<PathBuf>) -> io::Result<Self> {
        let (mut files, mut size) = (Vec::with_capacity(paths.len()), 0);
        for path in paths {
            let named = |error: io::Error| io::Error::other(format!("`{}` {error}", path.display()));
            let length = open_regular(&path).and_then(|file| file.metadata()).map_err(named)?.len();
            files.push((path, size));
            size += length;
        }
        Ok(Self { files, size, position: 0, open: None })
    }

    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let at = self.files.partition_point(|(_, start)| *start <= self.position).saturating_sub(1);
        // Of empty files, the last one begins where they all do.
        let start = self.files.get(at).map_or(0, |(_, start)| *start);
        if self.open.as_ref().is_none_or(|(open, _)| *open != at) {
            let (path, _) = self.files.get(at).ok_or_else(|| io::Error::other("no file"))?;
            let mut file = open_regular(path)?;
            file.seek(SeekFrom::Start(self.position - start))?;
            self.open = Some((at, file));
        }
        let Some((_, file)) = &mut self.open else { return Ok(0) };
        let count = file.read(buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += count as u64;
        // The next file goes on where this one ends.
        if self.files.get(at + 1).is_some_and(|(_, next)| *next <= self.position) {
            self.open = None;
        }
        Ok(count)
    }
}

impl Seek for ChunkReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = target.ok_or_else(|| io::Error::other("before the start"))?;
        self.open = None;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_read_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let mut writer = ChunkWriter::new(folder.path(), "e.tar", ".h-", Some(300)).unwrap();
        writer.write_all(&bytes).unwrap();
        assert!(!folder.path().join("e.tar.0000").exists());
        let (files, _) = writer.finish("e-toc.json", |files| format!("{}", files.len())).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["e.tar.0000", "e.tar.0001", "e.tar.0002", "e.tar.0003"]);
        assert_eq!(crc32_of(&folder.path().join("e.tar.0003")).unwrap(), files[3].1);
        assert_eq!(fs::read_to_string(folder.path().join("e-toc.json")).unwrap(), "4");

        let paths: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
        let mut reader = ChunkReader::open(paths).unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        for at in [0, 299, 300, 301, 950] {
            reader.seek(SeekFrom::Start(at)).unwrap();
            let mut one = [0; 20];
            reader.read_exact(&mut one).unwrap();
            assert_eq!(one, bytes[at as usize..at as usize + 20]);
        }
    }

    #[test]
    fn what_is_not_finished_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let count = || fs::read_dir(folder.path()).unwrap().count();
        let mut writer = ChunkWriter::new(folder.path(), "e.tar", ".h-", Some(3)).unwrap();
        writer.write_all(b"0123456789").unwrap();
        assert_eq!(count(), 4);
        drop(writer);
        assert_eq!(count(), 0);
        fs::write(folder.path().join(".h-e.tar"), "remains").unwrap();
        fs::write(folder.path().join("other"), "").unwrap();
        drop(ChunkWriter::new(folder.path(), "f.tar", ".h-", None).unwrap());
        assert_eq!(count(), 1);
    }
}
