//! Writing advisories as createrepo_c does.

use super::{Advisory, AdvisoryPackage, Collection, Module, Reference};
use crate::xml::escape::{push_element, push_indent, push_text, push_utf8_attribute};

/// What a document begins with.
pub const HEADER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<updates>\n";

/// What a document ends with.
pub const FOOTER: &str = "</updates>\n";

/// The element of an advisory, from its indented `<update` to the line feed after `</update>`. What
/// the advisory does not say is left out.
pub fn render(advisory: &Advisory) -> String {
    let mut out = String::with_capacity(4096);
    let attributes = [
        ("from", &advisory.from),
        ("status", &advisory.status),
        ("type", &advisory.kind),
        ("version", &advisory.version),
    ];
    push_start(&mut out, 2, "update", attributes);
    out.push_str(">\n");
    push_element(&mut out, 4, "id", &advisory.id);
    push_some(&mut out, 4, "title", &advisory.title);
    push_date(&mut out, "issued", &advisory.issued_date);
    push_date(&mut out, "updated", &advisory.updated_date);
    for (name, text) in [
        ("rights", &advisory.rights),
        ("release", &advisory.release),
        ("pushcount", &advisory.pushcount),
        ("severity", &advisory.severity),
        ("summary", &advisory.summary),
        ("description", &advisory.description),
        ("solution", &advisory.solution),
    ] {
        push_some(&mut out, 4, name, text);
    }
    push_flag(&mut out, 4, "reboot_suggested", advisory.reboot_suggested);
    push_list(&mut out, "references", &advisory.references, push_reference);
    push_list(&mut out, "pkglist", &advisory.collections, push_collection);
    out.push_str("  </update>\n");
    out
}

fn push_list<T>(out: &mut String, name: &str, items: &[T], push_item: impl Fn(&mut String, &T)) {
    push_start::<0>(out, 4, name, []);
    if items.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    for item in items {
        push_item(out, item);
    }
    push_end(out, 4, name);
}

fn push_reference(out: &mut String, reference: &Reference) {
    let Reference { href, id, kind, title } = reference;
    push_start(out, 6, "reference", [("href", href), ("id", id), ("type", kind), ("title", title)]);
    out.push_str("/>\n");
}

fn push_collection(out: &mut String, collection: &Collection) {
    push_start(out, 6, "collection", [("short", &collection.shortname)]);
    if collection.name.is_empty() && collection.module.is_none() && collection.packages.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    push_some(out, 8, "name", &collection.name);
    if let Some(Module { name, stream, version, context, arch }) = &collection.module {
        let version = version.to_string();
        let attributes =
            [("name", name), ("stream", stream), ("version", &version), ("context", context), ("arch", arch)];
        push_start(out, 8, "module", attributes);
        out.push_str("/>\n");
    }
    for package in &collection.packages {
        push_package(out, package);
    }
    push_end(out, 6, "collection");
}

fn push_package(out: &mut String, package: &AdvisoryPackage) {
    let attributes = [
        ("name", &package.name),
        ("version", &package.version),
        ("release", &package.release),
        ("epoch", &package.epoch),
        ("arch", &package.arch),
        ("src", &package.src),
    ];
    push_start(out, 8, "package", attributes);
    let body = out.len();
    out.push_str(">\n");
    let empty = out.len();
    push_some(out, 10, "filename", &package.filename);
    if !package.sum.is_empty() {
        push_start(out, 10, "sum", [("type", &package.sum_type)]);
        out.push('>');
        push_text(out, &package.sum);
        out.push_str("</sum>\n");
    }
    push_flag(out, 10, "reboot_suggested", package.reboot_suggested);
    push_flag(out, 10, "restart_suggested", package.restart_suggested);
    push_flag(out, 10, "relogin_suggested", package.relogin_suggested);
    if out.len() == empty {
        out.truncate(body);
        out.push_str("/>\n");
        return;
    }
    push_end(out, 8, "package");
}

/// A start tag without its end, with those attributes that are not empty.
fn push_start<const N: usize>(out: &mut String, indent: usize, name: &str, attributes: [(&str, &String); N]) {
    push_indent(out, indent);
    out.push('<');
    out.push_str(name);
    for (name, value) in attributes.into_iter().filter(|(_, value)| !value.is_empty()) {
        push_utf8_attribute(out, name, value);
    }
}

fn push_end(out: &mut String, indent: usize, name: &str) {
    push_indent(out, indent);
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

fn push_some(out: &mut String, indent: usize, name: &str, text: &str) {
    if !text.is_empty() {
        push_element(out, indent, name, text);
    }
}

fn push_date(out: &mut String, name: &str, date: &String) {
    if !date.is_empty() {
        push_start(out, 4, name, [("date", date)]);
        out.push_str("/>\n");
    }
}

fn push_flag(out: &mut String, indent: usize, name: &str, set: bool) {
    if set {
        push_element(out, indent, name, "True");
    }
}
