//! The changelog of a header.

use super::store::Store;
use super::{HeaderError, tags};
use crate::package::Changelog;
use crate::text;

/// The newest entries, so many, oldest first.
///
/// Entries of one day have the same time in the header; each newer one is put a second after the
/// next older, so that the order survives sorting (createrepo_c does this).
pub(super) fn read(main: &Store, limit: usize) -> Result<Vec<Changelog>, HeaderError> {
    let times = main.numbers(tags::CHANGELOGTIME)?;
    let authors = main.strings(tags::CHANGELOGNAME)?;
    let texts = main.strings(tags::CHANGELOGTEXT)?;
    if times.len() != authors.len() || times.len() != texts.len() {
        return Err(HeaderError::Uneven("changelog entries"));
    }
    // Newest first.
    let mut entries: Vec<Changelog> = times
        .iter()
        .zip(authors.iter().zip(&texts))
        .take(limit)
        .map(|(&time, (author, text))| Changelog {
            author: text::from_header(author),
            date: i64::from(time),
            text: text::from_header(text),
        })
        .collect();
    entries.reverse();
    put_off(&mut entries);
    Ok(entries)
}

fn put_off(entries: &mut [Changelog]) {
    let mut older: Option<(i64, i64)> = None;
    for entry in entries {
        let time = entry.date;
        if let Some((older_time, older_date)) = older {
            let same_day = time == older_time;
            // A long day may run into the next entry's time.
            let overtaken = older_date > older_time && time > older_time && older_date >= time;
            if same_day || overtaken {
                entry.date = older_date + 1;
            }
        }
        older = Some((time, entry.date));
    }
}
