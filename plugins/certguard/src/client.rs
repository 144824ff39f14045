//! The reader's certificate, as a proxy passes it on: PEM in the header `X-CLIENT-CERT`, quoted as in an address or
//! with spaces or tabs where lines ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use pith_core::plugin::{Asked, Refused};

const HEADER: &str = "X-CLIENT-CERT";
/// The largest header, in bytes. Certificates of many entitlements are large; quoting makes them larger.
const LARGEST: usize = 128 << 10;

/// The certificate in DER, not yet believed.
///
/// # Errors
/// When there is none, or more than one header.
pub fn certificate(asked: &Asked<'_>) -> Result<Vec<u8>, Refused> {
    let missing = Refused("A client certificate was not received via the `X-CLIENT-CERT` header.");
    let header = asked.header(HEADER).filter(|header| !header.trim().is_empty()).ok_or(missing)?;
    let text = (header.len() <= LARGEST).then(|| percent_decode_str(&header).decode_utf8().ok()).flatten();
    let blocks = text.as_deref().map(blocks).unwrap_or_default();
    let first = blocks.into_iter().next().flatten();
    first.ok_or(Refused("The client certificate cannot be read."))
}

/// The certificates of a PEM text in DER, in order, whatever stands between them; none in place of what is no base64
/// or does not end.
pub fn blocks(text: &str) -> Vec<Option<Vec<u8>>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let decoded = |block: &str| {
        let (body, _) = block.split_once(END)?;
        let body: String = body.split_ascii_whitespace().collect();
        STANDARD.decode(body).ok()
    };
    text.split(BEGIN).skip(1).map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_end_in_any_white_space() {
        let expected = vec![Some(b"abcdef".to_vec()), Some(b"x".to_vec())];
        for space in ["\n", "\r\n", " ", "\t", ""] {
            let text = format!(
                "text-----BEGIN CERTIFICATE-----{space}YWJj{space}ZGVm{space}-----END CERTIFICATE-----{space}more \
                 -----BEGIN CERTIFICATE-----eA==-----END CERTIFICATE-----"
            );
            assert_eq!(blocks(&text), expected);
        }
    }

    #[test]
    fn what_is_no_certificate_is_told_apart() {
        assert_eq!(blocks("nothing"), vec![]);
        assert_eq!(blocks("-----BEGIN CERTIFICATE-----YWJj"), vec![None]);
        assert_eq!(blocks("-----BEGIN CERTIFICATE-----?-----END CERTIFICATE-----"), vec![None]);
    }
}
