//! The header block of core metadata: fields like those of an e-mail, then a body.
//!
//! Real files are sloppy (a licence text pasted into `License:` breaks off the block), so this
//! reads them as Python's own e-mail parser does: the first line that is neither a field nor the
//! continuation of one begins the body, blank or not.

/// More fields than any real file has; a bomb of empty headers stops here.
pub(super) const MAX_FIELDS: usize = 20_000;

/// The fields in their order, and what follows them.
pub(super) struct Headers<'a> {
    fields: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Headers<'a> {
    /// Splits the text; `None` if it has more than [`MAX_FIELDS`] fields.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut fields = Vec::new();
        let mut rest = text;
        while let Some((name, value, after)) = next_field(rest) {
            if fields.len() == MAX_FIELDS {
                return None;
            }
            fields.push((name, value));
            rest = after;
        }
        let body = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
        Some(Self { fields, body })
    }

    /// The values of a field, as they stand, with the line breaks of their continuations.
    pub(super) fn raw(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let hit = move |(field, _): &&(&str, &str)| field.eq_ignore_ascii_case(name);
        self.fields.iter().filter(hit).map(|(_, value)| *value)
    }

    /// The first value of a field on one line; empty if it is missing or the `UNKNOWN` that old
    /// tools wrote for nothing.
    pub(super) fn one(&self, name: &str) -> String {
        let value = self.raw(name).next().map(one_line).unwrap_or_default();
        if value == "UNKNOWN" { String::new() } else { value }
    }

    /// All values of a field, each on one line.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let known = |value: &String| !value.is_empty() && value != "UNKNOWN";
        self.raw(name).map(one_line).filter(known).collect()
    }

    /// What follows the fields.
    pub(super) fn body(&self) -> &'a str {
        self.body
    }
}

fn next_field(text: &str) -> Option<(&str, &str, &str)> {
    let line_end = line_length(text);
    let (name, _) = text[..line_end].split_once(':')?;
    // The characters that RFC 5322 allows in the name of a field.
    if name.is_empty() || !name.bytes().all(|b| (33..=126).contains(&b)) {
        return None;
    }
    let mut end = line_end;
    while text[end..].starts_with([' ', '\t']) {
        end += line_length(&text[end..]);
    }
    let value = text[name.len() + 1..end].trim_start_matches([' ', '\t']);
    Some((name, value.trim_end_matches(['\r', '\n']), &text[end..]))
}

fn line_length(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

fn one_line(value: &str) -> String {
    let lines: Vec<&str> = value.lines().map(str::trim).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_continue_and_end_at_the_first_other_line() {
        for (text, license, body) in [
            ("License: MIT\n\nbody", "MIT", "body"),
            ("LICENSE:MIT\r\n  or\r\n\tBSD\r\n\r\nbody\r\n", "MIT or BSD", "body\r\n"),
            ("License: GPL\n text\n\n pasted\nName: x\n", "GPL text", " pasted\nName: x\n"),
            ("License: a\nno field\nName: x", "a", "no field\nName: x"),
            ("License: UNKNOWN\n", "", ""),
            ("", "", ""),
            ("\u{feff}License: a", "a", ""),
            (": odd\n", "", ": odd\n"),
        ] {
            let headers = Headers::parse(text).unwrap();
            assert_eq!(headers.one("License"), license, "{text:?}");
            assert_eq!(headers.body(), body, "{text:?}");
        }
    }

    #[test]
    fn a_bomb_of_headers_is_refused() {
        assert!(Headers::parse(&"a:\n".repeat(MAX_FIELDS)).is_some());
        assert!(Headers::parse(&"a:\n".repeat(MAX_FIELDS + 1)).is_none());
    }
}
