//! `other.xml`: the changelogs of each package.
//!
//! ```xml
//! <package pkgid="…" name="bash" arch="x86_64">
//!   <version epoch="0" ver="5.2" rel="1"/>
//!   <changelog author="A. Packager &lt;a@example.org&gt; - 5.2-1" date="1700000000">- update</changelog>
//! </package>
//! ```
//!
//! The layout is createrepo_c's, byte for byte.

use std::io::BufRead;

use crate::document::{self, Kind, PackageHead};
use crate::filelists::read_head_version;
use crate::package::{Changelog, Package};
use crate::primary::push;
use crate::xml::escape::{push_attribute, push_text};
use crate::xml::{Node, XmlError};

/// The element of a package, from `<package` to the line feed after `</package>`.
pub fn render(package: &Package) -> String {
    let mut out = String::with_capacity(256 + package.changelogs.len() * 128);
    document::push_head(&mut out, package);
    for entry in &package.changelogs {
        out.push_str("  <changelog");
        push_attribute(&mut out, "author", &entry.author);
        push_attribute(&mut out, "date", &entry.date.to_string());
        out.push('>');
        push_text(&mut out, &entry.text);
        out.push_str("</changelog>\n");
    }
    out.push_str("</package>\n");
    out
}

/// Gives the changelogs of a document, in its order.
pub struct OtherReader<R> {
    packages: document::Packages<R>,
}

impl<R: BufRead> OtherReader<R> {
    /// Reads the root element.
    pub fn new(input: R) -> Result<Self, XmlError> {
        Ok(Self { packages: document::Packages::new(input, Kind::Other)? })
    }

    /// The next package and its changelog; `None` at the end, which has then been checked.
    pub fn next_package(&mut self) -> Result<Option<(PackageHead, Vec<Changelog>)>, XmlError> {
        self.packages.next(|xml, head| {
            let mut entries = Vec::new();
            while xml.next_node()? == Node::Start {
                match xml.name() {
                    "changelog" => {
                        let author = xml.attribute_or_empty("author");
                        let date = xml.number_attribute("date")?;
                        let entry = Changelog { author, date, text: xml.read_text()? };
                        push(xml, &mut entries, entry)?;
                    }
                    "version" => read_head_version(xml, head)?,
                    _ => xml.skip()?,
                }
            }
            Ok(entries)
        })
    }
}
