//! Distributions of checkpoints: `<base_path>/20261121T163416Z/…` serves what the repository published at
//! that second; another second leads to the one before it.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};
use chrono::{NaiveDateTime, TimeDelta};

use super::Inner;
use super::answer::{self, moved, not_found, with_slash};
use super::folder;
use super::html::encode;
use super::locate::Mark;
use super::pointer::Pointer;
use crate::db::delivery::{self, Entry};
use crate::error::Result;
use crate::id::{Instant, now};

const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// Answers for `path` below the base path of a checkpoint distribution.
pub async fn answer(
    inner: &Arc<Inner>,
    request: &HttpRequest,
    pointer: &Arc<Pointer>,
    path: &str,
) -> Result<HttpResponse> {
    let Some(repository) = pointer.distribution.repository else { return Ok(not_found(Mark::Absent)) };
    if path.is_empty() {
        let instants = inner.db.read(move |conn| delivery::checkpoints(conn, repository)).await?;
        let mut lines: Vec<Entry> = instants.into_iter().map(line).collect();
        lines.dedup_by(|a, b| a.name == b.name);
        return Ok(folder::page(request, &lines));
    }
    let (stamp, below) = path.split_once('/').map_or((path, None), |(stamp, below)| (stamp, Some(below)));
    let Some(asked) = parse(stamp).filter(|asked| *asked <= now()) else { return Ok(not_found(Mark::Absent)) };
    let end = asked + TimeDelta::seconds(1);
    let Some((publication, created)) = inner.db.read(move |conn| delivery::checkpoint(conn, repository, end)).await?
    else {
        return Ok(not_found(Mark::Absent));
    };
    let served = format(created);
    if served != stamp {
        let place = &pointer.distribution.place;
        let location = format!("{place}/{served}/{}", below.unwrap_or_default());
        return Ok(moved(&format!("{}{}", inner.settings.prefix, encode(&location))));
    }
    // From here on the checkpoint is found as if it had a base path of its own.
    let pointer = Arc::new(pointer.at_checkpoint(publication, &served));
    inner.pointers.insert(pointer.distribution.place.clone(), pointer.clone());
    match below {
        Some(below) => answer::in_tree(inner, request, &pointer, below.trim_start_matches('/')).await,
        None => Ok(with_slash(request)),
    }
}

fn line(created: Instant) -> Entry {
    Entry { name: format!("{}/", format(created)), created: Some(created), size: None }
}

fn format(instant: Instant) -> String {
    instant.format(STAMP).to_string()
}

fn parse(stamp: &str) -> Option<Instant> {
    let instant = NaiveDateTime::parse_from_str(stamp, STAMP).ok()?.and_utc();
    // The parser takes fewer digits too.
    (format(instant) == stamp).then_some(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_one_spelling() {
        assert_eq!(parse("20261121T163416Z").map(format).as_deref(), Some("20261121T163416Z"));
        for bad in
            ["", "20261121T163416", "2026121T163416Z", "20261321T163416Z", "20261121t163416z", "+0261121T163416Z"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
