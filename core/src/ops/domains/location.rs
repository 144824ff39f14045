//! Where a store's bytes lie, apart from how they are reached: whether two places are one, or one inside the other.
//! Several domains may share a place, since the bytes of each lie below its id. Inside the place of another a store
//! would be among files that are not its own.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use url::Url;

use super::place::text;
use super::settings::FILE_SYSTEM;
use crate::config::{Config, StorageAddress};

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// With all links followed in as much of it as exists.
    Folder(PathBuf),
    Bucket {
        /// None for Amazon's.
        endpoint: Option<String>,
        bucket: String,
        /// The parts of the path in the bucket.
        prefix: Vec<String>,
    },
}

impl Location {
    /// That of the installation's own store.
    pub fn of_installation(config: &Config) -> Self {
        match &config.storage {
            StorageAddress::Local(folder) => Self::Folder(real(folder)),
            StorageAddress::S3 { bucket, prefix } => Self::bucket(config.s3_endpoint.as_deref(), bucket, prefix),
        }
    }

    /// That of a store with these settings, which were checked once.
    pub fn of(config: &Config, class: &str, settings: &Map<String, Json>) -> Self {
        let location = text(settings, "location").unwrap_or_default();
        match class {
            "" => Self::of_installation(config),
            FILE_SYSTEM if location.is_empty() => Self::of_installation(config),
            FILE_SYSTEM => Self::Folder(real(Path::new(location))),
            _ => {
                let bucket = text(settings, "bucket_name").unwrap_or_default();
                Self::bucket(text(settings, "endpoint_url"), bucket, location)
            }
        }
    }

    fn bucket(endpoint: Option<&str>, bucket: &str, prefix: &str) -> Self {
        let endpoint = endpoint.map(|endpoint| match Url::parse(endpoint) {
            Ok(url) => url.as_str().trim_end_matches('/').to_owned(),
            Err(_) => endpoint.to_owned(),
        });
        let parts = prefix.split('/').filter(|part| !part.is_empty());
        Self::Bucket { endpoint, bucket: bucket.to_owned(), prefix: parts.map(str::to_owned).collect() }
    }

    /// Whether one of the two lies inside the other, without being the same.
    pub fn is_entangled_with(&self, other: &Self) -> bool {
        self != other && (self.is_inside(other) || other.is_inside(self))
    }

    fn is_inside(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(inner), Self::Folder(outer)) => inner.starts_with(outer),
            (
                Self::Bucket { endpoint, bucket, prefix },
                Self::Bucket { endpoint: other_endpoint, bucket: other_bucket, prefix: outer },
            ) => endpoint == other_endpoint && bucket == other_bucket && prefix.starts_with(outer),
            _ => false,
        }
    }
}

/// The path with all links followed in as much of it as exists.
pub(super) fn real(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let Ok(found) = above.canonicalize() {
            return found.join(path.strip_prefix(above).unwrap_or(Path::new("")));
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_compared_part_by_part() {
        let home = tempfile::tempdir().unwrap();
        let folder = |path: &str| Location::Folder(real(&home.path().join(path)));
        let bucket = |endpoint, prefix| Location::bucket(Some(endpoint), "b", prefix);
        std::os::unix::fs::symlink(home.path().join("a"), home.path().join("link")).unwrap();
        std::fs::create_dir(home.path().join("a")).unwrap();
        let cases = [
            (folder("a"), folder("a/b"), true),
            (folder("a"), folder("ab"), false),
            (folder("a"), folder("a"), false),
            (folder("a"), folder("link/b"), true),
            (bucket("http://x", ""), bucket("http://x/", "a"), true),
            (bucket("http://x", "a"), bucket("http://x", "/a/b/"), true),
            (bucket("http://x", "a"), bucket("http://x", "ab"), false),
            (bucket("http://x", "a"), bucket("http://y", "a/b"), false),
            (bucket("http://x", "a"), bucket("http://x/", "/a/"), false),
            (folder(""), bucket("http://x", ""), false),
        ];
        for (one, other, expected) in cases {
            assert_eq!(one.is_entangled_with(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.is_entangled_with(&one), expected, "{other:?} {one:?}");
        }
    }
}
