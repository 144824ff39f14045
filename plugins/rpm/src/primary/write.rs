//! Writing the element of one package in `primary.xml`.

use std::fmt::Write;

use crate::package::{Dependency, DependencyKind, File, FileKind, Package};
use crate::xml::escape::{push_attribute, push_element, push_text};

/// The element of a package, from `<package` to the line feed after `</package>`.
///
/// Of its files those are listed that `primary` lists ([`File::is_primary`]).
pub fn render(package: &Package) -> String {
    let mut out = String::with_capacity(2048);
    out.push_str("<package type=\"rpm\">\n");
    push_element(&mut out, 2, "name", &package.name);
    push_element(&mut out, 2, "arch", &package.arch);
    push_version(&mut out, package);
    out.push_str("  <checksum");
    push_attribute(&mut out, "type", package.checksum_type.as_str());
    out.push_str(" pkgid=\"YES\">");
    push_text(&mut out, &package.pkgid);
    out.push_str("</checksum>\n");
    push_element(&mut out, 2, "summary", &package.summary);
    push_element(&mut out, 2, "description", &package.description);
    push_element(&mut out, 2, "packager", &package.packager);
    push_element(&mut out, 2, "url", &package.url);
    let Package { time_file, time_build, size_package, size_installed, size_archive, .. } = package;
    // Writing to a string cannot fail.
    _ = writeln!(out, "  <time file=\"{time_file}\" build=\"{time_build}\"/>");
    _ = writeln!(out, "  <size package=\"{size_package}\" installed=\"{size_installed}\" archive=\"{size_archive}\"/>");
    out.push_str("  <location");
    if !package.location_base.is_empty() {
        push_attribute(&mut out, "xml:base", &package.location_base);
    }
    push_attribute(&mut out, "href", &package.location_href);
    out.push_str("/>\n  <format>\n");
    push_format(&mut out, package);
    out.push_str("  </format>\n</package>\n");
    out
}

/// Appends an element that [`render`] made with the package at another place. What elements hold is escaped, so
/// that there is one `<location` in each.
pub fn relocated(out: &mut String, element: &str, location: &str) {
    const START: &str = "\n  <location";
    let Some(start) = element.find(START) else {
        out.push_str(element);
        return;
    };
    let rest = &element[start + START.len()..];
    let end = rest.find("/>\n").unwrap_or(0);
    out.push_str(&element[..start + START.len()]);
    push_attribute(out, "href", location);
    out.push_str(&rest[end..]);
}

fn push_format(out: &mut String, package: &Package) {
    push_element(out, 4, "rpm:license", &package.license);
    push_element(out, 4, "rpm:vendor", &package.vendor);
    push_element(out, 4, "rpm:group", &package.group);
    push_element(out, 4, "rpm:buildhost", &package.buildhost);
    push_element(out, 4, "rpm:sourcerpm", &package.sourcerpm);
    let Package { header_start, header_end, .. } = package;
    _ = writeln!(out, "    <rpm:header-range start=\"{header_start}\" end=\"{header_end}\"/>");
    for (kind, list) in package.dependencies() {
        push_dependencies(out, kind, list);
    }
    for file in package.files.iter().filter(|file| file.is_primary()) {
        push_file(out, 4, file);
    }
}

fn push_dependencies(out: &mut String, kind: DependencyKind, list: &[Dependency]) {
    if list.is_empty() {
        return;
    }
    let kind = kind.as_str();
    _ = writeln!(out, "    <rpm:{kind}>");
    for dependency in list {
        out.push_str("      <rpm:entry");
        push_attribute(out, "name", &dependency.name);
        let version = [
            ("flags", &dependency.flags),
            ("epoch", &dependency.epoch),
            ("ver", &dependency.version),
            ("rel", &dependency.release),
        ];
        // createrepo_c writes no version where there is no comparison.
        let version = version.into_iter().filter(|(_, value)| !value.is_empty() && !dependency.flags.is_empty());
        for (name, value) in version {
            push_attribute(out, name, value);
        }
        if dependency.pre {
            out.push_str(" pre=\"1\"");
        }
        out.push_str("/>\n");
    }
    _ = writeln!(out, "    </rpm:{kind}>");
}

/// `<version …/>` on a line, as all three documents have it.
pub(crate) fn push_version(out: &mut String, package: &Package) {
    _ = write!(out, "  <version epoch=\"{}\"", package.epoch);
    push_attribute(out, "ver", &package.version);
    push_attribute(out, "rel", &package.release);
    out.push_str("/>\n");
}

/// `<file>` on a line, as two of the documents have it.
pub(crate) fn push_file(out: &mut String, indent: usize, file: &File) {
    crate::xml::escape::push_indent(out, indent);
    out.push_str("<file");
    if file.kind != FileKind::File {
        push_attribute(out, "type", file.kind.as_str());
    }
    out.push('>');
    push_text(out, &file.path);
    out.push_str("</file>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_can_be_moved() {
        let package = |href: &str, base: &str| Package {
            name: "a".to_owned(),
            description: "\n  <location href=\"x\"/>\n".to_owned(),
            location_href: href.to_owned(),
            location_base: base.to_owned(),
            ..Package::default()
        };
        let mut moved = String::new();
        relocated(&mut moved, &render(&package("a&b.rpm", "http://host/")), "Packages/a/a&b\".rpm");
        assert_eq!(moved, render(&package("Packages/a/a&b\".rpm", "")));
    }
}
