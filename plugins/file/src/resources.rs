//! The REST collections of the format, as values. What all formats share comes with the constructors of
//! [`Resource`]; here stand names, own fields and own filters.

use pith_core::plugin::{Owned, Verb};
use pith_core::resource::kinds::{Names, digest_fields};
use pith_core::resource::{Action, ActionRun, Field, Filter, Kind, Lookup, Resource, Target};
use serde_json::json;

use crate::publish::DEFAULT_MANIFEST;
use crate::{PULP_TYPE, git};

/// What repositories are synchronized with.
const REMOTES: &[&str] = &[PULP_TYPE, git::PULP_TYPE];

/// Repositories, remotes, alternate content sources, publications and distributions.
pub(crate) fn all() -> Vec<Resource> {
    vec![repository(), remote(), git::remote(), alternate_content_source(), publication(), distribution()]
}

fn repository() -> Resource {
    let policy = Owned::new("file", "filerepository")
        .labelled()
        .action("sync")
        .action("modify")
        .permission("repair")
        .with_parameter(&[Verb::Create, Verb::Update], "remote", &["file.view_fileremote"])
        .with_parameter(&[Verb::Action("sync")], "remote", &["file.view_fileremote", "file.view_filegitremote"]);
    let names = Names {
        app: "file",
        model: "FileRepository",
        noun: "file repository",
        pulp_type: PULP_TYPE,
        path: "repositories/file/file/",
        operations: "repositories_file_file",
        href_parameter: "file_file_repository_href",
        tag: "Repositories: File",
        description: "Repositories of files.",
    };
    let last_sync = json!({"url": "http://localhost/file/PULP_MANIFEST", "most_recent_version": 1});
    Resource::repository(names, policy).reading_from(REMOTES).action(sync()).with_fields([
        Field::boolean("autopublish", "Whether each new version is published by itself.", true)
            .default(json!(false))
            .detail(),
        manifest("The name of the manifest in publications made by themselves; nothing for none."),
        Field::any("last_sync_details", "", "What the last synchronization saw.", last_sync)
            .default(json!({}))
            .detail()
            .read_only(),
    ])
}

fn sync() -> Action {
    let remote = "/pulp/api/v3/remotes/file/file/01a1fe65-f11d-7279-bc62-9ba6227b67be/";
    Action {
        name: "sync",
        run: ActionRun::Sync,
        fields: vec![
            Field::href(
                "remote",
                Target::OneOf(Kind::Remote, REMOTES),
                "The remote to read from; the repository's own unless given.",
                remote,
            )
            .input(),
            Field::boolean("mirror", "Whether units that upstream has not are removed.", false)
                .default(json!(false))
                .input(),
            Field::boolean("optimize", "Whether nothing is done when nothing changed upstream.", true)
                .default(json!(true))
                .input(),
        ],
        schema: "FileRepositorySyncURL",
        description: "Make a new version of what a remote has.",
    }
}

fn manifest(description: &'static str) -> Field {
    Field::text("manifest", description, DEFAULT_MANIFEST).nullable().default(json!(DEFAULT_MANIFEST)).detail()
}

fn remote() -> Resource {
    let names = Names {
        app: "file",
        model: "FileRemote",
        noun: "file remote",
        pulp_type: PULP_TYPE,
        path: "remotes/file/file/",
        operations: "remotes_file_file",
        href_parameter: "file_file_remote_href",
        tag: "Remotes: File",
        description: "Upstreams of files: the address of a manifest and how to read from there.",
    };
    Resource::remote(names, &["immediate", "on_demand", "streamed"], Owned::new("file", "fileremote").labelled())
}

fn alternate_content_source() -> Resource {
    let names = Names {
        app: "file",
        model: "FileAlternateContentSource",
        noun: "file alternate content source",
        pulp_type: PULP_TYPE,
        path: "acs/file/file/",
        operations: "acs_file_file",
        href_parameter: "file_file_alternate_content_source_href",
        tag: "Acs: File",
        description: "Servers whose files are taken in place of those of the upstream that they are known by.",
    };
    let policy = Owned::new("file", "filealternatecontentsource").with_parameter(
        &[Verb::Create, Verb::Update],
        "remote",
        &["file.view_fileremote"],
    );
    Resource::alternate_content_source(names, policy)
}

fn publication() -> Resource {
    let names = Names {
        app: "file",
        model: "FilePublication",
        noun: "file publication",
        pulp_type: PULP_TYPE,
        path: "publications/file/file/",
        operations: "publications_file_file",
        href_parameter: "file_file_publication_href",
        tag: "Publications: File",
        description: "Versions made ready to be served, with a manifest.",
    };
    let policy = Owned::new("file", "filepublication").unchanged().with_parameter(
        &[Verb::Create],
        "repository",
        &["file.view_filerepository"],
    );
    Resource::publication(names, policy).with_fields([manifest("The name of the manifest; nothing for none.")])
}

fn distribution() -> Resource {
    let names = Names {
        app: "file",
        model: "FileDistribution",
        noun: "file distribution",
        pulp_type: PULP_TYPE,
        path: "distributions/file/file/",
        operations: "distributions_file_file",
        href_parameter: "file_file_distribution_href",
        tag: "Distributions: File",
        description: "Under which path which files are served.",
    };
    let verbs = [Verb::Create, Verb::Update];
    let policy = Owned::new("file", "filedistribution")
        .labelled()
        .with_parameter(&verbs, "repository", &["file.view_filerepository"])
        .with_parameter(&verbs, "publication", &["file.view_filepublication"]);
    Resource::distribution(names, policy)
}

/// Units of content.
pub(crate) fn content() -> Resource {
    let names = Names {
        app: "file",
        model: "FileContent",
        noun: "file content",
        pulp_type: PULP_TYPE,
        path: "content/file/files/",
        operations: "content_file_files",
        href_parameter: "file_file_content_href",
        tag: "Content: Files",
        description: "Files, each at a path.",
    };
    let path =
        Field::text("relative_path", "The path of the file.", "images/1.iso").required().column("u.relative_path");
    let mut content = Resource::file_content(names, "file_content", "filerepository")
        .uploaded_by("file.upload_files", "file.file_uploader");
    content.fields.push(path);
    content.fields.extend(digest_fields());
    content.filters.extend(Filter::name("relative_path", "u.relative_path"));
    content.filters.extend(Filter::text("digest", "u.digest", &[Lookup::Exact]));
    content.filters.extend(Filter::text("sha256", "u.digest", &[Lookup::Exact]));
    content.ordering.extend([("relative_path", "u.relative_path"), ("digest", "u.digest")]);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_belong_together() {
        for resource in all().into_iter().chain([content()]) {
            assert_eq!(resource.operations, resource.path.trim_end_matches('/').replace('/', "_"));
            assert!(resource.href_parameter.starts_with("file_file_"), "{}", resource.href_parameter);
            assert!(resource.pulp_type == Some(PULP_TYPE) || resource.pulp_type == Some(git::PULP_TYPE));
        }
    }
}
