//! Files that lie.

use super::build::{intro, lead};
use super::*;

fn refused(file: &[u8]) -> String {
    read(file).expect_err("a refusal").to_string()
}

#[test]
fn what_is_no_package_is_refused() {
    for file in [&b""[..], b"PK\x03\x04", b"<html>", &[0; 200], &[0xff; 200], &b"text ".repeat(100)] {
        assert_eq!(refused(file), "the file is no RPM package");
    }
    let good = package(&least());
    for (at, value) in [(4, 9), (7, 2), (79, 1)] {
        let mut wrong = good.clone();
        wrong[at] = value;
        assert!(refused(&wrong).starts_with("the lead of the package is wrong"), "{at}");
    }
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let main = least().texts(tags::BASENAMES, &["x"]).texts(tags::DIRNAMES, &["/"]).numbers(tags::DIRINDEXES, &[0]);
    let file = package(&main);
    for length in 0..file.len() - PAYLOAD.len() {
        read(&file[..length]).expect_err("too short");
    }
    read(&file[..file.len() - PAYLOAD.len()]).expect("the headers are whole");
}

#[test]
fn claims_are_not_believed() {
    for (entries, data) in [
        (0, 0),
        (0x1_0000, 16),
        (0x7fff_ffff, 0x7fff_ffff),
        (0x8000_0000, 0x8000_0000),
        (u32::MAX, u32::MAX),
        (1, u32::MAX),
        (0x1000_0000, 0),
        (1, 128 << 20),
        (0xffff, 64 << 20),
    ] {
        let in_signature = [lead(), intro(entries, data), vec![0; 64]].concat();
        refused(&in_signature);
        let signed = Headers::default().text(1, "x");
        let in_main = with_signature(&signed, &[intro(entries, data), vec![0; 64]].concat());
        refused(&in_main);
    }
}

#[test]
fn entries_that_point_out_are_refused() {
    for (kind, offset, count) in [
        (4, 0, u32::MAX),
        (4, u32::MAX, 1),
        (4, 13, 1),
        (5, 8, 2),
        (7, 0, 17),
        (7, 17, 0),
        (6, 17, 1),
        (10, 0, 1),
        (u32::MAX, 0, 1),
        (3, 0x7fff_ffff, 0x7fff_ffff),
        (8, 0, 17),
        (4, 0x8000_0000, 1),
    ] {
        let mut main = intro(1, 16);
        for number in [tags::NAME, kind, offset, count] {
            main.extend(number.to_be_bytes());
        }
        main.extend([b'x'; 16]);
        refused(&with_signature(&Headers::default().text(1, "x"), &main));
    }
}

#[test]
fn tags_of_wrong_types_are_refused() {
    for tag in [
        tags::NAME,
        tags::VERSION,
        tags::RELEASE,
        tags::ARCH,
        tags::SUMMARY,
        tags::BUILDHOST,
        tags::BASENAMES,
        tags::CHANGELOGTEXT,
        tags::PROVIDES[0],
        tags::REQUIRES[2],
        tags::FILEDIGESTS,
    ] {
        refused(&package(&least().numbers(tag, &[1])));
    }
    for tag in [
        tags::EPOCH,
        tags::BUILDTIME,
        tags::SIZE,
        tags::LONGSIZE,
        tags::FILEMODES,
        tags::FILEFLAGS,
        tags::CHANGELOGTIME,
        tags::PROVIDES[1],
    ] {
        refused(&package(&least().text(tag, "x")));
    }
    refused(&package(&least().raw(tags::BASENAMES, 8, 3, b"a\0b\0")));
    refused(&package(&least().raw(tags::SUMMARY, 6, 1, b"no end")));
}

#[test]
fn what_a_package_must_say_is_demanded() {
    for tag in [tags::NAME, tags::VERSION, tags::RELEASE, tags::ARCH] {
        refused(&package(&least().without(tag)));
        for text in ["", "a/b", "../x", "a b", "a\nb", &"x".repeat(300)] {
            refused(&package(&least().text(tag, text)));
        }
    }
}

#[test]
fn lists_that_belong_together_are_of_one_length() {
    let files = least().texts(tags::BASENAMES, &["a", "b"]).texts(tags::DIRNAMES, &["/"]);
    refused(&package(&files));
    refused(&package(&files.clone().numbers(tags::DIRINDEXES, &[0])));
    refused(&package(&files.clone().numbers(tags::DIRINDEXES, &[0, 1])));
    refused(&package(&files.clone().numbers(tags::DIRINDEXES, &[0, u32::MAX])));
    let files = files.numbers(tags::DIRINDEXES, &[0, 0]);
    read(&package(&files)).expect("it is right now");
    refused(&package(&files.clone().modes(tags::FILEMODES, &[0])));
    refused(&package(&files.numbers(tags::FILEFLAGS, &[0, 0, 0])));
    refused(&package(&least().texts(tags::REQUIRES[0], &["a", "b"]).numbers(tags::REQUIRES[1], &[0])));
    refused(&package(&least().texts(tags::CHANGELOGNAME, &["a"])));
}

#[test]
fn many_files_are_read_and_path_bombs_are_not() {
    let names: Vec<String> = (0..100_000).map(|n| format!("file{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let indexes = vec![0; names.len()];
    let files = least().texts(tags::BASENAMES, &names).numbers(tags::DIRINDEXES, &indexes);
    let good = package(&files.clone().texts(tags::DIRNAMES, &["/usr/share/"]));
    assert_eq!(read(&good).expect("a package").files.len(), 100_000);
    refused(&package(&files.clone().texts(tags::DIRNAMES, &[&"x".repeat(5_000)])));
    refused(&package(&files.texts(tags::DIRNAMES, &[&"x".repeat(4_000)])));
    refused(&package(&least().texts(tags::PROVIDES[0], &vec!["a"; 100_001])));
    let empties = vec![0; (1 << 20) + 1];
    refused(&package(&least().raw(tags::BASENAMES, 8, (1 << 20) + 1, &empties)));
}

#[test]
fn a_header_that_is_not_the_signed_one_is_refused() {
    let mut file = package(&least());
    let at = file.len() - PAYLOAD.len() - 2;
    file[at] ^= 1;
    assert_eq!(refused(&file), "the header of the package does not fit what its header says");
}

/// Every byte of a small package set to odd values, and random noise: no panic, whatever comes out.
#[test]
fn damaged_files_never_panic() {
    let main = least()
        .texts(tags::BASENAMES, &["a", "b"])
        .texts(tags::DIRNAMES, &["/"])
        .numbers(tags::DIRINDEXES, &[0, 0])
        .modes(tags::FILEMODES, &[0, 1])
        .dependencies(tags::REQUIRES, &[("x", 8, "1:2-3")])
        .numbers(tags::CHANGELOGTIME, &[1])
        .texts(tags::CHANGELOGNAME, &["n"])
        .texts(tags::CHANGELOGTEXT, &["t"]);
    let signed = Headers::default().raw(signature::RSA, 7, 4, &[0x88, 2, 4, 0]);
    let file = with_signature(&signed, &main.bytes());
    read(&file).expect("it is right");
    for at in 0..file.len() - PAYLOAD.len() {
        for value in [0, 1, 7, 8, 9, 0x7f, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] = value;
            _ = read(&damaged);
        }
    }
    let mut seed: u64 = 20_240_501;
    for _ in 0..20_000 {
        let mut damaged = file.clone();
        for _ in 0..4 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = 96 + (seed >> 33) as usize % (file.len() - 96);
            damaged[at] = (seed >> 24) as u8;
        }
        _ = read(&damaged);
    }
}
