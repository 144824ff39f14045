//! Cases for what a remote takes.

use super::*;
use crate::simple::parse_project_json;

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn page(files: &[&str]) -> ProjectPage {
    let files: Vec<_> = files.iter().map(|name| serde_json::json!({"filename": name, "url": name})).collect();
    let body = serde_json::json!({ "files": files }).to_string();
    let base = url::Url::parse("https://a.example/").unwrap();
    let page = parse_project_json(body.as_bytes(), &base, &ProjectName::parse("foo").unwrap()).unwrap();
    assert_eq!(page.refused, []);
    page
}

fn selected(settings: &FilterSettings<'_>, files: &[&str]) -> Vec<String> {
    let filters = Filters::parse(settings).unwrap();
    filters.select(&page(files)).into_iter().map(|file| file.filename).collect()
}

#[test]
fn projects_are_included_and_excluded() {
    for (includes, excludes, name, expected) in [
        (&[][..], &[][..], "foo", true),
        (&["Foo"], &[], "foo", true),
        (&["bar"], &[], "foo", false),
        (&["F.oo_o>=1"], &[], "f-oo.o", true),
        (&["foo"], &["foo"], "foo", false),
        (&[], &["foo"], "foo", false),
        (&[], &["foo<1"], "foo", true),
        (&["foo[extra]; python_version < '3'"], &[], "foo", true),
    ] {
        let (includes, excludes) = (texts(includes), texts(excludes));
        let settings = FilterSettings { includes: &includes, excludes: &excludes, ..FilterSettings::default() };
        let filters = Filters::parse(&settings).unwrap();
        assert_eq!(filters.allows_project(&ProjectName::parse(name).unwrap()), expected, "{includes:?} {excludes:?}");
    }
}

#[test]
fn releases_are_chosen_by_specifiers() {
    for (includes, excludes, prereleases, version, expected) in [
        (&["foo>=1,<2"][..], &[][..], false, "1.5", true),
        (&["foo>=1,<2"], &[], false, "2.0", false),
        (&["foo>=1,<2"], &[], true, "1.5rc1", true),
        (&["foo>=1,<2"], &[], false, "1.5rc1", false),
        (&["foo==1.*", "foo==3.0"], &[], false, "3.0.0", true),
        (&["foo", "foo==3.0"], &[], false, "1.0", true),
        (&["foo>3.3.1,<=3.3.2"], &[], true, "3.3.2a0", true),
        (&[], &["foo<2"], false, "1.0", false),
        (&[], &["foo<2"], false, "2.0", true),
        (&["foo<2"], &["foo==1.0"], false, "1.0", false),
        (&[], &[], false, "1.0.dev1", false),
        (&[], &[], true, "1.0.dev1", true),
        (&[], &[], false, "2004d", true),
        (&["foo>0"], &[], false, "2004d", false),
        (&["foo"], &["foo<3000"], false, "2004d", true),
    ] {
        let (includes, excludes) = (texts(includes), texts(excludes));
        let settings =
            FilterSettings { includes: &includes, excludes: &excludes, prereleases, ..FilterSettings::default() };
        let filters = Filters::parse(&settings).unwrap();
        let foo = ProjectName::parse("foo").unwrap();
        assert_eq!(filters.allows_release(&foo, version), expected, "{includes:?} {excludes:?} {version}");
    }
}

#[test]
fn platforms_and_kinds_are_of_files() {
    let files = [
        "foo-1.0.tar.gz",
        "foo-1.0-py3-none-any.whl",
        "foo-1.0-cp39-cp39-win32.whl",
        "foo-1.0-cp39-cp39-win_amd64.whl",
        "foo-1.0-cp39-cp39-macosx_10_9_x86_64.whl",
        "foo-1.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "foo-1.0-cp39-cp39-linux_armv7l.whl",
        "foo-1.0-cp39-cp39-musllinux_1_1_x86_64.whl",
        "foo-1.0-py3.8-linux-x86_64.egg",
        "foo-1.0-py3.8-freebsd-12-amd64.egg",
        "foo-1.0.win-amd64-py2.7.exe",
        "foo-1.0.linux-x86_64.tar.gz",
        "foo-1.0-1.noarch.rpm",
    ];
    let without = |platform: &str| {
        let platforms = texts(&[platform]);
        let left = selected(&FilterSettings { exclude_platforms: &platforms, ..FilterSettings::default() }, &files);
        let gone = |at: &usize| !left.iter().any(|name| name == files[*at]);
        (0..files.len()).filter(gone).collect::<Vec<_>>()
    };
    assert_eq!(without("windows"), [2, 3, 10]);
    assert_eq!(without("macos"), [4]);
    assert_eq!(without("freebsd"), [9]);
    assert_eq!(without("linux"), [5, 6, 7, 8, 11, 12]);
    let kinds = texts(&["sdist", "bdist_egg"]);
    let left = selected(&FilterSettings { package_types: &kinds, ..FilterSettings::default() }, &files);
    assert_eq!(left, [files[0], files[8], files[9]]);
}

#[test]
fn the_latest_of_what_is_left_are_kept() {
    let files = [
        "foo-1.9.tar.gz",
        "foo-1.10.tar.gz",
        "foo-1.10.0-py3-none-any.whl",
        "foo-1.11rc1.tar.gz",
        "foo-1.8-py3-none-any.whl",
        "foo-2004d.zip",
    ];
    let wheels = texts(&["bdist_wheel"]);
    for (keep_latest_packages, prereleases, package_types, expected) in [
        (1, false, &[][..], &["foo-1.10.tar.gz", "foo-1.10.0-py3-none-any.whl"][..]),
        (1, true, &[], &["foo-1.11rc1.tar.gz"]),
        (2, false, &[], &["foo-1.9.tar.gz", "foo-1.10.tar.gz", "foo-1.10.0-py3-none-any.whl"]),
        (2, false, &wheels, &["foo-1.10.0-py3-none-any.whl", "foo-1.8-py3-none-any.whl"]),
        (u64::MAX, true, &[], &files),
        (0, true, &[], &files),
    ] {
        let settings = FilterSettings { keep_latest_packages, prereleases, package_types, ..FilterSettings::default() };
        assert_eq!(selected(&settings, &files), expected, "{settings:?}");
    }
}

#[test]
fn what_makes_no_sense_is_told_with_its_field() {
    let long = "a".repeat(5000);
    for item in ["", "shelf-reader$3", ">=1", "foo>=", "foo @ https://x.example/y", "foo bar", "../x", &long] {
        let items = texts(&["fine", item]);
        let includes = FilterSettings { includes: &items, ..FilterSettings::default() };
        let excludes = FilterSettings { excludes: &items, ..FilterSettings::default() };
        let error = Filters::parse(&includes).unwrap_err();
        assert_eq!(error.field, "includes", "{item}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert_eq!(Filters::parse(&excludes).unwrap_err().field, "excludes", "{item}");
    }
    let items = texts(&["beos"]);
    let kinds = FilterSettings { package_types: &items, ..FilterSettings::default() };
    assert_eq!(Filters::parse(&kinds).unwrap_err().to_string(), "`beos` is invalid: there is no such kind");
    let platforms = FilterSettings { exclude_platforms: &items, ..FilterSettings::default() };
    assert_eq!(Filters::parse(&platforms).unwrap_err().field, "exclude_platforms");
}
