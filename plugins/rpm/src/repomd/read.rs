//! Reading `repomd.xml`, which is small and held as a whole.

use std::io::Read;

use super::{Record, Repomd};
use crate::checksum::Checksum;
use crate::location;
use crate::text::excerpt;
use crate::xml::{Node, XmlError, XmlReader};

/// The most bytes that are read. Real ones have some 5 KiB.
const MAX_BYTES: u64 = 2 << 20;

/// The most files that one may name.
const MAX_RECORDS: usize = 500;

/// Reads the index.
///
/// Refused are: a type that is named twice, a file without location or checksum, a location that
/// is absolute or leads outside, and anything that is no well-formed `repomd`.
pub fn read(input: impl Read) -> Result<Repomd, XmlError> {
    let mut xml = XmlReader::new(std::io::BufReader::new(input));
    xml.expect_root("repomd")?;
    xml.limit_element(MAX_BYTES);
    let mut repomd = Repomd::default();
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "revision" => repomd.revision = xml.read_text()?.trim().to_owned(),
            "tags" => tags(&mut xml, &mut repomd)?,
            "data" => {
                let record = record(&mut xml)?;
                if repomd.record(&record.data_type).is_some() {
                    let kind = excerpt(&record.data_type);
                    return Err(xml.content(format!("the type `{kind}` is named twice")));
                }
                if repomd.records.len() == MAX_RECORDS {
                    return Err(xml.content(format!("there are more than {MAX_RECORDS} files")));
                }
                repomd.records.push(record);
            }
            _ => xml.skip()?,
        }
    }
    xml.finish()?;
    Ok(repomd)
}

type Xml<R> = XmlReader<std::io::BufReader<R>>;

fn tags<R: Read>(xml: &mut Xml<R>, repomd: &mut Repomd) -> Result<(), XmlError> {
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "content" => repomd.content_tags.push(xml.read_text()?),
            "repo" => repomd.repo_tags.push(xml.read_text()?),
            "distro" => {
                let cpeid = xml.attribute_or_empty("cpeid");
                repomd.distro_tags.push((xml.read_text()?, cpeid));
            }
            _ => xml.skip()?,
        }
    }
    Ok(())
}

fn record<R: Read>(xml: &mut Xml<R>) -> Result<Record, XmlError> {
    let data_type = xml.attribute_or_empty("type");
    if data_type.is_empty() || data_type.len() > 200 || data_type.contains(['/', '\0']) {
        return Err(xml.content(format!("`{}` is no type of metadata", excerpt(&data_type))));
    }
    let mut checksums: [Option<Checksum>; 3] = [const { None }; 3];
    let mut location: Option<(String, String)> = None;
    let mut timestamp = 0;
    let mut numbers = [None; 4];
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "checksum" => checksums[0] = Some(checksum(xml)?),
            "open-checksum" => checksums[1] = Some(checksum(xml)?),
            "header-checksum" => checksums[2] = Some(checksum(xml)?),
            "location" => {
                let href = xml.attribute_or_empty("href");
                let href = location::normalize(&href).map_err(|error| xml.content(error.to_string()))?;
                location = Some((href, xml.attribute_or_empty("xml:base")));
                xml.skip()?;
            }
            "timestamp" => timestamp = self::timestamp(xml)?,
            "size" => numbers[0] = Some(number(xml, "size")?),
            "open-size" => numbers[1] = Some(number(xml, "open-size")?),
            "header-size" => numbers[2] = Some(number(xml, "header-size")?),
            "database_version" => numbers[3] = Some(number(xml, "database_version")?),
            _ => xml.skip()?,
        }
    }
    let missing = |what| xml.content(format!("the metadata `{}` has no {what}", excerpt(&data_type)));
    let [checksum, open_checksum, header_checksum] = checksums;
    let checksum = checksum.ok_or_else(|| missing("checksum"))?;
    let (location_href, location_base) = location.ok_or_else(|| missing("location"))?;
    let [size, open_size, header_size, database_version] = numbers;
    Ok(Record {
        data_type,
        checksum,
        open_checksum,
        header_checksum,
        location_href,
        location_base,
        timestamp,
        size,
        open_size,
        header_size,
        database_version,
    })
}

fn checksum<R: Read>(xml: &mut Xml<R>) -> Result<Checksum, XmlError> {
    let kind = xml.attribute_or_empty("type");
    let value = xml.read_text()?;
    Checksum::parse(&kind, &value).map_err(|error| xml.content(error.to_string()))
}

fn number<R: Read>(xml: &mut Xml<R>, what: &str) -> Result<u64, XmlError> {
    let text = xml.read_text()?;
    xml.number(what, &text)
}

/// Seconds, of which some tools write fractions.
fn timestamp<R: Read>(xml: &mut Xml<R>) -> Result<i64, XmlError> {
    let text = xml.read_text()?;
    let whole = text.split_once('.').map_or(text.as_str(), |(whole, _)| whole);
    xml.number("timestamp", whole)
}
