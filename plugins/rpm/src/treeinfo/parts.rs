//! The repositories that a tree is made of: where the upstream has those of its variants and addons, and what the file
//! says once each of them lies in the folder of its name.

use std::collections::HashMap;

use super::{Place, Treeinfo};

/// The folder of packages in what is published.
const PACKAGES: &str = "Packages";

/// A variant or an addon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The section of the file that describes it.
    pub section: &'a str,
    pub id: &'a str,
    pub place: &'a Place,
}

/// Where a part lies in what is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// With the tree's own packages.
    Root,
    /// In a folder below.
    Folder(String),
}

impl Treeinfo {
    /// Variants, then addons.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let variants = self.variants.iter().map(|one| (&one.section, &one.id, &one.repository));
        let addons = self.addons.iter().map(|one| (&one.section, &one.id, &one.repository));
        variants.chain(addons).map(|(section, id, place)| Part { section, id, place })
    }
}

/// The file with the new places of parts, which are named by their sections; all else stays, byte by byte.
pub fn rewritten(text: &str, moved: &HashMap<String, Moved>) -> String {
    let mut section = "";
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start_matches('\u{feff}').trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
        }
        let is_comment = trimmed.starts_with([';', '#']);
        match moved.get(section).filter(|_| !is_comment).and_then(|moved| replaced(line, moved)) {
            Some(line) => out.push_str(&line),
            None => out.push_str(line),
        }
    }
    out
}

/// A line that says where something of the part is, as it is then.
fn replaced(line: &str, moved: &Moved) -> Option<String> {
    let at = line.find('=').or_else(|| line.find(':'))?;
    let (key, value) = (line[..at].trim(), line[at + 1..].trim());
    let new = match (key, moved) {
        ("repository", Moved::Root) => ".".to_owned(),
        ("repository", Moved::Folder(folder)) => folder.clone(),
        ("packages", Moved::Root) if value.starts_with("..") => PACKAGES.to_owned(),
        ("packages", Moved::Folder(folder)) => packages_below(folder),
        _ => return None,
    };
    let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
    Some(format!("{} {new}{end}", &line[..=at]))
}

/// Where packages lie that are published in a folder.
pub fn packages_below(folder: &str) -> String {
    format!("{folder}/{PACKAGES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_replaced_and_nothing_else() {
        let text = "[general]\nrepository = .\n; repository = x\r\n[variant-Land]\r\nid = Land\r\n\
                    repository = variants/land\r\npackages=variants/land\r\n# packages = y\r\nsource_packages = z\r\n\
                    [variant-Sea]\nrepository: ../sea/\npackages = ../sea/\n[addon-Other]\nrepository = http://h/";
        let moved =
            [("variant-Land".to_owned(), Moved::Folder("Land".to_owned())), ("variant-Sea".to_owned(), Moved::Root)];
        let expected = "[general]\nrepository = .\n; repository = x\r\n[variant-Land]\r\nid = Land\r\n\
                        repository = Land\r\npackages= Land/Packages\r\n# packages = y\r\nsource_packages = z\r\n\
                        [variant-Sea]\nrepository: .\npackages = Packages\n[addon-Other]\nrepository = http://h/";
        assert_eq!(rewritten(text, &moved.into()), expected);
        assert_eq!(rewritten(text, &HashMap::new()), text);
    }
}
