//! Names of everything in the store; no other file builds a key or a path below the root.
//!
//! ```text
//! <root or bucket/prefix>/
//! ├── artifact/<2>/<62>          an artifact, by the hexadecimal digits of its SHA-256; never changed once there
//! ├── artifact/<domain>/<2>/<62> an artifact of another domain than the default one, by that domain's id
//! ├── upload/<id>/content        local: an unfinished upload, chunks at their offsets
//! ├── upload/<id>/<id>.writer    local: a process that wrote to `content`
//! ├── upload/<id>/<offset>       S3: one chunk, offset in 20 digits
//! └── tmp/<id>                   local: files being written (S3: these are in the staging folder of the host)
//! ```

use std::path::PathBuf;

use crate::id::{Id, Sha256};

/// The names below one root, for one domain: several may share the root.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// Empty, or the prefix inside the bucket, without a slash at either end.
    prefix: String,
    /// None for the default domain.
    domain: Option<Id>,
}

impl Keys {
    pub fn new(prefix: &str, domain: Option<Id>) -> Self {
        Self { prefix: prefix.trim_matches('/').to_owned(), domain }
    }

    /// Whether these are the names of another domain than the default one.
    pub fn is_of_domain(&self) -> bool {
        self.domain.is_some()
    }

    fn below(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    pub fn artifacts(&self) -> String {
        match self.domain {
            Some(domain) => self.below(&format!("artifact/{domain}")),
            None => self.below("artifact"),
        }
    }

    /// The folder of the artifacts whose digest starts with this byte.
    pub fn artifact_folder(&self, first: u8) -> String {
        format!("{}/{first:02x}", self.artifacts())
    }

    pub fn artifact(&self, sha256: &Sha256) -> String {
        let (folder, name) = sha256.as_str().split_at(2);
        format!("{}/{folder}/{name}", self.artifacts())
    }

    pub fn upload(&self, upload: Id) -> String {
        self.below(&format!("upload/{upload}"))
    }

    pub fn upload_content(&self, upload: Id) -> String {
        format!("{}/content", self.upload(upload))
    }

    pub fn upload_writer(&self, upload: Id, process: Id) -> String {
        format!("{}/{process}{WRITER}", self.upload(upload))
    }

    pub fn upload_chunk(&self, upload: Id, offset: u64) -> String {
        format!("{}/{offset:020}", self.upload(upload))
    }

    pub fn staging(&self) -> String {
        self.below("tmp")
    }
}

/// How the name of a writer's mark ends.
pub(super) const WRITER: &str = ".writer";

/// A fresh name inside a staging folder.
pub(super) fn staged_file(folder: &std::path::Path) -> PathBuf {
    folder.join(Id::new().to_string())
}

/// The digest whose artifact has this folder and name; `None` for what is no artifact.
pub(super) fn artifact_digest(folder: &str, name: &str) -> Option<Sha256> {
    let lower = |text: &str| text.bytes().all(|byte| !byte.is_ascii_uppercase());
    if folder.len() != 2 || !lower(folder) || !lower(name) {
        return None;
    }
    format!("{folder}{name}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn an_artifact_key_is_read_back() {
        let sha256: Sha256 = DIGEST.parse().unwrap();
        let key = Keys::new("", None).artifact(&sha256);
        assert_eq!(key, format!("artifact/e3/{}", &DIGEST[2..]));
        assert_eq!(artifact_digest("e3", &DIGEST[2..]), Some(sha256));
    }

    #[test]
    fn foreign_files_are_no_artifacts() {
        assert_eq!(artifact_digest("e3", "short"), None);
        assert_eq!(artifact_digest("E3", &DIGEST[2..]), None);
        assert_eq!(artifact_digest("e", &DIGEST[1..]), None);
    }

    #[test]
    fn a_prefix_stands_in_front_of_every_key() {
        let id = Id::new();
        let keys = Keys::new("/pulp/store/", None);
        assert_eq!(keys.upload_chunk(id, 5), format!("pulp/store/upload/{id}/00000000000000000005"));
        let keys = Keys::new("/pulp/store/", Some(id));
        assert_eq!(keys.artifact(&DIGEST.parse().unwrap()), format!("pulp/store/artifact/{id}/e3/{}", &DIGEST[2..]));
    }
}
