//! The index of projects: `/simple/`.

use std::fmt::Write;

use bytes::Bytes;

use super::{Blocks, IndexEntry};
use crate::name;
use crate::simple::{API_VERSION, Format};

/// Writes an index row by row.
pub struct IndexWriter {
    format: Format,
    out: Blocks,
    first: bool,
}

impl IndexWriter {
    /// Begins a page; `last_serial` is the index's.
    pub fn new(format: Format, last_serial: u64) -> Self {
        let mut out = Blocks::default();
        if format == Format::JsonV1 {
            let meta = format!("\"api-version\":\"{API_VERSION}\",\"_last-serial\":{last_serial}");
            out.push(&format!("{{\"meta\":{{{meta}}},\"projects\":["));
        } else {
            out.push("<!DOCTYPE html>\n<html>\n  <head>\n    <title>Simple index</title>\n");
            super::project::version_tag(&mut out);
            out.push("  </head>\n  <body>\n");
        }
        Self { format, out, first: true }
    }

    /// Adds a project; gives a block when one is full.
    pub fn push(&mut self, entry: IndexEntry<'_>) -> Option<Bytes> {
        if self.format == Format::JsonV1 {
            self.out.push(if self.first { "{\"name\":" } else { ",{\"name\":" });
            self.out.json(entry.name);
            // Writing to a string cannot fail.
            let _ = write!(self.out.text, ",\"_last-serial\":{}}}", entry.last_serial);
        } else {
            self.out.push("    <a href=\"");
            self.out.html(&name::normalize(entry.name));
            self.out.push("/\">");
            self.out.html(entry.name);
            self.out.push("</a><br/>\n");
        }
        self.first = false;
        self.out.full()
    }

    /// Ends the page; gives its last block.
    pub fn finish(mut self) -> Bytes {
        self.out.push(match self.format {
            Format::JsonV1 => "]}",
            Format::Html | Format::HtmlV1 => "  </body>\n</html>\n",
        });
        self.out.rest()
    }
}
