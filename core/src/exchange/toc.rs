//! The table of contents of an export.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::unusable;
use crate::error::Error;

/// No table is larger, in bytes: a chunk takes some eighty.
pub const LARGEST_TOC: u64 = 64 << 20;
/// No export has more files.
const MOST_FILES: usize = 500_000;

/// What an export consists of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toc {
    /// What the client said of the export.
    pub meta: Map<String, Json>,
    /// The size of the chunks, where it was cut.
    pub chunk_size: Option<u64>,
    /// The names of the files with their checksums, in order.
    pub files: Vec<(String, String)>,
}

impl Toc {
    /// What is written.
    pub fn render(&self) -> String {
        let mut meta = self.meta.clone();
        meta.insert("checksum_type".to_owned(), json!("crc32"));
        if let Some(size) = self.chunk_size {
            meta.insert("chunk_size".to_owned(), json!(size));
        }
        let files: Map<String, Json> = self.files.iter().map(|(name, sum)| (name.clone(), json!(sum))).collect();
        json!({"meta": meta, "files": files}).to_string()
    }

    /// Reads a table. Names of files are single names: all files lie beside it.
    ///
    /// # Errors
    /// Naming `file`, the path of the table, and what is wrong with it.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |problem: String| unusable(file, problem);
        // A list of the same members would be read as well.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(wrong("is no JSON object".to_owned()));
        }
        // Objects hold a name once; one that is written twice would be lost.
        let raw: Raw = serde_json::from_slice(bytes).map_err(|problem| wrong(problem.to_string()))?;
        if let Some(kind) = raw.meta.get("checksum_type").filter(|kind| **kind != json!("crc32")) {
            return Err(wrong(format!("checksums of the type {kind} are not known")));
        }
        if raw.files.0.is_empty() || raw.files.0.len() > MOST_FILES {
            return Err(wrong(format!("lists {} files", raw.files.0.len())));
        }
        let mut known = std::collections::HashSet::new();
        for (name, _) in &raw.files.0 {
            if name.is_empty() || name.contains(['/', '\0']) || Path::new(name).file_name().is_none() {
                return Err(wrong(format!("the file `{name}` does not lie beside it")));
            }
            if !known.insert(name) {
                return Err(wrong(format!("lists the file `{name}` twice")));
            }
        }
        let chunk_size = raw.meta.get("chunk_size").and_then(Json::as_u64);
        Ok(Self { meta: raw.meta, chunk_size, files: raw.files.0 })
    }
}

#[derive(serde::Deserialize)]
struct Raw {
    meta: Map<String, Json>,
    files: Pairs,
}

/// An object whose doubled names are seen.
struct Pairs(Vec<(String, String)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("checksums by the names of files")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_back() {
        let files = vec![("e.tar.0000".to_owned(), "3abbded4".to_owned()), ("e.tar.0001".to_owned(), "db6".to_owned())];
        let toc = Toc { meta: Map::from_iter([("who".to_owned(), json!("me"))]), chunk_size: Some(5120), files };
        let read = Toc::parse("t", toc.render().as_bytes()).expect("a table");
        assert_eq!((read.files, read.chunk_size), (toc.files, toc.chunk_size));
        assert_eq!(read.meta["who"], "me");
        assert_eq!(read.meta["checksum_type"], "crc32");
    }

    #[test]
    fn hostile_tables_are_refused() {
        for (text, problem) in [
            ("[]", "no JSON object"),
            ("[{}, {\"a\": \"1\"}]", "no JSON object"),
            ("{\"meta\": {}}", "missing field `files`"),
            ("{\"meta\": {}, \"files\": {}}", "0 files"),
            ("{\"meta\": {}, \"files\": {\"a\": \"1\", \"a\": \"2\"}}", "`a` twice"),
            ("{\"meta\": {}, \"files\": {\"../a\": \"1\"}}", "beside"),
            ("{\"meta\": {}, \"files\": {\"..\": \"1\"}}", "beside"),
            ("{\"meta\": {}, \"files\": {\"/etc/passwd\": \"1\"}}", "beside"),
            ("{\"meta\": {\"checksum_type\": \"md5\"}, \"files\": {\"a\": \"1\"}}", "md5"),
            ("{", "EOF"),
        ] {
            let error = Toc::parse("toc.json", text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(problem) && error.contains("toc.json"), "{text}: {error}");
        }
    }
}
