//! Remotes of repositories of Git.

use pith_core::plugin::Owned;
use pith_core::resource::kinds::Names;
use pith_core::resource::{Field, Resource};
use serde_json::{Value as Json, json};

/// The name of such remotes.
pub(crate) const PULP_TYPE: &str = "file.git";
/// The field that says what is read.
const GIT_REF: &str = "git_ref";
/// The newest commit of the branch that the server shows first.
const DEFAULT: &str = "HEAD";

pub(crate) fn remote() -> Resource {
    let names = Names {
        app: "file",
        model: "FileGitRemote",
        noun: "file git remote",
        pulp_type: PULP_TYPE,
        path: "remotes/file/git/",
        operations: "remotes_file_git",
        href_parameter: "file_file_git_remote_href",
        tag: "Remotes: Git",
        description: "Repositories of Git, and of which branch, tag or commit the files are.",
    };
    let git_ref = Field::text(GIT_REF, "The branch, tag or commit whose files are read.", "main");
    let mut remote = Resource::remote(names, &[], Owned::new("file", "filegitremote").labelled())
        .with_fields([git_ref.default(json!(DEFAULT)).detail()]);
    if let Some(url) = remote.fields.iter_mut().find(|field| field.name == "url") {
        url.description = "The address of the repository, as `git clone` takes it: http://, https:// or file://.";
        url.example = json!("http://localhost/team/project.git");
    }
    remote
}

/// What a remote with these details reads.
pub(super) fn git_ref(details: &Json) -> &str {
    details.get(GIT_REF).and_then(Json::as_str).unwrap_or(DEFAULT)
}
