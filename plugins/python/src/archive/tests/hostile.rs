//! What must be refused, each with a line that names it.

use super::zipper::{Entry, zip, zip_claiming};
use super::*;

const WHEEL: &str = "foo-1.0-py3-none-any.whl";
const SDIST: &str = "foo-1.0.tar.gz";

fn info() -> Vec<u8> {
    metadata("foo", "1.0")
}

fn good() -> Entry {
    Entry::new("foo-1.0.dist-info/METADATA", &info())
}

fn refused(filename: &str, bytes: &[u8], expected: &str) {
    let text = look(filename, bytes).map(|_| "accepted").unwrap_err();
    assert!(text.contains(expected), "expected `{expected}`, got: {text}");
}

fn one_tar_entry(kind: tar::EntryType, path: &str, link: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(tar(&[("foo-1.0/PKG-INFO", &info())]));
    gzip(&bytes)
}

#[test]
fn metadata_must_be_there_once() {
    let other = Entry::new("bar-1.0.dist-info/METADATA", &info());
    let deep = Entry::new("x/foo-1.0.dist-info/METADATA", &info());
    refused(WHEEL, &zip(&[deep]), "has no `*.dist-info/METADATA`");
    refused(WHEEL, &zip(&[good(), good()]), "has `foo-1.0.dist-info/METADATA` twice");
    refused(WHEEL, &zip(&[good(), other.clone()]), "metadata twice");
    refused(WHEEL, &zip(&[other]), "does not fit its file name");
    refused("foo-1.0-py3.8.egg", &zip(&[good()]), "has no `EGG-INFO/PKG-INFO`");
    refused("foo-1.0.zip", &zip(&[good()]), "has no PKG-INFO");
    refused(SDIST, &gzip(&tar(&[("foo-1.0/setup.py", b"")])), "has no PKG-INFO");
    let twice = tar(&[("foo-1.0/PKG-INFO", &info()), ("foo-1.0/PKG-INFO", &info())]);
    refused(SDIST, &gzip(&twice), "has `foo-1.0/PKG-INFO` twice");
    let again = Entry::new("foo-1.0/PKG-INFO", &info());
    refused("foo-1.0.zip", &zip(&[again.clone(), again]), "has `foo-1.0/PKG-INFO` twice");
}

#[test]
fn name_and_version_must_agree() {
    for (name, version, expected) in [
        ("bar", "1.0", "the metadata is of the project `bar`, the file name of `foo`"),
        ("foo", "1.1", "the metadata is of version `1.1`, the file name of `1.0`"),
    ] {
        let info = metadata(name, version);
        refused(WHEEL, &zip(&[Entry::new("foo-1.0.dist-info/METADATA", &info)]), expected);
        refused(SDIST, &gzip(&tar(&[("foo-1.0/PKG-INFO", &info)])), expected);
    }
}

#[test]
fn metadata_must_be_small_and_text() {
    let mut huge = info();
    huge.resize(10 << 20, b'a');
    refused(WHEEL, &zip(&[Entry::new("foo-1.0.dist-info/METADATA", &huge)]), "more than 4194304 bytes");
    refused(SDIST, &gzip(&tar(&[("foo-1.0/PKG-INFO", &huge)])), "more than 4194304 bytes");
    let mut latin = info();
    latin.extend(b"J\xfcrgen");
    refused(WHEEL, &zip(&[Entry::new("foo-1.0.dist-info/METADATA", &latin)]), "is not UTF-8");
    refused(SDIST, &gzip(&tar(&[("foo-1.0/PKG-INFO", &latin)])), "is not UTF-8");
}

#[test]
fn entries_must_stay_inside() {
    for path in ["../evil", "a/../../evil", "/etc/passwd", "C:\\evil", "..\\evil"] {
        let bytes = zip(&[good(), Entry::new(path, b"")]);
        refused(WHEEL, &bytes, "outside of the archive's folder");
        let bytes = one_tar_entry(tar::EntryType::Regular, path, "");
        refused(SDIST, &bytes, "outside of the archive's folder");
    }
    for (kind, target) in [
        (tar::EntryType::Symlink, "/etc/passwd"),
        (tar::EntryType::Symlink, "../../evil"),
        (tar::EntryType::Link, "../evil"),
        (tar::EntryType::Link, "/etc/passwd"),
    ] {
        let bytes = one_tar_entry(kind, "foo-1.0/link", target);
        refused(SDIST, &bytes, "the link `foo-1.0/link` points outside of the archive");
    }
    for kind in [tar::EntryType::Char, tar::EntryType::Block, tar::EntryType::Fifo] {
        let bytes = one_tar_entry(kind, "foo-1.0/null", "");
        refused(SDIST, &bytes, "neither a file nor a folder nor a link");
    }
}

#[test]
fn a_file_must_be_what_its_name_says() {
    refused(SDIST, &wheel("foo", "1.0"), "by its name the file is a gzip file, by its content a zip archive");
    let sdist = gzip(&tar(&[("foo-1.0/PKG-INFO", &info())]));
    refused(WHEEL, &sdist, "by its name the file is a zip archive, by its content a gzip file");
    refused("foo-1.0.tar.bz2", &sdist, "by its name the file is a bzip2 file");
    refused(WHEEL, b"", "an empty file");
    refused("foo-1.0.win32.exe", b"PK\x03\x04", "by its name the file is a Windows program");
    refused("foo-1.0.tar.xz", &sdist, "by its name the file is a zip archive");
    refused("foo-1.0.win32.msi", b"x", "the metadata of a bdist_msi cannot be read");
    refused("foo-1.0.exe", b"MZ", "is not of the form");
    let mut prefixed = b"PK\x03\x04".to_vec();
    prefixed.extend(wheel("foo", "1.0"));
    refused(WHEEL, &prefixed, "something stands before the zip archive");
}

#[test]
fn bombs_are_not_unpacked() {
    let mut bomb = Entry::new("foo/zeros", b"");
    bomb.unpacked = 1 << 31;
    refused(WHEEL, &zip(&[good(), bomb]), "unpacks to far too much");
    let mut wide = Entry::new("foo/zeros", b"");
    wide.unpacked = u64::MAX - 1;
    wide.wide = true;
    refused(WHEEL, &zip(&[wide.clone(), wide, good()]), "unpacks to far too much");
    // A gzip file may consist of several, which makes a bomb cheap to build.
    let zeros = gzip(&vec![0; 1 << 20]).repeat(300);
    let mut header = tar::Header::new_gnu();
    header.set_path("foo-1.0/zeros").unwrap();
    header.set_size(300 << 20);
    header.set_cksum();
    let in_an_entry = gzip(header.as_bytes());
    let behind_the_end = gzip(&tar(&[("foo-1.0/PKG-INFO", &info())]));
    for start in [in_an_entry, behind_the_end] {
        let bytes = [start, zeros.clone()].concat();
        assert!(bytes.len() < 2 << 20);
        refused(SDIST, &bytes, "unpacks to far too much");
    }
}

#[test]
fn lies_of_a_zip_are_noticed() {
    let liar = |change: fn(&mut Entry)| {
        let mut entry = good();
        change(&mut entry);
        zip(&[entry])
    };
    let damaged = "`foo-1.0.dist-info/METADATA` is damaged";
    refused(WHEEL, &liar(|entry| entry.unpacked -= 1), damaged);
    refused(WHEEL, &liar(|entry| entry.unpacked += 1), damaged);
    refused(WHEEL, &liar(|entry| entry.crc ^= 1), damaged);
    refused(WHEEL, &liar(|entry| entry.packed[3] ^= 0x55), "METADATA` is");
    refused(WHEEL, &liar(|entry| entry.flags = 1), "is encrypted");
    refused(WHEEL, &liar(|entry| entry.method = 14), "the unknown method 14");
    refused(WHEEL, &liar(|entry| entry.local_path[0] = b'x'), "another name for");
    let many = "has far too many entries";
    refused(WHEEL, &zip_claiming(&[good()], u64::MAX, true), many);
    refused(WHEEL, &zip_claiming(&[good()], 300_000, true), many);
    refused(WHEEL, &zip_claiming(&[good()], 2, true), "the zip archive is truncated");
    refused(WHEEL, &zip_claiming(&[good(), good()], 1, false), "damaged");
    refused(WHEEL, &zip_claiming(&[good()], 0, false), "damaged");
    let mut wide = good();
    wide.wide = true;
    assert!(look(WHEEL, &zip_claiming(&[wide], 1, true)).is_ok());
}

#[test]
fn every_truncation_and_many_damages_are_refused_or_harmless() {
    let archives = [
        (WHEEL, wheel("foo", "1.0")),
        (SDIST, gzip(&tar(&[("foo-1.0/PKG-INFO", &info())]))),
        ("foo-1.0.tar.bz2", bzip(&tar(&[("foo-1.0/PKG-INFO", &info())]))),
    ];
    for (filename, bytes) in archives {
        assert!(look(filename, &bytes).is_ok());
        for length in 0..bytes.len() {
            assert!(look(filename, &bytes[..length]).is_err(), "{filename} at {length}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            if let Ok(package) = look(filename, &damaged) {
                assert_eq!(package.metadata.name, "foo", "{filename} at {at}");
            }
        }
    }
}

/// A record of an extended header: its length, which counts itself, its name and its value.
fn record(name: &str, value: &str) -> String {
    let rest = format!(" {name}={value}\n");
    let length = (rest.len() + 1..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
    format!("{length}{rest}")
}

#[test]
fn hostile_extended_headers_are_refused() {
    let extended = |kind: u8, size: u64, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(size);
        header.set_cksum();
        let mut out = header.as_bytes().to_vec();
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
        out.extend(tar(&[("foo-1.0/PKG-INFO", &info())]));
        gzip(&out)
    };
    let long = vec![b'a'; 100_000];
    for kind in [b'L', b'K', b'x', b'g'] {
        refused(SDIST, &extended(kind, 100_000, &long), "an extended header of odd size");
    }
    refused(SDIST, &extended(b'L', 7, b"../evil"), "outside of the archive's folder");
    refused(SDIST, &extended(b'x', 16, b"16 path=../evil\n"), "outside of the archive's folder");
    let own = info().len();
    for sizes in [
        vec!["1".into()],
        vec![format!("{own}"), "1".into()],
        vec![format!("+{own}")],
        vec![String::new()],
        vec!["8589934592".into()],
        vec!["99999999999999999999999".into()],
    ] {
        let records: String = sizes.iter().map(|size| record("size", size)).collect();
        refused(SDIST, &extended(b'x', records.len() as u64, records.as_bytes()), "an entry of odd size");
    }
    let global = record("size", &own.to_string());
    refused(SDIST, &extended(b'g', global.len() as u64, global.as_bytes()), "an entry of odd size");
    refused(SDIST, &extended(b'x', 4, b"nope"), "damaged");
}
