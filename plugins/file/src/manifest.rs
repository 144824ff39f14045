//! The manifest of a file repository: one line per file, `<relative_path>,<sha256>,<size>`.
//!
//! ```text
//! # a comment
//! images/1.iso,4d3f35579e1c6cc5661a2a7b953d7ae40eede67279c0f2deffe603de90551d2b,1024
//! ```
//!
//! A path may hold commas, so lines are read from the right. Blank lines and those that begin with `#` are
//! passed over; white space around a line and its numbers does not count. What is read here comes from a
//! stranger: a path that leads out of its folder, a line without end or a size no file can have are errors.

use std::fmt::Write;
use std::str;

use pith_core::id::{ParseError, RelativePath, Sha256};

/// The longest line, in bytes.
const LONGEST_LINE: usize = 64 << 10;
/// No file is larger: the database counts bytes in 63 bits.
const LARGEST_FILE: u64 = i64::MAX as u64;

/// One file of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub relative_path: RelativePath,
    pub sha256: Sha256,
    pub size: u64,
}

/// What is wrong with a manifest, and in which line, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the manifest cannot be read: line {line} {problem}")]
pub struct ManifestError {
    pub line: u64,
    pub problem: Problem,
}

/// Why a line is none of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("is not of the form `<relative_path>,<sha256>,<size>`")]
    Form,
    #[error("is longer than {LONGEST_LINE} bytes")]
    Long,
    #[error("is not UTF-8")]
    Encoding,
    #[error("has no usable path: {0}")]
    Path(ParseError),
    #[error("has no usable digest: {0}")]
    Digest(ParseError),
    #[error("has no usable size")]
    Size,
}

/// Reads a manifest that arrives in pieces; holds one line at most.
#[derive(Debug, Default)]
pub struct Parser {
    rest: Vec<u8>,
    line: u64,
}

impl Parser {
    /// The entries of the lines that this piece completes.
    ///
    /// # Errors
    /// Of the first line that is wrong; the parser is of no use afterwards.
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<Vec<Entry>, ManifestError> {
        let mut entries = Vec::new();
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (line, after) = piece.split_at(end);
            piece = &after[1..];
            if self.rest.is_empty() {
                entries.extend(self.entry(line)?);
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                entries.extend(self.entry(&whole)?);
            }
        }
        self.rest.extend_from_slice(piece);
        if self.rest.len() > LONGEST_LINE {
            return Err(ManifestError { line: self.line + 1, problem: Problem::Long });
        }
        Ok(entries)
    }

    /// The entry of the last line, when no line break follows it.
    ///
    /// # Errors
    /// Of that line.
    pub fn finish(mut self) -> Result<Option<Entry>, ManifestError> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { Ok(None) } else { self.entry(&rest) }
    }

    fn entry(&mut self, line: &[u8]) -> Result<Option<Entry>, ManifestError> {
        self.line += 1;
        parse_line(line).map_err(|problem| ManifestError { line: self.line, problem })
    }
}

fn parse_line(line: &[u8]) -> Result<Option<Entry>, Problem> {
    if line.len() > LONGEST_LINE {
        return Err(Problem::Long);
    }
    let line = str::from_utf8(line).map_err(|_| Problem::Encoding)?.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut parts = line.rsplitn(3, ',');
    let (Some(size), Some(digest), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Problem::Form);
    };
    let size = size.trim();
    // `parse` would take a sign too.
    if !size.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Size);
    }
    Ok(Some(Entry {
        relative_path: path.parse().map_err(Problem::Path)?,
        sha256: digest.trim().parse().map_err(Problem::Digest)?,
        size: size.parse().ok().filter(|size| *size <= LARGEST_FILE).ok_or(Problem::Size)?,
    }))
}

/// Appends the line of one file.
pub fn write_entry(manifest: &mut String, relative_path: &str, sha256: &Sha256, size: u64) {
    // Writing to a string cannot fail.
    let _ = writeln!(manifest, "{relative_path},{sha256},{size}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "4d3f35579e1c6cc5661a2a7b953d7ae40eede67279c0f2deffe603de90551d2b";

    /// However the text is cut into pieces, the outcome is the same.
    fn parse(text: &[u8]) -> Result<Vec<(String, u64)>, ManifestError> {
        let read = |size: usize| {
            let mut parser = Parser::default();
            let mut entries = Vec::new();
            for piece in text.chunks(size) {
                entries.extend(parser.feed(piece)?);
            }
            entries.extend(parser.finish()?);
            Ok(entries.into_iter().map(|entry| (entry.relative_path.into_string(), entry.size)).collect())
        };
        let whole = read(text.len().max(1));
        for size in [1, 7, 64] {
            assert_eq!(read(size), whole);
        }
        whole
    }

    fn check(line: &str, expected: Result<&str, Problem>) {
        let text = format!("# first\n\n{line}");
        let found = parse(text.as_bytes());
        match expected {
            Ok(path) => assert_eq!(found, Ok(vec![(path.to_owned(), 12)]), "{line}"),
            Err(problem) => assert_eq!(found, Err(ManifestError { line: 3, problem }), "{line}"),
        }
    }

    #[test]
    fn lines_are_read_from_the_right() {
        check(&format!("a.iso,{DIGEST},12"), Ok("a.iso"));
        check(&format!("a,b,c.iso,{DIGEST},12\r\n"), Ok("a,b,c.iso"));
        check(&format!("  ü/a b , {} , 12 \n", DIGEST.to_uppercase()), Ok("ü/a b "));
    }

    #[test]
    fn hostile_lines_are_refused_with_their_number() {
        use ParseError::{AbsolutePath, EmptyPath, LongPath, PathCharacter, PathSegment};
        for line in ["a.iso", "a.iso,12", "<html>"] {
            check(line, Err(Problem::Form));
        }
        check("a,abc,12", Err(Problem::Digest(ParseError::Sha256)));
        check(&format!("../a,{DIGEST},12"), Err(Problem::Path(PathSegment)));
        check(&format!("a/../../b,{DIGEST},12"), Err(Problem::Path(PathSegment)));
        check(&format!("/etc/passwd,{DIGEST},12"), Err(Problem::Path(AbsolutePath)));
        check(&format!(",{DIGEST},12"), Err(Problem::Path(EmptyPath)));
        check(&format!("a\u{7}b,{DIGEST},12"), Err(Problem::Path(PathCharacter)));
        check(&format!("{},{DIGEST},12", "x".repeat(2000)), Err(Problem::Path(LongPath)));
        for size in ["-1", "+1", "", "1e3", "9223372036854775808", "99999999999999999999"] {
            check(&format!("a,{DIGEST},{size}"), Err(Problem::Size));
        }
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let mut parser = Parser::default();
        let fed = (0..).map(|_| parser.feed(&[b'a'; 1000])).position(|fed| fed.is_err());
        assert_eq!(fed, Some(65));
        assert_eq!(parse(&[b'a'; LONGEST_LINE + 1]).unwrap_err().problem, Problem::Long);
        assert_eq!(parse(b"\xff\xfe,1,2\n"), Err(ManifestError { line: 1, problem: Problem::Encoding }));
    }

    #[test]
    fn an_empty_manifest_has_no_entries() {
        for text in ["", "\n", "# nothing\n", " \r\n#"] {
            assert_eq!(parse(text.as_bytes()), Ok(vec![]));
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut manifest = String::new();
        write_entry(&mut manifest, "a,b", &DIGEST.parse().unwrap(), 12);
        assert_eq!(manifest, format!("a,b,{DIGEST},12\n"));
        assert_eq!(parse(manifest.as_bytes()), Ok(vec![("a,b".to_owned(), 12)]));
    }
}
