//! Advisories against createrepo_c's bytes, and the rules of merging.

use super::*;
use crate::xml::XmlProblem;

fn text(text: &str) -> String {
    text.to_owned()
}

fn sample() -> Advisory {
    let package = AdvisoryPackage {
        name: text("n"),
        version: text("1"),
        release: text("2"),
        epoch: text("0"),
        arch: text("x"),
        src: text("s.src.rpm"),
        filename: text("f.rpm"),
        sum: "a".repeat(64),
        sum_type: text("sha256"),
        reboot_suggested: true,
        restart_suggested: true,
        relogin_suggested: true,
    };
    let module =
        Module { name: text("m"), stream: text("st"), version: 20_200_101, context: text("ctx"), arch: text("x86_64") };
    let collection = Collection {
        name: text("nm"),
        shortname: text("sh"),
        module: Some(module),
        packages: vec![package, AdvisoryPackage::default()],
    };
    let reference = Reference { href: text("http://h?a&b"), id: text("CVE-é"), kind: text("cve"), title: text("ti") };
    Advisory {
        id: text("ID-1"),
        from: text("f<é\""),
        status: text("final"),
        kind: text("security"),
        version: text("1"),
        title: text("t&"),
        issued_date: text("2020-01-02 03:04:05"),
        updated_date: text("2021-01-02 00:00:00"),
        rights: text("(c)"),
        release: text("rel"),
        pushcount: text("7"),
        severity: text("Critical"),
        summary: text("s"),
        description: text("d\n<"),
        solution: text("sol"),
        reboot_suggested: true,
        references: vec![reference, Reference::default()],
        collections: vec![collection, Collection::default()],
    }
}

/// What createrepo_c makes of the same values.
const WRITTEN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="f&lt;é&quot;" status="final" type="security" version="1">
    <id>ID-1</id>
    <title>t&amp;</title>
    <issued date="2020-01-02 03:04:05"/>
    <updated date="2021-01-02 00:00:00"/>
    <rights>(c)</rights>
    <release>rel</release>
    <pushcount>7</pushcount>
    <severity>Critical</severity>
    <summary>s</summary>
    <description>d
&lt;</description>
    <solution>sol</solution>
    <reboot_suggested>True</reboot_suggested>
    <references>
      <reference href="http://h?a&amp;b" id="CVE-é" type="cve" title="ti"/>
      <reference/>
    </references>
    <pkglist>
      <collection short="sh">
        <name>nm</name>
        <module name="m" stream="st" version="20200101" context="ctx" arch="x86_64"/>
        <package name="n" version="1" release="2" epoch="0" arch="x" src="s.src.rpm">
          <filename>f.rpm</filename>
          <sum type="sha256">aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</sum>
          <reboot_suggested>True</reboot_suggested>
          <restart_suggested>True</restart_suggested>
          <relogin_suggested>True</relogin_suggested>
        </package>
        <package/>
      </collection>
      <collection/>
    </pkglist>
  </update>
  <update>
    <id>e</id>
    <references/>
    <pkglist/>
  </update>
</updates>
"#;

#[test]
fn advisories_are_written_as_createrepo_c_does() {
    let small = Advisory { id: text("e"), ..Advisory::default() };
    assert_eq!([HEADER, &render(&sample()), &render(&small), FOOTER].concat(), WRITTEN);
}

fn all(document: &str) -> Result<Vec<Advisory>, crate::xml::XmlError> {
    let mut reader = UpdateinfoReader::new(document.as_bytes())?;
    let mut advisories = Vec::new();
    while let Some(advisory) = reader.next_advisory()? {
        advisories.push(advisory);
    }
    Ok(advisories)
}

#[test]
fn advisories_are_read_back() {
    let advisories = all(WRITTEN).expect("a document");
    assert_eq!(advisories.len(), 2);
    assert_eq!(advisories[0], sample());
    assert_eq!(advisories[0].digest(), sample().digest());
}

#[test]
fn odd_but_real_advisories_are_read() {
    let document = "<updates xmlns='x'><update><id> A </id><issued>2020-01-01</issued><reboot_suggested/>\
        <pkglist><collection><package name='a'><reboot_suggested>0</reboot_suggested></package></collection></pkglist>\
        <pkglist><collection/></pkglist><message>m</message></update></updates>";
    let advisory = all(document).expect("a document").remove(0);
    assert_eq!((advisory.id.as_str(), advisory.issued_date.as_str()), ("A", "2020-01-01"));
    assert!(advisory.reboot_suggested && !advisory.collections[0].packages[0].reboot_suggested);
    assert_eq!(advisory.collections.len(), 2);
}

#[test]
fn wrong_documents_are_refused() {
    for document in [
        "<updates><update></update></updates>",
        "<updates><update><id/></update></updates>",
        "<updates><update><id>a</id>",
        "<updates><update><id>a</id><pkglist><collection><module version='x'/></collection></pkglist></update></updates>",
        "<metadata/>",
        "",
    ] {
        all(document).expect_err(document);
    }
    let package = "<package name='a'/>".repeat(100_001);
    let many =
        format!("<updates><update><id>a</id><pkglist><collection>{package}</collection></pkglist></update></updates>");
    assert!(matches!(all(&many).expect_err("too many").problem, XmlProblem::Content(_)));
}

fn with(date: &str, version: &str, packages: &[&str]) -> Advisory {
    let package = |text: &&str| {
        let nevra = crate::evr::Nevra::parse(text).expect("a name");
        let epoch = nevra.evr.epoch.to_string();
        let (version, release) = (nevra.evr.version, nevra.evr.release);
        AdvisoryPackage { name: nevra.name, epoch, version, release, arch: nevra.arch, ..AdvisoryPackage::default() }
    };
    Advisory {
        id: text("A"),
        updated_date: text(date),
        version: text(version),
        collections: vec![Collection {
            name: text("c"),
            packages: packages.iter().map(package).collect(),
            ..Collection::default()
        }],
        ..Advisory::default()
    }
}

#[test]
fn advisories_of_one_id_are_resolved_as_pulp_does() {
    use Resolution::{KeepCurrent, TakeIncoming};
    let (a1, a2, b1) = ("a-1-1.noarch", "a-2-1.noarch", "b-1-1.noarch");
    let (old, new) = ("2020-01-01", "2021-01-01");
    for (current, incoming, expected) in [
        (with(old, "1", &[a1]), with(old, "1", &[a1]), Ok(TakeIncoming)),
        (with(old, "1", &[a1, b1]), with(old, "1", &[a1]), Ok(KeepCurrent)),
        (with(old, "1", &[a1]), with(old, "1", &[a1, b1]), Ok(TakeIncoming)),
        (with(old, "1", &[a1, a2]), with(old, "1", &[a2, b1]), Err(Clash::Intersecting(text("A")))),
        (with(old, "1", &[a1]), with(new, "1", &[a1, b1]), Ok(TakeIncoming)),
        (with(new, "1", &[a1]), with(old, "1", &[a1, b1]), Ok(KeepCurrent)),
        (with(old, "2", &[a1]), with(old, "10", &[a1]), Ok(TakeIncoming)),
        (with(old, "10", &[a1]), with(old, "2", &[a1]), Ok(KeepCurrent)),
        (with(old, "1", &[a1]), with(new, "1", &[a2]), Ok(TakeIncoming)),
        (with(old, "1", &[a1]), with(new, "1", &[b1]), Err(Clash::Unrelated(text("A")))),
        (with(old, "1", &[]), with(new, "1", &[b1]), Ok(TakeIncoming)),
        (with("2020-01-01", "1", &[a1]), with("1577836800", "1", &[a1]), Ok(TakeIncoming)),
    ] {
        assert_eq!(resolve(&current, &incoming, Policy::Strict), expected, "{current:?} {incoming:?}");
    }
    let clash = (with(old, "1", &[a1]), with(new, "1", &[b1]));
    assert_eq!(resolve(&clash.0, &clash.1, Policy::TakeNewer), Ok(TakeIncoming));
    let clash = (with(old, "1", &[a1, a2]), with(old, "1", &[a2, b1]));
    assert_eq!(resolve(&clash.0, &clash.1, Policy::TakeNewer), Ok(TakeIncoming));
}

#[test]
fn disjoint_advisories_are_merged() {
    let current = with("2020-01-01", "1", &["a-1-1.noarch"]);
    let mut incoming = with("2020-01-01", "1", &["b-1-1.noarch"]);
    incoming.references.push(Reference { id: text("r"), ..Reference::default() });
    let Ok(Resolution::Merged(merged)) = resolve(&current, &incoming, Policy::Strict) else {
        panic!("they are merged");
    };
    let names: Vec<_> = merged.collections.iter().map(|collection| collection.name.as_str()).collect();
    assert_eq!(names, ["c", "c_1"]);
    assert_eq!(merged.package_set().len(), 2);
    assert_eq!(merged.references, incoming.references);
}

#[test]
fn collections_of_merged_advisories_have_names_of_their_own() {
    for (ours, theirs, expected) in [
        (&[""][..], &[""][..], &["collection_0", "collection_1"][..]),
        (&["c", ""], &["c", "c"], &["c", "collection_0", "c_1", "c_2"]),
        (&[""], &["collection_0", ""], &["collection_1", "collection_0", "collection_2"]),
        (&["c", "c_1"], &["c"], &["c", "c_1", "c_2"]),
    ] {
        let named = |names: &[&str], package: &str| {
            let mut advisory = with("2020-01-01", "1", &[package]);
            let one = advisory.collections.remove(0);
            advisory.collections = names.iter().map(|name| Collection { name: text(name), ..one.clone() }).collect();
            advisory
        };
        let (current, incoming) = (named(ours, "a-1-1.noarch"), named(theirs, "b-1-1.noarch"));
        let Ok(Resolution::Merged(merged)) = resolve(&current, &incoming, Policy::Strict) else {
            panic!("they are merged");
        };
        let names: Vec<_> = merged.collections.iter().map(|collection| collection.name.as_str()).collect();
        assert_eq!(names, expected);
    }
}
