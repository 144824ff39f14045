//! Headers made by hand, field by field.

mod build;
mod hostile;

use md5::{Digest, Md5};
use sha2::Sha256;

use self::build::{Headers, PAYLOAD, least, package, with_signature};
use super::tags::{sense, signature};
use super::*;
use crate::checksum::{Checksum, ChecksumType};
use crate::package::{Dependency, FileKind, Package};

fn origin() -> Origin {
    Origin {
        checksum: Checksum::new(ChecksumType::Sha256, &"a".repeat(64)).expect("a checksum"),
        size: 12,
        time_file: 34,
        location_href: "Packages/a/a-1.0-2.noarch.rpm".to_owned(),
    }
}

fn read(file: &[u8]) -> Result<Package, HeaderError> {
    Header::read(&mut &file[..])?.package(origin(), 10)
}

#[test]
fn texts_and_numbers_are_read() {
    let main = least()
        .numbers(tags::EPOCH, &[3])
        .raw(tags::SUMMARY, 9, 2, "Größe\0second language\0".as_bytes())
        .raw(tags::DESCRIPTION, 6, 1, b"Tom\xe1s\x01\0")
        .text(tags::GROUP, "Unspecified")
        .numbers(tags::BUILDTIME, &[1_700_000_000])
        .numbers(tags::SIZE, &[77])
        .numbers(tags::ARCHIVESIZE, &[88]);
    let file = package(&main);
    let package = read(&file).expect("a package");
    assert_eq!(package.nevra().expect("a name").to_string(), "a-3:1.0-2.noarch");
    assert_eq!((package.summary.as_str(), package.description.as_str()), ("Größe", "Tomás"));
    assert_eq!((package.group.as_str(), package.vendor.as_str()), ("Unspecified", ""));
    assert_eq!((package.size_package, package.size_installed, package.size_archive), (12, 77, 88));
    assert_eq!((package.time_file, package.time_build), (34, 1_700_000_000));
    assert_eq!(package.location_href, "Packages/a/a-1.0-2.noarch.rpm");
    let (start, end) = (package.header_start as usize, package.header_end as usize);
    assert_eq!(&file[start..end], main.bytes());
    assert_eq!(&file[end..], PAYLOAD);
}

#[test]
fn sizes_beyond_32_bits_have_their_own_tags() {
    let main = least().raw(tags::LONGSIZE, 5, 1, &(5u64 << 30).to_be_bytes());
    let signed = Headers::default().raw(signature::LONGARCHIVESIZE, 5, 1, &(6u64 << 30).to_be_bytes());
    let package = read(&with_signature(&signed, &main.bytes())).expect("a package");
    assert_eq!((package.size_installed, package.size_archive), (5 << 30, 6 << 30));
}

#[test]
fn what_was_not_built_from_a_source_package_is_one() {
    let package = read(&package(&least().without(tags::SOURCERPM))).expect("a package");
    assert_eq!(package.arch, "src");
}

#[test]
fn files_have_types_and_whole_paths() {
    let main = least()
        .texts(tags::BASENAMES, &["bash", "doc", "log", "dir", "é"])
        .texts(tags::DIRNAMES, &["/usr/bin/", "/usr/share/"])
        .numbers(tags::DIRINDEXES, &[0, 1, 1, 1, 1])
        .modes(tags::FILEMODES, &[0o100_755, 0o040_755, 0o100_644, 0o040_755, 0o120_777])
        .numbers(tags::FILEFLAGS, &[0, 2, 1 << 6, 1 << 6, 0])
        .texts(tags::FILEDIGESTS, &["abc0", "", "", "", "<no digest>"]);
    let package = read(&package(&main)).expect("a package");
    let files: Vec<_> = package
        .files
        .iter()
        .map(|file| (file.kind, file.path.as_str(), file.digest.as_deref().unwrap_or("none")))
        .collect();
    assert_eq!(
        files,
        [
            (FileKind::File, "/usr/bin/bash", "abc0"),
            (FileKind::Dir, "/usr/share/doc", ""),
            (FileKind::Ghost, "/usr/share/log", ""),
            (FileKind::Dir, "/usr/share/dir", ""),
            (FileKind::File, "/usr/share/é", ""),
        ]
    );
    assert_eq!(package.files[0].split(), ("/usr/bin/", "bash"));
}

#[test]
fn old_packages_have_their_paths_in_one_piece() {
    let main = least().texts(tags::OLDFILENAMES, &["/a/b", "/c"]).modes(tags::FILEMODES, &[0o100_644, 0o040_755]);
    let package = read(&package(&main)).expect("a package");
    assert_eq!(package.files.len(), 2);
    assert_eq!(package.files[1].kind, FileKind::Dir);
}

/// The dependencies as createrepo_c writes them: name, flags, epoch, version, release, pre.
fn shown(list: &[Dependency]) -> Vec<String> {
    let show = |item: &Dependency| {
        let Dependency { name, flags, epoch, version, release, pre } = item;
        let pre = if *pre { " pre" } else { "" };
        format!("{name} {flags} {epoch}:{version}-{release}{pre}")
    };
    list.iter().map(show).collect()
}

const EQ: u32 = sense::EQUAL;
const GE: u32 = sense::EQUAL | sense::GREATER;

#[test]
fn dependencies_are_read_as_createrepo_c_does() {
    let main = least()
        .texts(tags::BASENAMES, &["own", "own"])
        .texts(tags::DIRNAMES, &["/usr/bin/", "/usr/share/"])
        .numbers(tags::DIRINDEXES, &[0, 1])
        .dependencies(tags::PROVIDES, &[("a", EQ, "3:1.0-2"), ("cap", EQ, "1.0"), ("plain", 0, "")])
        .dependencies(
            tags::REQUIRES,
            &[
                ("rpmlib(X)", EQ, "4.0"),
                ("cap", EQ, "1.0"),
                ("cap", 0, ""),
                ("plain", 0, ""),
                ("/usr/bin/own", 0, ""),
                ("/usr/share/own", 0, ""),
                ("twice", 0, ""),
                ("twice", 0, ""),
                ("twice", sense::SCRIPT_PRE, ""),
                ("twice", GE, "2:1-1"),
                ("post", sense::SCRIPT_POST, ""),
                ("pretrans", sense::PRETRANS, ""),
                ("posttrans", sense::POSTTRANS, ""),
                ("preun", 1 << 11, ""),
                ("postun", 1 << 12, ""),
                ("libc.so.6()(64bit)", 0, ""),
                ("libc.so.6(GLIBC_2.4)(64bit)", 0, ""),
                ("libc.so.6(GLIBC_2.34)(64bit)", 0, ""),
                ("libc.so.6(GLIBC_2.3.4)(64bit)", 0, ""),
                ("zlast", sense::LESS | EQ, "1-2-3"),
            ],
        )
        .dependencies(tags::CONFLICTS, &[("c", sense::LESS, "0:2-1")])
        .dependencies(tags::OBSOLETES, &[("o", sense::GREATER, "x:5")])
        .dependencies(tags::RECOMMENDS, &[("rec", 0, "")])
        .dependencies(tags::OLD_SUGGESTS, &[("oldsug", 0, ""), ("oldrec", sense::STRONG, "")])
        .dependencies(tags::OLD_ENHANCES, &[("oldenh", 0, ""), ("oldsup", sense::STRONG, "")]);
    let package = read(&package(&main)).expect("a package");
    assert_eq!(shown(&package.provides), ["a EQ 3:1.0-2", "cap EQ 0:1.0-", "plain  :-"]);
    assert_eq!(
        shown(&package.requires),
        [
            "cap  :-",
            "/usr/share/own  :-",
            "twice  :-",
            "twice  :- pre",
            "twice GE 2:1-1",
            "post  :- pre",
            "pretrans  :- pre",
            "posttrans  :- pre",
            "preun  :-",
            "postun  :-",
            "zlast LE 0:1-2-3",
            "libc.so.6(GLIBC_2.34)(64bit)  :-",
        ]
    );
    assert_eq!(shown(&package.conflicts), ["c LT 0:2-1"]);
    assert_eq!(shown(&package.obsoletes), ["o GT 0:x:5-"]);
    assert_eq!(shown(&package.recommends), ["rec  :-", "oldrec  :-"]);
    assert_eq!(shown(&package.suggests), ["oldsug  :-"]);
    assert_eq!(shown(&package.enhances), ["oldenh  :-"]);
    assert_eq!(shown(&package.supplements), ["oldsup  :-"]);
}

#[test]
fn changelogs_keep_their_order_within_a_day() {
    let times = [300, 201, 200, 200, 200, 100, 100];
    let names = ["g", "f", "e", "d", "c", "b", "a"];
    let main = least()
        .numbers(tags::CHANGELOGTIME, &times)
        .texts(tags::CHANGELOGNAME, &names)
        .texts(tags::CHANGELOGTEXT, &["- x"; 7]);
    let file = package(&main);
    let header = Header::read(&mut &file[..]).expect("a header");
    let entries = |limit| -> Vec<(String, i64)> {
        let package = header.package(origin(), limit).expect("a package");
        package.changelogs.into_iter().map(|entry| (entry.author, entry.date)).collect()
    };
    let expected = [("a", 100), ("b", 101), ("c", 200), ("d", 201), ("e", 202), ("f", 203), ("g", 300)];
    let expected: Vec<_> = expected.map(|(author, date)| (author.to_owned(), date)).to_vec();
    assert_eq!(entries(10), expected);
    let expected = [("c", 200), ("d", 201), ("e", 202), ("f", 203), ("g", 300)];
    let expected: Vec<_> = expected.map(|(author, date)| (author.to_owned(), date)).to_vec();
    assert_eq!(entries(5), expected);
    assert!(entries(0).is_empty());
}

#[test]
fn signatures_name_their_keys_once() {
    let packet = [&[0x88, 19, 3, 5, 0, 0, 0, 0, 0][..], &[0xab; 8], &[1, 8, 0, 0]].concat();
    let other = [&[0x88, 19, 3, 5, 0, 0, 0, 0, 0][..], &[0xcd; 8], &[1, 8, 0, 0]].concat();
    let other = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, other);
    let signed = Headers::default()
        .raw(signature::RSA, 7, packet.len() as u32, &packet)
        .raw(signature::PGP, 7, packet.len() as u32, &packet)
        .texts(signature::OPENPGP, &[&other, "no base64!"]);
    let package = read(&with_signature(&signed, &least().bytes())).expect("a package");
    assert_eq!(package.signing_keys, ["keyid:ABABABABABABABAB", "keyid:CDCDCDCDCDCDCDCD"]);
}

fn check(file: &[u8]) -> Result<(), HeaderError> {
    let mut input = file;
    let header = Header::read(&mut input)?;
    let mut check = header.payload_check()?;
    for piece in input.chunks(7) {
        check.update(piece);
    }
    check.finish()
}

#[test]
fn payloads_are_checked_against_the_header() {
    let sha256 = hex::encode(Sha256::digest(PAYLOAD));
    let file = package(&least().texts(tags::PAYLOADDIGEST, &[&sha256]).numbers(tags::PAYLOADDIGESTALGO, &[8]));
    check(&file).expect("it fits");
    check(&package(&least())).expect("there is only a size to check");
    let mut damaged = file.clone();
    *damaged.last_mut().expect("a byte") ^= 1;
    assert!(matches!(check(&damaged), Err(HeaderError::Digest("payload"))));
    assert!(matches!(check(&file[..file.len() - 1]), Err(HeaderError::Size { .. })));
    assert!(matches!(check(&[&file[..], b"more"].concat()), Err(HeaderError::Size { .. })));
}

#[test]
fn payloads_of_old_packages_are_checked_by_md5() {
    let main = least().bytes();
    let md5 = Md5::digest([&main[..], PAYLOAD].concat());
    let signed = Headers::default().raw(signature::MD5, 7, 16, &md5);
    let mut file = with_signature(&signed, &main);
    check(&file).expect("it fits");
    *file.last_mut().expect("a byte") ^= 1;
    assert!(matches!(check(&file), Err(HeaderError::Digest("payload"))));
}
