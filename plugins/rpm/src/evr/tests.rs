//! The order of versions, and full names.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use super::*;

#[test]
fn versions_compare_segment_by_segment() {
    let cases: &[(&str, &str, Ordering)] = &[
        ("1.0", "1.0", Equal),
        ("1.0", "2.0", Less),
        ("2.0.1", "2.0", Greater),
        ("2.0.1a", "2.0.1", Greater),
        ("5.5p1", "5.5p2", Less),
        ("5.5p10", "5.5p1", Greater),
        ("10xyz", "10.1xyz", Less),
        ("xyz10", "xyz10.1", Less),
        ("xyz.4", "8", Less),
        ("8", "xyz.4", Greater),
        ("5.5p2", "5.6p1", Less),
        ("5.6p1", "6.5p1", Less),
        ("6.0.rc1", "6.0", Greater),
        ("10b2", "10a1", Greater),
        ("1.0aa", "1.0a", Greater),
        ("10.0001", "10.1", Equal),
        ("10.0001", "10.0039", Less),
        ("4.999.9", "5.0", Less),
        ("20101121", "20101122", Less),
        ("2_0", "2.0", Equal),
        ("a+", "a_", Equal),
        ("+", "_", Equal),
        ("1.0~rc1", "1.0", Less),
        ("1.0~rc1", "1.0~rc2", Less),
        ("1.0~rc1~git123", "1.0~rc1", Less),
        ("1.0^", "1.0", Greater),
        ("1.0^git1", "1.0^git2", Less),
        ("1.0^git1", "1.01", Less),
        ("1.0^20160101", "1.0.1", Less),
        ("1.0^20160102", "1.0^20160101^git1", Greater),
        ("1.0~rc1^git1", "1.0~rc1", Greater),
        ("1.0^git1~pre", "1.0^git1", Less),
        ("", "1", Less),
        ("", "~", Greater),
        ("", "^", Less),
        ("1.", "1", Equal),
        ("99999999999999999999999999999999999998", "99999999999999999999999999999999999999", Less),
        ("é", "1", Less),
        ("1é", "1", Equal),
    ];
    for &(left, right, expected) in cases {
        assert_eq!(rpmvercmp(left, right), expected, "{left} {right}");
        assert_eq!(rpmvercmp(right, left), expected.reverse(), "{right} {left}");
    }
}

#[test]
fn long_versions_take_linear_time() {
    let left = "1.a~^".repeat(400_000);
    let right = format!("{left}1");
    assert_eq!(rpmvercmp(&left, &right), Less);
    let zeros = format!("{}1", "0".repeat(1_000_000));
    assert_eq!(rpmvercmp(&zeros, "1"), Equal);
}

#[test]
fn evrs_are_read_and_written() {
    for (text, epoch, version, release) in [
        ("1:2.0-3", 1, "2.0", "3"),
        ("2.0-3", 0, "2.0", "3"),
        ("2.0", 0, "2.0", ""),
        ("1:2.0", 1, "2.0", ""),
        ("4294967295:1-1", u32::MAX, "1", "1"),
        ("4294967296:1-1", 0, "4294967296:1", "1"),
        ("x:1-1", 0, "x:1", "1"),
        ("1.0-rc-1", 0, "1.0-rc", "1"),
        (":1", 0, "1", ""),
        ("", 0, "", ""),
    ] {
        assert_eq!(Evr::parse(text), Evr::new(epoch, version, release), "{text}");
    }
    assert_eq!(Evr::new(0, "1", "2").to_string(), "1-2");
    assert_eq!(Evr::new(3, "1", "").to_string(), "3:1");
}

#[test]
fn evrs_compare_by_epoch_version_release() {
    for (left, right, expected) in [
        ("1:1-1", "2-1", Greater),
        ("1-1", "1-2", Less),
        ("1-1", "1-1", Equal),
        ("1-1.el9", "1-1.el10", Less),
        ("1", "1-1", Less),
    ] {
        assert_eq!(Evr::parse(left).compare(&Evr::parse(right)), expected, "{left} {right}");
    }
    assert_eq!(Evr::parse("1").compare_dependency(&Evr::parse("1-5")), Equal);
    assert_eq!(Evr::parse("1-4").compare_dependency(&Evr::parse("1-5")), Less);
}

#[test]
fn full_names_are_read_and_written() {
    let nevra = Nevra::parse("python3-a.b-1:2.0~rc1-3.fc40.x86_64").expect("a full name");
    assert_eq!((nevra.name.as_str(), nevra.arch.as_str()), ("python3-a.b", "x86_64"));
    assert_eq!(nevra.evr, Evr::new(1, "2.0~rc1", "3.fc40"));
    assert_eq!(nevra.to_string(), "python3-a.b-1:2.0~rc1-3.fc40.x86_64");
    assert_eq!(nevra.filename(), "python3-a.b-2.0~rc1-3.fc40.x86_64.rpm");
    assert_eq!(Nevra::parse("a-1-1.noarch").expect("without epoch").to_string(), "a-0:1-1.noarch");
}

#[test]
fn hostile_names_are_refused() {
    let long = format!("{}-1-1.noarch", "a".repeat(300));
    let huge = "-".repeat(10_000_000);
    for text in [
        "",
        "a",
        "a-1",
        "a-1-1",
        "-1-1.noarch",
        "a--1.noarch",
        "a-1-.noarch",
        "a-1-1.",
        "a-x:1-1.noarch",
        "../a-1-1.noarch",
        "a b-1-1.noarch",
        "a\n-1-1.noarch",
        "a\0-1-1.noarch",
        "a-1-1.no/arch",
        &long,
        &huge,
    ] {
        let error = Nevra::parse(text).expect_err(&excerpt_of(text));
        assert!(error.to_string().len() < 400);
    }
}

fn excerpt_of(text: &str) -> String {
    text.chars().take(40).collect()
}

#[test]
fn packages_sort_by_name_then_version_then_arch() {
    let mut names = ["b-0:1-1.noarch", "a-0:10-1.x86_64", "a-0:9-1.x86_64", "a-1:1-1.i686", "a-0:10-1.i686"];
    names.sort_by(|a, b| Nevra::parse(a).expect("a full name").compare(&Nevra::parse(b).expect("a full name")));
    assert_eq!(names, ["a-0:9-1.x86_64", "a-0:10-1.i686", "a-0:10-1.x86_64", "a-1:1-1.i686", "b-0:1-1.noarch"]);
}
