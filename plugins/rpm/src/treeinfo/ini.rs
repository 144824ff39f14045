//! The INI dialect of treeinfo files (productmd's).
//!
//! Sections in brackets, `key = value`, comments on lines of their own that begin with `;` or `#`.
//! Names of keys are paths sometimes, so their case counts.

use super::TreeinfoError;

/// The most bytes of a file, and lines of it. Real ones have some 5 KiB.
const MAX_BYTES: usize = 1 << 20;
const MAX_LINES: usize = 20_000;

/// A parsed file.
pub(super) struct Ini<'a> {
    sections: Vec<(&'a str, Vec<(&'a str, &'a str)>)>,
}

impl<'a> Ini<'a> {
    /// Reads a file. A section or a key of one that comes twice is an error.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, TreeinfoError> {
        if bytes.len() > MAX_BYTES {
            return Err(TreeinfoError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TreeinfoError::NotUtf8)?;
        let text = text.trim_start_matches('\u{feff}');
        let mut sections: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            let wrong = |problem| TreeinfoError::Line { line: at + 1, problem };
            if at == MAX_LINES {
                return Err(TreeinfoError::TooLarge);
            }
            if line.is_empty() || line.starts_with([';', '#']) {
                continue;
            }
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(wrong("there is a control character"));
            }
            if let Some(name) = line.strip_prefix('[') {
                let name = name.strip_suffix(']').ok_or_else(|| wrong("a section does not end"))?.trim();
                if !seen.insert((name, None)) {
                    return Err(wrong("a section is there twice"));
                }
                sections.push((name, Vec::new()));
                continue;
            }
            let (key, value) =
                line.split_once('=').or_else(|| line.split_once(':')).ok_or_else(|| wrong("there is no `=`"))?;
            let (section, entries) = sections.last_mut().ok_or_else(|| wrong("a key stands before any section"))?;
            if !seen.insert((section, Some(key.trim()))) {
                return Err(wrong("a key is there twice"));
            }
            entries.push((key.trim(), value.trim()));
        }
        Ok(Self { sections })
    }

    /// The keys and values of a section; none if there is no such section.
    pub(super) fn section(&self, name: &str) -> &[(&'a str, &'a str)] {
        self.sections.iter().find(|(section, _)| *section == name).map_or(&[], |(_, entries)| entries)
    }

    /// The value of a key, empty if it is not there.
    pub(super) fn get(&self, section: &str, key: &str) -> &'a str {
        self.section(section).iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
    }

    /// The first value of some keys that is not empty.
    pub(super) fn first<const N: usize>(&self, places: [(&str, &str); N]) -> &'a str {
        places.into_iter().map(|(section, key)| self.get(section, key)).find(|value| !value.is_empty()).unwrap_or("")
    }

    /// What follows the prefix in the names of sections that have it, and their names.
    pub(super) fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.sections.iter().filter_map(move |&(name, _)| name.strip_prefix(prefix).map(|rest| (rest, name)))
    }
}
