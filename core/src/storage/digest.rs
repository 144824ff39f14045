//! The six digests of an artifact and how they are computed: over large blocks, in two lanes of about
//! equal cost that run on two threads.

use std::str::FromStr;

use md5::Digest as _;

use crate::error::{Error, Result};
use crate::id::Sha256;

/// A digest algorithm, in the order of Pulp's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    pub const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name in Pulp's settings and fields.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// How many digits its digests have in hexadecimal.
    pub fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    /// Measured cost per byte, in tenths of a nanosecond.
    fn cost(self) -> u32 {
        match self {
            Self::Md5 => 15,
            Self::Sha384 | Self::Sha512 => 14,
            Self::Sha1 => 5,
            Self::Sha224 | Self::Sha256 => 6,
        }
    }

    fn hasher(self) -> Hasher {
        match self {
            Self::Md5 => Hasher::Md5(md5::Md5::new()),
            Self::Sha1 => Hasher::Sha1(sha1::Sha1::new()),
            Self::Sha224 => Hasher::Sha224(sha2::Sha224::new()),
            Self::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Self::Sha384 => Hasher::Sha384(sha2::Sha384::new()),
            Self::Sha512 => Hasher::Sha512(sha2::Sha512::new()),
        }
    }
}

impl FromStr for Algorithm {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| Error::Malformed(format!("`{name}` is no digest algorithm")))
    }
}

/// Which digests to compute. SHA-256 is always among those of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestSet([bool; 6]);

impl DigestSet {
    /// For bytes that are no artifact yet.
    pub fn none() -> Self {
        Self([false; 6])
    }

    pub fn sha256() -> Self {
        Self::none().with(Algorithm::Sha256)
    }

    /// The names of Pulp's setting `ALLOWED_CONTENT_CHECKSUMS`; an unknown one is an error.
    pub fn parse<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self> {
        names.into_iter().try_fold(Self::sha256(), |set, name| Ok(set.with(name.as_ref().parse()?)))
    }

    pub fn with(mut self, algorithm: Algorithm) -> Self {
        self.0[algorithm as usize] = true;
        self
    }

    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0[algorithm as usize]
    }

    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

/// Pulp's default: SHA-224, 256, 384 and 512.
impl Default for DigestSet {
    fn default() -> Self {
        Self::sha256().with(Algorithm::Sha224).with(Algorithm::Sha384).with(Algorithm::Sha512)
    }
}

/// The digests of some bytes in lower-case hexadecimal; those that were not asked for are `None`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Digests {
    pub md5: Option<String>,
    pub sha1: Option<String>,
    pub sha224: Option<String>,
    pub sha256: Sha256,
    pub sha384: Option<String>,
    pub sha512: Option<String>,
}

impl Digests {
    /// Of bytes already in memory.
    pub fn of(bytes: &[u8], set: DigestSet) -> Result<Self> {
        let mut lanes = lanes(set);
        lanes.iter_mut().for_each(|lane| lane.update(bytes));
        finish(lanes)
    }

    pub fn get(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Md5 => self.md5.as_deref(),
            Algorithm::Sha1 => self.sha1.as_deref(),
            Algorithm::Sha224 => self.sha224.as_deref(),
            Algorithm::Sha256 => Some(self.sha256.as_str()),
            Algorithm::Sha384 => self.sha384.as_deref(),
            Algorithm::Sha512 => self.sha512.as_deref(),
        }
    }
}

enum Hasher {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha224(sha2::Sha224),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

/// Digests computed one after the other on one thread.
#[derive(Default)]
pub(super) struct Lane {
    hashers: Vec<(Algorithm, Hasher)>,
}

impl Lane {
    pub fn update(&mut self, bytes: &[u8]) {
        for (_, hasher) in &mut self.hashers {
            match hasher {
                Hasher::Md5(hasher) => hasher.update(bytes),
                Hasher::Sha1(hasher) => hasher.update(bytes),
                Hasher::Sha224(hasher) => hasher.update(bytes),
                Hasher::Sha256(hasher) => hasher.update(bytes),
                Hasher::Sha384(hasher) => hasher.update(bytes),
                Hasher::Sha512(hasher) => hasher.update(bytes),
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.hashers.is_empty()
    }
}

/// The second lane is the one whose thread writes the file too, so it starts with that cost.
pub(super) type Lanes = [Lane; 2];

/// Fresh hashers, shared out so that both lanes take about the same time.
pub(super) fn lanes(set: DigestSet) -> Lanes {
    let mut dearest_first: Vec<Algorithm> = set.iter().collect();
    dearest_first.sort_by_key(|algorithm| std::cmp::Reverse(algorithm.cost()));
    let (mut lanes, mut costs) = (Lanes::default(), [0, 4]);
    for algorithm in dearest_first {
        let lane = usize::from(costs[1] < costs[0]);
        costs[lane] += algorithm.cost();
        lanes[lane].hashers.push((algorithm, algorithm.hasher()));
    }
    lanes
}

pub(super) fn finish(lanes: Lanes) -> Result<Digests> {
    let [md5, sha1, sha224, sha256, sha384, sha512] = finish_each(lanes);
    let sha256 = sha256.unwrap_or_default().parse().map_err(Error::internal)?;
    Ok(Digests { md5, sha1, sha224, sha256, sha384, sha512 })
}

/// By [`Algorithm`]; those that were not asked for are `None`.
pub(super) fn finish_each(lanes: Lanes) -> [Option<String>; 6] {
    let mut found: [Option<String>; 6] = Default::default();
    for (algorithm, hasher) in lanes.into_iter().flat_map(|lane| lane.hashers) {
        found[algorithm as usize] = Some(match hasher {
            Hasher::Md5(hasher) => hex::encode(hasher.finalize()),
            Hasher::Sha1(hasher) => hex::encode(hasher.finalize()),
            Hasher::Sha224(hasher) => hex::encode(hasher.finalize()),
            Hasher::Sha256(hasher) => hex::encode(hasher.finalize()),
            Hasher::Sha384(hasher) => hex::encode(hasher.finalize()),
            Hasher::Sha512(hasher) => hex::encode(hasher.finalize()),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_of_the_empty_text_are_the_published_ones() {
        let all = DigestSet::parse(Algorithm::ALL.map(Algorithm::name)).unwrap();
        let digests = Digests::of(b"", all).unwrap();
        let expected = [
            (Algorithm::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
            (Algorithm::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (Algorithm::Sha224, "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"),
            (Algorithm::Sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ];
        for (algorithm, digest) in expected {
            assert_eq!(digests.get(algorithm), Some(digest));
        }
        assert!(digests.get(Algorithm::Sha384).is_some_and(|digest| digest.starts_with("38b060a751ac9638")));
        assert!(digests.get(Algorithm::Sha512).is_some_and(|digest| digest.starts_with("cf83e1357eefb8bd")));
    }

    #[test]
    fn only_what_was_asked_for_is_computed() {
        let digests = Digests::of(b"x", DigestSet::parse(["sha512"]).unwrap()).unwrap();
        assert!(digests.sha512.is_some() && digests.md5.is_none() && digests.sha224.is_none());
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert!(DigestSet::parse(["sha256", "crc32"]).is_err());
    }

    #[test]
    fn the_default_is_shared_out_evenly() {
        let [first, second] = lanes(DigestSet::default());
        assert_eq!((first.hashers.len(), second.hashers.len()), (2, 2));
    }
}
