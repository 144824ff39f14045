//! Repository versions: how one is drafted, finished, deleted and retained. All functions are parts of the
//! caller's transaction; nobody else may change the repository meanwhile (its reservation sees to that).

#[cfg(test)]
pub(super) mod tests;

use super::content;
use crate::db::Conn;
use crate::db::versions::{self as rows, BEFORE_FIRST, Clash, Draft, Version};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{DraftUnits, Plugin, Rejected};

/// So many clashes are named in an error.
const NAMED_CLASHES: i64 = 20;

/// What core must know of a type of repository.
#[derive(Clone, Copy)]
pub struct RepositoryKind<'a> {
    /// Its format.
    pub plugin: &'a dyn Plugin,
    /// The types of content it may hold.
    pub content_types: &'a [&'a str],
    /// Distributions serve it by publications, not by its versions.
    pub publishes: bool,
}

/// What becomes of units that have the unique key of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// They leave the repository.
    Allowed,
    /// The version is not made.
    Refused,
}

/// A version under construction. Nobody sees it before [`VersionDraft::finish`]; it may be filled in
/// several transactions, and one that is given up leaves nothing that the next one would not clear.
#[derive(Clone, Debug)]
pub struct VersionDraft {
    draft: Draft,
    base_version: Option<Id>,
}

/// What became of a draft.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// None when its members are those of the newest version.
    pub version: Option<NewVersion>,
    /// What the format left out.
    pub rejected: Vec<Rejected>,
}

/// The version that came into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewVersion {
    pub id: Id,
    pub number: i64,
}

/// Starts the next version of a repository, with the members of its newest.
pub fn begin(conn: &mut Conn, repository: Id) -> Result<VersionDraft> {
    let number = rows::next_number(conn, repository)?;
    rows::clear(conn, repository, number)?;
    let newest = rows::latest(conn, repository)?.map_or(BEFORE_FIRST, |version| version.number);
    Ok(VersionDraft { draft: Draft { repository, number, base: (repository, newest) }, base_version: None })
}

impl VersionDraft {
    /// Makes the members those of a version of this or of another repository, which becomes the
    /// `base_version` of the new one.
    pub fn set_base(&mut self, conn: &mut Conn, version: Id) -> Result<()> {
        let base = rows::version(conn, version)?;
        rows::set_base(conn, &self.draft, &base)?;
        self.draft.base = (base.repository, base.number);
        self.base_version = Some(base.id);
        Ok(())
    }

    pub fn remove_all(&self, conn: &mut Conn) -> Result<()> {
        rows::remove_all(conn, &self.draft)
    }

    /// Takes units out; those that are not in are passed over.
    pub fn remove(&self, conn: &mut Conn, content: &[Id]) -> Result<()> {
        if content.is_empty() { Ok(()) } else { rows::remove(conn, &self.draft, content) }
    }

    /// Puts units in; those that are in are passed over. Older units with the same unique key leave when
    /// the version is finished.
    ///
    /// # Errors
    /// `Conflict` when a unit does not exist.
    pub fn add(&self, conn: &mut Conn, content: &[Id]) -> Result<()> {
        if content.is_empty() { Ok(()) } else { rows::add(conn, &self.draft, content) }
    }

    /// Puts all units of a version in, of whatever repository.
    pub fn add_version(&self, conn: &mut Conn, version: Id) -> Result<()> {
        let version = rows::version(conn, version)?;
        rows::add_version(conn, &self.draft, &version)
    }

    /// Takes all units of these types out.
    pub fn remove_types(&self, conn: &mut Conn, types: &[&str]) -> Result<()> {
        if types.is_empty() { Ok(()) } else { rows::remove_types(conn, &self.draft, types) }
    }

    /// Takes everything back.
    pub fn discard(self, conn: &mut Conn) -> Result<()> {
        rows::clear(conn, self.draft.repository, self.draft.number)
    }

    /// Makes the version visible and drops those that retention does not keep. When its members are those of
    /// the newest version nothing is left of the draft.
    ///
    /// # Errors
    /// `Conflict` or `Invalid` with a text for the client when the members cannot be a version of such a
    /// repository.
    pub fn finish(self, conn: &mut Conn, kind: &RepositoryKind, overwrite: Overwrite) -> Result<Finished> {
        let draft = &self.draft;
        let previous = rows::latest(conn, draft.repository)?;
        let (rejected, counts) = conn.joining_as_written(|conn| {
            let rejected = self.validate(conn, kind, overwrite)?;
            Ok((rejected, rows::changes(conn, draft, previous.as_ref())?))
        })?;
        if counts.values().all(|change| change.added == 0 && change.removed == 0) {
            return Ok(Finished { version: None, rejected });
        }
        let version = rows::insert(conn, draft.repository, draft.number, self.base_version)?;
        rows::put_counts(conn, version.id, &counts)?;
        rows::touch_removed(conn, draft)?;
        retain(conn, draft.repository, kind)?;
        Ok(Finished { version: Some(NewVersion { id: version.id, number: version.number }), rejected })
    }

    /// What the format left out.
    fn validate(&self, conn: &mut Conn, kind: &RepositoryKind, overwrite: Overwrite) -> Result<Vec<Rejected>> {
        let draft = &self.draft;
        if let Some(content_type) = rows::unsupported(conn, draft, kind.content_types)? {
            return Err(Error::Conflict(format!(
                "this type of repository does not hold content of type `{content_type}`"
            )));
        }
        let mut units = DraftUnits::new(conn, draft, kind.plugin.content_types(), content::get_or_create)?;
        kind.plugin.finish_version(&mut units)?;
        let rejected = units.into_rejected();
        let doubled = rows::doubled(conn, draft)?;
        if doubled > 0 {
            return Err(Error::Conflict(format!(
                "[PLP0022] {doubled} unique keys are claimed by more than one of the units to be added"
            )));
        }
        if overwrite == Overwrite::Refused {
            let clashes = rows::clashes(conn, draft, NAMED_CLASHES)?;
            if !clashes.is_empty() {
                return Err(Error::Conflict(overwrite_refused(&clashes)));
            }
        }
        rows::push_out(conn, draft)?;
        match rows::path_conflict(conn, draft)? {
            None => Ok(rejected),
            Some((path, other)) if path == other => {
                Err(Error::Conflict(format!("two units of the version have the path `{path}`")))
            }
            Some((path, other)) => {
                Err(Error::Conflict(format!("the path `{path}` overlaps with `{other}`, which is a file")))
            }
        }
    }
}

fn overwrite_refused(clashes: &[Clash]) -> String {
    let pairs: Vec<_> = clashes.iter().map(|clash| format!("{}->{}", clash.incoming, clash.existing)).collect();
    let content_type = clashes.first().map_or("", |clash| &clash.content_type);
    format!(
        "[PLP0023] new content of type `{content_type}` would replace content with the same unique key \
         (incoming->existing): [{}]",
        pairs.join(", ")
    )
}

/// Gives a new repository its version 0, which is empty.
pub fn create_empty(conn: &mut Conn, repository: Id) -> Result<NewVersion> {
    let number = rows::next_number(conn, repository)?;
    let version = rows::insert(conn, repository, number, None)?;
    Ok(NewVersion { id: version.id, number: version.number })
}

/// Deletes a version. What it added and removed counts for the next one; when it is the newest, the one
/// before it is the newest again. Its publications go with it. Numbers do not shift and are not used again.
///
/// # Errors
/// `Conflict` for the last version of a repository.
pub fn delete(conn: &mut Conn, version: Id) -> Result<()> {
    let version = rows::version(conn, version)?;
    // An interval that a draft left open must not be folded.
    let next = rows::next_number(conn, version.repository)?;
    rows::clear(conn, version.repository, next)?;
    if rows::before(conn, &version)?.is_none() && rows::after(conn, &version)?.is_none() {
        return Err(Error::Conflict(
            "[PLP0011] Cannot delete repository version. Repositories must have at least one repository version."
                .into(),
        ));
    }
    conn.joining_as_written(|conn| rows::delete(conn, &version))
}

/// The versions that some distribution serves.
pub fn protected(conn: &mut Conn, repository: Id, kind: &RepositoryKind) -> Result<Vec<Id>> {
    rows::protected(conn, repository, kind.publishes)
}

/// Whether some distribution serves the version.
pub fn is_protected(conn: &mut Conn, version: Id, kind: &RepositoryKind) -> Result<bool> {
    let repository = rows::version(conn, version)?.repository;
    Ok(protected(conn, repository, kind)?.contains(&version))
}

/// Deletes versions beyond the `retain_repo_versions` newest; protected ones stay and do not count.
pub fn retain(conn: &mut Conn, repository: Id, kind: &RepositoryKind) -> Result<()> {
    let Some(kept) = rows::retained(conn, repository)? else { return Ok(()) };
    let kept = usize::try_from(kept.max(1)).map_err(Error::internal)?;
    let protected = protected(conn, repository, kind)?;
    let versions = rows::newest_first(conn, repository)?;
    let surplus: Vec<&Version> =
        versions.iter().filter(|version| !protected.contains(&version.id)).skip(kept).collect();
    // The oldest first: that one has nothing before it to be merged with.
    conn.joining_as_written(|conn| surplus.into_iter().rev().try_for_each(|version| rows::delete(conn, version)))
}

/// Turns checkpoints beyond the `retain_checkpoints` newest into ordinary publications; how many.
pub fn retain_checkpoints(conn: &mut Conn, repository: Id) -> Result<u64> {
    rows::retain_checkpoints(conn, repository)
}
