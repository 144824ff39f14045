//! What the rules of a format see of a draft, and what they may do to it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::ops::content;
use crate::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit};
use crate::resource::Resource;

/// Notes by their titles, of which a version keeps one each.
struct Notes;

/// What the rules saw of each draft: the crowded titles, and whether the settings changed.
static SEEN: Mutex<Vec<(Vec<String>, bool)>> = Mutex::new(vec![]);

#[async_trait]
impl ContentType for Notes {
    fn pulp_type(&self) -> &'static str {
        "file.file"
    }

    fn table(&self) -> DetailTable {
        DetailTable { name: "notes", columns: &["title", "text"], natural_key: &[0, 1] }
    }

    fn resource(&self) -> Resource {
        panic!("rules show nothing")
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        panic!("rules inspect nothing")
    }
}

impl Plugin for Notes {
    fn name(&self) -> &'static str {
        "file"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("notes", "notes")
    }

    fn migrations(&self) -> crate::db::Migrations {
        crate::db::Migrations {
            component: "notes",
            steps: &[(
                "0001",
                "CREATE TABLE notes (content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
                     domain_id uuid NOT NULL, title text NOT NULL, text text NOT NULL, UNIQUE (domain_id, title, text));
                 CREATE INDEX notes_title ON notes (title);",
            )],
        }
    }

    fn resources(&self) -> Vec<Resource> {
        vec![]
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![Arc::new(Notes)]
    }

    /// Joins the texts of one title into a unit of its own.
    fn finish_version(&self, draft: &mut DraftUnits<'_>) -> Result<()> {
        let added = draft.added("file.file", &["title"], &[])?;
        let titles = added.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?;
        let crowded = draft.crowded("file.file", &["title"], &[("title", titles)], 1)?;
        assert_eq!(crowded, draft.crowded("file.file", &["title"], &[], 1)?);
        let crowded: Vec<String> = crowded.into_iter().flatten().collect();
        SEEN.lock().unwrap().push((crowded.clone(), draft.settings_changed()?));
        for title in crowded {
            let rows = draft.present("file.file", &["text"], &[("title", vec![title.clone()])])?;
            let mut texts = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?;
            texts.sort_unstable();
            draft.remove(&rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
            draft.add("file.file", &note(&title, &texts.join("+")))?;
        }
        Ok(())
    }
}

fn note(title: &str, text: &str) -> Unit {
    Unit { columns: vec![title.into(), text.into()], repo_key: None, files: vec![] }
}

const NOTES: RepositoryKind = RepositoryKind { plugin: &Notes, content_types: &["file.file"], publishes: true };

#[test]
fn rules_count_what_is_crowded_and_put_units_in() {
    let fixture = Fixture::new();
    fixture.db.migrate(&[Notes.migrations()]).unwrap();
    let repository = fixture.repository_with_version();
    let domain = fixture.domain;
    let add = move |notes: &[(&str, &str)]| {
        let units: Vec<Unit> = notes.iter().map(|(title, text)| note(title, text)).collect();
        move |conn: &mut Conn| {
            let ids = content::get_or_create(conn, domain, &Notes, &units)?;
            modify(conn, &NOTES, &change(repository, &[], &ids))
        }
    };
    fixture.write(add(&[("a", "1"), ("b", "1")]));
    fixture.write(add(&[("a", "2"), ("c", "1")]));
    let texts = fixture.read(|conn| {
        let rows = conn.query(
            "SELECT n.title, n.text FROM notes n JOIN repository_content r ON r.content_id = n.content_id
             WHERE r.repository_id = $1 AND r.version_removed IS NULL ORDER BY n.title",
            params![repository],
        )?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<Vec<(String, String)>>>()
    });
    assert_eq!(texts, [("a", "1+2"), ("b", "1"), ("c", "1")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    // Another detail of the repository, and the rules know that theirs may be another.
    fixture.write(move |conn| crate::db::sync::set_detail(conn, repository, "kept", json!(1)));
    fixture.write(add(&[("d", "1")]));
    let a = vec!["a".to_owned()];
    assert_eq!(*SEEN.lock().unwrap(), [(vec![], false), (a, false), (vec![], true)]);
}
