//! The index against createrepo_c's bytes, and indexes that lie.

use super::*;
use crate::checksum::ChecksumType;

fn checksum(digit: &str) -> Checksum {
    Checksum::new(ChecksumType::Sha256, &digit.repeat(64)).expect("a checksum")
}

fn sample() -> Repomd {
    let record = |data_type: &str, database_version| Record {
        data_type: data_type.to_owned(),
        checksum: checksum("a"),
        open_checksum: Some(checksum("b")),
        header_checksum: None,
        location_href: format!("repodata/é&-{data_type}.xml.gz"),
        location_base: String::new(),
        timestamp: 12,
        size: Some(3),
        open_size: Some(4),
        header_size: None,
        database_version,
    };
    Repomd {
        revision: "r<1>".to_owned(),
        content_tags: vec!["cont".to_owned()],
        repo_tags: vec!["rep&o".to_owned()],
        distro_tags: vec![("dis\"tro".to_owned(), "cpe:/o:é".to_owned()), ("d2".to_owned(), String::new())],
        records: vec![record("primary", None), record("primary_db", Some(10))],
    }
}

/// What createrepo_c makes of the same values.
const WRITTEN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>r&lt;1&gt;</revision>
  <tags>
    <content>cont</content>
    <repo>rep&amp;o</repo>
    <distro cpeid="cpe:/o:é">dis"tro</distro>
    <distro>d2</distro>
  </tags>
  <data type="primary">
    <checksum type="sha256">aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</checksum>
    <open-checksum type="sha256">bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb</open-checksum>
    <location href="repodata/é&amp;-primary.xml.gz"/>
    <timestamp>12</timestamp>
    <size>3</size>
    <open-size>4</open-size>
  </data>
  <data type="primary_db">
    <checksum type="sha256">aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</checksum>
    <open-checksum type="sha256">bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb</open-checksum>
    <location href="repodata/é&amp;-primary_db.xml.gz"/>
    <timestamp>12</timestamp>
    <size>3</size>
    <open-size>4</open-size>
    <database_version>10</database_version>
  </data>
</repomd>
"#;

#[test]
fn the_index_is_written_as_createrepo_c_does() {
    assert_eq!(render(&sample()), WRITTEN);
}

#[test]
fn the_index_is_read_back() {
    assert_eq!(read(WRITTEN.as_bytes()).expect("an index"), sample());
}

#[test]
fn odd_but_real_indexes_are_read() {
    let document = r#"<repomd xmlns="x"><data type="primary"><location href="./repodata//p.xml" xml:base="http://h/"/>
        <checksum type="sha"> ABCDEF0123456789abcdef0123456789abcdef01 </checksum>
        <timestamp>1334667230.05</timestamp><unknown><x/></unknown></data></repomd>"#;
    let repomd = read(document.as_bytes()).expect("an index");
    let record = repomd.record("primary").expect("a record");
    assert_eq!(record.location_href, "repodata/p.xml");
    assert_eq!((record.timestamp, record.size), (1_334_667_230, None));
    assert_eq!(record.checksum.kind(), ChecksumType::Sha1);
    assert_eq!(repomd.revision, "");
}

fn with_record(record: &str) -> String {
    format!("<repomd>{record}</repomd>")
}

#[test]
fn lying_indexes_are_refused() {
    let sum = format!("<checksum type=\"sha256\">{}</checksum>", "a".repeat(64));
    let whole = format!("<data type=\"primary\">{sum}<location href=\"repodata/p\"/></data>");
    read(with_record(&whole).as_bytes()).expect("the rest is right");
    for (bad, reason) in [
        (format!("{whole}{whole}"), "the type `primary` is named twice"),
        (whole.replace("repodata/p", "../p"), "leads out"),
        (whole.replace("repodata/p", "/etc/passwd"), "is absolute"),
        (whole.replace("repodata/p", "//host/p"), "is absolute"),
        (whole.replace("repodata/p", "file:///etc/passwd"), "is absolute"),
        (whole.replace("repodata/p", ""), "is empty"),
        (whole.replace("<location href=\"repodata/p\"/>", ""), "has no location"),
        (whole.replace(&sum, ""), "has no checksum"),
        (whole.replace("sha256", "crc32"), "is not known"),
        (whole.replace("aaaa", "zz"), "is not a sha256 checksum"),
        (whole.replace("primary", "../x"), "is no type"),
        (whole.replace("primary", ""), "is no type"),
        (whole.replace(&sum, &format!("{sum}<size>-1</size>")), "is not a number"),
        (whole.replace(&sum, &format!("{sum}<size>99999999999999999999</size>")), "is not a number"),
        ("<data type=\"x\">".repeat(40), "deeper"),
        (format!("<revision>{}</revision>", "1".repeat(3 << 20)), "more than"),
    ] {
        let error = read(with_record(&bad).as_bytes()).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error} / {reason}");
    }
    for document in ["", "<repomd>", "<metadata/>", "<repomd/><repomd/>", "plain text", "<repomd></x></repomd>"] {
        read(document.as_bytes()).expect_err(document);
    }
}
