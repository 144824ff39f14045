//! Groups, categories and environments, there and back.

use super::*;

const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <group>
    <id>core</id>
    <name>Core &amp; more</name>
    <name xml:lang="de">Kern</name>
    <name xml:lang="ja">コア</name>
    <description></description>
    <description xml:lang="de">Das Nötigste</description>
    <default>true</default>
    <uservisible>false</uservisible>
    <display_order>5</display_order>
    <biarchonly>true</biarchonly>
    <langonly>de</langonly>
    <packagelist>
      <packagereq type="mandatory">bash</packagereq>
      <packagereq basearchonly="true" type="conditional" requires="glibc">glibc-langpack-de</packagereq>
      <packagereq type="unknown">plain</packagereq>
    </packagelist>
  </group>
  <category>
    <id>base</id>
    <name>Base</name>
    <description>d</description>
    <display_order>-1</display_order>
    <grouplist>
      <groupid>core</groupid>
    </grouplist>
  </category>
  <environment>
    <id>server</id>
    <name>Server</name>
    <description>d</description>
    <grouplist>
      <groupid>core</groupid>
    </grouplist>
    <optionlist>
      <groupid default="true">extra</groupid>
    </optionlist>
  </environment>
  <langpacks>
    <match name="aspell" install="aspell-%s"/>
  </langpacks>
</comps>
"#;

#[test]
fn documents_are_read_and_written() {
    let comps = read(DOCUMENT.as_bytes()).expect("a document");
    assert_eq!(render(&comps), DOCUMENT);
    let group = &comps.groups[0];
    assert_eq!((group.id.as_str(), group.texts.name.as_str()), ("core", "Core & more"));
    assert!(group.default && !group.user_visible && group.biarch_only);
    let kinds: Vec<_> = group.packages.iter().map(|package| package.kind.number()).collect();
    assert_eq!(kinds, [3, 2, 4]);
    assert!(comps.environments[0].option_ids[0].default);
    assert_eq!(comps.langpacks["aspell"], "aspell-%s");
    assert_eq!(digest(&render_group(group)), digest(&render_group(&group.clone())));
}

#[test]
fn kinds_of_packages_have_names_and_numbers() {
    for number in 0..5 {
        let kind = GroupPackageKind::from_number(number);
        assert_eq!(kind.number(), number);
        assert_eq!(GroupPackageKind::from_name(kind.as_str()), kind);
    }
    assert_eq!(GroupPackageKind::from_name("odd"), GroupPackageKind::Unknown);
}

#[test]
fn odd_but_real_documents_are_read() {
    let document = "<comps><group><id>a</id><uservisible>True</uservisible><display_order>x</display_order>\
        <_name>old</_name></group><blacklist><package name='x'/></blacklist><whiteout/>\
        <group><id>b</id><packagelist><packagereq>p</packagereq></packagelist></group><group><id>a</id><name>second</name></group></comps>";
    let comps = read(document.as_bytes()).expect("a document");
    let names: Vec<_> = comps.groups.iter().map(|group| (group.id.as_str(), group.texts.name.as_str())).collect();
    assert_eq!(names, [("b", ""), ("a", "second")]);
    assert_eq!(comps.groups[0].packages[0].kind, GroupPackageKind::Mandatory);
    assert_eq!(comps.groups[0].display_order, None);
    let empty = read(&b"<comps/>"[..]).expect("a document");
    assert_eq!(empty, Comps::default());
    assert_eq!(render(&empty), format!("{HEADER}{FOOTER}"));
}

#[test]
fn wrong_documents_are_refused() {
    let many = format!("<comps>{}</comps>", "<group><id>a</id></group>".repeat(50_001));
    let cycle = "<comps><group><id>a</id><group><id>a</id></group>";
    for document in [
        "<comps><group></group></comps>",
        "<comps><category><name>x</name></category></comps>",
        "<comps><environment/></comps>",
        "<comps>",
        "<groups/>",
        "<!DOCTYPE comps [<!ENTITY a \"b\">]><comps/>",
        cycle,
        &many,
    ] {
        read(document.as_bytes()).expect_err("a refusal");
    }
}

#[test]
fn circles_are_only_names() {
    let document = "<comps><category><id>a</id><grouplist><groupid>b</groupid></grouplist></category>\
        <category><id>b</id><grouplist><groupid>a</groupid></grouplist></category></comps>";
    assert_eq!(read(document.as_bytes()).expect("a document").categories.len(), 2);
}
