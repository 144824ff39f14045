//! Notes: short texts with a title. The smallest format, made for `docs/adding-a-format.md`.

use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::id::RelativePath;
use pith_core::plugin::{
    ContentType, DetailTable, Inspected, Inspection, Migrations, Owned, Plugin, PublicationWriter, Unit, UnitFile,
    VersionReader,
};
use pith_core::resource::kinds::{Names, digest_fields};
use pith_core::resource::{Field, Filter, Resource};
use serde_json::{Map, Value as Json};

/// The type of repositories, publications, distributions and units: the component and the type, with a dot.
const PULP_TYPE: &str = "note.note";
/// No note is larger, in bytes.
const LARGEST: u64 = 64 << 10;

/// The one kind of unit: a text under a title.
#[derive(Clone, Copy, Debug)]
pub struct Note;

#[async_trait]
impl ContentType for Note {
    fn pulp_type(&self) -> &'static str {
        PULP_TYPE
    }

    fn table(&self) -> DetailTable {
        DetailTable { name: "note_note", columns: &["title", "digest"], natural_key: &[0, 1] }
    }

    fn resource(&self) -> Resource {
        content()
    }

    fn check(&self, given: &Map<String, Json>) -> Result<()> {
        path_of(title(given)?).map(drop)
    }

    async fn inspect(&self, file: &Inspection, given: &Map<String, Json>) -> Result<Inspected> {
        if file.size > LARGEST {
            return Err(Error::field("file", format!("a note has at most {LARGEST} bytes")));
        }
        let (title, sha256) = (title(given)?, &file.digests.sha256);
        let unit = Unit {
            columns: vec![title.into(), sha256.into()],
            repo_key: Some(title.to_owned()),
            files: vec![UnitFile { relative_path: path_of(title)?, sha256: Some(sha256.clone()) }],
        };
        Ok(unit.into())
    }
}

fn title(given: &Map<String, Json>) -> Result<&str> {
    let title = given.get("title").and_then(Json::as_str);
    title.ok_or_else(|| Error::field("title", "This field is required."))
}

fn path_of(title: &str) -> Result<RelativePath> {
    format!("{title}.txt").parse().map_err(|problem| Error::field("title", format!("cannot name a file: {problem}")))
}

fn repository() -> Resource {
    let names = Names {
        app: "note",
        model: "NoteRepository",
        noun: "note repository",
        pulp_type: PULP_TYPE,
        path: "repositories/note/note/",
        operations: "repositories_note_note",
        href_parameter: "note_note_repository_href",
        tag: "Repositories: Note",
        description: "Repositories of notes.",
    };
    Resource::repository(names, Owned::new("note", "noterepository").labelled().action("modify"))
}

fn publication() -> Resource {
    let names = Names {
        app: "note",
        model: "NotePublication",
        noun: "note publication",
        pulp_type: PULP_TYPE,
        path: "publications/note/note/",
        operations: "publications_note_note",
        href_parameter: "note_note_publication_href",
        tag: "Publications: Note",
        description: "Notes with an index.",
    };
    Resource::publication(names, Owned::new("note", "notepublication"))
}

fn distribution() -> Resource {
    let names = Names {
        app: "note",
        model: "NoteDistribution",
        noun: "note distribution",
        pulp_type: PULP_TYPE,
        path: "distributions/note/note/",
        operations: "distributions_note_note",
        href_parameter: "note_note_distribution_href",
        tag: "Distributions: Note",
        description: "Under which path which notes are served.",
    };
    Resource::distribution(names, Owned::new("note", "notedistribution").labelled())
}

fn content() -> Resource {
    let names = Names {
        app: "note",
        model: "Note",
        noun: "note",
        pulp_type: PULP_TYPE,
        path: "content/note/notes/",
        operations: "content_note_notes",
        href_parameter: "note_note_href",
        tag: "Content: Notes",
        description: "Short texts, each with a title.",
    };
    let mut content = Resource::file_content(names, "note_note", "noterepository");
    content.fields.push(Field::text("title", "What the note is called.", "shopping").required().column("u.title"));
    content.fields.extend(digest_fields());
    content.filters.extend(Filter::name("title", "u.title"));
    content.ordering.push(("title", "u.title"));
    content
}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct NotePlugin;

#[async_trait]
impl Plugin for NotePlugin {
    fn name(&self) -> &'static str {
        "note"
    }

    fn version(&self) -> &'static str {
        "1.0.0"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("pith-tiny", "pith_tiny")
    }

    fn migrations(&self) -> Migrations {
        Migrations { component: "note", steps: &[("0001_initial", include_str!("../0001_initial.sql"))] }
    }

    fn resources(&self) -> Vec<Resource> {
        vec![repository(), publication(), distribution()]
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![Arc::new(Note)]
    }

    async fn publish(&self, version: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
        publication.pass_through();
        let mut index = publication.stage()?;
        while let Some(page) = version.next_page().await? {
            let lines: String = page.iter().map(|file| format!("{}\n", file.relative_path)).collect();
            index.write(lines.into()).await?;
        }
        let index = index.finish().await?;
        publication.add_staged("index".parse().map_err(Error::internal)?, index)
    }
}
