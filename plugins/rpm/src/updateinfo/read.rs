//! Reading `updateinfo.xml`, one advisory at a time.

use std::io::BufRead;

use super::{Advisory, AdvisoryPackage, Collection, Module, Reference};
use crate::xml::{Node, XmlError, XmlReader};

/// The most bytes of one advisory. The largest real ones, of a kernel for many architectures, have
/// some 500 KiB.
const MAX_ADVISORY: u64 = 32 << 20;

/// The most references, collections, or packages of one advisory.
const MAX_ITEMS: usize = 100_000;

/// Gives the advisories of a document, in its order.
pub struct UpdateinfoReader<R> {
    xml: XmlReader<R>,
    ended: bool,
}

impl<R: BufRead> UpdateinfoReader<R> {
    /// Reads the root element.
    pub fn new(input: R) -> Result<Self, XmlError> {
        let mut xml = XmlReader::new(input);
        xml.expect_root("updates")?;
        Ok(Self { xml, ended: false })
    }

    /// The next advisory; `None` at the end, which has then been checked. An advisory without an
    /// id is an error.
    pub fn next_advisory(&mut self) -> Result<Option<Advisory>, XmlError> {
        while !self.ended {
            match self.xml.next_node()? {
                Node::Start if self.xml.name() == "update" => {
                    self.xml.limit_element(MAX_ADVISORY);
                    let advisory = self.advisory()?;
                    self.xml.unlimited();
                    return Ok(Some(advisory));
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

    fn advisory(&mut self) -> Result<Advisory, XmlError> {
        let xml = &mut self.xml;
        let mut advisory = Advisory {
            from: xml.attribute_or_empty("from"),
            status: xml.attribute_or_empty("status"),
            kind: xml.attribute_or_empty("type"),
            version: xml.attribute_or_empty("version"),
            ..Advisory::default()
        };
        while xml.next_node()? == Node::Start {
            match xml.name() {
                "id" => advisory.id = xml.read_text()?.trim().to_owned(),
                "title" => advisory.title = xml.read_text()?,
                "issued" => advisory.issued_date = date(xml)?,
                "updated" => advisory.updated_date = date(xml)?,
                "rights" => advisory.rights = xml.read_text()?,
                "release" => advisory.release = xml.read_text()?,
                "pushcount" => advisory.pushcount = xml.read_text()?,
                "severity" => advisory.severity = xml.read_text()?,
                "summary" => advisory.summary = xml.read_text()?,
                "description" => advisory.description = xml.read_text()?,
                "solution" => advisory.solution = xml.read_text()?,
                "reboot_suggested" => advisory.reboot_suggested = flag(xml)?,
                "references" => references(xml, &mut advisory.references)?,
                // Some documents have more than one.
                "pkglist" => collections(xml, &mut advisory.collections)?,
                _ => xml.skip()?,
            }
        }
        if advisory.id.is_empty() {
            return Err(xml.content("an advisory has no id"));
        }
        Ok(advisory)
    }
}

/// An attribute by custom, a text in some documents.
fn date<R: BufRead>(xml: &mut XmlReader<R>) -> Result<String, XmlError> {
    let date = xml.attribute_or_empty("date");
    let text = xml.read_text()?;
    Ok(if date.is_empty() { text.trim().to_owned() } else { date })
}

/// Being there means yes, unless it says no.
fn flag<R: BufRead>(xml: &mut XmlReader<R>) -> Result<bool, XmlError> {
    let text = xml.read_text()?;
    Ok(!matches!(text.trim(), "0" | "False" | "false" | "FALSE" | "no"))
}

fn references<R: BufRead>(xml: &mut XmlReader<R>, list: &mut Vec<Reference>) -> Result<(), XmlError> {
    while xml.next_node()? == Node::Start {
        if xml.name() == "reference" {
            let reference = Reference {
                href: xml.attribute_or_empty("href"),
                id: xml.attribute_or_empty("id"),
                kind: xml.attribute_or_empty("type"),
                title: xml.attribute_or_empty("title"),
            };
            push(xml, list, reference)?;
        }
        xml.skip()?;
    }
    Ok(())
}

fn collections<R: BufRead>(xml: &mut XmlReader<R>, list: &mut Vec<Collection>) -> Result<(), XmlError> {
    while xml.next_node()? == Node::Start {
        if xml.name() == "collection" {
            let collection = collection(xml)?;
            push(xml, list, collection)?;
        } else {
            xml.skip()?;
        }
    }
    Ok(())
}

fn collection<R: BufRead>(xml: &mut XmlReader<R>) -> Result<Collection, XmlError> {
    let mut collection = Collection { shortname: xml.attribute_or_empty("short"), ..Collection::default() };
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "name" => collection.name = xml.read_text()?,
            "module" => {
                collection.module = Some(Module {
                    name: xml.attribute_or_empty("name"),
                    stream: xml.attribute_or_empty("stream"),
                    version: xml.number_attribute("version")?,
                    context: xml.attribute_or_empty("context"),
                    arch: xml.attribute_or_empty("arch"),
                });
                xml.skip()?;
            }
            "package" => {
                let package = package(xml)?;
                push(xml, &mut collection.packages, package)?;
            }
            _ => xml.skip()?,
        }
    }
    Ok(collection)
}

fn package<R: BufRead>(xml: &mut XmlReader<R>) -> Result<AdvisoryPackage, XmlError> {
    let mut package = AdvisoryPackage {
        name: xml.attribute_or_empty("name"),
        epoch: xml.attribute_or_empty("epoch"),
        version: xml.attribute_or_empty("version"),
        release: xml.attribute_or_empty("release"),
        arch: xml.attribute_or_empty("arch"),
        src: xml.attribute_or_empty("src"),
        ..AdvisoryPackage::default()
    };
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "filename" => package.filename = xml.read_text()?,
            "sum" => {
                package.sum_type = xml.attribute_or_empty("type");
                package.sum = xml.read_text()?.trim().to_owned();
            }
            "reboot_suggested" => package.reboot_suggested = flag(xml)?,
            "restart_suggested" => package.restart_suggested = flag(xml)?,
            "relogin_suggested" => package.relogin_suggested = flag(xml)?,
            _ => xml.skip()?,
        }
    }
    Ok(package)
}

fn push<R: BufRead, T>(xml: &XmlReader<R>, list: &mut Vec<T>, item: T) -> Result<(), XmlError> {
    if list.len() == MAX_ITEMS {
        return Err(xml.content(format!("an advisory has more than {MAX_ITEMS} items of one kind")));
    }
    list.push(item);
    Ok(())
}
