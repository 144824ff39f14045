//! Reading the three documents of packages side by side.
//!
//! By custom they have the same packages in the same order, so that one package is held at a time.
//! Where the order differs, what came too early waits, in bounds.

use std::collections::HashMap;
use std::io::BufRead;

use crate::filelists::FilelistsReader;
use crate::other::OtherReader;
use crate::package::{Changelog, File, Package};
use crate::primary::PrimaryReader;
use crate::text::excerpt;
use crate::xml::XmlError;

/// The most files and changelog entries that may wait because the order differs.
const MAX_WAITING: usize = 5_000_000;

/// Why the documents of a repository are refused.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error("{document}: {error}")]
    Xml { document: &'static str, error: XmlError },
    #[error("the package `{name}` of primary is not in {document}")]
    Missing { document: &'static str, name: String },
    #[error("the packages of {0} are in another order than those of primary, too many of them")]
    Disorder(&'static str),
}

/// Gives whole packages, in the order of `primary`.
pub struct PackageReader<P, F, O> {
    primary: PrimaryReader<P>,
    /// What `primary` has next, once it has been asked.
    ahead: Option<Option<Package>>,
    filelists: Waiting<FilelistsReader<F>, File>,
    other: Waiting<OtherReader<O>, Changelog>,
}

impl<P: BufRead, F: BufRead, O: BufRead> PackageReader<P, F, O> {
    /// Of the three unpacked documents, whose root elements are read.
    pub fn new(primary: P, filelists: F, other: O) -> Result<Self, MergeError> {
        let wrong = |document| move |error| MergeError::Xml { document, error };
        Ok(Self {
            primary: PrimaryReader::new(primary).map_err(wrong("primary"))?,
            ahead: None,
            filelists: Waiting::new(FilelistsReader::new(filelists).map_err(wrong("filelists"))?, "filelists"),
            other: Waiting::new(OtherReader::new(other).map_err(wrong("other"))?, "other"),
        })
    }

    /// How many packages `primary` says there are.
    pub fn announced(&self) -> Option<u64> {
        self.primary.announced()
    }

    /// The next package with all its files and its changelog; `None` at the end, when all three
    /// documents have been read and checked to their ends.
    pub fn next_package(&mut self) -> Result<Option<Package>, MergeError> {
        let next = match self.ahead.take() {
            Some(next) => next,
            None => self.next_of_primary()?,
        };
        let Some(mut package) = next else {
            self.filelists.drain()?;
            self.other.drain()?;
            return Ok(None);
        };
        let ahead = self.next_of_primary()?;
        let again = ahead.as_ref().is_some_and(|next| next.pkgid == package.pkgid);
        self.ahead = Some(ahead);
        package.files = self.filelists.take(&package, again)?;
        package.changelogs = self.other.take(&package, again)?;
        Ok(Some(package))
    }

    fn next_of_primary(&mut self) -> Result<Option<Package>, MergeError> {
        self.primary.next_package().map_err(|error| MergeError::Xml { document: "primary", error })
    }
}

/// A document of which some packages came too early.
struct Waiting<R, T> {
    reader: R,
    document: &'static str,
    early: HashMap<String, Vec<T>>,
    count: usize,
    /// The package that was given last, if `primary` has it at several places, and here it may be
    /// once.
    last: Option<(String, Vec<T>)>,
}

/// What both documents have in common.
trait Document<T> {
    fn next(&mut self) -> Result<Option<(String, Vec<T>)>, XmlError>;
}

impl<R: BufRead> Document<File> for FilelistsReader<R> {
    fn next(&mut self) -> Result<Option<(String, Vec<File>)>, XmlError> {
        Ok(self.next_package()?.map(|(head, files)| (head.pkgid, files)))
    }
}

impl<R: BufRead> Document<Changelog> for OtherReader<R> {
    fn next(&mut self) -> Result<Option<(String, Vec<Changelog>)>, XmlError> {
        Ok(self.next_package()?.map(|(head, changelogs)| (head.pkgid, changelogs)))
    }
}

impl<T: Clone, R: Document<T>> Waiting<R, T> {
    fn new(reader: R, document: &'static str) -> Self {
        Self { reader, document, early: HashMap::new(), count: 0, last: None }
    }

    fn next(&mut self) -> Result<Option<(String, Vec<T>)>, MergeError> {
        let document = self.document;
        self.reader.next().map_err(|error| MergeError::Xml { document, error })
    }

    /// The items of a package, which are kept if it comes `again`.
    fn take(&mut self, package: &Package, again: bool) -> Result<Vec<T>, MergeError> {
        let last = self.last.take().filter(|(pkgid, _)| *pkgid == package.pkgid);
        let items = match last {
            Some((_, items)) => items,
            None => self.find(package)?,
        };
        if again {
            self.last = Some((package.pkgid.clone(), items.clone()));
        }
        Ok(items)
    }

    fn find(&mut self, package: &Package) -> Result<Vec<T>, MergeError> {
        if let Some(items) = self.early.remove(&package.pkgid) {
            self.count -= items.len() + 1;
            return Ok(items);
        }
        while let Some((pkgid, items)) = self.next()? {
            if pkgid == package.pkgid {
                return Ok(items);
            }
            self.count += items.len() + 1;
            if self.count > MAX_WAITING {
                return Err(MergeError::Disorder(self.document));
            }
            if let Some(older) = self.early.insert(pkgid, items) {
                self.count -= older.len() + 1;
            }
        }
        let name = excerpt(&package.name);
        Err(MergeError::Missing { document: self.document, name })
    }

    /// Reads on to the end, whose checksums are checked so. Packages that `primary` does not have
    /// are nobody's.
    fn drain(&mut self) -> Result<(), MergeError> {
        while self.next()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Kind;
    use crate::package::FileKind;

    fn package(digit: &str) -> Package {
        let path = format!("/usr/share/{digit}");
        Package {
            name: format!("p{digit}"),
            version: "1".to_owned(),
            arch: "noarch".to_owned(),
            pkgid: digit.repeat(64),
            location_href: format!("p{digit}.rpm"),
            files: vec![File { kind: FileKind::File, path, digest: None }],
            changelogs: vec![Changelog { author: digit.to_owned(), date: 1, text: String::new() }],
            ..Package::default()
        }
    }

    fn document(kind: Kind, digits: &[&str]) -> String {
        let elements: String = digits.iter().map(|digit| kind.render(&package(digit))).collect();
        kind.header(digits.len() as u64) + &elements + kind.footer()
    }

    fn read(primary: &[&str], filelists: &[&str], other: &[&str]) -> Result<Vec<Package>, MergeError> {
        let primary = document(Kind::Primary, primary);
        let filelists = document(Kind::Filelists, filelists);
        let other = document(Kind::Other, other);
        let mut reader = PackageReader::new(primary.as_bytes(), filelists.as_bytes(), other.as_bytes())?;
        let mut packages = Vec::new();
        while let Some(package) = reader.next_package()? {
            packages.push(package);
        }
        Ok(packages)
    }

    #[test]
    fn packages_are_put_together_in_any_order() {
        let expected = ["a", "b", "c"].map(package).to_vec();
        for (filelists, other) in [(["a", "b", "c"], ["a", "b", "c"]), (["c", "b", "a"], ["b", "c", "a"])] {
            assert_eq!(read(&["a", "b", "c"], &filelists, &other).expect("packages"), expected);
        }
    }

    #[test]
    fn a_package_may_be_at_two_places() {
        assert_eq!(read(&["a", "a"], &["a"], &["a", "a"]).expect("packages").len(), 2);
    }

    #[test]
    fn what_primary_does_not_have_is_left_out() {
        assert_eq!(read(&["b"], &["a", "b", "c"], &["b"]).expect("packages"), [package("b")]);
    }

    #[test]
    fn what_only_primary_has_is_an_error() {
        let error = read(&["a", "b"], &["a"], &["a", "b"]).expect_err("no files of b");
        assert_eq!(error.to_string(), "the package `pb` of primary is not in filelists");
        let error = read(&["a", "b"], &["a", "b"], &["b"]).expect_err("no changelog of a");
        assert_eq!(error.to_string(), "the package `pa` of primary is not in other");
    }

    #[test]
    fn a_break_after_the_last_package_is_an_error() {
        let primary = document(Kind::Primary, &["a"]);
        let filelists = document(Kind::Filelists, &["a", "b"]);
        let other = document(Kind::Other, &["a"]);
        let cut = &filelists[..filelists.len() - 20];
        let mut reader = PackageReader::new(primary.as_bytes(), cut.as_bytes(), other.as_bytes()).expect("roots");
        reader.next_package().expect("the package is whole");
        let error = reader.next_package().expect_err("the end is not").to_string();
        assert!(error.starts_with("filelists: the document ends too early"), "{error}");
    }
}
