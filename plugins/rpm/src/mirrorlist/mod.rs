//! Where else a repository is to be had: lists of mirrors (one address a line), and metalinks.

mod metalink;

pub use metalink::{Metalink, MetalinkFile, Mirror};

/// The most bytes of a list, and mirrors of it.
const MAX_BYTES: usize = 1 << 20;
const MAX_MIRRORS: usize = 2_000;

/// The longest address.
const MAX_ADDRESS: usize = 2_048;

/// Why a list is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrorlistError {
    #[error("the list of mirrors has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the list of mirrors is not UTF-8")]
    NotUtf8,
    #[error("there is no address in the list of mirrors")]
    Empty,
}

/// The addresses of a list, in its order, each once, without a slash at their end.
///
/// Comments, empty lines, and what is no `http` or `https` address are passed over; a list of which
/// nothing is left (a page, say) is an error.
pub fn parse(bytes: &[u8]) -> Result<Vec<String>, MirrorlistError> {
    if bytes.len() > MAX_BYTES {
        return Err(MirrorlistError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| MirrorlistError::NotUtf8)?;
    let mut seen = std::collections::HashSet::new();
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let mirrors = lines.filter(|line| is_address(line)).map(|line| line.trim_end_matches('/'));
    let mirrors: Vec<_> = mirrors.filter(|line| seen.insert(*line)).take(MAX_MIRRORS).map(str::to_owned).collect();
    if mirrors.is_empty() { Err(MirrorlistError::Empty) } else { Ok(mirrors) }
}

/// Whether the text can be the address of a mirror.
fn is_address(text: &str) -> bool {
    let rest = ["http://", "https://"].into_iter().find_map(|scheme| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    });
    let has_host = rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['));
    has_host
        && text.len() <= MAX_ADDRESS
        && !text.contains(|c: char| c.is_control() || c.is_whitespace() || "<>\"\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let list =
            b"# a comment\r\nhttp://a/x/\r\n\nHTTPS://b:80/y?z=1\nftp://c/\nhttp://a/x\nno address\nhttp://[::1]/\n";
        assert_eq!(parse(list).expect("a list"), ["http://a/x", "HTTPS://b:80/y?z=1", "http://[::1]"]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let long = format!("http://{}", "a".repeat(3000));
        for text in [
            "",
            "# only",
            "<html>http://a/</html>",
            "<a href=\"http://a/\">",
            "file:///etc/passwd",
            "http:///x",
            "http://a b/",
            "//host/x",
            "../x",
            "http://é\u{1}/",
            &long,
        ] {
            assert_eq!(parse(text.as_bytes()), Err(MirrorlistError::Empty), "{text}");
        }
        assert_eq!(parse(b"\xff"), Err(MirrorlistError::NotUtf8));
        assert_eq!(parse(&b"http://a/\n".repeat(200_000)), Err(MirrorlistError::TooLarge));
        let many: String = (0..10_000).map(|n| format!("http://a/{n}\n")).collect();
        assert_eq!(parse(many.as_bytes()).expect("a list").len(), MAX_MIRRORS);
    }
}
