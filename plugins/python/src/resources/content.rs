//! The collections of units: packages, provenances, yanked releases.

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::Value;
use pith_core::resource::kinds::Names;
use pith_core::resource::{Clause, Field, Filter, FilterContext, Input, Kind, Lookup, Resource, Target};
use serde_json::json;

use super::NAMES;
use crate::content::{PACKAGE, PROVENANCE, YANK};
use crate::{name, version};

/// The PRN of the newest provenance of a package.
const NEWEST_PROVENANCE: &str = "(SELECT p.content_id FROM python_provenance p WHERE p.package_sha256 = u.sha256 \
                                 ORDER BY p.content_id DESC LIMIT 1)";
const PACKAGE_OF_PROVENANCE: &str =
    "(SELECT p.content_id FROM python_package p WHERE p.sha256 = u.package_sha256 AND p.domain_id = u.domain_id)";

/// Fields of the metadata, with their columns. Clients may send them, as with Pulp; what counts is what the file says.
const METADATA: [(&str, &str, &str, &str); 26] = [
    ("author", "u.author", "Who wrote it.", "Jane Doe"),
    ("author_email", "u.author_email", "The address of who wrote it.", "jane@example.org"),
    ("description", "u.description", "The long description.", "A library."),
    ("home_page", "u.home_page", "The home page.", "https://example.org"),
    ("keywords", "u.keywords", "Keywords.", "shelf,reader"),
    ("license", "u.license", "The licence, in words.", "MIT"),
    ("platform", "u.platform", "The platforms it is for, joined by commas.", ""),
    ("summary", "u.summary", "What it is, in one line.", "Reads shelves."),
    ("classifiers", "u.classifiers", "The classifiers, as a JSON list.", "[]"),
    ("download_url", "u.download_url", "Where it says it can be downloaded.", ""),
    ("supported_platform", "u.supported_platform", "The platforms it was built for, joined by commas.", ""),
    ("maintainer", "u.maintainer", "Who maintains it.", ""),
    ("maintainer_email", "u.maintainer_email", "The address of who maintains it.", ""),
    ("obsoletes_dist", "u.obsoletes_dist", "The projects that it makes obsolete, as a JSON list.", "[]"),
    ("project_url", "u.project_url", "The project's page on the index that it came from.", ""),
    ("project_urls", "u.project_urls", "Pages of the project by their labels, as a JSON object.", "{}"),
    ("provides_dist", "u.provides_dist", "The projects that it contains, as a JSON list.", "[]"),
    ("requires_external", "u.requires_external", "What it needs of the system, as a JSON list.", "[]"),
    ("requires_dist", "u.requires_dist", "The requirements, as a JSON list.", "[\"click>=8\"]"),
    ("requires_python", "u.requires_python", "The versions of Python that it runs with.", ">=3.9"),
    ("description_content_type", "u.description_content_type", "The markup of the description.", "text/markdown"),
    ("provides_extras", "u.provides_extras", "The names of its extras, as a JSON list.", "[]"),
    ("dynamic", "u.dynamic", "The fields that other files of the release may differ in, as a JSON list.", "[]"),
    ("license_expression", "u.license_expression", "The licence as an SPDX expression.", "MIT"),
    ("license_file", "u.license_file", "The paths of the licences in the file, as a JSON list.", "[\"LICENSE\"]"),
    (
        "sha256",
        "u.sha256",
        "The SHA-256 of the file.",
        "2eceb1643c10c5e4a65970baf63bde43b79cbdac7de81dae853ce47ab05197e9",
    ),
];

/// What the file name and the file itself say.
const RELEASE: [(&str, &str, &str, &str); 6] = [
    ("metadata_version", "u.metadata_version", "The version of the metadata.", "2.4"),
    ("name", "u.name", "The project.", "shelf-reader"),
    ("version", "u.version", "The release.", "0.1"),
    ("filename", "u.filename", "The name of the file.", "shelf-reader-0.1.tar.gz"),
    ("packagetype", "u.packagetype", "The kind of the file.", "sdist"),
    ("python_version", "u.python_version", "The Python that the file was built for.", "source"),
];

pub(crate) fn packages() -> Resource {
    let names = Names {
        model: "PythonPackageContent",
        noun: "Python package",
        pulp_type: PACKAGE,
        path: "content/python/packages/",
        operations: "content_python_packages",
        href_parameter: "python_python_package_content_href",
        tag: "Content: Packages",
        description: "Files that installers take.",
        ..NAMES
    };
    let mut packages = Resource::file_content(names, "python_package", "pythonrepository")
        .main_file("u.filename")
        .uploaded_by("python.upload_python_packages", "python.python_package_uploader");
    let relative_path = Field::text("relative_path", "The name of the file.", "shelf-reader-0.1.tar.gz");
    packages.fields.push(relative_path.required().input());
    let text = |(name, column, description, example)| Field::text(name, description, example).column(column);
    packages.fields.extend(METADATA.map(text).map(Field::blank));
    packages.fields.extend(RELEASE.map(text).map(Field::read_only));
    packages.fields.extend([
        Field::integer("size", None, "The size of the file in bytes.", 22455).column("u.size").read_only(),
        Field::text(
            "metadata_sha256",
            "The SHA-256 of the metadata that is served beside the file.",
            "ed333f0db05d77e9",
        )
        .nullable()
        .column("u.metadata_sha256"),
        Field::any("attestations", "", "Attestations (PEP 740) of the file, a list of objects.", json!(null)).input(),
        Field::text("provenance", "The PRN of the file's provenance.", "prn:python.packageprovenance:01a1fe65-…")
            .nullable()
            .shown(&[NEWEST_PROVENANCE], |_, _, record| {
                let id: Option<Id> = record.get(NEWEST_PROVENANCE);
                json!(id.map(|id| pith_core::id::prn("python", "packageprovenance", id)))
            }),
    ]);
    packages.filters.extend(package_filters());
    packages.ordering.extend(METADATA.iter().chain(&RELEASE).map(|(name, column, ..)| (*name, *column)));
    packages.ordering.extend([
        ("name_normalized", "u.name_normalized"),
        ("metadata_sha256", "u.metadata_sha256"),
        ("size", "u.size"),
        ("upstream_id", "t.id"),
    ]);
    packages
}

fn package_filters() -> Vec<Filter> {
    use Lookup::{Contains, Exact, Gt, Gte, In, Lt, Lte};
    let mut filters = vec![
        Filter::custom("name", Input::Text, "Keep the packages of this project, however it is spelled.", |_, text| {
            Ok(if text.is_empty() { Clause::always() } else { projects(text) })
        }),
        Filter::custom("name__in", Input::TextList, "Keep the packages of these projects.", |_, text| {
            Ok(if text.is_empty() { Clause::never() } else { projects(text) })
        }),
        Filter::custom(
            "version_specifier",
            Input::Text,
            "Keep the releases that a specifier (PEP 440) allows, such as `>=2,<3`.",
            by_specifier,
        ),
    ];
    filters.extend(Filter::text("name", "u.name", &[Contains]));
    filters.extend(Filter::text("author", "u.author", &[Exact, In, Contains]));
    filters.extend(Filter::text("packagetype", "u.packagetype", &[Exact, In]));
    filters.extend(Filter::text("requires_python", "u.requires_python", &[Exact, In, Contains]));
    filters.extend(Filter::text("filename", "u.filename", &[Exact, In, Contains]));
    filters.extend(Filter::text("keywords", "u.keywords", &[In, Contains]));
    filters.extend(Filter::text("sha256", "u.sha256", &[Exact, In]));
    filters.extend(Filter::text("version", "u.version", &[Exact, Gt, Lt, Gte, Lte]));
    filters
}

fn projects(text: &str) -> Clause {
    let names: Vec<String> = text.split(',').map(name::normalize).collect();
    Clause::new("u.name_normalized = ANY({})", [Value::Texts(names)])
}

fn by_specifier(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    if text.is_empty() {
        return Ok(Clause::always());
    }
    let specifiers: pep440_rs::VersionSpecifiers = text
        .parse()
        .map_err(|_| Error::field("version_specifier", format!("Invalid PEP 440 version specifier: {text}")))?;
    let mut versions = context.distinct("python_package", "version")?;
    versions.retain(|text| version::parse(text).is_some_and(|version| specifiers.contains(&version)));
    Ok(Clause::new("u.version = ANY({})", [Value::Texts(versions)]))
}

pub(crate) fn provenances() -> Resource {
    let names = Names {
        model: "PackageProvenance",
        noun: "package provenance",
        pulp_type: PROVENANCE,
        path: "content/python/provenance/",
        operations: "content_python_provenance",
        href_parameter: "python_package_provenance_href",
        tag: "Content: Provenance",
        description: "Who made a file and how, as attestations say it (PEP 740).",
        ..NAMES
    };
    let package = "/pulp/api/v3/content/python/packages/01a1fe65-417b-759b-8cee-a2cea5afd109/";
    let mut provenances = Resource::plain_content(names, "python_provenance", "pythonrepository");
    provenances.fields.extend([
        Field {
            required: true,
            ..Field::href("package", Target::Typed(Kind::Content, PACKAGE), "The package.", package)
        }
        .shown(&[PACKAGE_OF_PROVENANCE], |scope, _, record| {
            let id: Option<Id> = record.get(PACKAGE_OF_PROVENANCE);
            json!(id.and_then(|id| scope.typed_href(Kind::Content, PACKAGE, id)))
        })
        .writable(),
        Field::any("provenance", "", "The provenance object.", json!({"version": 1, "attestation_bundles": []}))
            .column("u.provenance")
            .read_only(),
        Field::text("sha256", "The SHA-256 of the provenance.", "2eceb1643c10c5e4").column("u.sha256").read_only(),
        Field::boolean("verify", "Whether its attestations are verified.", true).default(json!(true)).input(),
    ]);
    provenances.filters.extend(Filter::text("sha256", "u.sha256", &[Lookup::Exact, Lookup::In]));
    provenances.filters.extend([
        Filter::custom("package", Input::Text, "Keep the provenances of this package.", of_packages),
        Filter::custom("package__in", Input::TextList, "Keep the provenances of these packages.", of_packages),
    ]);
    provenances.ordering.extend([("sha256", "u.sha256"), ("provenance", "u.sha256"), ("upstream_id", "t.id")]);
    provenances
}

fn of_packages(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    if text.is_empty() {
        return Ok(Clause::always());
    }
    let ids =
        text.split(',').map(|href| context.object(href, Kind::Content, "package")).collect::<Result<Vec<Id>>>()?;
    let packages = "u.package_sha256 IN (SELECT p.sha256 FROM python_package p WHERE p.content_id = ANY({}))";
    Ok(Clause::new(packages, [Value::Ids(ids)]))
}

pub(crate) fn yanks() -> Resource {
    let names = Names {
        model: "PackageYank",
        noun: "yanked release",
        pulp_type: YANK,
        path: "content/python/yanks/",
        operations: "content_python_yanks",
        href_parameter: "python_package_yank_href",
        tag: "Content: Yanks",
        description: "Releases that installers pass over unless asked for by version (PEP 592).",
        ..NAMES
    };
    let mut yanks = Resource::plain_content(names, "python_yank", "pythonrepository").not_created();
    let text = |name, column, description, example| Field::text(name, description, example).column(column).read_only();
    yanks.fields.extend([
        text("name_normalized", "u.name_normalized", "The project.", "shelf-reader"),
        text("version", "u.version", "The release.", "0.1"),
        text("yanked_reason", "u.yanked_reason", "Why, if anything was said.", "broken"),
    ]);
    yanks.ordering = vec![("pk", "t.id")];
    yanks
}
