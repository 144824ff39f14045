//! Random histories: the repository must agree with sets of units kept per version.

use std::collections::{BTreeMap, BTreeSet};

use super::{FILES, change};
use crate::db::versions as rows;
use crate::error::Result;
use crate::id::Id;
use crate::ops::fixture::Fixture;
use crate::ops::modify::{Modification, Remove};
use crate::ops::versions::{delete, retain};
use crate::params;

const UNITS: usize = 24;
/// So many units have each key.
const SAME_KEY: usize = 2;
const STEPS: usize = 60;

/// xorshift: enough for picking, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn some(&mut self, most: usize) -> BTreeSet<usize> {
        (0..self.below(most + 1)).map(|_| self.below(UNITS)).collect()
    }
}

/// Members of each version by its number.
type History = BTreeMap<i64, BTreeSet<usize>>;

struct Repository {
    id: Id,
    history: History,
    next: i64,
}

fn key(unit: usize) -> usize {
    unit / SAME_KEY
}

/// What a version made of `base` has, none when it cannot be made.
fn expected(base: &BTreeSet<usize>, removed: &BTreeSet<usize>, added: &BTreeSet<usize>) -> Option<BTreeSet<usize>> {
    let mut members: BTreeSet<usize> = base.difference(removed).copied().collect();
    // Only what the base lacks counts as new.
    let fresh: Vec<usize> = added.iter().copied().filter(|unit| !base.contains(unit)).collect();
    let keys: BTreeSet<usize> = fresh.iter().copied().map(key).collect();
    if keys.len() != fresh.len() {
        return None;
    }
    members.extend(added);
    members.retain(|unit| fresh.contains(unit) || !keys.contains(&key(*unit)));
    Some(members)
}

impl Repository {
    fn newest(&self) -> BTreeSet<usize> {
        self.history.values().next_back().cloned().unwrap_or_default()
    }

    fn pick(&self, random: &mut Random) -> i64 {
        *self.history.keys().nth(random.below(self.history.len())).unwrap()
    }
}

fn version_id(fixture: &Fixture, repository: Id, number: i64) -> Id {
    fixture.read(|conn| {
        let sql = "SELECT id FROM repository_version WHERE repository_id = $1 AND number = $2";
        conn.query_one(sql, params![repository, number])?.get(0)
    })
}

fn modify_one(fixture: &Fixture, repositories: &mut [Repository], units: &[Id], random: &mut Random) {
    let at = random.below(repositories.len());
    let (removed, added) = (random.some(4), random.some(5));
    let source = (random.below(3) == 0).then(|| {
        let source = &repositories[random.below(repositories.len())];
        (source.id, source.pick(random))
    });
    let base = match source {
        Some((id, number)) => repositories.iter().find(|it| it.id == id).unwrap().history[&number].clone(),
        None => repositories[at].newest(),
    };
    let all = random.below(8) == 0;
    let ids = |set: &BTreeSet<usize>| set.iter().map(|&unit| units[unit]).collect::<Vec<_>>();
    let mut modification = change(repositories[at].id, &ids(&removed), &ids(&added));
    modification.base_version = source.map(|(id, number)| version_id(fixture, id, number));
    let removed = if all { (0..UNITS).collect() } else { removed };
    if all {
        modification = Modification { remove: Remove::All, ..modification };
    }
    let made = fixture.modified(modification);
    let repository = &mut repositories[at];
    match expected(&base, &removed, &added) {
        None => assert!(made.is_err(), "two units of one key were taken"),
        Some(members) if members == repository.newest() => assert_eq!(made.unwrap(), None),
        Some(members) => {
            assert_eq!(made.unwrap().unwrap().number, repository.next);
            repository.history.insert(repository.next, members);
            repository.next += 1;
        }
    }
}

fn delete_one(fixture: &Fixture, repository: &mut Repository, random: &mut Random) {
    let number = repository.pick(random);
    let version = version_id(fixture, repository.id, number);
    let deleted = fixture.db.write_blocking(move |conn| delete(conn, version));
    assert_eq!(deleted.is_ok(), repository.history.len() > 1);
    if deleted.is_ok() {
        repository.history.remove(&number);
    }
}

fn retain_some(fixture: &Fixture, repository: &mut Repository, random: &mut Random) {
    let kept = 1 + random.below(6);
    fixture.set(repository.id, "retain_repo_versions", kept as i64);
    let id = repository.id;
    fixture.write(move |conn| retain(conn, id, &FILES));
    fixture.write(move |conn| {
        conn.execute("UPDATE repository SET retain_repo_versions = NULL WHERE id = $1", params![id])
    });
    while repository.history.len() > kept {
        repository.history.pop_first();
    }
}

fn compare(fixture: &Fixture, repository: &Repository, units: &[Id]) {
    let numbers: Vec<i64> = repository.history.keys().copied().collect();
    assert_eq!(fixture.numbers(repository.id), numbers);
    let mut before = (rows::BEFORE_FIRST, BTreeSet::new());
    for (&number, members) in &repository.history {
        let mut ids: Vec<Id> = members.iter().map(|&unit| units[unit]).collect();
        ids.sort();
        assert_eq!(fixture.members(repository.id, number), ids, "members of {number}");
        let counts = fixture.read(|conn| {
            let id = conn.query_one(
                "SELECT id FROM repository_version WHERE repository_id = $1 AND number = $2",
                params![repository.id, number],
            )?;
            rows::counts(conn, id.get(0)?)
        });
        let counts = counts.get("file.file").copied().unwrap_or_default();
        let added = members.difference(&before.1).count() as i64;
        let removed = before.1.difference(members).count() as i64;
        assert_eq!((counts.added, counts.removed, counts.present), (added, removed, members.len() as i64), "{number}");
        let between = fixture.read(|conn| changed_rows(conn, repository.id, before.0, number));
        assert_eq!(between, (added, removed), "rows of {number}");
        before = (number, members.clone());
    }
}

/// As readers find what a version added and removed.
fn changed_rows(conn: &mut crate::db::Conn, repository: Id, before: i64, number: i64) -> Result<(i64, i64)> {
    let mut count = |column: &str| {
        conn.query_one(
            &format!(
                "SELECT count(*) FROM repository_content
                 WHERE repository_id = $1 AND {column} > $2 AND {column} <= $3"
            ),
            params![repository, before, number],
        )?
        .get(0)
    };
    Ok((count("version_added")?, count("version_removed")?))
}

fn history(seed: u64) {
    println!("seed {seed}");
    let fixture = Fixture::new();
    let paths: Vec<String> = (0..UNITS).map(|unit| format!("d{}/f{}", key(unit) % 3, key(unit))).collect();
    let units = fixture.units("file.file", &paths.iter().map(String::as_str).collect::<Vec<_>>());
    let mut random = Random(seed);
    let mut repositories: Vec<Repository> = (0..2)
        .map(|_| {
            let history = History::from([(0, BTreeSet::new())]);
            Repository { id: fixture.repository_with_version(), history, next: 1 }
        })
        .collect();
    for step in 0..STEPS {
        let at = random.below(repositories.len());
        match random.below(12) {
            0..=7 => modify_one(&fixture, &mut repositories, &units, &mut random),
            8..=10 => delete_one(&fixture, &mut repositories[at], &mut random),
            _ => retain_some(&fixture, &mut repositories[at], &mut random),
        }
        println!("step {step}");
        repositories.iter().for_each(|repository| compare(&fixture, repository, &units));
    }
}

#[test]
fn random_histories_agree_with_the_model() {
    let fixed = [1, 2, 3, 4, 5, 6];
    let fresh = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    fixed.into_iter().chain([fresh]).for_each(history);
}
