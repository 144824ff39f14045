//! Texts of headers and metadata: what is kept of bytes that claim to be one.

/// The text of bytes from a header: UTF-8, or else Latin-1, as old packages have it, of which the
/// letters are kept and the signs (0x80 to 0xbf) are not.
///
/// Control characters that XML cannot hold are left out (createrepo_c does all this).
pub fn from_header(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(is_xml) => text.to_owned(),
        Ok(text) => text.chars().filter(|&c| is_xml(c)).collect(),
        Err(_) => {
            let kept = bytes.iter().filter(|byte| !matches!(byte, 0x80..=0xbf));
            kept.map(|&byte| char::from(byte)).filter(|&c| is_xml(c)).collect()
        }
    }
}

/// Whether XML 1.0 can hold the character.
pub fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// As much of a hostile text as an error message may quote: 60 characters, escaped.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_hold_utf_8_or_latin_1() {
        for (bytes, expected) in [
            ("Søren".as_bytes(), "Søren"),
            (b"Tom\xe1s", "Tomás"),
            (b"\xe1\x80\xb9\xc0\xff", "áÀÿ"),
            (b"a\x01b\x0bc\td\ne\rf\x1b[0m", "abc\td\ne\rf[0m"),
            ("x\u{ffff}y".as_bytes(), "xy"),
            (b"\xff\x00", "ÿ"),
            (b"", ""),
        ] {
            assert_eq!(from_header(bytes), expected);
        }
    }
}
