//! A writer of zip archives that can be told to lie.

use std::io::Write;

use flate2::Crc;
use flate2::write::DeflateEncoder;

/// One entry; what it claims may differ from what it holds.
#[derive(Clone)]
pub(super) struct Entry {
    pub path: Vec<u8>,
    /// The name in front of the data, if another.
    pub local_path: Vec<u8>,
    pub packed: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    pub unpacked: u64,
    /// Whether sizes and offset go to the zip64 field.
    pub wide: bool,
}

impl Entry {
    pub fn new(path: &str, bytes: &[u8]) -> Self {
        let mut packed = DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(bytes).unwrap();
        let mut crc = Crc::new();
        crc.update(bytes);
        Self {
            path: path.into(),
            local_path: path.into(),
            packed: packed.finish().unwrap(),
            method: 8,
            flags: 0,
            crc: crc.sum(),
            unpacked: bytes.len() as u64,
            wide: false,
        }
    }
}

/// An archive whose directory counts from its own start.
pub(super) fn zip(entries: &[Entry]) -> Vec<u8> {
    zip_claiming(entries, entries.len() as u64, false)
}

/// An archive that claims to have so many entries, if asked in a zip64 record.
pub(super) fn zip_claiming(entries: &[Entry], claimed: u64, wide: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = out.len() as u64;
        out.extend(local(entry));
        directory.extend(central(entry, offset));
    }
    let at = out.len() as u64;
    out.extend(&directory);
    if wide {
        out.extend(end_64(claimed, directory.len() as u64, at));
    }
    let short = |number: u64| if wide { u16::MAX } else { number as u16 };
    let long = |number: u64| if wide { u32::MAX } else { number as u32 };
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(short(claimed).to_le_bytes());
    out.extend(short(claimed).to_le_bytes());
    out.extend(long(directory.len() as u64).to_le_bytes());
    out.extend(long(at).to_le_bytes());
    out.extend([0, 0]);
    out
}

fn end_64(entries: u64, size: u64, at: u64) -> Vec<u8> {
    let mut out = b"PK\x06\x06".to_vec();
    out.extend(44u64.to_le_bytes());
    out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [entries, entries, size, at] {
        out.extend(number.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend((at + size).to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out
}

fn local(entry: &Entry) -> Vec<u8> {
    let mut out = b"PK\x03\x04\x14\0".to_vec();
    out.extend(entry.flags.to_le_bytes());
    out.extend(entry.method.to_le_bytes());
    out.extend([0; 4]);
    out.extend(entry.crc.to_le_bytes());
    out.extend((entry.packed.len() as u32).to_le_bytes());
    out.extend((entry.unpacked as u32).to_le_bytes());
    out.extend((entry.local_path.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out.extend(&entry.local_path);
    out.extend(&entry.packed);
    out
}

fn central(entry: &Entry, offset: u64) -> Vec<u8> {
    let mut extra = Vec::new();
    if entry.wide {
        extra.extend([0xfe, 0xca, 1, 0, 7]);
        extra.extend([1, 0, 24, 0]);
        for number in [entry.unpacked, entry.packed.len() as u64, offset] {
            extra.extend(number.to_le_bytes());
        }
    }
    let long = |number: u64| if entry.wide { u32::MAX } else { number as u32 };
    let mut out = b"PK\x01\x02\x14\0\x14\0".to_vec();
    out.extend(entry.flags.to_le_bytes());
    out.extend(entry.method.to_le_bytes());
    out.extend([0; 4]);
    out.extend(entry.crc.to_le_bytes());
    out.extend(long(entry.packed.len() as u64).to_le_bytes());
    out.extend(long(entry.unpacked).to_le_bytes());
    out.extend((entry.path.len() as u16).to_le_bytes());
    out.extend((extra.len() as u16).to_le_bytes());
    out.extend([0; 10]);
    out.extend(long(offset).to_le_bytes());
    out.extend(&entry.path);
    out.extend(&extra);
    out
}
