//! Which format a client gets: PEP 691's content negotiation.
//!
//! What asks for nothing that an index has gets HTML rather than an error: pips older than the
//! JSON format send whatever their HTTP library does. Pulp does the same.

/// The formats of the simple API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// HTML under its old name, `text/html`.
    Html,
    /// HTML under the name of PEP 691.
    HtmlV1,
    JsonV1,
}

/// The `format` of the query names no format that there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the format `{0}` is not one of an index")]
pub struct NotAcceptable(String);

impl Format {
    /// What the answer's `Content-Type` says.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html",
            Self::HtmlV1 => "application/vnd.pypi.simple.v1+html",
            Self::JsonV1 => "application/vnd.pypi.simple.v1+json",
        }
    }

    fn named(media_type: &str) -> Option<Self> {
        match media_type {
            "text/html" => Some(Self::Html),
            "application/vnd.pypi.simple.v1+html" | "application/vnd.pypi.simple.latest+html" => Some(Self::HtmlV1),
            "application/vnd.pypi.simple.v1+json" | "application/vnd.pypi.simple.latest+json" => Some(Self::JsonV1),
            _ => None,
        }
    }
}

/// Chooses by the `format` of the query, which wins, and the `Accept` header.
///
/// Equal preferences give JSON if the client names it, else `text/html`.
pub fn choose(accept: Option<&str>, format_query: Option<&str>) -> Result<Format, NotAcceptable> {
    match format_query {
        None => Ok(by_accept(accept.unwrap_or(""))),
        Some("html") => Ok(Format::Html),
        Some("json") => Ok(Format::JsonV1),
        // A plus that was not encoded arrives as a space.
        Some(name) => Format::named(&name.replace(' ', "+").to_ascii_lowercase())
            .ok_or_else(|| NotAcceptable(name.chars().take(100).collect())),
    }
}

/// More items than any client sends.
const MAX_ITEMS: usize = 64;

fn by_accept(accept: &str) -> Format {
    let ranges: Vec<Range> = accept.split(',').take(MAX_ITEMS).filter_map(Range::parse).collect();
    let named_json = ranges.iter().any(|range| Format::named(&range.name) == Some(Format::JsonV1));
    let order = if named_json {
        [Format::JsonV1, Format::Html, Format::HtmlV1]
    } else {
        [Format::Html, Format::HtmlV1, Format::JsonV1]
    };
    let mut best = (Format::Html, 0);
    for format in order {
        let quality = quality(&ranges, format);
        if quality > best.1 {
            best = (format, quality);
        }
    }
    best.0
}

/// The quality of the range that fits best, in thousandths.
fn quality(ranges: &[Range], format: Format) -> u16 {
    let family = format.content_type().split('/').next().unwrap_or_default();
    let precision = |range: &Range| match range.name.as_str() {
        "*/*" => Some(1),
        name if name.strip_suffix("/*") == Some(family) => Some(2),
        name if Format::named(name) == Some(format) => Some(3),
        _ => None,
    };
    let fitting = ranges.iter().filter_map(|range| Some((precision(range)?, range.quality)));
    fitting.max().map_or(0, |(_, quality)| quality)
}

struct Range {
    name: String,
    quality: u16,
}

impl Range {
    fn parse(item: &str) -> Option<Self> {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        Some(Self { name: name.to_ascii_lowercase(), quality: quality.map_or(Some(1000), thousandths)? })
    }
}

fn thousandths(quality: &str) -> Option<u16> {
    let number: f32 = quality.trim().parse().ok()?;
    (0.0..=1.0).contains(&number).then_some((number * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/vnd.pypi.simple.v1+json";
    const HTML: &str = "application/vnd.pypi.simple.v1+html";

    #[test]
    fn the_accept_header_decides() {
        for (accept, expected) in [
            ("", Format::Html),
            ("*/*", Format::Html),
            ("text/html", Format::Html),
            (HTML, Format::HtmlV1),
            (JSON, Format::JsonV1),
            ("application/vnd.pypi.simple.latest+json", Format::JsonV1),
            (&format!("{JSON}, {HTML}"), Format::JsonV1),
            (&format!("{HTML}, {JSON}"), Format::JsonV1),
            // pip and uv.
            (&format!("{JSON}, {HTML}; q=0.1, text/html; q=0.01"), Format::JsonV1),
            (&format!("{JSON};q=0.1, text/html"), Format::Html),
            (&format!("{JSON};q=0, */*;q=0.5"), Format::Html),
            (&format!("text/html;q=0, {HTML};q=0.2, */*;q=0.1"), Format::HtmlV1),
            ("application/*", Format::HtmlV1),
            ("application/json", Format::Html),
            ("sth/else", Format::Html),
            ("text/html;q=x, ;;, ,/", Format::Html),
            ("APPLICATION/VND.PYPI.SIMPLE.V1+JSON", Format::JsonV1),
        ] {
            assert_eq!(choose(Some(accept), None), Ok(expected), "{accept}");
        }
        assert_eq!(choose(None, None), Ok(Format::Html));
    }

    #[test]
    fn the_query_wins() {
        for (format, expected) in [
            ("json", Some(Format::JsonV1)),
            ("html", Some(Format::Html)),
            (JSON, Some(Format::JsonV1)),
            ("application/vnd.pypi.simple.v1 html", Some(Format::HtmlV1)),
            ("xml", None),
            ("", None),
        ] {
            assert_eq!(choose(Some("text/html"), Some(format)).ok(), expected, "{format}");
        }
    }
}
