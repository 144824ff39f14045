//! The REST collections of the format, as values. What all formats share comes with the constructors of
//! [`Resource`]; here stand names, own fields and own filters.

pub(crate) mod blocklist;
mod content;

use pith_core::error::Error;
use pith_core::plugin::{Owned, Verb};
use pith_core::resource::kinds::Names;
use pith_core::resource::{Action, ActionRun, Derivation, Draft, Errors, Field, Kind, Resource, Target};
use serde_json::{Value as Json, json};

pub(crate) use content::{packages, provenances, yanks};

use crate::bandersnatch;
use crate::filters::{FilterSettings, Filters};

/// The name of repositories, remotes, publications, distributions and packages.
pub(crate) const PULP_TYPE: &str = "python.python";

/// Repositories, their lists of what they refuse, remotes, publications and distributions.
pub(crate) fn all() -> Vec<Resource> {
    vec![repository(), blocklist::entries(), remote(), publication(), distribution()]
}

/// The kinds of files that a remote may be limited to.
const PACKAGE_TYPES: &[&str] =
    &["bdist_dmg", "bdist_dumb", "bdist_egg", "bdist_msi", "bdist_rpm", "bdist_wheel", "bdist_wininst", "sdist"];

const NAMES: Names = Names {
    app: "python",
    model: "",
    noun: "",
    pulp_type: PULP_TYPE,
    path: "",
    operations: "",
    href_parameter: "",
    tag: "",
    description: "",
};

fn repository() -> Resource {
    let policy = Owned::new("python", "pythonrepository")
        .labelled()
        .action("sync")
        .action("modify")
        .action_by("repair_metadata", "modify")
        .permission("repair")
        .with_parameter(&[Verb::Create, Verb::Update], "remote", &["python.view_pythonremote"])
        .with_parameter(&[Verb::Action("sync")], "remote", &["python.view_pythonremote"]);
    let names = Names {
        model: "PythonRepository",
        noun: "Python repository",
        path: "repositories/python/python/",
        operations: "repositories_python_python",
        href_parameter: "python_python_repository_href",
        tag: "Repositories: Python",
        description: "Repositories of Python packages.",
        ..NAMES
    };
    let entries = "/pulp/api/v3/repositories/python/python/01a1fe65-ed86-7239-9e42-33410d1bb681/blocklist_entries/";
    let last_sync = json!({"url": "https://index.example/", "most_recent_version": 1});
    Resource::repository(names, policy).action(sync()).action(repair_metadata()).with_fields([
        Field::boolean("autopublish", "Whether each new version is published by itself. Out of use.", false)
            .default(json!(false))
            .detail(),
        Field::boolean(
            "allow_package_substitution",
            "Whether a package may take the place of another of the same file name and other content. If not, such \
             a version is not made.",
            true,
        )
        .default(json!(true))
        .detail(),
        Field::boolean(
            "error_on_reject",
            "What happens to packages that the list of blocked ones or the rule on substitution refuses: whether \
             the whole version fails, or they alone are left out and reported.",
            true,
        )
        .default(json!(true))
        .detail(),
        Field::href("blocklist_entries_href", Target::Nothing, "The address of the list of what is blocked.", entries)
            .shown(&["id"], |scope, resource, record| {
                json!(record.id().map(|id| format!("{}blocklist_entries/", scope.href(resource, id))))
            }),
        Field::any("last_sync_details", "", "What the last synchronization saw.", last_sync)
            .default(json!({}))
            .detail()
            .read_only(),
    ])
}

fn sync() -> Action {
    let remote = "/pulp/api/v3/remotes/python/python/01a1fe65-f11d-7279-bc62-9ba6227b67be/";
    Action {
        name: "sync",
        run: ActionRun::Sync,
        fields: vec![
            Field::href(
                "remote",
                Target::Typed(Kind::Remote, PULP_TYPE),
                "The remote to read from; the repository's own unless given.",
                remote,
            )
            .input(),
            Field::boolean("mirror", "Whether units that upstream has not are removed.", false)
                .default(json!(false))
                .input(),
        ],
        schema: "RepositorySyncURL",
        description: "Make a new version of what a remote has.",
    }
}

/// The work that reads metadata again.
pub(crate) const REPAIR: &str = "repair";

fn repair_metadata() -> Action {
    Action {
        name: "repair_metadata",
        run: ActionRun::Work(REPAIR),
        fields: vec![],
        schema: "",
        description: "Read the metadata of the packages of the newest version from their files again.",
    }
}

fn from_bandersnatch() -> Derivation {
    Derivation {
        name: "from_bandersnatch",
        fields: vec![
            Field::text_file("config", "A configuration of bandersnatch.").required(),
            Field::text("name", "The name of the remote.", "pypi").required(),
            Field::choice("policy", POLICIES, "When files are fetched.", "on_demand")
                .named("Policy692Enum")
                .default(json!("on_demand")),
        ],
        schema: "PythonBanderRemote",
        description: "Make a remote of what a configuration of the mirror program bandersnatch says.",
        derive: |draft| {
            let config = draft.get("config").and_then(Json::as_str).unwrap_or_default();
            let settings = bandersnatch::parse(config.as_bytes());
            let settings = settings.map_err(|problem| Error::field("config", problem.to_string()))?;
            let remote = json!({
                "name": draft.get("name"),
                "policy": draft.get("policy"),
                "url": settings.url,
                "download_concurrency": settings.download_concurrency,
                "includes": settings.includes,
                "excludes": settings.excludes,
                "prereleases": settings.prereleases,
                "package_types": settings.package_types,
                "keep_latest_packages": settings.keep_latest_packages,
                "exclude_platforms": settings.exclude_platforms,
            });
            Ok(remote.as_object().cloned().unwrap_or_default())
        },
    }
}

const POLICIES: &[&str] = &["on_demand", "immediate", "streamed"];

fn remote() -> Resource {
    let names = Names {
        model: "PythonRemote",
        noun: "Python remote",
        path: "remotes/python/python/",
        operations: "remotes_python_python",
        href_parameter: "python_python_remote_href",
        tag: "Remotes: Python",
        description: "Package indexes: their address, how to read from there, and what to take.",
        ..NAMES
    };
    let policy = Owned::new("python", "pythonremote").labelled().created_by("from_bandersnatch");
    let list = |name, description, example| Field::texts(name, description, example).default(json!([])).detail();
    let chosen = |name, description, choices, example| {
        Field::choices(name, choices, description, example).default(json!([])).detail()
    };
    let mut remote = Resource::remote(names, POLICIES, policy).with_fields([
        list(
            "includes",
            "Requirements (PEP 508) that name the projects and releases to take; without any, all are taken.",
            json!(["django~=4.2", "shelf-reader"]),
        ),
        list("excludes", "Requirements (PEP 508) that name what is not taken, whatever includes say.", json!(["pip"])),
        Field::boolean("prereleases", "Whether pre-releases are taken.", false).default(json!(false)).detail(),
        chosen(
            "package_types",
            "The kinds of files to take; without any, all kinds.",
            PACKAGE_TYPES,
            json!(["bdist_wheel", "sdist"]),
        )
        .named("PackageTypesEnum"),
        Field::integer(
            "keep_latest_packages",
            None,
            "How many of the newest releases of a project to take; 0 takes all.",
            0,
        )
        .default(json!(0))
        .detail(),
        chosen(
            "exclude_platforms",
            "Platforms whose files are not taken.",
            &["windows", "macos", "freebsd", "linux"],
            json!(["windows"]),
        )
        .named("ExcludePlatformsEnum"),
        Field::boolean("provenance", "Whether the provenance of the files is taken too.", false)
            .default(json!(false))
            .detail(),
        Field::boolean("vulnerabilities", "Whether a new version is looked through for known vulnerabilities.", false)
            .default(json!(false))
            .detail(),
    ]);
    if let Some(policy) = remote.fields.iter_mut().find(|field| field.name == "policy") {
        policy.default = Some(json!("on_demand"));
    }
    remote.check = Some(check_remote);
    remote.derivations.push(from_bandersnatch());
    remote
}

fn check_remote(draft: &Draft, errors: &mut Errors) {
    for field in ["includes", "excludes"] {
        for text in draft.get(field).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            let item = [text.to_owned()];
            if let Err(problem) = Filters::parse(&FilterSettings { includes: &item, ..FilterSettings::default() }) {
                errors.add(field, format!("{field} specifier {text} is invalid. {}", problem.reason));
            }
        }
    }
}

fn publication() -> Resource {
    let names = Names {
        model: "PythonPublication",
        noun: "Python publication",
        path: "publications/python/pypi/",
        operations: "publications_python_pypi",
        href_parameter: "python_python_publication_href",
        tag: "Publications: Pypi",
        description: "Versions with the pages of an index as files. Out of use: a distribution serves a version.",
        ..NAMES
    };
    let policy = Owned::new("python", "pythonpublication").unchanged().with_parameter(
        &[Verb::Create],
        "repository",
        &["python.view_pythonrepository"],
    );
    Resource::publication(names, policy)
}

fn distribution() -> Resource {
    let names = Names {
        model: "PythonDistribution",
        noun: "Python distribution",
        path: "distributions/python/pypi/",
        operations: "distributions_python_pypi",
        href_parameter: "python_python_distribution_href",
        tag: "Distributions: Pypi",
        description: "Package indexes that this server offers: under which path which packages.",
        ..NAMES
    };
    let mut distribution =
        Resource::distribution(names, of_distributions()).pulling_through(&[PULP_TYPE]).with_fields([Field::boolean(
            "allow_uploads",
            "Whether packages can be uploaded to the index and releases of it yanked.",
            true,
        )
        .default(json!(true))
        .detail()]);
    if let Some(field) = distribution.fields.iter_mut().find(|field| field.name == "base_url") {
        *field = field.clone().shown(&["base_path"], |scope, _, record| {
            let base_path: Option<String> = record.get("t.base_path");
            json!(base_path.map(|base_path| scope.face_url("pypi", &base_path)))
        });
    }
    distribution
}

/// Whoever sets what a distribution serves must be able to see it.
fn of_distributions() -> Owned {
    let verbs = [Verb::Create, Verb::Update];
    Owned::new("python", "pythondistribution")
        .labelled()
        .with_parameter(&verbs, "repository", &["python.view_pythonrepository"])
        .with_parameter(&verbs, "publication", &["python.view_pythonpublication"])
        .with_parameter(&verbs, "remote", &["python.view_pythonremote"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_belong_together() {
        for resource in all().into_iter().chain([packages(), provenances(), yanks()]) {
            let path = resource.path.replace("{}/", "");
            assert_eq!(resource.operations, path.trim_end_matches('/').replace('/', "_"));
            assert!(resource.href_parameter.starts_with("python_"), "{}", resource.href_parameter);
        }
    }
}
