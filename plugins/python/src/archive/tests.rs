//! Good, odd and hostile archives, made here byte by byte.

use std::io::Write;

use super::*;

mod hostile;
mod zipper;

use zipper::{Entry, zip};

fn metadata(name: &str, version: &str) -> Vec<u8> {
    format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\ntext\n").into_bytes()
}

fn wheel(name: &str, version: &str) -> Vec<u8> {
    let folder = format!("{name}-{version}.dist-info");
    zip(&[
        Entry::new("foo/__init__.py", b""),
        Entry::new(&format!("{folder}/METADATA"), &metadata(name, version)),
        Entry::new(&format!("{folder}/RECORD"), b""),
    ])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn bzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn look(filename: &str, bytes: &[u8]) -> Result<Package, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    inspect(file.path(), filename).map_err(|error| {
        assert!(!matches!(error, ArchiveError::Io(_)), "{error}");
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    })
}

#[test]
fn a_wheel_gives_its_metadata_and_keeps_the_bytes() {
    for (name, version, filename) in [
        ("foo", "1.0", "foo-1.0-py3-none-any.whl"),
        ("A.B_c", "1.0", "a_b_c-1.0.0-py3-none-any.whl"),
        ("foo", "1!2.0+local", "foo-1!2.0+local-py3-none-any.whl"),
        ("foo", "1.0+local.1", "foo-1.0_local.1-1-py3-none-any.whl"),
    ] {
        let package = look(filename, &wheel(name, version)).unwrap();
        assert_eq!(package.metadata.name, name);
        assert_eq!(package.metadata.version, version);
        assert_eq!(package.metadata.description, "text\n");
        assert_eq!(package.metadata_file, Some(metadata(name, version)));
    }
}

#[test]
fn sdists_give_the_pkg_info_that_lies_least_deep() {
    let inner = metadata("vendored", "9");
    let outer = metadata("a-b", "1-2");
    let entries: [(&str, &[u8]); 3] = [
        ("a-b-1-2/src/vendored/PKG-INFO", &inner),
        ("a-b-1-2/PKG-INFO", &outer),
        ("a-b-1-2/a_b.egg-info/PKG-INFO", &inner),
    ];
    let zipped = entries.map(|(path, bytes)| Entry::new(path, bytes));
    for (extension, bytes) in [
        ("tar.gz", gzip(&tar(&entries))),
        ("tgz", gzip(&tar(&entries))),
        ("tar.bz2", bzip(&tar(&entries))),
        ("zip", zip(&zipped)),
    ] {
        let package = look(&format!("a-b-1-2.{extension}"), &bytes).unwrap();
        assert_eq!(package.metadata.name, "a-b");
        assert_eq!(package.file.version(), "1-2");
        assert_eq!(package.file.package_type(), PackageType::Sdist);
        assert_eq!(package.metadata_file, None);
    }
}

#[test]
fn eggs_and_installers_give_their_metadata() {
    let info = b"Metadata-Version: 1.1\nName: foo\nVersion: 1.0\nAuthor: J\xfcrgen\n";
    let egg = zip(&[Entry::new("EGG-INFO/PKG-INFO", info)]);
    let package = look("foo-1.0-py3.8.egg", &egg).unwrap();
    assert_eq!(package.metadata.author, "Jürgen");
    assert_eq!(package.file.python_version(), "py3.8");
    for path in ["PURELIB/foo-1.0-py2.7.egg-info", "PLATLIB/foo-1.0-py2.7.egg-info/PKG-INFO"] {
        let mut exe = b"MZ a program that unpacks itself".to_vec();
        exe.extend(zip(&[Entry::new(path, info)]));
        let package = look("foo-1.0.win32-py2.7.exe", &exe).unwrap();
        assert_eq!(package.metadata.version, "1.0");
        assert_eq!(package.file.package_type(), PackageType::BdistWininst);
    }
}

#[test]
fn ordinary_links_in_an_sdist_are_fine() {
    let mut builder = tar::Builder::new(Vec::new());
    let info = metadata("foo", "1.0");
    let mut header = tar::Header::new_gnu();
    header.set_size(info.len() as u64);
    builder.append_data(&mut header, "foo-1.0/PKG-INFO", info.as_slice()).unwrap();
    let long = "x".repeat(150);
    for (kind, path, target) in [
        (tar::EntryType::Symlink, format!("foo-1.0/docs/{long}"), format!("../{long}")),
        (tar::EntryType::Link, "foo-1.0/same".into(), "foo-1.0/PKG-INFO".into()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, path, target).unwrap();
    }
    let bytes = gzip(&builder.into_inner().unwrap());
    assert_eq!(look("foo-1.0.tar.gz", &bytes).unwrap().metadata.name, "foo");
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let info = metadata("foo", "1.0");
    let folder = format!("foo-1.0/{}", "d/".repeat(60));
    let path = format!("{folder}PKG-INFO");
    let gnu = tar(&[(&path, &info)]);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("path", path.as_bytes()), ("mtime", b"1.5")]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(info.len() as u64);
    builder.append_data(&mut header, "short", info.as_slice()).unwrap();
    for bytes in [gnu, builder.into_inner().unwrap()] {
        assert!(look("foo-1.0.tar.gz", &gzip(&bytes)).is_ok());
    }
}

/// Each entry of an sdist by `uv build` tells its path and size in an extended header too.
#[test]
fn a_size_that_is_told_twice_is_read() {
    let info = metadata("foo", "1.0");
    let entries: [(&str, tar::EntryType, &[u8]); 3] = [
        ("foo-1.0", tar::EntryType::Directory, b""),
        ("foo-1.0/PKG-INFO", tar::EntryType::Regular, &info),
        ("foo-1.0/foo.py", tar::EntryType::Regular, b"pass"),
    ];
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, bytes) in entries {
        let size = bytes.len().to_string();
        builder.append_pax_extensions([("path", path.as_bytes()), ("size", size.as_bytes())]).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, bytes).unwrap();
    }
    let bytes = gzip(&builder.into_inner().unwrap());
    assert_eq!(look("foo-1.0.tar.gz", &bytes).unwrap().metadata.name, "foo");
}
