//! Where the database and the store are, parsed; and texts that no log may show.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use url::Url;

/// A password or key: `Debug` hides it, [`Secret::reveal`] gives it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An address, or all of a network: `127.0.0.1`, `10.1.0.0/16`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    start: IpAddr,
    /// So many bits at the start are those of the network.
    bits: u32,
}

impl Network {
    pub fn contains(self, address: IpAddr) -> bool {
        let same = |one: u128, other: u128, width: u32| {
            // Shifted by all of their bits, numbers stay as they are.
            let differing = one ^ other;
            self.bits == 0 || differing >> (width - self.bits) == 0
        };
        match (self.start, address.to_canonical()) {
            (IpAddr::V4(start), IpAddr::V4(address)) => same(start.to_bits().into(), address.to_bits().into(), 32),
            (IpAddr::V6(start), IpAddr::V6(address)) => same(start.to_bits(), address.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("must be addresses or networks, as `10.1.0.0/16`; found `{}`", text.escape_debug());
        let (start, bits) = text.split_once('/').map_or((text, None), |(start, bits)| (start, Some(bits)));
        let start: IpAddr = start.parse().map_err(|_| wrong())?;
        let width = if start.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > width { Err(wrong()) } else { Ok(Self { start, bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The database: a file of SQLite, or a PostgreSQL server by URL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum DatabaseAddress {
    Sqlite(PathBuf),
    /// `postgres://user:password@host:port/name`, with what the driver understands behind `?`.
    Postgres(Secret),
}

impl FromStr for DatabaseAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return match path {
                "" => Err("names no file; write `sqlite:/var/lib/pith/pith.db`".into()),
                path => Ok(Self::Sqlite(path.into())),
            };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("must be `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/NAME`".into());
        }
        let url = Url::parse(text).map_err(|cause| format!("is not a URL: {cause}"))?;
        if url.path().trim_matches('/').is_empty() {
            return Err("names no database; write `postgres://USER:PASSWORD@HOST/NAME`".into());
        }
        Ok(Self::Postgres(Secret(text.into())))
    }
}

impl TryFrom<String> for DatabaseAddress {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The object store: a local folder, or a bucket (and a prefix inside it, without outer `/`, maybe empty)
/// of a service that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StorageAddress {
    Local(PathBuf),
    S3 { bucket: String, prefix: String },
}

impl FromStr for StorageAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Local(text.into()));
        };
        match scheme {
            "file" if rest.starts_with('/') => Ok(Self::Local(rest.into())),
            "file" => Err("must name an absolute folder, as `file:///srv/pith` does".into()),
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let prefix = prefix.trim_matches('/');
                if bucket.is_empty() || bucket.contains(['@', ':', '?', '#']) {
                    return Err("must be `s3://BUCKET` or `s3://BUCKET/PREFIX`; keys and endpoint have keys of \
                                their own (`s3_endpoint`, `s3_access_key_id`, …)"
                        .into());
                }
                if prefix.split('/').any(|part| matches!(part, "." | "..")) {
                    return Err("must not contain `.` or `..` in its prefix".into());
                }
                Ok(Self::S3 { bucket: bucket.into(), prefix: prefix.into() })
            }
            other => Err(format!("must be a folder or `s3://BUCKET/PREFIX`; `{other}://` is not supported")),
        }
    }
}

/// The folder, or `s3://BUCKET/PREFIX`.
impl fmt::Display for StorageAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(folder) => write!(f, "{}", folder.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

impl TryFrom<String> for StorageAddress {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
