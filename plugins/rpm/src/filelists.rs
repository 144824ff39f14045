//! `filelists.xml`: all files of each package.
//!
//! ```xml
//! <package pkgid="…" name="bash" arch="x86_64">
//!   <version epoch="0" ver="5.2" rel="1"/>
//!   <file>/usr/bin/bash</file>
//!   <file type="dir">/usr/share/doc/bash</file>
//! </package>
//! ```
//!
//! The layout is createrepo_c's, byte for byte.

use std::io::BufRead;

use crate::document::{self, Kind, PackageHead};
use crate::package::{File, Package};
use crate::primary::{push, push_file, read_file, read_version};
use crate::xml::{Node, XmlError, XmlReader};

/// The element of a package, from `<package` to the line feed after `</package>`.
pub fn render(package: &Package) -> String {
    let mut out = String::with_capacity(256 + package.files.len() * 64);
    document::push_head(&mut out, package);
    for file in &package.files {
        push_file(&mut out, 2, file);
    }
    out.push_str("</package>\n");
    out
}

/// Gives the file lists of a document, in its order.
pub struct FilelistsReader<R> {
    packages: document::Packages<R>,
}

impl<R: BufRead> FilelistsReader<R> {
    /// Reads the root element.
    pub fn new(input: R) -> Result<Self, XmlError> {
        Ok(Self { packages: document::Packages::new(input, Kind::Filelists)? })
    }

    /// The next package and its files; `None` at the end, which has then been checked.
    pub fn next_package(&mut self) -> Result<Option<(PackageHead, Vec<File>)>, XmlError> {
        self.packages.next(|xml, head| {
            let mut files = Vec::new();
            while xml.next_node()? == Node::Start {
                match xml.name() {
                    "file" => {
                        let file = read_file(xml)?;
                        push(xml, &mut files, file)?;
                    }
                    "version" => read_head_version(xml, head)?,
                    _ => xml.skip()?,
                }
            }
            Ok(files)
        })
    }
}

pub(crate) fn read_head_version<R: BufRead>(xml: &mut XmlReader<R>, head: &mut PackageHead) -> Result<(), XmlError> {
    let mut package = Package::default();
    read_version(xml, &mut package)?;
    head.evr = package.evr();
    Ok(())
}
