//! Makes package files, right and wrong ones.

use super::super::tags::{self, signature};
use sha2::{Digest, Sha256};

/// A header in the making.
#[derive(Clone, Default)]
pub(super) struct Headers {
    entries: Vec<(u32, u32, u32, Vec<u8>)>,
}

impl Headers {
    /// An entry of any type and count, whatever its bytes are.
    pub(super) fn raw(mut self, tag: u32, kind: u32, count: u32, bytes: &[u8]) -> Self {
        self.entries.retain(|entry| entry.0 != tag);
        self.entries.push((tag, kind, count, bytes.to_vec()));
        self
    }

    pub(super) fn text(self, tag: u32, text: &str) -> Self {
        self.raw(tag, 6, 1, format!("{text}\0").as_bytes())
    }

    pub(super) fn texts(self, tag: u32, texts: &[&str]) -> Self {
        let bytes: String = texts.iter().map(|text| format!("{text}\0")).collect();
        self.raw(tag, 8, texts.len() as u32, bytes.as_bytes())
    }

    pub(super) fn numbers(self, tag: u32, numbers: &[u32]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        self.raw(tag, 4, numbers.len() as u32, &bytes)
    }

    pub(super) fn modes(self, tag: u32, numbers: &[u16]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        self.raw(tag, 3, numbers.len() as u32, &bytes)
    }

    pub(super) fn without(mut self, tag: u32) -> Self {
        self.entries.retain(|entry| entry.0 != tag);
        self
    }

    pub(super) fn dependencies(self, [names, flags, versions]: [u32; 3], list: &[(&str, u32, &str)]) -> Self {
        let all_names: Vec<&str> = list.iter().map(|item| item.0).collect();
        let all_flags: Vec<u32> = list.iter().map(|item| item.1).collect();
        let all_versions: Vec<&str> = list.iter().map(|item| item.2).collect();
        self.texts(names, &all_names).numbers(flags, &all_flags).texts(versions, &all_versions)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut index = Vec::new();
        let mut data = Vec::new();
        for (tag, kind, count, bytes) in &self.entries {
            while *kind == 4 && data.len() % 4 != 0 {
                data.push(0);
            }
            for number in [*tag, *kind, data.len() as u32, *count] {
                index.extend(number.to_be_bytes());
            }
            data.extend(bytes);
        }
        let mut out = intro(self.entries.len() as u32, data.len() as u32);
        out.extend(index);
        out.extend(data);
        out
    }
}

/// The start of a header that claims so many entries and bytes.
pub(super) fn intro(entries: u32, data: u32) -> Vec<u8> {
    let mut out = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    out.extend(entries.to_be_bytes());
    out.extend(data.to_be_bytes());
    out
}

pub(super) fn lead() -> Vec<u8> {
    let mut lead = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 1];
    lead.resize(78, b'n');
    lead.extend([0, 5]);
    lead.resize(96, 0);
    lead
}

/// The least that a package has to say.
pub(super) fn least() -> Headers {
    Headers::default()
        .text(tags::NAME, "a")
        .text(tags::VERSION, "1.0")
        .text(tags::RELEASE, "2")
        .text(tags::ARCH, "noarch")
        .text(tags::SOURCERPM, "a-1.0-2.src.rpm")
}

pub(super) const PAYLOAD: &[u8] = b"not really a payload";

/// A whole file whose signature header fits the rest.
pub(super) fn package(main: &Headers) -> Vec<u8> {
    let main = main.bytes();
    let signed = Headers::default()
        .text(signature::SHA256, &hex::encode(Sha256::digest(&main)))
        .numbers(signature::SIZE, &[(main.len() + PAYLOAD.len()) as u32]);
    with_signature(&signed, &main)
}

/// A whole file with that signature header.
pub(super) fn with_signature(signed: &Headers, main: &[u8]) -> Vec<u8> {
    let mut file = lead();
    file.extend(signed.bytes());
    file.resize(file.len().next_multiple_of(8), 0);
    file.extend(main);
    file.extend(PAYLOAD);
    file
}
