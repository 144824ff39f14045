//! Writing `repomd.xml` as createrepo_c does.

use std::fmt::Write;

use super::{Record, Repomd};
use crate::checksum::Checksum;
use crate::xml::escape::{push_element, push_text, push_utf8_attribute};

/// The whole document, its files in their order.
pub fn render(repomd: &Repomd) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <repomd xmlns=\"http://linux.duke.edu/metadata/repo\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n",
    );
    push_element(&mut out, 2, "revision", &repomd.revision);
    push_tags(&mut out, repomd);
    for record in &repomd.records {
        push_record(&mut out, record);
    }
    out.push_str("</repomd>\n");
    out
}

fn push_tags(out: &mut String, repomd: &Repomd) {
    let Repomd { content_tags, repo_tags, distro_tags, .. } = repomd;
    if content_tags.is_empty() && repo_tags.is_empty() && distro_tags.is_empty() {
        return;
    }
    out.push_str("  <tags>\n");
    for (name, tags) in [("content", content_tags), ("repo", repo_tags)] {
        for tag in tags {
            push_element(out, 4, name, tag);
        }
    }
    for (name, cpeid) in distro_tags {
        out.push_str("    <distro");
        if !cpeid.is_empty() {
            push_utf8_attribute(out, "cpeid", cpeid);
        }
        out.push('>');
        push_text(out, name);
        out.push_str("</distro>\n");
    }
    out.push_str("  </tags>\n");
}

fn push_record(out: &mut String, record: &Record) {
    out.push_str("  <data");
    push_utf8_attribute(out, "type", &record.data_type);
    out.push_str(">\n");
    push_checksum(out, "checksum", Some(&record.checksum));
    push_checksum(out, "open-checksum", record.open_checksum.as_ref());
    push_checksum(out, "header-checksum", record.header_checksum.as_ref());
    out.push_str("    <location");
    push_utf8_attribute(out, "href", &record.location_href);
    if !record.location_base.is_empty() {
        push_utf8_attribute(out, "xml:base", &record.location_base);
    }
    out.push_str("/>\n");
    // Writing to a string cannot fail.
    _ = writeln!(out, "    <timestamp>{}</timestamp>", record.timestamp);
    let numbers = [
        ("size", record.size),
        ("open-size", record.open_size),
        ("header-size", record.header_size),
        ("database_version", record.database_version),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            _ = writeln!(out, "    <{name}>{number}</{name}>");
        }
    }
    out.push_str("  </data>\n");
}

fn push_checksum(out: &mut String, name: &str, checksum: Option<&Checksum>) {
    if let Some(checksum) = checksum {
        _ = writeln!(out, "    <{name} type=\"{}\">{}</{name}>", checksum.kind(), checksum.value());
    }
}
