//! The rules one by one, and all of them against a simple model.

mod model;
mod rules;
mod speed;

use chrono::TimeDelta;

use super::*;
use crate::id::now;
use crate::ops::fixture::Fixture;
use crate::ops::modify::{Modification, Remove, modify};
use crate::params;

pub(crate) const FILES: RepositoryKind =
    RepositoryKind { plugin: &Plain, content_types: &["file.file"], publishes: true };

/// A format without rules of its own.
pub(crate) struct Plain;

impl Plugin for Plain {
    fn name(&self) -> &'static str {
        "file"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("plain", "plain")
    }

    fn migrations(&self) -> crate::db::Migrations {
        crate::db::Migrations { component: "plain", steps: &[] }
    }

    fn resources(&self) -> Vec<crate::resource::Resource> {
        vec![]
    }

    fn content_types(&self) -> Vec<std::sync::Arc<dyn crate::plugin::ContentType>> {
        vec![]
    }
}

impl Fixture {
    fn repository_with_version(&self) -> Id {
        let repository = self.repository();
        self.write(move |conn| create_empty(conn, repository));
        repository
    }

    pub(super) fn modified(&self, change: Modification) -> Result<Option<NewVersion>> {
        self.db.write_blocking(move |conn| Ok(modify(conn, &FILES, &change)?.version))
    }

    fn added(&self, repository: Id, units: &[Id]) -> Option<NewVersion> {
        self.modified(change(repository, &[], units)).unwrap()
    }

    fn removed(&self, repository: Id, units: &[Id]) -> Option<NewVersion> {
        self.modified(change(repository, units, &[])).unwrap()
    }

    pub(super) fn members(&self, repository: Id, number: i64) -> Vec<Id> {
        self.read(|conn| {
            let rows = conn.query(
                "SELECT content_id FROM repository_content WHERE repository_id = $1 AND version_added <= $2
                     AND (version_removed IS NULL OR version_removed > $2) ORDER BY content_id",
                params![repository, number],
            )?;
            rows.iter().map(|row| row.get(0)).collect()
        })
    }

    pub(super) fn numbers(&self, repository: Id) -> Vec<i64> {
        let newest_first = self.read(|conn| rows::newest_first(conn, repository));
        newest_first.iter().rev().map(|version| version.number).collect()
    }

    fn set(&self, repository: Id, column: &'static str, value: i64) {
        self.write(move |conn| {
            conn.execute(&format!("UPDATE repository SET {column} = $2 WHERE id = $1"), params![repository, value])
        });
    }
}

pub(crate) fn change(repository: Id, remove: &[Id], add: &[Id]) -> Modification {
    let (remove, add) = (Remove::Units(remove.to_vec()), add.to_vec());
    Modification { repository, base_version: None, remove, add, overwrite: Overwrite::Allowed }
}

fn text(result: Result<Option<NewVersion>>) -> String {
    result.unwrap_err().public_text()
}

#[test]
fn a_new_repository_has_the_empty_version_0() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    assert_eq!(fixture.numbers(repository), [0]);
    assert_eq!(fixture.added(repository, &[fixture.content("a")]).unwrap().number, 1);
}

#[test]
fn a_change_without_effect_makes_no_version() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let (a, b) = (fixture.content("a"), fixture.content("b"));
    fixture.added(repository, &[a]);
    assert_eq!(fixture.added(repository, &[a]), None);
    assert_eq!(fixture.removed(repository, &[b]), None);
    assert_eq!(fixture.modified(change(repository, &[a], &[a])).unwrap(), None);
    let all = Modification { remove: Remove::All, ..change(repository, &[], &[a]) };
    assert_eq!(fixture.modified(all).unwrap(), None);
    assert_eq!(fixture.count("repository_content"), 1);
    assert_eq!(fixture.added(repository, &[b]).unwrap().number, 2);
}

#[test]
fn a_newer_unit_pushes_out_the_one_with_its_key() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let (old, new) = (fixture.content("a"), fixture.content("a"));
    fixture.added(repository, &[old]);
    let version = fixture.added(repository, &[new]).unwrap();
    assert_eq!(fixture.members(repository, version.number), [new]);
    let counts = fixture.read(|conn| rows::counts(conn, version.id))["file.file"];
    assert_eq!((counts.added, counts.removed, counts.present), (1, 1, 1));
}

#[test]
fn a_whole_version_of_another_repository_joins_what_is_there() {
    let fixture = Fixture::new();
    let (source, target) = (fixture.repository_with_version(), fixture.repository_with_version());
    let [a, b, c, newer_a] = ["a", "b", "c", "a"].map(|key| fixture.content(key));
    let version = fixture.added(source, &[a, b]).unwrap().id;
    fixture.removed(source, &[b]);
    fixture.added(target, &[newer_a, b, c]);
    let joined = fixture.db.write_blocking(move |conn| {
        let draft = begin(conn, target)?;
        draft.remove(conn, &[b])?;
        draft.add_version(conn, version)?;
        draft.finish(conn, &FILES, Overwrite::Allowed)
    });
    let number = joined.unwrap().version.unwrap().number;
    let mut expected = vec![a, b, c];
    expected.sort_unstable();
    assert_eq!(fixture.members(target, number), expected);
    let again = fixture.db.write_blocking(move |conn| {
        let draft = begin(conn, target)?;
        draft.remove_types(conn, &["file.other"])?;
        draft.add_version(conn, version)?;
        draft.finish(conn, &FILES, Overwrite::Allowed)
    });
    assert_eq!(again.unwrap().version, None);
    let emptied = fixture.db.write_blocking(move |conn| {
        let draft = begin(conn, target)?;
        draft.remove_types(conn, &["file.file"])?;
        draft.finish(conn, &FILES, Overwrite::Allowed)
    });
    assert!(fixture.members(target, emptied.unwrap().version.unwrap().number).is_empty());
}

#[test]
fn two_new_units_of_one_key_are_refused() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let units = [fixture.content("a"), fixture.content("a")];
    assert!(text(fixture.modified(change(repository, &[], &units))).contains("PLP0022"));
    assert_eq!(fixture.count("repository_content"), 0);
}

#[test]
fn overwriting_is_refused_when_told_so() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let (old, new) = (fixture.content("a"), fixture.content("a"));
    fixture.added(repository, &[old]);
    let refusing = |remove: &[Id], add: &[Id]| {
        fixture.modified(Modification { overwrite: Overwrite::Refused, ..change(repository, remove, add) })
    };
    let message = text(refusing(&[], &[new]));
    assert!(message.contains("PLP0023") && message.contains(&format!("{new}->{old}")), "{message}");
    assert_eq!(fixture.members(repository, 2), [old]);
    assert_eq!(refusing(&[], &[old]).unwrap(), None);
    assert!(refusing(&[old], &[new]).unwrap().is_some());
}

#[test]
fn what_a_base_brings_is_older_than_what_is_added() {
    let fixture = Fixture::new();
    let (source, target) = (fixture.repository_with_version(), fixture.repository_with_version());
    let (old, new, other) = (fixture.content("a"), fixture.content("a"), fixture.content("b"));
    let base = fixture.added(source, &[old, other]).unwrap().id;
    // In the newest version of the target, not in the base: new against the base nevertheless.
    fixture.added(target, &[new]);
    let based = Modification { base_version: Some(base), ..change(target, &[], &[new]) };
    let version = fixture.modified(based).unwrap().unwrap();
    let mut expected = [new, other];
    expected.sort();
    assert_eq!(fixture.members(target, version.number), expected);
}

#[test]
fn paths_that_overlap_are_refused() {
    let fixture = Fixture::new();
    let cases = [("a", "a/b"), ("a/b", "a"), ("x/y/z/w", "x/y"), ("x/y", "x/y/z/w")];
    for (present, new) in cases {
        let repository = fixture.repository_with_version();
        fixture.added(repository, &[fixture.content(present)]);
        let message = text(fixture.modified(change(repository, &[], &[fixture.content(new)])));
        assert!(message.contains("overlaps"), "{present} {new}: {message}");
        let both = [fixture.content(present), fixture.content(new)];
        let repository = fixture.repository_with_version();
        assert!(fixture.modified(change(repository, &[], &both)).is_err());
    }
}

#[test]
fn paths_that_only_resemble_each_other_are_fine() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let units = fixture.units("file.file", &["a", "a.b", "ab/c", "a-/b", "A/b", "ä/ö", "ä.b", "x/y", "x/yz", "%/_"]);
    assert!(fixture.added(repository, &units[..5]).is_some());
    assert!(fixture.added(repository, &units[5..]).is_some());
}

#[test]
fn a_path_freed_in_the_same_change_may_be_taken() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let (file, below) = (fixture.content("a"), fixture.content("a/b"));
    fixture.added(repository, &[file]);
    assert!(fixture.modified(change(repository, &[file], &[below])).unwrap().is_some());
}

#[test]
fn content_of_a_foreign_type_is_refused() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let units = fixture.units("rpm.package", &["a"]);
    assert!(text(fixture.modified(change(repository, &[], &units))).contains("`rpm.package`"));
}

#[test]
fn a_unit_that_does_not_exist_is_refused() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    assert!(fixture.modified(change(repository, &[], &[Id::new()])).is_err());
}

#[test]
fn a_draft_is_invisible_and_the_next_one_clears_it() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let (a, b, c) = (fixture.content("a"), fixture.content("b"), fixture.content("c"));
    fixture.added(repository, &[a, b]);
    fixture.write(move |conn| {
        let draft = begin(conn, repository)?;
        draft.remove(conn, &[a])?;
        draft.add(conn, &[c])
    });
    let mut expected = [a, b];
    expected.sort();
    assert_eq!(fixture.members(repository, 1), expected);
    let version = fixture.removed(repository, &[b]).unwrap();
    assert_eq!(fixture.members(repository, version.number), [a]);
}

#[test]
fn a_draft_may_be_filled_in_several_transactions() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let (a, b) = (fixture.content("a"), fixture.content("b"));
    let draft = fixture.write(move |conn| {
        let draft = begin(conn, repository)?;
        draft.add(conn, &[a])?;
        Ok(draft)
    });
    let draft = fixture.write(move |conn| draft.add(conn, &[b]).map(|()| draft));
    let version = fixture.write(move |conn| draft.finish(conn, &FILES, Overwrite::Allowed)).version.unwrap();
    assert_eq!(fixture.members(repository, version.number).len(), 2);
}

#[test]
fn the_last_version_cannot_be_deleted() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let only = fixture.read(|conn| rows::newest_first(conn, repository))[0].id;
    let error = fixture.db.write_blocking(move |conn| delete(conn, only)).unwrap_err();
    assert!(error.public_text().starts_with("[PLP0011] Cannot delete repository version."));
}

#[test]
fn numbers_are_not_used_again() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let (a, b) = (fixture.content("a"), fixture.content("b"));
    fixture.added(repository, &[a]);
    let newest = fixture.added(repository, &[b]).unwrap();
    fixture.write(move |conn| delete(conn, newest.id));
    assert_eq!(fixture.numbers(repository), [0, 1]);
    assert_eq!(fixture.members(repository, 1), [a]);
    assert_eq!(fixture.added(repository, &[b]).unwrap().number, 3);
}

#[test]
fn what_left_counts_from_then_on_as_unused() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let (a, b) = (fixture.content("a"), fixture.content("b"));
    let long_ago = now() - TimeDelta::days(10);
    [a, b].iter().for_each(|&id| fixture.set_interest("content", id, long_ago));
    fixture.added(repository, &[a, b]);
    fixture.removed(repository, &[a]);
    let recent = fixture.read(|conn| {
        let rows = conn.query("SELECT id FROM content WHERE timestamp_of_interest > $1", params![long_ago])?;
        rows.iter().map(|row| row.get::<Id>(0)).collect::<Result<Vec<_>>>()
    });
    assert_eq!(recent, [a]);
}

#[test]
fn retention_keeps_the_newest_and_what_is_served() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let mut versions = Vec::new();
    for n in 0..6 {
        versions.push(fixture.added(repository, &[fixture.content(&n.to_string())]).unwrap().id);
    }
    let by_publication = fixture.publication(versions[1], false);
    fixture.distribution("publication_id", by_publication, false);
    fixture.distribution("repository_version_id", versions[2], false);
    fixture.publication(versions[3], true);
    fixture.publication(versions[0], false);
    fixture.set(repository, "retain_repo_versions", 1);
    let retained = |fixture: &Fixture| {
        fixture.write(move |conn| retain(conn, repository, &FILES));
        fixture.numbers(repository)
    };
    fixture.distribution("repository_id", repository, true);
    assert_eq!(retained(&fixture), [2, 3, 4, 6]);
    assert!(fixture.read(|conn| is_protected(conn, versions[3], &FILES)));
    assert!(!fixture.read(|conn| is_protected(conn, versions[5], &FILES)));
    // What an ordinary distribution of the repository serves: the newest published version.
    let newest = fixture.publication(versions[5], false);
    fixture.distribution("repository_id", repository, false);
    let next = fixture.added(repository, &[fixture.content("next")]).unwrap();
    assert_eq!(fixture.numbers(repository), [2, 3, 4, 6, 7]);
    fixture.write(move |conn| conn.execute("DELETE FROM publication WHERE id = $1", params![newest]));
    assert_eq!(retained(&fixture), [2, 3, 4, 7]);
    assert!(!fixture.read(|conn| is_protected(conn, next.id, &FILES)));
    let unpublished = RepositoryKind { publishes: false, ..FILES };
    assert!(fixture.read(|conn| is_protected(conn, next.id, &unpublished)));
}

#[test]
fn surplus_checkpoints_become_ordinary_publications() {
    let fixture = Fixture::new();
    let repository = fixture.repository_with_version();
    let version = fixture.added(repository, &[fixture.content("a")]).unwrap().id;
    let publications: Vec<_> = (0..4).map(|_| fixture.publication(version, true)).collect();
    assert_eq!(fixture.write(move |conn| retain_checkpoints(conn, repository)), 0);
    fixture.set(repository, "retain_checkpoints", 2);
    assert_eq!(fixture.write(move |conn| retain_checkpoints(conn, repository)), 2);
    let kept = fixture.read(|conn| {
        let rows = conn.query("SELECT id FROM publication WHERE checkpoint ORDER BY id", &[])?;
        rows.iter().map(|row| row.get::<Id>(0)).collect::<Result<Vec<_>>>()
    });
    assert_eq!(kept, publications[2..]);
}
