//! Cases for core metadata as files carry it.

use super::*;

const FULL: &str = "Metadata-Version: 2.4
Name: A.B_c
Version: 1!2.0+local
Platform: linux
Platform: macos
Supported-Platform: i386-win32-2791
Summary: one
  line
Description-Content-Type: text/markdown; charset=UTF-8
Keywords: dog,puppy
Home-page: https://example.org
Download-URL: https://example.org/dl
Author: Jürgen
Author-email: j@example.org
Maintainer: M
Maintainer-email: m@example.org
License: MIT
License-Expression: MIT OR Apache-2.0
License-File: LICENSE
License-File: licenses/OTHER
Classifier: A :: B
Classifier: C
Requires-Python: >=3.8
Requires-Dist: x>1; extra == 'y'
Requires-External: libpng (>=1.5)
Provides-Dist: other
Provides-Extra: y
Obsoletes-Dist: old
Dynamic: classifier
Project-URL: Source, https://example.org/src
Project-URL: https://example.org/bare
X-Unknown: kept out

# Title

text
";

#[test]
fn every_field_is_read() {
    let metadata = Metadata::parse(FULL.as_bytes()).unwrap();
    let expected = Metadata {
        metadata_version: "2.4".into(),
        name: "A.B_c".into(),
        version: "1!2.0+local".into(),
        platform: "linux,macos".into(),
        supported_platform: "i386-win32-2791".into(),
        summary: "one line".into(),
        description: "# Title\n\ntext\n".into(),
        description_content_type: "text/markdown; charset=UTF-8".into(),
        keywords: "dog,puppy".into(),
        home_page: "https://example.org".into(),
        download_url: "https://example.org/dl".into(),
        author: "Jürgen".into(),
        author_email: "j@example.org".into(),
        maintainer: "M".into(),
        maintainer_email: "m@example.org".into(),
        license: "MIT".into(),
        license_expression: "MIT OR Apache-2.0".into(),
        license_file: vec!["LICENSE".into(), "licenses/OTHER".into()],
        classifiers: vec!["A :: B".into(), "C".into()],
        requires_python: ">=3.8".into(),
        requires_dist: vec!["x>1; extra == 'y'".into()],
        requires_external: vec!["libpng (>=1.5)".into()],
        provides_dist: vec!["other".into()],
        provides_extras: vec!["y".into()],
        obsoletes_dist: vec!["old".into()],
        dynamic: vec!["classifier".into()],
        project_url: String::new(),
        project_urls: serde_json::from_str(
            r#"{"Source": "https://example.org/src",
                "https://example.org/bare": "https://example.org/bare"}"#,
        )
        .unwrap(),
    };
    assert_eq!(metadata, expected);
}

#[test]
fn a_description_in_the_header_loses_its_indent() {
    let head = "Metadata-Version: 1.1\nName: x\nVersion: 1\n";
    for (rest, expected) in [
        ("Description: a\n        b\n         c\n        \n", "a\nb\n c"),
        ("Description: a\n       |b\n", "a\nb"),
        ("Description: UNKNOWN\n", ""),
        ("Description: a\n\n", "a"),
        ("Description: a\n\nbody", "body"),
        ("\n", ""),
    ] {
        let metadata = Metadata::parse(format!("{head}{rest}").as_bytes()).unwrap();
        assert_eq!(metadata.description, expected, "{rest:?}");
    }
}

#[test]
fn bad_metadata_is_refused_by_name() {
    let with = |text: &str| Metadata::parse(text.as_bytes()).unwrap_err().to_string();
    for (text, expected) in [
        ("", "the metadata has no field `Metadata-Version`"),
        ("Name: x\nVersion: 1\n", "the metadata has no field `Metadata-Version`"),
        ("Metadata-Version: 2.1\nVersion: 1\n", "the metadata has no field `Name`"),
        ("Metadata-Version: 2.1\nName: x\n", "the metadata has no field `Version`"),
        ("Metadata-Version: 3.0\nName: x\nVersion: 1\n", "the metadata version `3.0` is not known"),
        ("Metadata-Version: 2.x\nName: x\nVersion: 1\n", "the metadata version `2.x` is not known"),
        (
            "Metadata-Version: 2.1\nName: x\nName: y\nVersion: 1\n",
            "the metadata has the field `Name` twice, with different values",
        ),
        (
            "Metadata-Version: 2.1\nName: x\nVersion: 1 /..\n",
            "the metadata gives `1 /..` as the version, which is none",
        ),
        ("Metadata-Version: 2.1\nName: x\0\nVersion: 1\n", "the metadata contains a NUL character"),
    ] {
        assert_eq!(with(text), expected, "{text:?}");
    }
    let name = with("Metadata-Version: 2.1\nName: ../x\nVersion: 1\n");
    assert!(name.starts_with("in the metadata: `../x` is not a project name"), "{name}");
    let huge = vec![b'a'; MAX_BYTES + 1];
    assert_eq!(Metadata::parse(&huge), Err(MetadataError::TooLarge));
    let bomb = "a:\n".repeat(MAX_BYTES / 3);
    assert_eq!(Metadata::parse(bomb.as_bytes()), Err(MetadataError::TooManyFields));
}

#[test]
fn latin_1_is_read_only_where_old_tools_wrote_it() {
    let old = b"Metadata-Version: 1.1\nName: x\nVersion: 1\nAuthor: J\xfcrgen\n";
    let new = b"Metadata-Version: 2.1\nName: x\nVersion: 1\nAuthor: J\xfcrgen\n";
    assert_eq!(Metadata::parse_legacy(old).unwrap().author, "Jürgen");
    assert_eq!(Metadata::parse(old), Err(MetadataError::NotUtf8(50)));
    assert_eq!(Metadata::parse_legacy(new), Err(MetadataError::NotUtf8(50)));
}

#[test]
fn an_index_tells_the_same_fields() {
    let info = serde_json::json!({
        "name": "A.B_c", "version": "2.0", "summary": null, "author": "Jürgen",
        "license": "UNKNOWN", "classifiers": ["A :: B"], "requires_dist": null,
        "project_urls": {"Source": "https://example.org/src", "None": null},
        "provides_extra": ["y"], "license_files": ["LICENSE"], "requires_python": ">=3.8",
        "downloads": {"last_day": -1}, "yanked": false, "docs_url": null,
    });
    let metadata = Metadata::from_info(&info).unwrap();
    assert_eq!(metadata.name, "A.B_c");
    assert_eq!(metadata.summary, "");
    assert_eq!(metadata.license, "");
    assert_eq!(metadata.classifiers, ["A :: B"]);
    assert_eq!(metadata.provides_extras, ["y"]);
    assert_eq!(metadata.license_file, ["LICENSE"]);
    assert_eq!(Value::from(metadata.project_urls), serde_json::json!({"Source": "https://example.org/src"}));
}

#[test]
fn wrong_types_in_an_index_name_the_field() {
    for (info, expected) in [
        (serde_json::json!([]), "`info` is not an object"),
        (serde_json::json!({"name": 1}), "`info.name` is not a string"),
        (serde_json::json!({"classifiers": "x"}), "`info.classifiers` is not a list of strings"),
        (serde_json::json!({"dynamic": [1]}), "`info.dynamic` is not a list of strings"),
        (serde_json::json!({"project_urls": 1}), "`info.project_urls` is not an object of strings"),
        (serde_json::json!({"author": "a\0b"}), "`info.author` contains a NUL character"),
    ] {
        assert_eq!(Metadata::from_info(&info).unwrap_err().to_string(), expected);
    }
    let listed = serde_json::json!({"project_urls": ["Source, https://example.org"]});
    let metadata = Metadata::from_info(&listed).unwrap();
    assert_eq!(metadata.project_urls["Source"], "https://example.org");
}
