//! Writing texts into XML, as createrepo_c (libxml2) writes them.

use std::fmt::Write;

/// Appends a text between tags. Quotes and letters beyond ASCII stay as they are.
pub fn push_text(out: &mut String, text: &str) {
    push(out, text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends ` name="value"`. Letters beyond ASCII become references, as libxml2 does in attributes.
pub fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push_attribute_value(out, value);
    out.push('"');
}

/// The same with letters beyond ASCII as they are, as libxml2 does where the document's encoding is
/// known to it (`repomd.xml`, `updateinfo.xml`).
pub fn push_utf8_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push(out, value, escape_in_attribute);
    out.push('"');
}

fn escape_in_attribute(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    }
}

fn push_attribute_value(out: &mut String, value: &str) {
    if value.is_ascii() {
        return push(out, value, escape_in_attribute);
    }
    for c in value.chars() {
        match escape_in_attribute(c) {
            Some(escaped) => out.push_str(escaped),
            None if c.is_ascii() => out.push(c),
            // Writing to a string cannot fail.
            None => _ = write!(out, "&#x{:X};", u32::from(c)),
        }
    }
}

fn push(out: &mut String, text: &str, escape: impl Fn(char) -> Option<&'static str>) {
    // All that is escaped is ASCII, so bytes will do to find it.
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(escaped) = byte.is_ascii().then(|| escape(char::from(byte))).flatten() {
            out.push_str(&text[start..at]);
            out.push_str(escaped);
            start = at + 1;
        }
    }
    out.push_str(&text[start..]);
}

/// Appends `<name>text</name>` and a line feed, indented by so many spaces; an empty text gives an
/// empty pair of tags, never `<name/>`.
pub fn push_element(out: &mut String, indent: usize, name: &str, text: &str) {
    push_indent(out, indent);
    out.push('<');
    out.push_str(name);
    out.push('>');
    push_text(out, text);
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

/// Appends so many spaces.
pub fn push_indent(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_attributes_are_escaped_as_libxml2_does() {
        let mut out = String::new();
        push_element(&mut out, 2, "summary", "a\tb \"q\" & <x> é\r\n🦀");
        push_attribute(&mut out, "name", "a\tb \"q\" & <x> 'é'\r\n🦀");
        let text = "  <summary>a\tb \"q\" &amp; &lt;x&gt; é&#13;\n🦀</summary>\n";
        let attribute = " name=\"a&#9;b &quot;q&quot; &amp; &lt;x&gt; '&#xE9;'&#13;&#10;&#x1F980;\"";
        assert_eq!(out, format!("{text}{attribute}"));
    }
}
