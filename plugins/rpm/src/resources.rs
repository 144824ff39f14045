//! The REST collections of the format, as values. What all formats share comes with the constructors of
//! [`Resource`]; here stand names, own fields and own filters.

pub(crate) mod advisory;
pub(crate) mod category;
pub(crate) mod defaults;
pub(crate) mod environment;
pub(crate) mod group;
pub(crate) mod langpacks;
pub(crate) mod metadata_file;
pub(crate) mod modulemd;
pub(crate) mod obsolete;
pub(crate) mod osv;
pub(crate) mod package;
mod roles;
pub(crate) mod tree;
pub(crate) mod uln;

use pith_core::plugin::{Owned, Verb};
use pith_core::resource::kinds::Names;
use pith_core::resource::{Action, ActionRun, Draft, Errors, Field, Kind, Resource, Target};
use serde_json::{Value as Json, json};

use roles::{ADMINISTRATION, VIEWING};

/// The name of repositories, remotes, publications and distributions.
pub(crate) const PULP_TYPE: &str = "rpm.rpm";

/// The types of remotes.
pub(crate) const REMOTE_TYPES: [&str; 2] = [PULP_TYPE, uln::PULP_TYPE];
/// What it takes to read from a remote, of either type.
const VIEW_REMOTE: [&str; 2] = ["rpm.view_rpmremote", "rpm.view_ulnremote"];
/// When files are downloaded.
const DOWNLOAD_POLICIES: &[&str] = &["immediate", "on_demand", "streamed"];

/// Repositories, remotes, alternate content sources, publications and distributions.
pub(crate) fn all() -> Vec<Resource> {
    vec![repository(), remote(), uln::remote(), alternate_content_source(), publication(), distribution()]
}

pub(crate) const NAMES: Names = Names {
    app: "rpm",
    model: "",
    noun: "",
    pulp_type: PULP_TYPE,
    path: "",
    operations: "",
    href_parameter: "",
    tag: "",
    description: "",
};

/// What the services of a repository make: detached signatures of metadata, signatures inside packages.
const METADATA_SIGNING: &str = "core:AsciiArmoredDetachedSigningService";
pub(crate) const PACKAGE_SIGNING: &str = "rpm:RpmPackageSigningService";

/// The checksums that metadata can be written with.
const CHECKSUM_TYPES: &[&str] = &["unknown", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
const WRITTEN_CHECKSUM_TYPES: &[&str] = &["sha256", "sha384", "sha512"];
const COMPRESSION_TYPES: &[&str] = &["zstd", "gz", "none"];
const LAYOUTS: &[&str] = &["nested_alphabetically", "flat", "nested_by_digest"];
/// What the address of a remote begins with.
const SCHEMES: [&str; 3] = ["http://", "https://", "file://"];
/// The keys of `repo_config` that have a meaning of their own, and their least and greatest value.
const FLAGS: [&str; 2] = ["gpgcheck", "repo_gpgcheck"];

fn repository() -> Resource {
    let policy = Owned::new("rpm", "rpmrepository")
        .labelled()
        .action("sync")
        .action_by("modify", "modify_content")
        .permission("repair")
        .permission("delete_{}_version")
        .with_parameter(&[Verb::Create, Verb::Update, Verb::Action("sync")], "remote", &VIEW_REMOTE)
        .shipped_role("rpm.admin", &ADMINISTRATION)
        .shipped_role("rpm.viewer", &VIEWING);
    let names = Names {
        model: "RpmRepository",
        noun: "RPM repository",
        path: "repositories/rpm/rpm/",
        operations: "repositories_rpm_rpm",
        href_parameter: "rpm_rpm_repository_href",
        tag: "Repositories: Rpm",
        description: "Repositories of RPM packages, advisories, modules and groups.",
        ..NAMES
    };
    let mut repository =
        Resource::repository(names, policy).reading_from(&REMOTE_TYPES).action(sync()).with_fields([Field::boolean(
            "autopublish",
            "Whether each new version is published by itself.",
            false,
        )
        .default(json!(false))
        .detail()]);
    let groups = [signing(), vec![retained()], publishing(), out_of_use(), vec![ecosystems(), last_sync()]];
    repository.fields.extend(groups.into_iter().flatten());
    repository.check = Some(|draft, errors| {
        check_publishing(draft, errors);
        osv::check(draft, errors);
    });
    repository
}

/// What is signed, and by what.
fn signing() -> Vec<Field> {
    let service = "/pulp/api/v3/signing-services/01a1fe65-f11d-7279-bc62-9ba6227b67be/";
    vec![
        Field::href(
            "metadata_signing_service",
            Target::Typed(Kind::SigningService, METADATA_SIGNING),
            "What signs the metadata of publications.",
            service,
        )
        .nullable()
        .detail(),
        Field::href(
            "package_signing_service",
            Target::Typed(Kind::SigningService, PACKAGE_SIGNING),
            "What signs packages that are uploaded.",
            service,
        )
        .nullable()
        .detail(),
        Field::text("package_signing_fingerprint", "The fingerprint of the key that signs packages.", "0C1A894E…")
            .nullable()
            .detail(),
    ]
}

fn retained() -> Field {
    let help = "How many versions of each package a new version keeps, the newest; 0 keeps all.";
    Field::integer("retain_package_versions", Some(0), help, 0).default(json!(0)).detail()
}

fn ecosystems() -> Field {
    let help = "The ecosystems and releases that known vulnerabilities are looked up in.";
    Field::any(osv::FIELD, "", help, json!([{"name": "Rocky Linux", "releases": ["9"]}])).nullable().detail()
}

fn last_sync() -> Field {
    let example = json!({"url": "http://localhost/rpm/", "most_recent_version": 1});
    let field = Field::any("last_sync_details", "", "What the last synchronization saw.", example);
    field.default(json!({})).detail().read_only()
}

/// How publications are made, unless they are told otherwise.
fn publishing() -> Vec<Field> {
    vec![
        Field::choice("checksum_type", CHECKSUM_TYPES, "The checksum of metadata files.", "sha256")
            .named("PackageChecksumTypeEnum")
            .nullable()
            .detail(),
        Field::choice("compression_type", COMPRESSION_TYPES, "How metadata files are compressed.", "gz")
            .named("CompressionTypeEnum")
            .nullable()
            .detail(),
        Field::choice("layout", LAYOUTS, "Where packages lie below the root.", "nested_alphabetically")
            .named("LayoutEnum")
            .nullable()
            .detail(),
        Field::any("repo_config", "", "Settings for `config.repo`, by their names.", json!({"gpgcheck": 1}))
            .default(json!({}))
            .detail(),
    ]
}

/// Fields that clients of older servers look for.
fn out_of_use() -> Vec<Field> {
    let checksum = |name| {
        Field::choice(name, CHECKSUM_TYPES, "Out of use: see `checksum_type`.", "sha256")
            .named("PackageChecksumTypeEnum")
            .nullable()
            .shown(&[], |_, _, _| Json::Null)
    };
    vec![
        checksum("metadata_checksum_type"),
        checksum("package_checksum_type"),
        Field::boolean("sqlite_metadata", "Out of use: no databases are published.", false)
            .shown(&[], |_, _, _| json!(false)),
    ]
}

fn check_publishing(draft: &Draft, errors: &mut Errors) {
    let checksum = draft.get("checksum_type").and_then(Json::as_str);
    if let Some(name) = checksum.filter(|name| !WRITTEN_CHECKSUM_TYPES.contains(name)) {
        errors
            .add("checksum_type", format!("Checksum must be one of the allowed checksum types, which {name} is not."));
    }
    let Some(config) = draft.get("repo_config") else { return };
    let Some(config) = config.as_object() else {
        if !config.is_null() {
            errors.add("repo_config", "A valid JSON object is required.");
        }
        return;
    };
    for flag in FLAGS {
        if config.get(flag).is_some_and(|value| !matches!(value.as_i64(), Some(0 | 1))) {
            errors.add("repo_config", format!("Value of '{flag}' must be 0 or 1."));
        }
    }
}

fn sync() -> Action {
    let remote = "/pulp/api/v3/remotes/rpm/rpm/01a1fe65-f11d-7279-bc62-9ba6227b67be/";
    let skipped = "Kinds of content that are left out.";
    Action {
        name: "sync",
        run: ActionRun::Sync,
        fields: vec![
            Field::href(
                "remote",
                Target::OneOf(Kind::Remote, &REMOTE_TYPES),
                "The remote to read from; the repository's own unless given.",
                remote,
            )
            .input(),
            Field::boolean("mirror", "Out of use: see `sync_policy`.", false).nullable().input(),
            Field::choice(
                "sync_policy",
                &["additive", "mirror_complete", "mirror_content_only"],
                "Whether units that upstream has not stay, leave, or leave and its metadata is served as it is.",
                "additive",
            )
            .named("SyncPolicyEnum")
            .nullable()
            .input(),
            Field::choices("skip_types", &["srpm", "treeinfo"], skipped, json!(["srpm"]))
                .named("SkipTypesEnum")
                .default(json!([]))
                .input(),
            Field::boolean("optimize", "Whether nothing is done when nothing changed upstream.", true)
                .default(json!(true))
                .input(),
        ],
        schema: "RpmRepositorySyncURL",
        description: "Make a new version of what a remote has.",
    }
}

fn remote() -> Resource {
    let names = Names {
        model: "RpmRemote",
        noun: "RPM remote",
        path: "remotes/rpm/rpm/",
        operations: "remotes_rpm_rpm",
        href_parameter: "rpm_rpm_remote_href",
        tag: "Remotes: Rpm",
        description: "Upstreams of RPM packages: the address of a repository or of a list of its mirrors, and how to \
                      read from there.",
        ..NAMES
    };
    let token = "An authentication token that SUSE's servers want in the query of each address.";
    let mut remote = Resource::remote(names, DOWNLOAD_POLICIES, Owned::new("rpm", "rpmremote").labelled())
        .with_fields([Field::text("sles_auth_token", token, "token").nullable().detail()]);
    remote.check = Some(|draft, errors| {
        let url = draft.get("url").and_then(Json::as_str);
        if let Some(url) = url.filter(|url| !SCHEMES.iter().any(|scheme| url.starts_with(scheme))) {
            errors.add("url", format!("The url '{url}' is not valid. It must start with: {}", SCHEMES.join(", ")));
        }
    });
    remote
}

fn alternate_content_source() -> Resource {
    let names = Names {
        model: "RpmAlternateContentSource",
        noun: "RPM alternate content source",
        path: "acs/rpm/rpm/",
        operations: "acs_rpm_rpm",
        href_parameter: "rpm_rpm_alternate_content_source_href",
        tag: "Acs: Rpm",
        description: "Servers whose files are taken in place of those of the upstream that they are known by.",
        ..NAMES
    };
    let policy = Owned::new("rpm", "rpmalternatecontentsource").with_parameter(
        &[Verb::Create, Verb::Update],
        "remote",
        &["rpm.view_rpmremote"],
    );
    Resource::alternate_content_source(names, policy)
}

fn publication() -> Resource {
    let names = Names {
        model: "RpmPublication",
        noun: "RPM publication",
        path: "publications/rpm/rpm/",
        operations: "publications_rpm_rpm",
        href_parameter: "rpm_rpm_publication_href",
        tag: "Publications: Rpm",
        description: "Versions made ready to be served, with their metadata.",
        ..NAMES
    };
    let policy = Owned::new("rpm", "rpmpublication").unchanged().with_parameter(
        &[Verb::Create],
        "repository",
        &["rpm.view_rpmrepository"],
    );
    let mut publication = Resource::publication(names, policy);
    publication.fields.extend(publishing());
    if let Some(field) = publication.fields.iter_mut().find(|field| field.name == "repo_config") {
        // What a publication is not told, its repository says.
        field.default = None;
    }
    publication.fields.extend(out_of_use());
    publication.check = Some(check_publishing);
    publication
}

fn distribution() -> Resource {
    let names = Names {
        model: "RpmDistribution",
        noun: "RPM distribution",
        path: "distributions/rpm/rpm/",
        operations: "distributions_rpm_rpm",
        href_parameter: "rpm_rpm_distribution_href",
        tag: "Distributions: Rpm",
        description: "Under which path which repository is served.",
        ..NAMES
    };
    let verbs = [Verb::Create, Verb::Update];
    let policy = Owned::new("rpm", "rpmdistribution")
        .labelled()
        .with_parameter(&verbs, "repository", &["rpm.view_rpmrepository"])
        .with_parameter(&verbs, "publication", &["rpm.view_rpmpublication"])
        .with_parameter(&verbs, "remote", &VIEW_REMOTE);
    let distribution = Resource::distribution(names, policy);
    distribution.pulling_through(&REMOTE_TYPES).with_fields([Field::boolean(
        "generate_repo_config",
        "Whether a `config.repo` for dnf is served beside the packages.",
        false,
    )
    .default(json!(false))
    .detail()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_belong_together() {
        for resource in all().into_iter().chain([package::packages()]) {
            let path = resource.path.replace("{}/", "");
            assert_eq!(resource.operations, path.trim_end_matches('/').replace('/', "_"));
            assert!(resource.href_parameter.starts_with("rpm_"), "{}", resource.href_parameter);
        }
    }
}
