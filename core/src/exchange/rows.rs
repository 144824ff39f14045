//! Dumps: JSON arrays of flat objects, read and written one object at a time, whatever the size of the dump.

use std::io::{self, BufRead, BufReader, Read, Seek};

use serde_json::{Map, Value as Json};

use super::facts::MOST_VALUES;
use super::{Facts, unusable};
use crate::error::Error;

/// The largest row, in bytes.
const LARGEST_ROW: usize = 64 << 20;

/// A row, where it begins, and its bytes.
pub struct Row {
    pub offset: u64,
    pub size: usize,
    pub facts: Facts,
}

/// Reads the rows of a dump.
pub struct RowReader<R> {
    input: BufReader<R>,
    position: u64,
    file: String,
    begun: bool,
}

impl<R: Read> RowReader<R> {
    /// `file` is what errors name.
    pub fn new(file: impl Into<String>, input: R) -> Self {
        Self { input: BufReader::with_capacity(64 << 10, input), position: 0, file: file.into(), begun: false }
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// When what follows is no row, or is larger than any, or has more values than any.
    pub fn next_row(&mut self) -> Result<Option<Row>, Error> {
        let mut byte = self.after_blanks()?;
        if !self.begun {
            if byte != b'[' {
                return Err(self.wrong("is no list of rows"));
            }
            self.begun = true;
            byte = self.after_blanks()?;
        } else if byte == b',' {
            byte = self.after_blanks()?;
        }
        match byte {
            b']' => Ok(None),
            b'{' => self.object().map(Some),
            _ => Err(self.wrong("holds something that is no row")),
        }
    }

    /// The rest of a row whose brace was read.
    fn object(&mut self) -> Result<Row, Error> {
        let offset = self.position - 1;
        let mut bytes = vec![b'{'];
        let (mut depth, mut in_text, mut escaped, mut values) = (1u32, false, false, 1usize);
        while depth > 0 {
            let block = self.input.fill_buf().map_err(|error| unusable(&self.file, error))?;
            if block.is_empty() {
                return Err(self.wrong("ends within a row"));
            }
            let mut taken = 0;
            for byte in block {
                taken += 1;
                match (in_text, *byte) {
                    (true, _) if escaped => escaped = false,
                    (true, b'\\') => escaped = true,
                    (true, b'"') => in_text = false,
                    (true, _) => {}
                    (false, b'"') => in_text = true,
                    (false, b'{' | b'[') => depth += 1,
                    (false, b'}' | b']') => depth -= 1,
                    (false, b',') => values += 1,
                    (false, _) => {}
                }
                if depth == 0 {
                    break;
                }
            }
            bytes.extend_from_slice(&block[..taken]);
            self.input.consume(taken);
            self.position += taken as u64;
            if bytes.len() > LARGEST_ROW {
                return Err(self.wrong(&format!("has a row of more than {LARGEST_ROW} bytes")));
            }
            if values > MOST_VALUES {
                return Err(self.wrong(&format!("has a row of more than {MOST_VALUES} values")));
            }
        }
        let facts: Map<String, Json> = serde_json::from_slice(&bytes)
            .map_err(|problem| unusable(&self.file, format!("the row at byte {offset}: {problem}")))?;
        Ok(Row { offset, size: bytes.len(), facts: Facts(facts) })
    }

    fn after_blanks(&mut self) -> Result<u8, Error> {
        loop {
            let block = self.input.fill_buf().map_err(|error| unusable(&self.file, error))?;
            let Some(byte) = block.first().copied() else { return Err(self.wrong("ends before its list does")) };
            self.input.consume(1);
            self.position += 1;
            if !byte.is_ascii_whitespace() {
                return Ok(byte);
            }
        }
    }

    fn wrong(&self, problem: &str) -> Error {
        unusable(&self.file, problem)
    }
}

impl<R: Read + Seek> RowReader<R> {
    /// The row that begins at a place that an earlier reader told.
    ///
    /// # Errors
    /// When there is none.
    pub fn row_at(&mut self, offset: u64) -> Result<Row, Error> {
        // Rows of one owner lie close together: what was read ahead is kept.
        let distance = i128::from(offset) - i128::from(self.position);
        let distance = i64::try_from(distance).map_err(|_| self.wrong("lost a row"))?;
        self.input.seek_relative(distance).map_err(|error| unusable(&self.file, error))?;
        (self.position, self.begun) = (offset, true);
        self.next_row()?.ok_or_else(|| self.wrong("lost a row"))
    }
}

/// Writes a dump into blocks.
#[derive(Default)]
pub struct RowWriter {
    block: Vec<u8>,
    rows: u64,
}

impl RowWriter {
    pub fn add(&mut self, facts: &Facts) -> io::Result<()> {
        self.block.extend_from_slice(if self.rows == 0 { b"[" } else { b", " });
        self.rows += 1;
        serde_json::to_writer(&mut self.block, &facts.0).map_err(io::Error::other)
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What was written since this was last called.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.block)
    }

    /// The end of the dump, with what was not taken yet.
    pub fn finish(mut self) -> Vec<u8> {
        self.block.extend_from_slice(if self.rows == 0 { b"[]" } else { b"]" });
        self.block
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Cursor;
    use std::rc::Rc;

    use serde_json::json;

    use super::*;

    fn all(text: &str) -> Result<Vec<(u64, Json)>, String> {
        let mut reader = RowReader::new("d.json", Cursor::new(text.as_bytes().to_vec()));
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row().map_err(|error| error.to_string())? {
            rows.push((row.offset, Json::Object(row.facts.0)));
        }
        for (offset, row) in rows.iter().chain(rows.iter().rev()) {
            assert_eq!(&Json::Object(reader.row_at(*offset).map_err(|error| error.to_string())?.facts.0), row);
        }
        Ok(rows)
    }

    #[test]
    fn rows_come_back_and_are_found_again() {
        let mut writer = RowWriter::default();
        for value in ["a", "}]\"\\", "ü\n"] {
            writer.add(&Facts(json!({"v": value, "n": null}).as_object().cloned().unwrap())).unwrap();
        }
        let text = String::from_utf8(writer.finish()).unwrap();
        let rows = all(&text).unwrap();
        assert_eq!(rows[1].1["v"], "}]\"\\");
        assert_eq!(rows.len(), 3);
        assert_eq!(all(&String::from_utf8(RowWriter::default().finish()).unwrap()), Ok(vec![]));
        assert_eq!(all(" [ {\"a\": {\"b\": [1]}} ,\n{}\n] ").unwrap().len(), 2);
    }

    /// Counts how often it is read.
    struct Counted(Cursor<Vec<u8>>, Rc<Cell<u32>>);

    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1.set(self.1.get() + 1);
            self.0.read(buffer)
        }
    }

    impl Seek for Counted {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn rows_that_lie_together_are_read_together() {
        let text = format!("[{}]", vec!["{\"a\": 1}"; 1000].join(","));
        let reads = Rc::new(Cell::new(0));
        let mut reader = RowReader::new("d.json", Counted(Cursor::new(text.into_bytes()), reads.clone()));
        for at in (0..1000).step_by(2) {
            reader.row_at(1 + at * 9).unwrap();
        }
        assert_eq!(reads.get(), 1);
    }

    /// Gives a text again and again, and counts its bytes.
    struct Endless(&'static [u8], Rc<Cell<usize>>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let at = self.1.get();
            buffer.iter_mut().zip(self.0.iter().cycle().skip(at % self.0.len())).for_each(|(to, from)| *to = *from);
            self.1.set(at + buffer.len());
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_row_is_read_as_far_as_its_bounds() {
        for (start, rest, problem, most) in [
            ("[{\"a\": \"", &b"b"[..], "more than 67108864 bytes", LARGEST_ROW),
            ("[{\"a\": [", b"[0],", "more than 2000000 values", MOST_VALUES * 4),
            ("[{\"a\": ", b" ", "more than 67108864 bytes", LARGEST_ROW),
            ("[{\"a\": ", b"[", "more than 67108864 bytes", LARGEST_ROW),
        ] {
            let read = Rc::new(Cell::new(0));
            let input = Cursor::new(start.as_bytes().to_vec()).chain(Endless(rest, read.clone()));
            let error = RowReader::new("d.json", input).next_row().err().expect(problem).to_string();
            assert!(error.contains(problem) && error.contains("d.json"), "{error}");
            assert!(read.get() <= most + (128 << 10), "{} bytes were read", read.get());
        }
        let largest = format!("[{{\"a\": \"{}\"}}]", "b".repeat(LARGEST_ROW - 9));
        let row = RowReader::new("d.json", largest.as_bytes()).next_row().unwrap().expect("a row");
        assert_eq!(row.size, LARGEST_ROW);
        let larger = largest.replacen('b', "bb", 1);
        RowReader::new("d.json", larger.as_bytes()).next_row().err().expect("a byte too many");
        let deep = format!("[{{\"a\": {}{}}}]", "[".repeat(1_000), "]".repeat(1_000));
        let error = RowReader::new("d.json", deep.as_bytes()).next_row().err().expect("too deep").to_string();
        assert!(error.contains("recursion"), "{error}");
    }

    #[test]
    fn what_is_no_dump_is_refused() {
        for (text, problem) in [
            ("", "ends before"),
            ("{}", "no list"),
            ("[1]", "no row"),
            ("[{\"a\": \"b", "ends within"),
            ("[{\"a\": 1}", "ends before"),
            ("[{a}]", "the row at byte 1"),
        ] {
            let error = all(text).expect_err(text);
            assert!(error.contains(problem) && error.contains("d.json"), "{text}: {error}");
        }
    }
}
