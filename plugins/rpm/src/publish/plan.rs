//! What the documents are put together of: runs of the last publication, and those that have to be made because a
//! package in them came or went.

use std::collections::VecDeque;

use pith_core::error::Result;
use pith_core::id::Id;
use pith_core::plugin::VersionUnits;

use super::packages::Listed;
use super::remembered::Run;
use super::settings::Settings;
use crate::compression::runs::Cutter;

/// Packages read at once.
const PAGE: usize = 256;

/// A piece of the documents.
pub(super) enum Piece {
    /// The run at this position of the last publication, as it is.
    Kept(usize),
    /// These packages, to be packed.
    New(Vec<Listed>),
}

/// Tells the pieces one after the other. Reads the packages of new runs only, and holds no more than one run and a page
/// of them.
pub(super) struct Plan {
    units: VersionUnits,
    settings: Settings,
    /// The last id of each run of the last publication, and whether it may be kept.
    runs: Vec<(Id, bool)>,
    /// The next of them.
    at: usize,
    /// Packages that came or went, the next one last.
    changed: Vec<Id>,
    /// The range of ids that is being read, its beginning excluded.
    reading: Option<(Option<Id>, Option<Id>)>,
    cutter: Cutter<Listed>,
    made: VecDeque<Vec<Listed>>,
}

impl Plan {
    /// Of a version that differs from the runs in the packages that changed, which are in the order of their ids.
    /// Without runs everything is new.
    pub fn new(units: VersionUnits, settings: Settings, runs: &[Run], mut changed: Vec<Id>) -> Self {
        changed.reverse();
        let runs: Vec<_> = runs.iter().map(|run| (run.last, !run.is_provisional)).collect();
        let reading = runs.is_empty().then_some((None, None));
        let (cutter, made) = (Cutter::default(), VecDeque::new());
        Self { units, settings, runs, at: 0, changed, reading, cutter, made }
    }

    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Result<Option<Piece>> {
        loop {
            if let Some(run) = self.made.pop_front() {
                return Ok(Some(Piece::New(run)));
            }
            if let Some(range) = self.reading.take() {
                self.read(range).await?;
                continue;
            }
            let Some((_, is_settled)) = self.runs.get(self.at) else { return Ok(None) };
            if *is_settled && !self.is_changed() {
                self.at += 1;
                return Ok(Some(Piece::Kept(self.at - 1)));
            }
            self.reading = Some(self.range());
        }
    }

    /// The ids of the next run; the last one has all that come after it.
    fn range(&self) -> (Option<Id>, Option<Id>) {
        let last = |at: usize| self.runs.get(at).map(|(last, _)| *last);
        let after = self.at.checked_sub(1).and_then(last);
        (after, last(self.at).filter(|_| self.at + 1 < self.runs.len()))
    }

    fn is_changed(&self) -> bool {
        let (_, up_to) = self.range();
        self.changed.last().is_some_and(|next| up_to.is_none_or(|up_to| *next <= up_to))
    }

    /// Reads a page of a range. A run that is open at the end of it goes on in the next run.
    async fn read(&mut self, (after, up_to): (Option<Id>, Option<Id>)) -> Result<()> {
        let page = Listed::read(&self.units, &self.settings, (after, up_to), PAGE as i64).await?;
        let last = page.last().map(|last| last.id).filter(|_| page.len() == PAGE);
        for one in page {
            let (id, weight) = (one.id, one.weight());
            self.made.extend(self.cutter.push(id.0.as_bytes(), weight, one));
        }
        if last.is_some() {
            self.reading = Some((last, up_to));
            return Ok(());
        }
        while self.is_changed() {
            self.changed.pop();
        }
        self.at += 1;
        if self.cutter.is_empty() {
            return Ok(());
        }
        if self.at < self.runs.len() {
            self.reading = Some(self.range());
        } else {
            self.made.push_back(self.cutter.rest());
        }
        Ok(())
    }
}
