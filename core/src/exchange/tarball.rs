//! Writing a tar member by member.

use std::io::{self, Write};

/// Members end at multiples of this.
const BLOCK: u64 = 512;
/// Tars end at multiples of this.
const RECORD: u64 = 20 * BLOCK;

/// A tar that is being written.
pub struct TarWriter<W> {
    out: W,
    written: u64,
    /// Bytes of the member at hand that are still to come.
    due: u64,
}

impl<W: Write> TarWriter<W> {
    pub fn new(out: W) -> Self {
        Self { out, written: 0, due: 0 }
    }

    /// Begins a member of `size` bytes, which have to follow.
    ///
    /// # Errors
    /// When the member before has less than was announced: what follows would be read as a part of it.
    pub fn begin(&mut self, name: &str, size: u64, modified: u64) -> io::Result<()> {
        self.check_whole()?;
        let mut header = Self::header(size, modified);
        // The path as it is: names of repositories may hold what a path may not, and a reader is to see it.
        if name.len() < 100 {
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        } else {
            let mut long = Self::header(name.len() as u64 + 1, 0);
            long.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
            long.set_entry_type(tar::EntryType::GNULongName);
            long.set_cksum();
            self.put(long.as_bytes())?;
            self.put(name.as_bytes())?;
            self.put(b"\0")?;
            self.pad(BLOCK)?;
            header.as_old_mut().name[..99].copy_from_slice(&name.as_bytes()[..99]);
        }
        header.set_cksum();
        self.put(header.as_bytes())?;
        self.due = size;
        Ok(())
    }

    fn header(size: u64, modified: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(modified);
        header.set_entry_type(tar::EntryType::Regular);
        header
    }

    /// More of the member.
    ///
    /// # Errors
    /// When that is more than was announced.
    pub fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.due = self.due.checked_sub(bytes.len() as u64).ok_or_else(|| io::Error::other("a member grew"))?;
        self.put(bytes)?;
        if self.due == 0 { self.pad(BLOCK) } else { Ok(()) }
    }

    /// A member whose bytes are at hand.
    pub fn whole(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.begin(name, bytes.len() as u64, 0)?;
        if bytes.is_empty() { Ok(()) } else { self.data(bytes) }
    }

    /// Ends the tar.
    pub fn finish(mut self) -> io::Result<W> {
        self.check_whole()?;
        self.put(&[0; 2 * BLOCK as usize])?;
        self.pad(RECORD)?;
        Ok(self.out)
    }

    fn check_whole(&self) -> io::Result<()> {
        if self.due > 0 { Err(io::Error::other("a member was cut short")) } else { Ok(()) }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn pad(&mut self, to: u64) -> io::Result<()> {
        let missing = (to - self.written % to) % to;
        self.put(&vec![0; usize::try_from(missing).unwrap_or_default()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_follows_a_member_that_was_cut_short() {
        let mut tar = TarWriter::new(Vec::new());
        tar.whole("a", b"bytes").unwrap();
        tar.begin("b", 3, 0).unwrap();
        tar.data(b"bb").unwrap();
        tar.begin("c", 1, 0).expect_err("one byte is due");
        tar.data(b"bb").expect_err("only one byte is due");
        tar.finish().expect_err("one byte is due");
        let mut tar = TarWriter::new(Vec::new());
        tar.begin("b", 3, 0).unwrap();
        tar.data(b"bbb").unwrap();
        tar.whole("c", b"").unwrap();
        assert_eq!(tar.finish().unwrap().len() as u64, RECORD);
    }
}
