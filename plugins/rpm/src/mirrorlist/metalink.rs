//! Metalinks (version 3): where a file is to be had, and what it has to be.
//!
//! ```xml
//! <metalink version="3.0" xmlns="http://www.metalinker.org/">
//!   <files>
//!     <file name="repomd.xml">
//!       <mm0:timestamp>1700000000</mm0:timestamp>
//!       <size>3000</size>
//!       <verification><hash type="sha256">…</hash></verification>
//!       <resources>
//!         <url protocol="https" type="https" location="DE" preference="100">https://…/repodata/repomd.xml</url>
//!       </resources>
//!     </file>
//!   </files>
//! </metalink>
//! ```

use std::io::BufRead;

use super::{MAX_BYTES, MAX_MIRRORS, is_address};
use crate::checksum::{Checksum, ChecksumType};
use crate::xml::escape::{push_element, push_indent, push_text, push_utf8_attribute};
use crate::xml::{Node, XmlError, XmlReader};

/// The more recent states of a file that a metalink may name beside the newest.
const MAX_ALTERNATES: usize = 100;

/// A metalink of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metalink {
    /// The name of the file, `repomd.xml` by custom.
    pub name: String,
    pub file: MetalinkFile,
    /// Older states that mirrors may still have.
    pub alternates: Vec<MetalinkFile>,
    /// The best first.
    pub mirrors: Vec<Mirror>,
}

/// A state of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetalinkFile {
    /// Seconds of the epoch.
    pub timestamp: Option<i64>,
    /// Bytes.
    pub size: Option<u64>,
    /// Those of known types.
    pub checksums: Vec<Checksum>,
}

/// A place where the file is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// Of the file itself, by http or https.
    pub url: String,
    /// A country by its two letters, or empty.
    pub location: String,
    /// From 1 to 100, the best; 0 where it is not said.
    pub preference: u32,
}

impl MetalinkFile {
    /// The strongest checksum.
    pub fn checksum(&self) -> Option<&Checksum> {
        self.checksums.iter().max_by_key(|checksum| checksum.kind())
    }
}

impl Mirror {
    /// The address of the repository, without a slash at its end; `None` if the file is not where
    /// a repository has its `repomd.xml`.
    pub fn repository(&self) -> Option<&str> {
        self.url.strip_suffix("/repodata/repomd.xml")
    }
}

impl Metalink {
    /// Reads a metalink of `name`; if it has several files of that name, the first.
    ///
    /// Addresses other than http and https are passed over. No file of that name, or none of its
    /// addresses left, is an error.
    pub fn parse(input: impl BufRead, name: &str) -> Result<Self, XmlError> {
        let mut xml = XmlReader::new(input);
        xml.expect_root("metalink")?;
        xml.limit_element(MAX_BYTES as u64);
        let mut found: Option<Self> = None;
        while xml.next_node()? == Node::Start {
            if xml.name() != "files" {
                xml.skip()?;
                continue;
            }
            while xml.next_node()? == Node::Start {
                if xml.name() == "file" && xml.attribute("name") == Some(name) && found.is_none() {
                    found = Some(file(&mut xml, name)?);
                } else {
                    xml.skip()?;
                }
            }
        }
        xml.finish()?;
        let mut metalink = found.ok_or_else(|| xml.content(format!("the metalink has no file `{name}`")))?;
        if metalink.mirrors.is_empty() {
            return Err(xml.content(format!("the metalink has no address of `{name}`")));
        }
        // Stable: of equals, the order of the document.
        metalink.mirrors.sort_by_key(|mirror| std::cmp::Reverse(mirror.preference));
        Ok(metalink)
    }

    /// The document, as mirror managers write it.
    pub fn render(&self) -> String {
        let mut out = String::from(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<metalink version=\"3.0\" \
             xmlns=\"http://www.metalinker.org/\" xmlns:mm0=\"http://fedorahosted.org/mirrormanager\">\n  <files>\n    <file",
        );
        push_utf8_attribute(&mut out, "name", &self.name);
        out.push_str(">\n");
        push_file(&mut out, 6, &self.file);
        if !self.alternates.is_empty() {
            out.push_str("      <mm0:alternates>\n");
            for alternate in &self.alternates {
                out.push_str("        <mm0:alternate>\n");
                push_file(&mut out, 10, alternate);
                out.push_str("        </mm0:alternate>\n");
            }
            out.push_str("      </mm0:alternates>\n");
        }
        out.push_str("      <resources maxconnections=\"1\">\n");
        for mirror in &self.mirrors {
            push_mirror(&mut out, mirror);
        }
        out.push_str("      </resources>\n    </file>\n  </files>\n</metalink>\n");
        out
    }
}

fn push_mirror(out: &mut String, mirror: &Mirror) {
    let protocol = mirror.url.split_once("://").map_or("http", |(scheme, _)| scheme);
    out.push_str("        <url");
    push_utf8_attribute(out, "protocol", protocol);
    push_utf8_attribute(out, "type", protocol);
    if !mirror.location.is_empty() {
        push_utf8_attribute(out, "location", &mirror.location);
    }
    if mirror.preference != 0 {
        push_utf8_attribute(out, "preference", &mirror.preference.to_string());
    }
    out.push('>');
    push_text(out, &mirror.url);
    out.push_str("</url>\n");
}

fn push_file(out: &mut String, indent: usize, file: &MetalinkFile) {
    if let Some(timestamp) = file.timestamp {
        push_element(out, indent, "mm0:timestamp", &timestamp.to_string());
    }
    if let Some(size) = file.size {
        push_element(out, indent, "size", &size.to_string());
    }
    push_indent(out, indent);
    out.push_str("<verification>\n");
    for checksum in &file.checksums {
        push_indent(out, indent + 2);
        out.push_str("<hash");
        push_utf8_attribute(out, "type", checksum.kind().as_str());
        out.push('>');
        out.push_str(checksum.value());
        out.push_str("</hash>\n");
    }
    push_indent(out, indent);
    out.push_str("</verification>\n");
}

fn file<R: BufRead>(xml: &mut XmlReader<R>, name: &str) -> Result<Metalink, XmlError> {
    let mut metalink = Metalink { name: name.to_owned(), ..Metalink::default() };
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "alternates" => alternates(xml, &mut metalink.alternates)?,
            "resources" => mirrors(xml, &mut metalink.mirrors)?,
            _ => state(xml, &mut metalink.file)?,
        }
    }
    Ok(metalink)
}

fn alternates<R: BufRead>(xml: &mut XmlReader<R>, list: &mut Vec<MetalinkFile>) -> Result<(), XmlError> {
    while xml.next_node()? == Node::Start {
        if xml.name() != "alternate" || list.len() == MAX_ALTERNATES {
            xml.skip()?;
            continue;
        }
        let mut alternate = MetalinkFile::default();
        while xml.next_node()? == Node::Start {
            state(xml, &mut alternate)?;
        }
        list.push(alternate);
    }
    Ok(())
}

/// One element of a state of the file; others are passed over.
fn state<R: BufRead>(xml: &mut XmlReader<R>, file: &mut MetalinkFile) -> Result<(), XmlError> {
    match xml.name() {
        "timestamp" => file.timestamp = Some(number(xml, "timestamp")?),
        "size" => file.size = Some(number(xml, "size")?),
        "verification" => {
            while xml.next_node()? == Node::Start {
                let kind = ChecksumType::from_name(xml.attribute("type").unwrap_or_default());
                let value = xml.read_text()?;
                if let Some(kind) = kind {
                    let checksum = Checksum::new(kind, &value).map_err(|error| xml.content(error.to_string()))?;
                    file.checksums.retain(|known| known.kind() != kind);
                    file.checksums.push(checksum);
                }
            }
        }
        _ => xml.skip()?,
    }
    Ok(())
}

fn number<R: BufRead, T: std::str::FromStr>(xml: &mut XmlReader<R>, what: &str) -> Result<T, XmlError> {
    let text = xml.read_text()?;
    xml.number(what, &text)
}

fn mirrors<R: BufRead>(xml: &mut XmlReader<R>, list: &mut Vec<Mirror>) -> Result<(), XmlError> {
    while xml.next_node()? == Node::Start {
        if xml.name() != "url" {
            xml.skip()?;
            continue;
        }
        let location = xml.attribute_or_empty("location");
        let preference = xml.number_attribute("preference")?;
        let url = xml.read_text()?.trim().to_owned();
        if is_address(&url) && list.len() < MAX_MIRRORS {
            list.push(Mirror { url, location, preference });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Metalink {
        let checksum = |kind: ChecksumType, digit: &str| {
            Checksum::new(kind, &digit.repeat(kind.hex_length())).expect("a checksum")
        };
        let file = |timestamp, digit| MetalinkFile {
            timestamp: Some(timestamp),
            size: Some(3000),
            checksums: vec![checksum(ChecksumType::Md5, digit), checksum(ChecksumType::Sha256, digit)],
        };
        let mirror = |url: &str, location: &str, preference| Mirror {
            url: url.to_owned(),
            location: location.to_owned(),
            preference,
        };
        Metalink {
            name: "repomd.xml".to_owned(),
            file: file(1_700_000_000, "a"),
            alternates: vec![file(1_600_000_000, "b")],
            mirrors: vec![
                mirror("https://a/x/repodata/repomd.xml", "DE", 100),
                mirror("http://b/repodata/repomd.xml?a&b", "", 0),
            ],
        }
    }

    #[test]
    fn metalinks_are_written_and_read() {
        let text = sample().render();
        assert_eq!(Metalink::parse(text.as_bytes(), "repomd.xml").expect("a metalink"), sample());
        assert_eq!(sample().mirrors[0].repository(), Some("https://a/x"));
        assert_eq!(sample().mirrors[1].repository(), None);
        assert_eq!(sample().file.checksum().map(Checksum::kind), Some(ChecksumType::Sha256));
    }

    #[test]
    fn mirrors_are_sorted_and_filtered() {
        let text = "<metalink><files><file name='other'/><file name='repomd.xml'><resources>\
            <url protocol='rsync' preference='100'>rsync://a/repodata/repomd.xml</url>\
            <url preference='5'>http://low/</url><url preference='50'> http://high/ </url><url>file:///etc</url>\
            </resources><verification><hash type='tiger'>x</hash></verification></file></files></metalink>";
        let metalink = Metalink::parse(text.as_bytes(), "repomd.xml").expect("a metalink");
        let urls: Vec<_> = metalink.mirrors.iter().map(|mirror| mirror.url.as_str()).collect();
        assert_eq!(urls, ["http://high/", "http://low/"]);
        assert!(metalink.file.checksums.is_empty());
    }

    #[test]
    fn wrong_metalinks_are_refused() {
        for (from, to) in [
            ("\"repomd.xml\"", "\"primary.xml\""),
            ("<hash type=\"sha256\">aa", "<hash type=\"sha256\">zz"),
            ("<size>3000", "<size>-1"),
            ("preference=\"100\"", "preference=\"x\""),
            ("://", ":"),
            ("</files>", ""),
            ("<metalink", "<html"),
        ] {
            let text = sample().render().replace(from, to);
            Metalink::parse(text.as_bytes(), "repomd.xml").expect_err(to);
        }
        let long = format!("<metalink><files>{}", "<file/>".repeat(1 << 20));
        Metalink::parse(long.as_bytes(), "repomd.xml").expect_err("too long");
    }
}
