//! Packages as a collection. The lists that a package is full of are kept as elements of documents and read when
//! they are shown.

use pith_core::error::Result;
use pith_core::plugin::Value;
use pith_core::resource::kinds::{Names, digest_fields};
use pith_core::resource::{Clause, Field, Filter, Input, Lookup, Record, Resource};
use serde_json::{Map, Value as Json, json};

use super::NAMES;
use crate::content::package::{PACKAGE, read_changelogs, read_files, read_primary};
use crate::package::DependencyKind;

const PRIMARY: &str = "u.primary_xml";
const OTHER: &str = "u.other_xml";
const FILELISTS: &str = "u.filelists_xml";
const DIGESTS: &str = "u.file_digests";

/// Texts, with their columns.
const TEXTS: [(&str, &str, &str, &str); 18] = [
    ("name", "u.name", "The name.", "bash"),
    ("epoch", "u.epoch", "The epoch.", "0"),
    ("version", "u.version", "The version.", "5.2.26"),
    ("release", "u.release", "The release.", "3.el9"),
    ("arch", "u.arch", "The architecture; `src` for source packages.", "x86_64"),
    ("pkgId", "u.pkgid", "The checksum of the file.", "0dc7ddc5…"),
    ("checksum_type", "u.checksum_type", "The type of that checksum.", "sha256"),
    ("summary", "u.summary", "What it is, in one line.", "The GNU Bourne Again shell"),
    ("description", "u.description", "What it is, at length.", "The GNU Bourne Again shell."),
    ("url", "u.url", "The home page.", "https://example.org"),
    ("location_base", "u.location_base", "Where the path of the file began when it came.", ""),
    ("location_href", "u.location_href", "The path of the file when it came.", "bash-5.2.26-3.el9.x86_64.rpm"),
    ("rpm_buildhost", "u.rpm_buildhost", "The host it was built on.", "builder"),
    ("rpm_group", "u.rpm_group", "The group.", "Unspecified"),
    ("rpm_license", "u.rpm_license", "The licence.", "GPLv3+"),
    ("rpm_packager", "u.rpm_packager", "Who packaged it.", ""),
    ("rpm_sourcerpm", "u.rpm_sourcerpm", "The source package it was built from.", "bash-5.2.26-3.el9.src.rpm"),
    ("rpm_vendor", "u.rpm_vendor", "The vendor.", ""),
];

/// Whole numbers, with their columns.
const NUMBERS: [(&str, &str, &str, i64); 7] = [
    ("rpm_header_start", "u.rpm_header_start", "The first byte of the header in the file.", 4504),
    ("rpm_header_end", "u.rpm_header_end", "The byte after the last one of the header.", 112_000),
    ("size_archive", "u.size_archive", "Bytes of the payload unpacked.", 7_760_000),
    ("size_installed", "u.size_installed", "Bytes of what it installs.", 7_740_000),
    ("size_package", "u.size_package", "Bytes of the file.", 1_850_000),
    ("time_build", "u.time_build", "When it was built, in seconds of the epoch.", 1_700_000_000),
    ("time_file", "u.time_file", "When the file was changed or came, in seconds of the epoch.", 1_700_000_000),
];

/// The lists, with what each needs to be read.
const LISTS: [(&str, &[&str], &str); 10] = [
    ("changelogs", &[OTHER], "Entries of the changelog: author, seconds of the epoch, text."),
    ("files", &[FILELISTS, DIGESTS], "Files: type, folder, name, and where it is known the digest."),
    ("requires", &[PRIMARY], "What it needs: name, flags, epoch, version, release, whether before it is installed."),
    ("provides", &[PRIMARY], "What it offers, in the same form."),
    ("conflicts", &[PRIMARY], "What it cannot be beside."),
    ("obsoletes", &[PRIMARY], "What it takes the place of."),
    ("suggests", &[PRIMARY], "What it suggests."),
    ("enhances", &[PRIMARY], "What it enhances."),
    ("recommends", &[PRIMARY], "What it recommends."),
    ("supplements", &[PRIMARY], "What it supplements."),
];

/// Names of lists that can be ordered by, as with the reference; the order is that of packages.
const ORDERED_LISTS: [&str; 10] = [
    "changelogs",
    "files",
    "requires",
    "provides",
    "conflicts",
    "obsoletes",
    "suggests",
    "enhances",
    "recommends",
    "supplements",
];

pub(crate) fn packages() -> Resource {
    let names = Names {
        model: "Package",
        noun: "package",
        pulp_type: PACKAGE,
        path: "content/rpm/packages/",
        operations: "content_rpm_packages",
        href_parameter: "rpm_package_href",
        tag: "Content: Packages",
        description: "RPM packages.",
        ..NAMES
    };
    let mut packages = Resource::file_content(names, "rpm_package", "rpmrepository")
        .uploaded_by("rpm.upload_rpm_packages", "rpm.rpm_package_uploader");
    packages.fields.extend(digest_fields());
    let relative_path = "The name of the file; packages go by what their header says.";
    packages.fields.push(Field::text("relative_path", relative_path, "bash-5.2.26-3.el9.x86_64.rpm").input());
    let text = |(name, column, description, example)| Field::text(name, description, example).column(column);
    packages.fields.extend(TEXTS.map(text).map(Field::read_only));
    let list =
        |(name, columns, description)| Field::any(name, "", description, json!([])).shown(columns, |_, _, _| json!([]));
    packages.fields.extend(LISTS.map(list));
    packages
        .fields
        .push(Field::boolean("is_modular", "Whether a module has it.", false).column("u.is_modular").read_only());
    let number = |(name, column, description, example)| Field::integer(name, None, description, example).column(column);
    packages.fields.extend(NUMBERS.map(number).map(Field::read_only));
    let keys = "Who signed it: `v4:` or `v6:` with a fingerprint, or `keyid:`. Known of files that are here.";
    packages.fields.push(
        Field::texts("signing_keys", keys, json!(["v4:0C1A894E…"])).nullable().column("u.signing_keys").read_only(),
    );
    packages.filters.extend(filters());
    packages.ordering.extend(TEXTS.map(|(name, column, ..)| (name, column)));
    packages.ordering.extend(NUMBERS.map(|(name, column, ..)| (name, column)));
    packages.ordering.extend(ORDERED_LISTS.map(|name| (name, "u.evr")));
    packages.ordering.extend([
        ("evr", "u.evr"),
        ("is_modular", "u.is_modular"),
        ("signing_keys", "u.signing_keys"),
        ("upstream_id", "t.id"),
    ]);
    packages.enrich = Some(|_, _, records, shown| {
        records.iter().zip(shown).try_for_each(|(record, json)| match json.as_object_mut() {
            Some(json) => fill(record, json),
            None => Ok(()),
        })
    });
    packages
}

fn filters() -> Vec<Filter> {
    use Lookup::{Contains, Exact, In, Ne, Startswith};
    let mut filters =
        vec![Filter::custom("signing_key", Input::Text, "Keep the packages that this key signed.", |_, text| {
            let (form, digits) = text.split_once(':').unwrap_or(("", text));
            let colon = if form.is_empty() { "" } else { ":" };
            let quoted = json!(format!("{form}{colon}{}", digits.to_ascii_uppercase())).to_string();
            Ok(Clause::new("strpos(CAST(u.signing_keys AS text), {}) > 0", [Value::from(quoted)]))
        })];
    for (name, column) in [("name", "u.name"), ("release", "u.release"), ("arch", "u.arch")] {
        filters.extend(Filter::text(name, column, &[Exact, In, Ne, Contains, Startswith]));
    }
    for (name, column) in [("epoch", "u.epoch"), ("version", "u.version"), ("checksum_type", "u.checksum_type")] {
        filters.extend(Filter::text(name, column, &[Exact, In, Ne]));
    }
    filters.extend(Filter::text("pkgId", "u.pkgid", &[Exact, In]));
    filters.extend(Filter::text("sha256", "a.sha256", &[Exact]));
    filters.extend(Filter::text("filename", "ca.relative_path", &[Exact]));
    filters
}

/// Puts those lists into a shown package that were asked for.
fn fill(record: &Record, json: &mut Map<String, Json>) -> Result<()> {
    let bytes = |column| record.get::<Vec<u8>>(column).unwrap_or_default();
    if json.contains_key("changelogs") {
        json.insert("changelogs".to_owned(), json!(read_changelogs(&bytes(OTHER))?));
    }
    if json.contains_key("files") {
        let digests: Option<Vec<u8>> = record.get(DIGESTS);
        json.insert("files".to_owned(), json!(read_files(&bytes(FILELISTS), digests.as_deref())?));
    }
    if DependencyKind::ALL.iter().any(|kind| json.contains_key(kind.as_str())) {
        let package = read_primary(&bytes(PRIMARY))?;
        for (kind, list) in package.dependencies() {
            if let Some(shown) = json.get_mut(kind.as_str()) {
                *shown = json!(list);
            }
        }
    }
    Ok(())
}
