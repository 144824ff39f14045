//! The kinds of checksums that RPM metadata names.

use std::fmt;

/// An algorithm, by the names createrepo_c and Pulp use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChecksumType {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Why something is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    #[error("the checksum type `{0}` is not known")]
    UnknownType(String),
    #[error("`{value}` is not a {kind} checksum")]
    Value { kind: ChecksumType, value: String },
}

impl ChecksumType {
    /// All of them, weakest first.
    pub const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The kind of that name, in any case; `sha` is SHA-1, as old tools wrote it.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("sha") {
            return Some(Self::Sha1);
        }
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }

    /// The length of its value, in hexadecimal digits.
    pub fn hex_length(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

impl fmt::Display for ChecksumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A checksum of a file: an algorithm and a value of its length, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checksum {
    kind: ChecksumType,
    value: String,
}

impl Checksum {
    /// Of a type's name and a value in any case, both of which metadata says.
    pub fn parse(kind: &str, value: &str) -> Result<Self, ChecksumError> {
        let known = ChecksumType::from_name(kind.trim());
        let kind = known.ok_or_else(|| ChecksumError::UnknownType(crate::text::excerpt(kind)))?;
        Self::new(kind, value)
    }

    /// Of a known type and a value in any case.
    pub fn new(kind: ChecksumType, value: &str) -> Result<Self, ChecksumError> {
        let value = value.trim();
        if value.len() != kind.hex_length() || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ChecksumError::Value { kind, value: crate::text::excerpt(value) });
        }
        Ok(Self { kind, value: value.to_ascii_lowercase() })
    }

    /// The algorithm.
    pub fn kind(&self) -> ChecksumType {
        self.kind
    }

    /// The value, in lower-case hexadecimal.
    pub fn value(&self) -> &str {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for kind in ChecksumType::ALL {
            assert_eq!(ChecksumType::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(ChecksumType::from_name("SHA"), Some(ChecksumType::Sha1));
        assert_eq!(ChecksumType::from_name("sha3"), None);
    }

    #[test]
    fn values_are_checked() {
        let value = "AB".repeat(32);
        let checksum = Checksum::parse("sha256", &value).expect("a checksum");
        assert_eq!(checksum.value(), value.to_lowercase());
        for (kind, value) in [
            ("sha256", "ab"),
            ("crc", "00"),
            ("md5", &"g".repeat(32)),
            ("sha1", "../../../../../../../../../../etc/passwd"),
        ] {
            Checksum::parse(kind, value).expect_err(value);
        }
    }
}
