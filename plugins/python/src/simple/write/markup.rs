//! Escaping for HTML and JSON.

use std::fmt::Write;

/// Escapes for text and for attributes in double quotes.
pub(super) fn escape_html(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            // HTML has no way to hold it.
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// A JSON string, with its quotes.
pub(super) fn escape_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        for text in ["plain", "<a href=\"x\">&'", "a\\b\n\r\t\u{1}\0é\u{2028}", ""] {
            let mut json = String::new();
            escape_json(&mut json, text);
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            let mut html = String::new();
            escape_html(&mut html, text);
            assert!(!html.contains(['<', '>', '"', '\'', '\0']), "{html}");
        }
    }
}
