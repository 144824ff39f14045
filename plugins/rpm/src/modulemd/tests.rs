//! Streams of modules, right, wrong and explosive.

use super::*;

const STREAM: &str = r#"# a comment
%YAML 1.2
---
document: modulemd
version: 2
data:
  name: scala
  stream: 2.10
  version: 20180702155503
  context: 00000000
  arch: x86_64
  static_context: true
  description: >-
    Scala is
    a language.
  dependencies:
  - buildrequires:
      platform: [f29]
    requires:
      platform: [f29, 30]
      empty: []
  - requires: {}
  profiles:
    default:
      rpms:
      - scala
    none: {}
  xmd: {mbs: {x: TRUE, ref: 7e96446, odd: .inf, twice: 1, twice: 2}}
  artifacts:
    rpms:
    - scala-0:2.10-1.module.noarch
...
--- # the defaults
document: modulemd-defaults
version: 1
data:
  module: scala
  stream: 2.10
  profiles:
    2.10: [default]
    3: []
---
document: modulemd-obsoletes
version: 1
data:
  module: scala
  stream: "2.10"
  context: 42
  modified: 2020-02-27T00:00Z
  message: old
  reset: true
  eol_date: 2020-05-23T14:25Z
  obsoleted_by: {module: scala, stream: 3}
---
document: modulemd-translations
version: 1
data: {}
---
...
---
# nothing
"#;

fn snippets(stream: &[u8]) -> Result<Vec<Snippet>, ModulemdError> {
    let mut reader = Snippets::new(stream);
    let mut snippets = Vec::new();
    while let Some(snippet) = reader.next_snippet()? {
        snippets.push(snippet);
    }
    Ok(snippets)
}

fn document(text: &str) -> Result<Document, ModulemdError> {
    parse(&Snippet { line: 7, text: text.to_owned() })
}

#[test]
fn streams_are_cut_into_documents() {
    let snippets = snippets(STREAM.as_bytes()).expect("a stream");
    let lines: Vec<_> = snippets.iter().map(|snippet| snippet.line).collect();
    assert_eq!(lines, [3, 33, 42, 54]);
    assert!(snippets[1].text.starts_with("---\n# the defaults\ndocument: modulemd-defaults\n"));
    assert!(snippets.iter().all(|snippet| snippet.text.ends_with("\n...\n")));
    let again: String = snippets.iter().map(|snippet| snippet.text.as_str()).collect();
    let texts = |snippets: &[Snippet]| -> Vec<String> { snippets.iter().map(|snippet| snippet.text.clone()).collect() };
    let reread = self::snippets(again.as_bytes()).expect("a stream");
    assert_eq!(texts(&reread), texts(&snippets));
    assert_eq!(reread[0].digest(), snippets[0].digest());
}

#[test]
fn streams_may_end_and_begin_anyhow() {
    for (stream, expected) in [
        ("", &[][..]),
        ("---\n...\n---\n", &[]),
        ("a: 1", &["---\na: 1\n...\n"]),
        ("\u{feff}a: 1\r\n...\r\nb: 2\r\n", &["---\na: 1\n...\n", "---\nb: 2\n...\n"]),
        ("---\na: |\n  ---\n  ...\n----\n", &["---\na: |\n  ---\n  ...\n----\n...\n"]),
    ] {
        let found: Vec<_> =
            snippets(stream.as_bytes()).expect(stream).into_iter().map(|snippet| snippet.text).collect();
        assert_eq!(found, expected, "{stream}");
    }
}

fn map(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    pairs.iter().map(|(key, list)| ((*key).to_owned(), owned(list))).collect()
}

fn requires(streams: BTreeMap<String, Vec<String>>) -> Dependencies {
    Dependencies::Kinds(BTreeMap::from([("requires".to_owned(), streams)]))
}

#[test]
fn modules_are_read() {
    let snippets = snippets(STREAM.as_bytes()).expect("a stream");
    let documents: Vec<_> = snippets.iter().map(|snippet| parse(snippet).expect("a document")).collect();
    let Document::Modulemd(module) = &documents[0] else { panic!("a module") };
    let identity = (module.name.as_str(), module.stream.as_str(), module.version, module.context.as_str());
    assert_eq!(identity, ("scala", "2.10", 20180702155503, "00000000"));
    assert_eq!((module.static_context, module.description.as_str()), (Some(true), "Scala is a language."));
    let kinds = |kinds: &[(&str, BTreeMap<_, _>)]| {
        Dependencies::Kinds(kinds.iter().map(|(kind, of)| ((*kind).to_owned(), of.clone())).collect())
    };
    let needed = map(&[("platform", &["f29", "30"]), ("empty", &[])]);
    let first = kinds(&[("requires", needed), ("buildrequires", map(&[("platform", &["f29"])]))]);
    assert_eq!(module.dependencies, [first, kinds(&[("requires", BTreeMap::new())])]);
    assert_eq!(module.profiles, map(&[("default", &["scala"]), ("none", &[])]));
    assert_eq!(module.artifacts, ["scala-0:2.10-1.module.noarch"]);
    let Document::Defaults(defaults) = &documents[1] else { panic!("defaults") };
    assert_eq!((defaults.module.as_str(), defaults.stream.as_str()), ("scala", "2.10"));
    assert_eq!(defaults.profiles, map(&[("2.10", &["default"]), ("3", &[])]));
    let Document::Obsolete(obsolete) = &documents[2] else { panic!("an end") };
    let shown =
        [&obsolete.modified, &obsolete.module_context, &obsolete.eol_date, &obsolete.obsoleted_by_module_stream];
    assert_eq!(shown, ["2020-02-27T00:00Z", "42", "2020-05-23T14:25Z", "3"]);
    assert!(obsolete.override_previous);
    assert_eq!(documents[3], Document::Other("modulemd-translations".to_owned()));
}

#[test]
fn modules_of_the_first_version_are_read() {
    let text = "document: modulemd\nversion: 1\ndata:\n  name: a\n  stream: f27\n  version: 1\n  \
        dependencies:\n    requires: {platform: f27}\n  profiles:\n    default: {rpms: [x]}\n";
    let Document::Modulemd(module) = document(text).expect("a module") else { panic!("a module") };
    assert_eq!(module.dependencies, [requires(map(&[("platform", &["f27"])]))]);
    assert_eq!((module.context.as_str(), module.static_context), ("", None));
}

#[test]
fn wrong_documents_are_refused_with_their_line() {
    let module = "document: modulemd\nversion: 2\ndata: {name: a, stream: b, version: 1}\n";
    document(module).expect("the rest is right");
    for (from, to) in [
        ("document: modulemd\n", ""),
        ("version: 2", "version: 9"),
        ("version: 2", "version: x"),
        ("name: a", "name: \"\""),
        ("name: a, ", ""),
        ("stream: b, ", ""),
        ("version: 1", "version: -1"),
        ("version: 1", "version: 1, profiles: []"),
        ("version: 1", "version: 1, artifacts: {rpms: x}"),
        ("name: a", "name: {x: y}"),
        ("name: a", "name: a, name: b"),
        ("name: a", "name: \"a\\0b\""),
        ("{name", "{{name"),
        ("data:", "data"),
        ("data:", "data: *nowhere"),
    ] {
        let error = document(&module.replace(from, to)).expect_err(to).to_string();
        assert!(error.contains("at line 7") && error.len() < 400, "{error}");
    }
    document("document: modulemd-defaults\nversion: 1\ndata: {}").expect_err("no module");
    let obsolete = "document: modulemd-obsoletes\nversion: 1\ndata: {module: a, stream: b, modified: c}";
    document(obsolete).expect_err("no message");
    document("- a\n- b").expect_err("a list");
    document("plain").expect_err("a text");
    document("").expect_err("nothing");
}

#[test]
fn bombs_are_refused() {
    let mut bomb = "document: modulemd\nversion: 2\nx0: &a0 [y, y, y, y, y, y, y, y, y]\n".to_owned();
    for n in 1..12 {
        let alias = format!("*a{}", n - 1);
        bomb.push_str(&format!("x{n}: &a{n} [{}]\n", [alias.as_str(); 9].join(", ")));
    }
    bomb.push_str("data: {name: a, stream: b, version: 1, artifacts: {rpms: *a11}}\n");
    document(&bomb).expect_err("a bomb of aliases");
    let deep = format!("document: modulemd\nversion: 2\ndata: {}{}\n", "[".repeat(10_000), "]".repeat(10_000));
    document(&deep).expect_err("too deep");
    let deep: String = (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    document(&deep).expect_err("too deep");
    let wide = format!("document: modulemd\nversion: 2\ndata: [{}]\n", "a,".repeat(500_000));
    document(&wide).expect_err("too wide");
}

#[test]
fn endless_documents_are_refused_early() {
    let endless = std::io::BufReader::new(std::io::Read::take(std::io::repeat(b'x'), 1 << 40));
    let error = Snippets::new(endless).next_snippet().expect_err("no end");
    assert!(matches!(error, ModulemdError::TooLong { line: 1, .. }));
    let long = format!("---\n{}", "a: b\n".repeat(1 << 20));
    assert!(matches!(snippets(long.as_bytes()), Err(ModulemdError::TooLong { line: 1, .. })));
    assert!(matches!(snippets(b"---\na: \xff\n"), Err(ModulemdError::NotUtf8(2))));
}
