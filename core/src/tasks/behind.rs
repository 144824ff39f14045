//! A task that does the work of those that wait right behind it along with its own.
//!
//! They stay waiting until they are ended, all in one transaction: whatever happens to the task before that, they take
//! their turns as if nothing had been done for them.

use serde_json::Value as Json;

use super::TaskContext;
use super::ending::{self, Outcome, Record};
use super::short::{self, Payload};
use crate::db::Conn;
use crate::db::line;
use crate::db::queue::{self, EndsFrom};
use crate::db::tasks::{CreatedResource, State};
use crate::error::Result;
use crate::id::{Instant, now};

/// So many are looked at, and so many bytes of what they are told.
const MOST: i64 = 64;
const BYTES: i64 = 8 << 20;

/// Which of the tasks that wait it is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    seq: i64,
    kind: &'static str,
}

/// A task that waits for nothing but the end of another.
pub struct Behind {
    pub place: Place,
    /// The correlation id of the request that asked for it.
    pub cid: String,
    since: Instant,
    /// What it is told.
    pub args: Json,
}

/// What became of one whose work was done along with another's.
pub struct TakenAlong {
    pub behind: Behind,
    /// The PRN and the path of each object that it made.
    pub created: Vec<(String, String)>,
    pub result: Json,
}

impl TaskContext {
    /// The tasks of these kinds that wait right behind this one for what it has alone, called by its PRN, and that the same
    /// user asked for, in their order: what comes of their work belongs to that user. No other begins before they have
    /// ended.
    pub async fn behind(&self, prn: &str, kinds: &[&str]) -> Result<Vec<Behind>> {
        let (seq, app, prn) = (self.seq(), self.app().clone(), prn.to_owned());
        let found = app.db.read(move |conn| line::behind(conn, seq, &prn, MOST, BYTES)).await?;
        let mut behind = vec![];
        for one in found {
            let Payload { kind: found, args, measures_memory } = short::open_payload(&app, &one.payload)?;
            let kind = found.key();
            if !kinds.contains(&kind) || measures_memory || one.created_by != self.created_by() {
                break;
            }
            let place = Place { seq: one.seq, kind };
            behind.push(Behind { place, cid: one.cid, since: now(), args });
        }
        Ok(behind)
    }

    /// Tells tasks that wait behind this one something else, as part of a transaction; whether each of them still waits.
    pub fn tell_behind(&self, conn: &mut Conn, told: &[(Place, Json)]) -> Result<Vec<bool>> {
        self.fence(conn)?;
        let tell = |(place, args): &(Place, Json)| {
            let payload = self.app().queue.seal_args(place.kind, args, false)?;
            line::tell(conn, place.seq, &payload)
        };
        told.iter().map(tell).collect()
    }

    /// Ends tasks whose work this one has done. One that a client has canceled meanwhile stays so. Does nothing when this
    /// task is not its worker's any more.
    pub async fn end_behind(&self, done: Vec<TakenAlong>) -> Result<()> {
        if done.is_empty() {
            return Ok(());
        }
        let (seq, worker) = (self.seq(), self.worker());
        let end = move |conn: &mut Conn| {
            queue::lock_line(conn, seq)?;
            if !queue::is_owned(conn, seq, worker)? {
                return Ok(());
            }
            for TakenAlong { behind, created, result } in done {
                let seq = behind.place.seq;
                if !line::begin(conn, seq, worker, behind.since)? {
                    continue;
                }
                let created = created.into_iter().map(|(prn, path)| CreatedResource { prn, path }).collect();
                let record = Record { created, progress: vec![] };
                let ending = ending::ending(Outcome::Returned(Ok(result)), record, &behind.cid);
                let from = EndsFrom { states: &[State::Running], worker: Some(worker) };
                let held = queue::reservations(conn, seq)?;
                queue::finish(conn, seq, from, &ending, &held, now())?;
            }
            Ok(())
        };
        self.app().db.write(end).await
    }
}
