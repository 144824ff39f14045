//! Entitlement certificates, as candlepin issues them: which paths they entitle to. In paths, a segment that begins
//! with `$` stands for any one segment, and what lies below a path is included.
//!
//! ```text
//! 1.3.6.1.4.1.2312.9.6        the version of what follows, "1.0" where it is absent
//! 1.3.6.1.4.1.2312.9.2.N.1.6  versions before 3: a path, of content N
//! 1.3.6.1.4.1.2312.9.7        from version 3 on: all paths, packed ([`packed`])
//! ```

mod packed;

#[cfg(test)]
pub(crate) use packed::tests::pack;

use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{FromDer, OctetString, Utf8String};

use crate::authorities::read;

const VERSION: &str = "1.3.6.1.4.1.2312.9.6";
const CONTENT: &str = "1.3.6.1.4.1.2312.9.2.";
const CONTENT_PATH: &str = ".1.6";
const PACKED: &str = "1.3.6.1.4.1.2312.9.7";

/// Whether a certificate in DER entitles to a path; none when it is no entitlement certificate.
pub fn entitles(der: &[u8], path: &str) -> Option<bool> {
    let certificate = read(der)?;
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let version = match extension(&certificate, VERSION) {
        Some(value) => text(value)?,
        None => "1.0".to_owned(),
    };
    let major: u32 = version.split('.').next()?.parse().ok()?;
    if major >= 3 {
        let (rest, value) = OctetString::from_der(extension(&certificate, PACKED)?).ok()?;
        return Some(packed::Paths::unpack(value.as_ref()).filter(|_| rest.is_empty())?.hold(&segments));
    }
    let mut paths = paths(&certificate).peekable();
    paths.peek()?;
    Some(paths.any(|path| covers(&path, &segments)))
}

fn extension<'a>(certificate: &'a X509Certificate<'_>, name: &str) -> Option<&'a [u8]> {
    let mut all = certificate.extensions().iter();
    all.find(|extension| extension.oid.to_id_string() == name).map(|extension| extension.value)
}

fn text(value: &[u8]) -> Option<String> {
    let (rest, text) = Utf8String::from_der(value).ok()?;
    rest.is_empty().then(|| text.string())
}

/// The paths of a certificate before version 3.
fn paths(certificate: &X509Certificate<'_>) -> impl Iterator<Item = String> {
    certificate.extensions().iter().filter_map(|extension| {
        let name = extension.oid.to_id_string();
        let number = name.strip_prefix(CONTENT)?.strip_suffix(CONTENT_PATH)?;
        if number.bytes().all(|byte| byte.is_ascii_digit()) { text(extension.value) } else { None }
    })
}

/// Whether `segments` is the path or lies below it. A `$` stands for the rest of its segment, of one letter at least.
fn covers(path: &str, segments: &[&str]) -> bool {
    let path = path.trim_matches('/').split('/');
    let mut segments = segments.iter();
    path.into_iter().all(|wanted| {
        segments.next().is_some_and(|segment| match wanted.split_once('$') {
            Some((begin, _)) => segment.strip_prefix(begin).is_some_and(|rest| !rest.is_empty()),
            None => *segment == wanted,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_itself_and_what_lies_below() {
        let check = |path: &str, asked: &str, expected: bool| {
            let segments: Vec<&str> = asked.split('/').collect();
            assert_eq!(covers(path, &segments), expected, "{path} {asked}");
        };
        check("/org/foo", "org/foo", true);
        check("/org/foo/", "org/foo/repodata/repomd.xml", true);
        check("/org/foo", "org/food", false);
        check("/org/foo", "org", false);
        check("/org/foo", "a/org/foo", false);
        check("/org/$releasever/os", "org/9/os/x", true);
        check("/org/$releasever/os", "org/os/x", false);
        check("/org/el$v/os", "org/el9/os", true);
        check("/org/el$v/os", "org/el/os", false);
        check("/", "org", false);
        check("", "", true);
    }
}
