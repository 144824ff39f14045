//! Conditional requests and ranges (RFC 9110, sections 13 and 14), decided from headers alone.

use std::ops::Range;
use std::time::SystemTime;

use actix_web::http::header::{self, HeaderMap, HeaderName};

/// What a file is compared by.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// With its quotes; always a strong one.
    pub etag: &'a str,
    /// Whole seconds.
    pub modified: SystemTime,
    pub size: u64,
}

/// What a request with conditions is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Whole,
    Part(Range<u64>),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

/// What a GET gets.
pub fn judge(headers: &HeaderMap, file: Validators<'_>) -> Verdict {
    match judge_whole(headers, file) {
        Verdict::Whole => range(headers, file),
        other => other,
    }
}

/// What a HEAD gets, for which ranges do not count.
pub fn judge_whole(headers: &HeaderMap, file: Validators<'_>) -> Verdict {
    if precondition_fails(headers, file) {
        Verdict::PreconditionFailed
    } else if is_known(headers, file) {
        Verdict::NotModified
    } else {
        Verdict::Whole
    }
}

fn precondition_fails(headers: &HeaderMap, file: Validators<'_>) -> bool {
    match text(headers, &header::IF_MATCH) {
        Some(wanted) => !names(wanted, file.etag, Weak::Differs),
        None => date(headers, &header::IF_UNMODIFIED_SINCE).is_some_and(|since| file.modified > since),
    }
}

fn is_known(headers: &HeaderMap, file: Validators<'_>) -> bool {
    match text(headers, &header::IF_NONE_MATCH) {
        Some(known) => names(known, file.etag, Weak::Matches),
        None => date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|since| file.modified <= since),
    }
}

/// How an entity tag marked as weak compares with ours.
#[derive(Clone, Copy, PartialEq)]
enum Weak {
    Matches,
    Differs,
}

/// Whether a list of entity tags names `etag`. Ours contains no comma, so the list may be cut at them.
fn names(list: &str, etag: &str, weak: Weak) -> bool {
    list.split(',').map(str::trim).any(|tag| match tag.strip_prefix("W/") {
        Some(tag) => weak == Weak::Matches && tag == etag,
        None => tag == "*" || tag == etag,
    })
}

fn range(headers: &HeaderMap, file: Validators<'_>) -> Verdict {
    let Some(wanted) = text(headers, &header::RANGE) else { return Verdict::Whole };
    if let Some(condition) = text(headers, &header::IF_RANGE)
        && condition != file.etag
        && httpdate::parse_http_date(condition).ok() != Some(file.modified)
    {
        return Verdict::Whole;
    }
    parse_range(wanted, file.size)
}

/// A header is either one range of bytes, or refused; Pulp refuses what cannot be read too. Several ranges
/// and other units are answered with the whole file, as anyone may.
fn parse_range(text: &str, size: u64) -> Verdict {
    let Some(("bytes", ranges)) = text.split_once('=') else { return Verdict::Whole };
    if ranges.contains(',') {
        return Verdict::Whole;
    }
    match one_range(ranges.trim(), size) {
        Some(range) if range.start < range.end => Verdict::Part(range),
        _ => Verdict::Unsatisfiable,
    }
}

fn one_range(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", suffix) => Some(size.saturating_sub(number(suffix)?)..size),
        (first, "") => Some(number(first)?..size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first..last.saturating_add(1).min(size))
        }
    }
}

/// Digits only; one too great for 64 bits is as good as the greatest.
fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::header::HeaderValue;

    use super::*;

    const SERVED: &str = "Sat, 21 Nov 2026 16:34:16 GMT";
    const LATER: &str = "Sat, 21 Nov 2026 16:34:17 GMT";
    const EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

    fn check(headers: &[(HeaderName, &str)], expected: Verdict) {
        let map = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        let modified = httpdate::parse_http_date(SERVED).unwrap();
        let file = Validators { etag: "\"abc\"", modified, size: 1024 };
        assert_eq!(judge(&map, file), expected, "{headers:?}");
    }

    #[test]
    fn one_range_is_cut_to_the_file_and_a_wrong_one_refused() {
        let cases = [
            ("bytes=0-9", Verdict::Part(0..10)),
            ("bytes=-10", Verdict::Part(1014..1024)),
            ("bytes=-5000", Verdict::Part(0..1024)),
            ("bytes=1000-", Verdict::Part(1000..1024)),
            ("bytes=1000-5000", Verdict::Part(1000..1024)),
            ("bytes=0-99999999999999999999999", Verdict::Part(0..1024)),
            ("bytes=1023-1023", Verdict::Part(1023..1024)),
            ("bytes=1024-", Verdict::Unsatisfiable),
            ("bytes=5000-", Verdict::Unsatisfiable),
            ("bytes=-0", Verdict::Unsatisfiable),
            ("bytes=9-1", Verdict::Unsatisfiable),
            ("bytes=abc", Verdict::Unsatisfiable),
            ("bytes=-", Verdict::Unsatisfiable),
            ("bytes=-1-11", Verdict::Unsatisfiable),
            ("bytes=+1-2", Verdict::Unsatisfiable),
            ("bytes=0-1,5-6", Verdict::Whole),
            ("items=0-1", Verdict::Whole),
        ];
        for (text, expected) in cases {
            check(&[(header::RANGE, text)], expected);
        }
    }

    #[test]
    fn an_empty_file_has_no_range() {
        assert_eq!(parse_range("bytes=0-", 0), Verdict::Unsatisfiable);
        assert_eq!(parse_range("bytes=-1", 0), Verdict::Unsatisfiable);
    }

    #[test]
    fn a_range_counts_only_for_the_file_it_was_begun_with() {
        let part = (header::RANGE, "bytes=0-9");
        check(&[part.clone(), (header::IF_RANGE, "\"abc\"")], Verdict::Part(0..10));
        check(&[part.clone(), (header::IF_RANGE, "\"x\"")], Verdict::Whole);
        check(&[part.clone(), (header::IF_RANGE, "W/\"abc\"")], Verdict::Whole);
        check(&[part.clone(), (header::IF_RANGE, SERVED)], Verdict::Part(0..10));
        check(&[part, (header::IF_RANGE, LATER)], Verdict::Whole);
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        check(&[(header::IF_NONE_MATCH, "\"abc\"")], Verdict::NotModified);
        check(&[(header::IF_NONE_MATCH, "\"x\", W/\"abc\"")], Verdict::NotModified);
        check(&[(header::IF_NONE_MATCH, "*")], Verdict::NotModified);
        check(&[(header::IF_NONE_MATCH, "\"x\"")], Verdict::Whole);
        check(&[(header::IF_MODIFIED_SINCE, SERVED)], Verdict::NotModified);
        check(&[(header::IF_MODIFIED_SINCE, LATER)], Verdict::NotModified);
        check(&[(header::IF_MODIFIED_SINCE, EPOCH)], Verdict::Whole);
        check(&[(header::IF_MODIFIED_SINCE, "nonsense")], Verdict::Whole);
        // The entity tag has the last word.
        check(&[(header::IF_NONE_MATCH, "\"x\""), (header::IF_MODIFIED_SINCE, LATER)], Verdict::Whole);
    }

    #[test]
    fn a_precondition_that_fails_stops_the_answer() {
        check(&[(header::IF_MATCH, "\"x\"")], Verdict::PreconditionFailed);
        check(&[(header::IF_MATCH, "W/\"abc\"")], Verdict::PreconditionFailed);
        check(&[(header::IF_MATCH, "\"abc\"")], Verdict::Whole);
        check(&[(header::IF_UNMODIFIED_SINCE, EPOCH)], Verdict::PreconditionFailed);
        check(&[(header::IF_UNMODIFIED_SINCE, SERVED)], Verdict::Whole);
    }

    #[test]
    fn a_head_has_no_range() {
        let headers: HeaderMap = [(header::RANGE, HeaderValue::from_static("bytes=0-9"))].into_iter().collect();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let file = Validators { etag: "\"abc\"", modified, size: 1024 };
        assert_eq!(judge_whole(&headers, file), Verdict::Whole);
    }
}
