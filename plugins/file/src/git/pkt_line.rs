//! How servers of Git frame what they say: lines with their length before them, in four hexadecimal digits that count
//! themselves.
//!
//! ```text
//! 001e# service=git-upload-pack\n    a line
//! 0000                               the end of a list
//! 0001                               the end of a part of an answer
//! 0002                               the end of an answer
//! ```

use std::io::{self, Read};

use super::error::GitError;

/// A length counts its own digits.
const DIGITS: usize = 4;
/// The longest line, with its length.
const LONGEST: usize = 65_520;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// The bytes are in the buffer.
    Line,
    Flush,
    Delimiter,
    End,
}

/// Reads packets; holds one.
pub struct Packets<R> {
    from: R,
    line: Vec<u8>,
}

impl<R: Read> Packets<R> {
    pub fn new(from: R) -> Self {
        Self { from, line: vec![] }
    }

    /// The next packet; none when nothing more is sent.
    ///
    /// # Errors
    /// `Refused` for a line in which the server says why there is no answer.
    pub fn next(&mut self) -> Result<Option<Packet>, GitError> {
        let Some(length) = self.length()? else { return Ok(None) };
        match length {
            0 => return Ok(Some(Packet::Flush)),
            1 => return Ok(Some(Packet::Delimiter)),
            2 => return Ok(Some(Packet::End)),
            3 => return Err(not_framed()),
            _ => {}
        }
        if length > LONGEST {
            return Err(not_framed());
        }
        self.line.resize(length - DIGITS, 0);
        self.from.read_exact(&mut self.line)?;
        match self.line.strip_prefix(b"ERR ") {
            Some(words) => Err(GitError::refused(words)),
            None => Ok(Some(Packet::Line)),
        }
    }

    /// The bytes of the last line.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The last line as text, without the break at its end.
    pub fn text(&self) -> Result<&str, GitError> {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        std::str::from_utf8(line).map_err(|_| GitError::wrong("a line of the answer is not text"))
    }

    fn length(&mut self) -> Result<Option<usize>, GitError> {
        let mut digits = [0; DIGITS];
        let mut read = 0;
        while read < DIGITS {
            match self.from.read(&mut digits[read..]) {
                Ok(0) if read == 0 => return Ok(None),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let value = |digit: &u8| (*digit as char).to_digit(16).map(|digit| digit as usize);
        let length = digits.iter().try_fold(0, |length, digit| Some(length << 4 | value(digit)?));
        length.map(Some).ok_or_else(not_framed)
    }
}

fn not_framed() -> GitError {
    GitError::wrong("the answer is not one of a server of Git")
}

/// Appends a line.
pub fn write(to: &mut Vec<u8>, line: &str) {
    to.extend_from_slice(format!("{:04x}{line}", line.len() + DIGITS).as_bytes());
}

/// The bytes of a pack, which share their packets with what the server says about its progress: the first byte of each
/// packet tells what it has.
pub struct Pack<R> {
    packets: Packets<R>,
    read: usize,
    is_over: bool,
}

impl<R: Read> Pack<R> {
    pub fn new(mut packets: Packets<R>) -> Self {
        packets.line.clear();
        Self { packets, read: 0, is_over: false }
    }

    /// Whether there are bytes to read.
    fn fill(&mut self) -> Result<bool, GitError> {
        while self.read >= self.packets.line.len() {
            if self.is_over || self.packets.next()? != Some(Packet::Line) {
                self.is_over = true;
                return Ok(false);
            }
            match self.packets.line.first() {
                Some(1) => self.read = 1,
                Some(2) | None => self.read = self.packets.line.len(),
                Some(3) => return Err(GitError::refused(&self.packets.line[1..])),
                Some(_) => return Err(not_framed()),
            }
        }
        Ok(true)
    }
}

impl<R: Read> Read for Pack<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if !self.fill()? {
            return Ok(0);
        }
        let left = &self.packets.line[self.read..];
        let count = left.len().min(to.len());
        to[..count].copy_from_slice(&left[..count]);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Result<Vec<(Packet, Vec<u8>)>, GitError> {
        let mut packets = Packets::new(text);
        let mut found = vec![];
        while let Some(packet) = packets.next()? {
            let line = if packet == Packet::Line { packets.line().to_vec() } else { vec![] };
            found.push((packet, line));
        }
        Ok(found)
    }

    #[test]
    fn lines_have_their_length_before_them() {
        let mut text = vec![];
        write(&mut text, "want x\n");
        assert_eq!(text, b"000bwant x\n");
        text.extend_from_slice(b"000000010002");
        let found = lines(&text).unwrap();
        assert_eq!(found[0], (Packet::Line, b"want x\n".to_vec()));
        let rest: Vec<_> = found.into_iter().skip(1).map(|(packet, _)| packet).collect();
        assert_eq!(rest, [Packet::Flush, Packet::Delimiter, Packet::End]);
        assert_eq!(lines(b"").unwrap(), []);
    }

    #[test]
    fn what_is_not_framed_is_refused() {
        for bad in [&b"0003"[..], b"<htm", b"00", b"000aab", b"fff5", b"+00a", b"ffff"] {
            assert!(matches!(lines(bad), Err(GitError::Wrong(_))), "{bad:?}");
        }
        assert_eq!(lines(b"000cERR not\n").unwrap_err().to_string(), "the server says: not");
    }

    #[test]
    fn a_pack_is_what_the_first_band_says() {
        let read = |text: &[u8]| {
            let mut pack = vec![];
            Pack::new(Packets::new(text)).read_to_end(&mut pack).map(|_| pack).map_err(GitError::from)
        };
        assert_eq!(
            read(
                b"0007\x01ab000a\x02wait.0004\
                          0006\x01c0000ignored"
            )
            .unwrap(),
            b"abc"
        );
        assert_eq!(read(b"0007\x01ab").unwrap(), b"ab");
        assert_eq!(read(b"000a\x03no \x07n0000").unwrap_err().to_string(), "the server says: no  n");
        assert!(matches!(read(b"0007\x09ab"), Err(GitError::Wrong(_))));
        assert!(matches!(read(b"0009\x01ab"), Err(GitError::Wrong(_))));
    }
}
