//! Where the files of a version lie in a publication: computed from their names, at no cost per file.

use std::fmt;
use std::str::FromStr;

/// A rule that gives each file of a version whose own path has no folder a path in a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// `<folder><name>`
    Flat(String),
    /// `<folder><first character of the name, in lower case>/<name>`
    Letter(String),
}

impl Placement {
    /// Where a file of this name lies.
    pub fn path(&self, name: &str) -> String {
        match self {
            Self::Flat(folder) => format!("{folder}{name}"),
            Self::Letter(folder) => format!("{folder}{}/{name}", first(name)),
        }
    }

    /// The same below a folder, which is empty or ends with `/`.
    #[must_use]
    pub fn below(self, above: &str) -> Self {
        match self {
            Self::Flat(folder) => Self::Flat(format!("{above}{folder}")),
            Self::Letter(folder) => Self::Letter(format!("{above}{folder}")),
        }
    }

    fn folder(&self) -> &str {
        match self {
            Self::Flat(folder) | Self::Letter(folder) => folder,
        }
    }

    /// The rules by which `path` can be that of a file, as they are stored, and the name the file has then.
    pub(super) fn of_path(path: &str) -> (Vec<String>, &str) {
        let (folder, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        let mut rules = vec![Self::Flat(folder.to_owned()).to_string()];
        if let Some(above) = folder.strip_suffix(&format!("{}/", first(name)))
            && (above.is_empty() || above.ends_with('/'))
        {
            rules.push(Self::Letter(above.to_owned()).to_string());
        }
        (rules, name)
    }

    /// The ranges (from, below) of names whose files lie below `folder`; none where none can.
    pub(super) fn names_below(&self, folder: &str) -> Vec<(String, String)> {
        if self.folder().starts_with(folder) {
            return vec![(String::new(), char::MAX.to_string())];
        }
        let Self::Letter(own) = self else { return vec![] };
        let letter = folder.strip_prefix(own.as_str()).and_then(|rest| rest.strip_suffix('/'));
        let mut letters = letter.unwrap_or_default().chars();
        let (Some(letter), None) = (letters.next(), letters.next()) else { return vec![] };
        if letter.is_ascii_uppercase() {
            return vec![];
        }
        let mut starts = vec![letter];
        starts.extend(Some(letter.to_ascii_uppercase()).filter(|upper| *upper != letter));
        let range = |start: char| Some((start.to_string(), char::from_u32(start as u32 + 1)?.to_string()));
        starts.into_iter().filter_map(range).collect()
    }

    /// [`Placement::path`] in SQL, of the column `name`, with the folder as the parameter `folder`.
    pub(super) fn path_sql(&self, name: &str, folder: &str) -> String {
        match self {
            Self::Flat(_) => format!("CAST({folder} AS text) || {name}"),
            Self::Letter(_) => format!("CAST({folder} AS text) || lower(substr({name}, 1, 1)) || '/' || {name}"),
        }
    }

    pub(super) fn into_folder(self) -> String {
        match self {
            Self::Flat(folder) | Self::Letter(folder) => folder,
        }
    }
}

/// As SQL has it, for names that RPM and its like allow.
fn first(name: &str) -> String {
    name.chars().take(1).map(|first| first.to_ascii_lowercase()).collect()
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat(folder) => write!(f, "flat:{folder}"),
            Self::Letter(folder) => write!(f, "letter:{folder}"),
        }
    }
}

impl FromStr for Placement {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            Some(("flat", folder)) => Ok(Self::Flat(folder.to_owned())),
            Some(("letter", folder)) => Ok(Self::Letter(folder.to_owned())),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_by_which_rules_it_can_be() {
        for placement in [Placement::Flat("a/".into()), Placement::Letter("a/".into()), Placement::Letter("".into())] {
            for name in ["bear-1.rpm", "Bear-1.rpm", "0ad.rpm", "b"] {
                let path = placement.path(name);
                let (rules, found) = Placement::of_path(&path);
                assert!(rules.contains(&placement.to_string()), "{path} {rules:?}");
                assert_eq!((found, placement.to_string().parse()), (name, Ok(placement.clone())));
            }
        }
        assert_eq!(Placement::of_path("a/xb/bear.rpm").0, ["flat:a/xb/"]);
        assert_eq!(Placement::of_path("a/B/bear.rpm").0, ["flat:a/B/"]);
    }

    #[test]
    fn folders_hold_ranges_of_names() {
        let all = vec![(String::new(), char::MAX.to_string())];
        let letter = Placement::Letter("Packages/".into());
        for folder in ["", "Packages/"] {
            assert_eq!(letter.names_below(folder), all);
            assert_eq!(Placement::Flat("Packages/".into()).names_below(folder), all);
        }
        let range = |from: &str, below: &str| (from.to_owned(), below.to_owned());
        assert_eq!(letter.names_below("Packages/b/"), [range("b", "c"), range("B", "C")]);
        assert_eq!(letter.names_below("Packages/0/"), [range("0", "1")]);
        for folder in ["Packages/B/", "Packages/bb/", "Packages/b/c/", "x/", "Pack/", "Packages//"] {
            assert_eq!(letter.names_below(folder), [], "{folder}");
        }
        assert_eq!(Placement::Flat("Packages/".into()).names_below("Packages/b/"), []);
    }
}
