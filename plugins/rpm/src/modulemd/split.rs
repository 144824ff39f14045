//! Cutting a stream of YAML into documents, by lines.
//!
//! `---` and `...` at the start of a line are marks wherever they stand (YAML 1.2, 9.1.2): no text
//! inside of a document may begin a line with them.

use std::io::{BufRead, Read};

use super::{ModulemdError, Snippet};

/// The most bytes of one document. The largest real ones, of modules of a thousand packages, have
/// some 200 KiB.
const MAX_DOCUMENT: usize = 4 << 20;

/// Gives the documents of a stream, in its order, without any that are empty.
pub struct Snippets<R> {
    input: R,
    line: u64,
    /// The document in the making: what followed its mark, and where it began.
    open: Option<Snippet>,
    ended: bool,
}

enum Line {
    Start(String),
    End,
    Text(String),
}

impl<R: BufRead> Snippets<R> {
    /// Of an unpacked stream, of which nothing is read yet.
    pub fn new(input: R) -> Self {
        Self { input, line: 0, open: None, ended: false }
    }

    /// The next document; `None` at the end. After an error there is nothing more to come.
    pub fn next_snippet(&mut self) -> Result<Option<Snippet>, ModulemdError> {
        while !self.ended {
            let line = match self.read_line() {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.ended = true;
                    return Ok(self.open.take().and_then(close));
                }
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            };
            let done = match line {
                Line::Start(rest) => self.open.replace(Snippet { line: self.line, text: rest }),
                Line::End => self.open.take(),
                Line::Text(text) => {
                    self.push(&text)?;
                    None
                }
            };
            if let Some(snippet) = done.and_then(close) {
                return Ok(Some(snippet));
            }
        }
        Ok(None)
    }

    fn push(&mut self, text: &str) -> Result<(), ModulemdError> {
        // Before the first mark there may be comments and directives, or a document without one.
        let is_nothing = text.trim().is_empty() || text.starts_with(['#', '%']);
        if self.open.is_none() && is_nothing {
            return Ok(());
        }
        let line = self.line;
        let open = self.open.get_or_insert_with(|| Snippet { line, text: String::new() });
        open.text.push_str(text);
        open.text.push('\n');
        if open.text.len() > MAX_DOCUMENT {
            self.ended = true;
            return Err(ModulemdError::TooLong { line: open.line, limit: MAX_DOCUMENT });
        }
        Ok(())
    }

    fn read_line(&mut self) -> Result<Option<Line>, ModulemdError> {
        let mut bytes = Vec::new();
        let most = MAX_DOCUMENT as u64 + 1;
        (&mut self.input).take(most).read_until(b'\n', &mut bytes).map_err(ModulemdError::Io)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        if bytes.len() > MAX_DOCUMENT {
            let line = self.open.as_ref().map_or(self.line, |open| open.line);
            return Err(ModulemdError::TooLong { line, limit: MAX_DOCUMENT });
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| ModulemdError::NotUtf8(self.line))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let text = if self.line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        Ok(Some(match text.get(..3) {
            Some("---") if is_mark(text) => {
                let rest = text[3..].trim();
                Line::Start(if rest.is_empty() { String::new() } else { format!("{rest}\n") })
            }
            Some("...") if is_mark(text) => Line::End,
            _ => Line::Text(text.to_owned()),
        }))
    }
}

/// Whether nothing or space follows the three characters.
fn is_mark(line: &str) -> bool {
    line[3..].is_empty() || line[3..].starts_with([' ', '\t'])
}

/// The document with its marks; `None` if there is nothing in it but comments.
fn close(open: Snippet) -> Option<Snippet> {
    let is_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if open.text.lines().all(is_nothing) {
        return None;
    }
    Some(Snippet { text: format!("---\n{}...\n", open.text), ..open })
}
