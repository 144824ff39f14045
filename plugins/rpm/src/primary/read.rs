//! Reading `primary.xml`, one package at a time.

use std::io::BufRead;

use crate::checksum::Checksum;
use crate::document::MAX_PACKAGE;
use crate::package::{Dependency, DependencyKind, File, FileKind, MAX_DEPENDENCIES, Package};
use crate::xml::{Node, XmlError, XmlReader};

/// The most files, or changelog entries, of one package.
const MAX_ITEMS: usize = 1 << 20;

/// Gives the packages of a document, in its order.
pub struct PrimaryReader<R> {
    xml: XmlReader<R>,
    announced: Option<u64>,
    ended: bool,
}

impl<R: BufRead> PrimaryReader<R> {
    /// Reads the root element.
    pub fn new(input: R) -> Result<Self, XmlError> {
        let mut xml = XmlReader::new(input);
        xml.expect_root("metadata")?;
        let announced = xml.attribute("packages").and_then(|count| count.trim().parse().ok());
        Ok(Self { xml, announced, ended: false })
    }

    /// How many packages the document says it has, which it may not keep.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// How many bytes of the document have been read.
    pub fn position(&self) -> u64 {
        self.xml.position()
    }

    /// The next package; `None` at the end, which has then been checked. Packages of other types
    /// than `rpm` are passed over.
    ///
    /// Of a package's files only those that `primary` lists are there, and no changelogs. Neither
    /// the location nor the full name is checked.
    pub fn next_package(&mut self) -> Result<Option<Package>, XmlError> {
        while !self.ended {
            match self.xml.next_node()? {
                Node::Start if self.xml.name() == "package" => {
                    let other = self.xml.attribute("type").is_some_and(|kind| kind != "rpm");
                    if other {
                        self.xml.skip()?;
                        continue;
                    }
                    self.xml.limit_element(MAX_PACKAGE);
                    let package = self.package()?;
                    self.xml.unlimited();
                    return Ok(Some(package));
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

    fn package(&mut self) -> Result<Package, XmlError> {
        let mut package = Package::default();
        while self.xml.next_node()? == Node::Start {
            match self.xml.name() {
                "name" => package.name = self.xml.read_text()?,
                "arch" => package.arch = self.xml.read_text()?,
                "summary" => package.summary = self.xml.read_text()?,
                "description" => package.description = self.xml.read_text()?,
                "packager" => package.packager = self.xml.read_text()?,
                "url" => package.url = self.xml.read_text()?,
                "version" => read_version(&mut self.xml, &mut package)?,
                "checksum" => {
                    let kind = self.xml.attribute_or_empty("type");
                    let value = self.xml.read_text()?;
                    let checksum = Checksum::parse(&kind, &value).map_err(|e| self.xml.content(e.to_string()))?;
                    package.pkgid = checksum.value().to_owned();
                    package.checksum_type = checksum.kind();
                }
                "time" => {
                    package.time_file = self.xml.number_attribute("file")?;
                    package.time_build = self.xml.number_attribute("build")?;
                    self.xml.skip()?;
                }
                "size" => {
                    package.size_package = self.xml.number_attribute("package")?;
                    package.size_installed = self.xml.number_attribute("installed")?;
                    package.size_archive = self.xml.number_attribute("archive")?;
                    self.xml.skip()?;
                }
                "location" => {
                    package.location_href = self.xml.attribute_or_empty("href");
                    package.location_base = self.xml.attribute_or_empty("xml:base");
                    self.xml.skip()?;
                }
                "format" => self.format(&mut package)?,
                _ => self.xml.skip()?,
            }
        }
        self.check(&package)?;
        Ok(package)
    }

    /// What a package cannot do without.
    fn check(&self, package: &Package) -> Result<(), XmlError> {
        let missing = [
            ("name", &package.name),
            ("arch", &package.arch),
            ("version", &package.version),
            ("checksum", &package.pkgid),
            ("location", &package.location_href),
        ];
        if let Some((what, _)) = missing.into_iter().find(|(_, value)| value.is_empty()) {
            let name = crate::text::excerpt(&package.name);
            return Err(self.xml.content(format!("the package `{name}` has no {what}")));
        }
        Ok(())
    }

    fn format(&mut self, package: &mut Package) -> Result<(), XmlError> {
        while self.xml.next_node()? == Node::Start {
            match self.xml.name() {
                "license" => package.license = self.xml.read_text()?,
                "vendor" => package.vendor = self.xml.read_text()?,
                "group" => package.group = self.xml.read_text()?,
                "buildhost" => package.buildhost = self.xml.read_text()?,
                "sourcerpm" => package.sourcerpm = self.xml.read_text()?,
                "header-range" => {
                    package.header_start = self.xml.number_attribute("start")?;
                    package.header_end = self.xml.number_attribute("end")?;
                    self.xml.skip()?;
                }
                "file" => {
                    let file = read_file(&mut self.xml)?;
                    push(&self.xml, &mut package.files, file)?;
                }
                name => match DependencyKind::from_name(name) {
                    Some(kind) => self.dependencies(package.dependencies_mut(kind))?,
                    None => self.xml.skip()?,
                },
            }
        }
        Ok(())
    }

    fn dependencies(&mut self, list: &mut Vec<Dependency>) -> Result<(), XmlError> {
        while self.xml.next_node()? == Node::Start {
            if self.xml.name() == "entry" {
                if list.len() == MAX_DEPENDENCIES {
                    let message = format!("a package has more than {MAX_DEPENDENCIES} dependencies of one kind");
                    return Err(self.xml.content(message));
                }
                list.push(self.dependency());
            }
            self.xml.skip()?;
        }
        Ok(())
    }

    fn dependency(&self) -> Dependency {
        Dependency {
            name: self.xml.attribute_or_empty("name"),
            flags: self.xml.attribute_or_empty("flags"),
            epoch: self.xml.attribute_or_empty("epoch"),
            version: self.xml.attribute_or_empty("ver"),
            release: self.xml.attribute_or_empty("rel"),
            pre: matches!(self.xml.attribute("pre"), Some("1" | "true" | "TRUE")),
        }
    }
}

/// `<version epoch="" ver="" rel=""/>`, as all three documents have it.
pub(crate) fn read_version<R: BufRead>(xml: &mut XmlReader<R>, package: &mut Package) -> Result<(), XmlError> {
    package.epoch = xml.number_attribute("epoch")?;
    package.version = xml.attribute_or_empty("ver");
    package.release = xml.attribute_or_empty("rel");
    xml.skip()
}

/// `<file type="dir">/path</file>`, as two of the documents have it.
pub(crate) fn read_file<R: BufRead>(xml: &mut XmlReader<R>) -> Result<File, XmlError> {
    let kind = FileKind::from_name(xml.attribute("type").unwrap_or_default());
    Ok(File { kind, path: xml.read_text()?, digest: None })
}

/// Adds to a list that must not become endless.
pub(crate) fn push<R: BufRead, T>(xml: &XmlReader<R>, list: &mut Vec<T>, item: T) -> Result<(), XmlError> {
    if list.len() == MAX_ITEMS {
        return Err(xml.content(format!("a package has more than {MAX_ITEMS} items of one kind")));
    }
    list.push(item);
    Ok(())
}
