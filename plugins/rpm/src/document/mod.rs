//! What the documents of packages have in common: their first and last lines, and the heads of the
//! packages of `filelists` and `other`.
//!
//! A document is its header, the elements of its packages as they were rendered once, and its
//! footer, one after the other; nothing has to be parsed or held to make it.

mod block;

use std::io::BufRead;

pub use block::Block;

use crate::checksum::Checksum;
use crate::evr::Evr;
use crate::package::Package;
use crate::primary::push_version;
use crate::text;
use crate::xml::escape::push_attribute;
use crate::xml::{Node, XmlError, XmlReader};

/// The most bytes that the element of one package may have in any document. 100,000 files take
/// some 10 MiB.
pub const MAX_PACKAGE: u64 = 64 << 20;

/// The three documents of packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Primary,
    Filelists,
    Other,
}

impl Kind {
    /// All of them, in the order of `repomd.xml`.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Filelists, Self::Other];

    /// The `type` in `repomd.xml`, and the name of the file before `.xml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Filelists => "filelists",
            Self::Other => "other",
        }
    }

    /// The name of the root element.
    pub fn root(self) -> &'static str {
        match self {
            Self::Primary => "metadata",
            Self::Filelists => "filelists",
            Self::Other => "otherdata",
        }
    }

    /// The lines before the first package of so many.
    pub fn header(self, packages: u64) -> String {
        let spaces = match self {
            Self::Primary => {
                "xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\""
            }
            Self::Filelists => "xmlns=\"http://linux.duke.edu/metadata/filelists\"",
            Self::Other => "xmlns=\"http://linux.duke.edu/metadata/other\"",
        };
        let root = self.root();
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} {spaces} packages=\"{packages}\">\n")
    }

    /// What follows the last package; createrepo_c ends without a line feed.
    pub fn footer(self) -> &'static str {
        match self {
            Self::Primary => "</metadata>",
            Self::Filelists => "</filelists>",
            Self::Other => "</otherdata>",
        }
    }

    /// The element of a package in this document, to be kept and put between header and footer.
    pub fn render(self, package: &Package) -> String {
        match self {
            Self::Primary => crate::primary::render(package),
            Self::Filelists => crate::filelists::render(package),
            Self::Other => crate::other::render(package),
        }
    }
}

/// Appends an element that [`Kind::render`] made with another checksum of the package's file. What elements hold is
/// escaped, so that the first place is the right one.
pub fn identified(out: &mut String, kind: Kind, element: &str, checksum: &Checksum) {
    let (start, end) = match kind {
        Kind::Primary => ("\n  <checksum type=\"", "</checksum>"),
        Kind::Filelists | Kind::Other => ("<package pkgid=\"", "\""),
    };
    let found = element.find(start).and_then(|at| {
        let rest = &element[at + start.len()..];
        Some((&element[..at + start.len()], &rest[rest.find(end)?..]))
    });
    let Some((before, after)) = found else {
        out.push_str(element);
        return;
    };
    out.push_str(before);
    if kind == Kind::Primary {
        out.push_str(checksum.kind().as_str());
        out.push_str("\" pkgid=\"YES\">");
    }
    out.push_str(checksum.value());
    out.push_str(after);
}

/// What `filelists` and `other` say about whose files or changelog they give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageHead {
    /// In lower-case hexadecimal, as far as the document goes.
    pub pkgid: String,
    pub name: String,
    pub arch: String,
    pub evr: Evr,
}

/// Appends the start of a package and its version.
pub(crate) fn push_head(out: &mut String, package: &Package) {
    out.push_str("<package");
    push_attribute(out, "pkgid", &package.pkgid);
    push_attribute(out, "name", &package.name);
    push_attribute(out, "arch", &package.arch);
    out.push_str(">\n");
    push_version(out, package);
}

/// The packages of `filelists` or `other`.
pub(crate) struct Packages<R> {
    xml: XmlReader<R>,
    ended: bool,
}

impl<R: BufRead> Packages<R> {
    pub(crate) fn new(input: R, kind: Kind) -> Result<Self, XmlError> {
        let mut xml = XmlReader::new(input);
        xml.expect_root(kind.root())?;
        Ok(Self { xml, ended: false })
    }

    pub(crate) fn next<T>(
        &mut self,
        mut body: impl FnMut(&mut XmlReader<R>, &mut PackageHead) -> Result<T, XmlError>,
    ) -> Result<Option<(PackageHead, T)>, XmlError> {
        while !self.ended {
            match self.xml.next_node()? {
                Node::Start if self.xml.name() == "package" => {
                    let mut head = self.head()?;
                    self.xml.limit_element(MAX_PACKAGE);
                    let content = body(&mut self.xml, &mut head)?;
                    self.xml.unlimited();
                    return Ok(Some((head, content)));
                }
                Node::Start => self.xml.skip()?,
                Node::End | Node::Eof => {
                    self.xml.finish()?;
                    self.ended = true;
                }
            }
        }
        Ok(None)
    }

    fn head(&self) -> Result<PackageHead, XmlError> {
        let pkgid = self.xml.attribute("pkgid").unwrap_or_default().to_ascii_lowercase();
        let name = self.xml.attribute_or_empty("name");
        if pkgid.is_empty() {
            return Err(self.xml.content(format!("the package `{}` has no pkgid", text::excerpt(&name))));
        }
        Ok(PackageHead { pkgid, name, arch: self.xml.attribute_or_empty("arch"), evr: Evr::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::ChecksumType;

    #[test]
    fn packages_can_go_by_another_checksum() {
        let package = |kind, digit: &str| Package {
            name: "a".to_owned(),
            description: "\n  <checksum type=\"x\" pkgid=\"YES\">1</checksum>".to_owned(),
            pkgid: digit.repeat(if kind == ChecksumType::Sha256 { 64 } else { 128 }),
            checksum_type: kind,
            ..Package::default()
        };
        let checksum = Checksum::new(ChecksumType::Sha512, &"b".repeat(128)).expect("a checksum");
        for kind in Kind::ALL {
            let mut found = String::new();
            identified(&mut found, kind, &kind.render(&package(ChecksumType::Sha256, "a")), &checksum);
            assert_eq!(found, kind.render(&package(ChecksumType::Sha512, "b")));
        }
    }
}
