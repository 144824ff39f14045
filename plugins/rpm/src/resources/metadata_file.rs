//! Files of metadata as a collection.

use pith_core::resource::kinds::{Names, digest_fields};
use pith_core::resource::{Field, Resource};

use super::NAMES;
use crate::content::metadata_file::REPO_METADATA_FILE;

pub(crate) fn repo_metadata_files() -> Resource {
    let names = Names {
        model: "RepoMetadataFile",
        noun: "metadata file",
        pulp_type: REPO_METADATA_FILE,
        path: "content/rpm/repo_metadata_files/",
        operations: "content_rpm_repo_metadata_files",
        href_parameter: "rpm_repo_metadata_file_href",
        tag: "Content: Repo_Metadata_Files",
        description: "Metadata of repositories that is carried along as it is.",
        ..NAMES
    };
    let mut files = Resource::file_content(names, "rpm_repo_metadata_file", "rpmrepository");
    let artifact = files.field("artifact").cloned().map(Field::read_only);
    files = files.not_created();
    files.fields.extend(artifact);
    let text =
        |(name, column, description, example)| Field::text(name, description, example).column(column).read_only();
    files.fields.extend(
        [
            ("data_type", "u.data_type", "The type, as `repomd.xml` names it.", "productid"),
            ("checksum_type", "u.checksum_type", "The type of the checksum.", "sha256"),
            ("checksum", "u.checksum", "The checksum.", "0dc7ddc5…"),
            ("relative_path", "u.relative_path", "The path below the repository.", "repodata/0dc7ddc5-productid.gz"),
        ]
        .map(text),
    );
    files.fields.extend(digest_fields());
    files.ordering = vec![("pk", "t.id")];
    files
}
