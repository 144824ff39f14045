//! The page of a project: `/simple/<project>/`.

use std::collections::BTreeSet;
use std::fmt::Write;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};

use super::{Blocks, FileEntry};
use crate::name;
use crate::simple::{API_VERSION, Format};
use crate::version::VersionKey;

/// What a page says besides the files.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectHeader<'a> {
    /// The name in any spelling; the page gives the normalized one.
    pub name: &'a str,
    pub last_serial: u64,
    /// PEP 708; left out if empty.
    pub alternate_locations: &'a [String],
    /// PEP 708; left out if empty.
    pub tracks: &'a [String],
}

/// Writes a project's page file by file.
pub struct ProjectWriter {
    format: Format,
    out: Blocks,
    first: bool,
    versions: BTreeSet<VersionKey>,
    alternate_locations: Vec<String>,
}

impl ProjectWriter {
    /// Begins a page.
    pub fn new(format: Format, header: ProjectHeader<'_>) -> Self {
        let mut out = Blocks::default();
        if format == Format::JsonV1 {
            begin_json(&mut out, &header);
        } else {
            begin_html(&mut out, &header);
        }
        Self {
            format,
            out,
            first: true,
            versions: BTreeSet::new(),
            alternate_locations: header.alternate_locations.to_vec(),
        }
    }

    /// Adds a file; gives a block when one is full.
    pub fn push(&mut self, file: FileEntry<'_>) -> Option<Bytes> {
        if self.format == Format::JsonV1 {
            if !self.first {
                self.out.push(",");
            }
            file_json(&mut self.out, &file);
            self.versions.insert(VersionKey::new(file.version));
        } else {
            file_html(&mut self.out, &file);
        }
        self.first = false;
        self.out.full()
    }

    /// Ends the page; gives its last block.
    pub fn finish(mut self) -> Bytes {
        if self.format == Format::JsonV1 {
            self.out.push("],\"versions\":");
            strings(&mut self.out, self.versions.iter().map(VersionKey::as_str));
            if !self.alternate_locations.is_empty() {
                self.out.push(",\"alternate-locations\":");
                strings(&mut self.out, self.alternate_locations.iter().map(String::as_str));
            }
            self.out.push("}");
        } else {
            self.out.push("  </body>\n</html>\n");
        }
        self.out.rest()
    }
}

/// PEP 629.
pub(super) fn version_tag(out: &mut Blocks) {
    meta_tag(out, "pypi:repository-version", API_VERSION);
}

fn meta_tag(out: &mut Blocks, name: &str, content: &str) {
    out.push("    <meta name=\"");
    out.push(name);
    out.push("\" content=\"");
    out.html(content);
    out.push("\">\n");
}

fn begin_json(out: &mut Blocks, header: &ProjectHeader<'_>) {
    // Writing to a string cannot fail.
    let _ = write!(out.text, "{{\"meta\":{{\"api-version\":\"{API_VERSION}\",\"_last-serial\":{}", header.last_serial);
    if !header.tracks.is_empty() {
        out.push(",\"tracks\":");
        strings(out, header.tracks.iter().map(String::as_str));
    }
    out.push("},\"name\":");
    out.json(&name::normalize(header.name));
    out.push(",\"files\":[");
}

fn begin_html(out: &mut Blocks, header: &ProjectHeader<'_>) {
    let name = name::normalize(header.name);
    out.push("<!DOCTYPE html>\n<html>\n  <head>\n    <title>Links for ");
    out.html(&name);
    out.push("</title>\n");
    version_tag(out);
    for location in header.alternate_locations {
        meta_tag(out, "pypi:alternate-locations", location);
    }
    for tracked in header.tracks {
        meta_tag(out, "pypi:tracks", tracked);
    }
    out.push("  </head>\n  <body>\n    <h1>Links for ");
    out.html(&name);
    out.push("</h1>\n");
}

fn file_html(out: &mut Blocks, file: &FileEntry<'_>) {
    out.push("    <a href=\"");
    out.html(file.url);
    if !file.sha256.is_empty() {
        out.push("#sha256=");
        out.html(file.sha256);
    }
    out.push("\" rel=\"internal\"");
    let mut attribute = |name: &str, prefix: &str, value: &str| {
        out.push(" data-");
        out.push(name);
        out.push("=\"");
        out.push(prefix);
        out.html(value);
        out.push("\"");
    };
    if !file.requires_python.is_empty() {
        attribute("requires-python", "", file.requires_python);
    }
    if let Some(reason) = file.yanked {
        attribute("yanked", "", reason);
    }
    if let Some(sha256) = file.metadata_sha256 {
        attribute("dist-info-metadata", "sha256=", sha256);
        attribute("core-metadata", "sha256=", sha256);
    }
    if let Some(url) = file.provenance {
        attribute("provenance", "", url);
    }
    out.push(">");
    out.html(file.filename);
    out.push("</a><br/>\n");
}

fn file_json(out: &mut Blocks, file: &FileEntry<'_>) {
    out.push("{\"filename\":");
    out.json(file.filename);
    out.push(",\"url\":");
    out.json(file.url);
    out.push(",\"hashes\":");
    sha256(out, Some(file.sha256).filter(|digest| !digest.is_empty()), "{}");
    out.push(",\"requires-python\":");
    out.json_or_null(Some(file.requires_python).filter(|text| !text.is_empty()));
    // PEP 714: both names, since clients of either age read one of them.
    out.push(",\"data-dist-info-metadata\":");
    sha256(out, file.metadata_sha256, "false");
    out.push(",\"core-metadata\":");
    sha256(out, file.metadata_sha256, "false");
    out.push(",\"yanked\":");
    match file.yanked {
        None => out.push("false"),
        Some("") => out.push("true"),
        Some(reason) => out.json(reason),
    }
    // Writing to a string cannot fail.
    let _ = write!(out.text, ",\"size\":{}", file.size);
    out.push(",\"upload-time\":");
    out.json_or_null(file.upload_time.map(zulu).as_deref());
    out.push(",\"provenance\":");
    out.json_or_null(file.provenance);
    out.push("}");
}

fn sha256(out: &mut Blocks, digest: Option<&str>, without: &str) {
    let Some(digest) = digest else {
        return out.push(without);
    };
    out.push("{\"sha256\":");
    out.json(digest);
    out.push("}");
}

/// PEP 700: with a `Z`.
fn zulu(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn strings<'a>(out: &mut Blocks, items: impl Iterator<Item = &'a str>) {
    out.push("[");
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(",");
        }
        out.json(item);
    }
    out.push("]");
}
