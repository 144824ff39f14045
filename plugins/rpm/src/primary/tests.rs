//! The three documents against createrepo_c's bytes, and documents that are wrong.

use super::*;
use crate::checksum::ChecksumType;
use crate::document::Kind;
use crate::filelists::FilelistsReader;
use crate::other::OtherReader;
use crate::package::{Changelog, Dependency, File, FileKind, Package};
use crate::xml::XmlProblem;

fn dependency(name: &str, flags: &str, version: [&str; 3], pre: bool) -> Dependency {
    let [epoch, version, release] = version.map(str::to_owned);
    Dependency { name: name.to_owned(), flags: flags.to_owned(), epoch, version, release, pre }
}

fn file(kind: FileKind, path: &str) -> File {
    File { kind, path: path.to_owned(), digest: None }
}

fn sample() -> Package {
    Package {
        name: "exp-a".to_owned(),
        epoch: 3,
        version: "1.0".to_owned(),
        release: "1".to_owned(),
        arch: "x86_64".to_owned(),
        pkgid: "a".repeat(64),
        checksum_type: ChecksumType::Sha256,
        summary: "tabs\tand \"quotes\" & <lt> café".to_owned(),
        description: " Line one\r\n  indented\n".to_owned(),
        url: "http://x/?a=1&b=\"2\"".to_owned(),
        time_file: 5,
        time_build: 6,
        size_package: 1,
        size_installed: 2,
        size_archive: 3,
        location_href: "Packages/e/exp-é&\"a\".rpm".to_owned(),
        license: "MIT".to_owned(),
        vendor: "Søren \"v\" <v>".to_owned(),
        header_start: 4504,
        header_end: 9229,
        provides: vec![dependency("weird-ñ(x)", "EQ", ["2", "1.0", "3"], false)],
        requires: vec![
            dependency("(a >= 1 if b)", "", [""; 3], false),
            dependency("pre", "", [""; 3], true),
            dependency("c", "GE", ["0", "1", ""], true),
        ],
        supplements: vec![dependency("sup", "", [""; 3], false)],
        files: vec![
            file(FileKind::Dir, "/etc/dir"),
            file(FileKind::Ghost, "/etc/ghost"),
            file(FileKind::File, "/usr/bin/a&b"),
            file(FileKind::File, "/usr/share/é"),
        ],
        changelogs: vec![Changelog {
            author: "A \"q\" Bé <a@b> - 1".to_owned(),
            date: 7,
            text: "- c & <x>é".to_owned(),
        }],
        ..Package::default()
    }
}

/// What createrepo_c makes of the same values.
const PRIMARY: &str = r#"<package type="rpm">
  <name>exp-a</name>
  <arch>x86_64</arch>
  <version epoch="3" ver="1.0" rel="1"/>
  <checksum type="sha256" pkgid="YES">aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</checksum>
  <summary>tabs	and "quotes" &amp; &lt;lt&gt; café</summary>
  <description> Line one&#13;
  indented
</description>
  <packager></packager>
  <url>http://x/?a=1&amp;b="2"</url>
  <time file="5" build="6"/>
  <size package="1" installed="2" archive="3"/>
  <location href="Packages/e/exp-&#xE9;&amp;&quot;a&quot;.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:vendor>Søren "v" &lt;v&gt;</rpm:vendor>
    <rpm:group></rpm:group>
    <rpm:buildhost></rpm:buildhost>
    <rpm:sourcerpm></rpm:sourcerpm>
    <rpm:header-range start="4504" end="9229"/>
    <rpm:provides>
      <rpm:entry name="weird-&#xF1;(x)" flags="EQ" epoch="2" ver="1.0" rel="3"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="(a &gt;= 1 if b)"/>
      <rpm:entry name="pre" pre="1"/>
      <rpm:entry name="c" flags="GE" epoch="0" ver="1" pre="1"/>
    </rpm:requires>
    <rpm:supplements>
      <rpm:entry name="sup"/>
    </rpm:supplements>
    <file type="dir">/etc/dir</file>
    <file type="ghost">/etc/ghost</file>
    <file>/usr/bin/a&amp;b</file>
  </format>
</package>
"#;

const FILELISTS: &str = r#"<package pkgid="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" name="exp-a" arch="x86_64">
  <version epoch="3" ver="1.0" rel="1"/>
  <file type="dir">/etc/dir</file>
  <file type="ghost">/etc/ghost</file>
  <file>/usr/bin/a&amp;b</file>
  <file>/usr/share/é</file>
</package>
"#;

const OTHER: &str = r#"<package pkgid="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" name="exp-a" arch="x86_64">
  <version epoch="3" ver="1.0" rel="1"/>
  <changelog author="A &quot;q&quot; B&#xE9; &lt;a@b&gt; - 1" date="7">- c &amp; &lt;x&gt;é</changelog>
</package>
"#;

#[test]
fn elements_are_written_as_createrepo_c_does() {
    assert_eq!(Kind::Primary.render(&sample()), PRIMARY);
    assert_eq!(Kind::Filelists.render(&sample()), FILELISTS);
    assert_eq!(Kind::Other.render(&sample()), OTHER);
}

fn document(kind: Kind, elements: &[&str]) -> String {
    kind.header(elements.len() as u64) + &elements.concat() + kind.footer()
}

#[test]
fn documents_are_written_as_createrepo_c_does() {
    assert_eq!(
        document(Kind::Primary, &[]),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"0\">\n</metadata>"
    );
    assert!(document(Kind::Filelists, &[FILELISTS]).contains("metadata/filelists\" packages=\"1\">\n<package pkgid="));
    assert!(document(Kind::Other, &[OTHER]).ends_with("</package>\n</otherdata>"));
}

#[test]
fn documents_are_read_back() {
    let text = document(Kind::Primary, &[PRIMARY, PRIMARY]);
    let mut reader = PrimaryReader::new(text.as_bytes()).expect("a document");
    assert_eq!(reader.announced(), Some(2));
    let primary = Package {
        files: sample().files.into_iter().filter(File::is_primary).collect(),
        changelogs: Vec::new(),
        ..sample()
    };
    for _ in 0..2 {
        assert_eq!(reader.next_package().expect("a package").as_ref(), Some(&primary));
    }
    assert_eq!(reader.next_package().expect("the end"), None);
    assert_eq!(reader.next_package().expect("still the end"), None);

    let text = document(Kind::Filelists, &[FILELISTS]);
    let mut reader = FilelistsReader::new(text.as_bytes()).expect("a document");
    let (head, files) = reader.next_package().expect("a package").expect("there is one");
    assert_eq!((head.pkgid, head.name, head.evr), (sample().pkgid, sample().name, sample().evr()));
    assert_eq!(files, sample().files);
    assert_eq!(reader.next_package().expect("the end"), None);

    let text = document(Kind::Other, &[OTHER]);
    let mut reader = OtherReader::new(text.as_bytes()).expect("a document");
    let (_, changelogs) = reader.next_package().expect("a package").expect("there is one");
    assert_eq!(changelogs, sample().changelogs);
}

#[test]
fn what_is_unknown_is_passed_over() {
    let odd =
        PRIMARY.replace("<name>", "<more><name>x</name></more><name>").replace("<rpm:vendor>", "<x/><rpm:vendor>");
    let text = document(Kind::Primary, &["<package type=\"deb\"><name>x</name></package>", "<other/>", &odd]);
    let mut reader = PrimaryReader::new(text.as_bytes()).expect("a document");
    assert_eq!(reader.next_package().expect("a package").map(|package| package.name), Some("exp-a".to_owned()));
    assert_eq!(reader.next_package().expect("the end"), None);
}

fn error_of(text: &str) -> String {
    let mut reader = match PrimaryReader::new(text.as_bytes()) {
        Ok(reader) => reader,
        Err(error) => return error.to_string(),
    };
    loop {
        match reader.next_package() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("nothing is wrong with {}", text.chars().take(200).collect::<String>()),
            Err(error) => return error.to_string(),
        }
    }
}

#[test]
fn wrong_documents_are_refused_with_the_place() {
    for (from, to, reason) in [
        ("<name>exp-a</name>", "", "has no name"),
        ("<arch>x86_64</arch>", "", "has no arch"),
        ("href=\"Packages", "x=\"Packages", "has no location"),
        ("epoch=\"3\"", "epoch=\"-3\"", "is not a number"),
        ("archive=\"3\"", "archive=\"99999999999999999999\"", "is not a number"),
        ("\"sha256\"", "\"sha257\"", "is not known"),
        ("aaaa<", "aaa<", "is not a sha256 checksum"),
        ("</name>", "</nam>", "not well-formed"),
        ("&amp;", "&nbsp;", "is not known"),
        ("café", "caf\u{1}", "does not allow"),
    ] {
        let element = PRIMARY.replace(from, to);
        let error = error_of(&document(Kind::Primary, &[&element]));
        assert!(error.contains(reason) && error.contains("(at byte "), "{error} / {reason}");
    }
    let whole = document(Kind::Primary, &[PRIMARY]);
    for length in [0, 50, 300, 1000, whole.len() - 5] {
        error_of(&whole[..length]);
    }
    error_of(&(whole.clone() + &whole));
    assert!(error_of(&document(Kind::Filelists, &[])).contains("the root element is `filelists`"));
}

#[test]
fn bombs_are_refused() {
    let entities: String = (1..20).map(|n| format!("<!ENTITY a{n} \"&a{};&a{};\">", n - 1, n - 1)).collect();
    let bomb = format!("<!DOCTYPE metadata [<!ENTITY a0 \"x\">{entities}]><metadata>&a19;</metadata>");
    assert!(error_of(&bomb).contains("declares entities"));
    let external = "<!DOCTYPE metadata [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><metadata>&x;</metadata>";
    assert!(error_of(external).contains("declares entities"));
    let text = PRIMARY.replace("café", &"x".repeat(5 << 20));
    assert!(error_of(&document(Kind::Primary, &[&text])).contains("more than"));
    let many = format!("<file>/etc/{}</file>", "x".repeat(1000)).repeat(70_000);
    let element = PRIMARY.replace("<file type=\"dir\">", &format!("{many}<file>"));
    let mut reader = PrimaryReader::new(document(Kind::Primary, &[&element]).leak().as_bytes()).expect("a root");
    assert!(matches!(reader.next_package().expect_err("too long").problem, XmlProblem::ElementTooLong(_)));
    let many = "<rpm:entry name=\"a\"/>".repeat(100_001);
    let element = PRIMARY.replace("<rpm:supplements>", &format!("<rpm:supplements>{many}"));
    assert!(error_of(&document(Kind::Primary, &[&element])).contains("more than 100000 dependencies"));
}
