//! What is remembered of a project between two synchronizations, as text.

use pith_core::plugin::PageHead;

/// How a project was when it was looked at last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The serial by which the index's list told its state.
    Serial(u64),
    /// What marked its page, and the digest of the page.
    Page { etag: Option<String>, last_modified: Option<String>, sha256: String },
}

impl Seen {
    pub fn of_page(head: &PageHead, sha256: &str) -> Self {
        Self::Page { etag: head.etag.clone(), last_modified: head.last_modified.clone(), sha256: sha256.to_owned() }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Serial(serial) => format!("s{serial}"),
            Self::Page { etag, last_modified, sha256 } => {
                format!("p{}", serde_json::json!([etag, last_modified, sha256]))
            }
        }
    }

    /// Reads [`Seen::text`]; none for anything else, such as nothing.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(serial) = text.strip_prefix('s') {
            return serial.parse().ok().map(Self::Serial);
        }
        let (etag, last_modified, sha256) = serde_json::from_str(text.strip_prefix('p')?).ok()?;
        Some(Self::Page { etag, last_modified, sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back() {
        let page = |etag: Option<&str>| Seen::Page {
            etag: etag.map(str::to_owned),
            last_modified: Some("Mon, 01 Jan 2024 00:00:00 GMT".into()),
            sha256: "ab".into(),
        };
        for seen in [Seen::Serial(0), Seen::Serial(u64::MAX), page(None), page(Some("W/\"a b\""))] {
            assert_eq!(Seen::parse(&seen.text()), Some(seen));
        }
        for text in ["", "s", "sx", "p", "p[]", "x1"] {
            assert_eq!(Seen::parse(text), None);
        }
    }
}
