//! All decoders against whole, broken and oversized files.

use std::io::{self, BufReader, Read, Write};

use super::*;

/// A text that all decoders must give back.
fn sample() -> Vec<u8> {
    (0..20_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect()
}

fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Bz2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(bytes).expect("written");
            encoder.finish().expect("finished")
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).expect("written");
            encoder.finish().expect("finished")
        }
        other => compress(other, Effort::Usual, bytes).expect("compressed"),
    }
}

fn unpack(packed: &[u8], limits: Limits) -> io::Result<(Compression, Vec<u8>)> {
    // A small buffer, so that decoders see their input in pieces.
    let (compression, mut reader) = reader(BufReader::with_capacity(100, packed), limits)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    Ok((compression, bytes))
}

const KINDS: [Compression; 5] =
    [Compression::None, Compression::Gz, Compression::Bz2, Compression::Xz, Compression::Zst];

#[test]
fn files_are_unpacked_by_their_first_bytes() {
    for kind in KINDS {
        for bytes in [&sample()[..], b"", b"x"] {
            let packed = pack(kind, bytes);
            let (found, unpacked) = unpack(&packed, Limits::default()).expect("unpacked");
            assert_eq!((found, unpacked.as_slice()), (kind, bytes), "{kind:?}");
        }
    }
}

#[test]
fn blocks_can_be_put_together() {
    for kind in KINDS {
        let packed = [pack(kind, b"<a>"), pack(kind, &sample()), pack(kind, b""), pack(kind, b"</a>")].concat();
        let (_, unpacked) = unpack(&packed, Limits::default()).expect("unpacked");
        assert_eq!(unpacked, [&b"<a>"[..], &sample(), b"</a>"].concat(), "{kind:?}");
    }
    for kind in [Compression::Gz, Compression::Zst] {
        assert_eq!(pack(kind, &sample()), pack(kind, &sample()));
        let fast = compress(kind, Effort::Fast, &sample()).expect("compressed");
        assert_eq!(unpack(&fast, Limits::default()).expect("unpacked").1, sample());
    }
    compress(Compression::Xz, Effort::Usual, b"").expect_err("xz is only read");
}

#[test]
fn broken_files_are_refused() {
    for kind in KINDS.into_iter().filter(|&kind| kind != Compression::None) {
        let packed = pack(kind, &sample());
        for length in [10, packed.len() / 2, packed.len() - 1] {
            unpack(&packed[..length], Limits::default()).expect_err(&format!("{kind:?} cut at {length}"));
        }
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x55;
        damaged[middle + 1] ^= 0xaa;
        unpack(&damaged, Limits::default()).expect_err(&format!("{kind:?} damaged"));
    }
}

#[test]
fn bombs_are_refused_early() {
    let zeros = vec![0; 8 << 20];
    for kind in KINDS {
        let packed = pack(kind, &zeros);
        let error = unpack(&packed, Limits::at_most(1 << 20)).expect_err("too large");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{kind:?}: {error}");
        if kind != Compression::None {
            let limits = Limits { unpacked: u64::MAX, always: 1 << 20, ratio: 20 };
            unpack(&packed, limits).expect_err("a bomb");
        }
    }
}

#[test]
fn decoders_are_held_to_little_memory() {
    // The header of a frame with a window of 2 GiB.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 1, 0, 0];
    unpack(&frame, Limits::default()).expect_err("too much memory");
}

#[test]
fn zchunk_is_not_read() {
    let error = unpack(b"\0ZCK1 and more", Limits::default()).expect_err("zchunk");
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
}

#[test]
fn names_tell_compressions() {
    for (path, expected) in [
        ("repodata/x-primary.xml.gz", Compression::Gz),
        ("primary.xml.zst", Compression::Zst),
        ("primary.xml", Compression::None),
        ("primary.xml.zck", Compression::Zck),
    ] {
        assert_eq!(Compression::from_path(path), expected);
    }
    assert_eq!(Compression::from_name("zstd"), Some(Compression::Zst));
    assert_eq!(Compression::from_name("xz"), None);
}
