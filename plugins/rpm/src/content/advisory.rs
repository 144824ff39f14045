//! Advisories. What the API shows of their packages and references is read from the element that is published.

use std::borrow::Cow;
use std::fs::File as Disk;
use std::io::{BufReader, Read};

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json};

use super::{advisory_json, columns};
use crate::resources;
use crate::updateinfo::{self, Advisory, UpdateinfoReader};

/// The type of advisories.
pub(crate) const ADVISORY: &str = "rpm.advisory";

/// The most bytes of an advisory, as it is sent and as it is published. The largest real ones have some 500 KiB.
const LARGEST: usize = 16 << 20;

const COLUMNS: &[&str] = &[
    "id",
    "updated_date",
    "description",
    "issued_date",
    "fromstr",
    "status",
    "title",
    "summary",
    "version",
    "type",
    "severity",
    "solution",
    "release",
    "rights",
    "pushcount",
    "reboot_suggested",
    "digest",
    "snippet",
];

/// Advisories as clients bring them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdvisoryContent;

#[async_trait]
impl ContentType for AdvisoryContent {
    fn pulp_type(&self) -> &'static str {
        ADVISORY
    }

    fn table(&self) -> DetailTable {
        DetailTable { name: "rpm_advisory", columns: COLUMNS, natural_key: &[16] }
    }

    fn resource(&self) -> Resource {
        resources::advisory::advisories()
    }

    fn reads_file(&self) -> bool {
        true
    }

    fn uploads_at_once(&self) -> bool {
        false
    }

    fn refuses_known(&self) -> bool {
        true
    }

    /// The file is read and not kept: what counts of it is the advisory.
    async fn inspect(&self, file: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        if file.size > LARGEST as u64 {
            return Err(too_large());
        }
        let path = file.path.clone().ok_or_else(|| Error::internal("an advisory without its file"))?;
        let read = move || {
            let unreadable = |cause| Error::storage("cannot read an uploaded advisory", cause);
            let mut bytes = Vec::new();
            let file = BufReader::new(Disk::open(path).map_err(unreadable)?);
            file.take(LARGEST as u64).read_to_end(&mut bytes).map_err(unreadable)?;
            unit(&advisory_json::parse(&bytes)?)
        };
        Ok(tokio::task::spawn_blocking(read).await.map_err(Error::internal)??.into())
    }
}

fn too_large() -> Error {
    Error::field("file", format!("an advisory has at most {LARGEST} bytes"))
}

/// The unit of an advisory. Which of several with one id a repository has is for the rules of versions to say.
///
/// # Errors
/// `Invalid` when it is too large.
pub(crate) fn unit(advisory: &Advisory) -> Result<Unit> {
    let advisory = with_plain_dates(advisory);
    let snippet = updateinfo::render(&advisory);
    if snippet.len() > LARGEST {
        return Err(too_large());
    }
    let texts = [
        &advisory.id,
        &advisory.updated_date,
        &advisory.description,
        &advisory.issued_date,
        &advisory.from,
        &advisory.status,
        &advisory.title,
        &advisory.summary,
        &advisory.version,
        &advisory.kind,
        &advisory.severity,
        &advisory.solution,
        &advisory.release,
        &advisory.rights,
        &advisory.pushcount,
    ];
    let mut values: Vec<_> = texts.into_iter().map(|text| columns::text(text)).collect();
    values.extend([advisory.reboot_suggested.into(), crate::comps::digest(&snippet).into(), snippet.into()]);
    Ok(Unit { columns: values, repo_key: None, files: vec![] })
}

/// Its dates without `UTC`, which all are: clients read what is left as a date.
fn with_plain_dates(advisory: &Advisory) -> Cow<'_, Advisory> {
    let plain = |date: &str| date.trim_end().strip_suffix("UTC").map(|date| date.trim_end().to_owned());
    let mut advisory = Cow::Borrowed(advisory);
    if let Some(date) = plain(&advisory.issued_date) {
        advisory.to_mut().issued_date = date;
    }
    if let Some(date) = plain(&advisory.updated_date) {
        advisory.to_mut().updated_date = date;
    }
    advisory
}

/// The advisory that a unit's element holds.
///
/// # Errors
/// `Internal` when the element is none.
pub(crate) fn read(snippet: &str) -> Result<Advisory> {
    let document = updateinfo::HEADER.as_bytes().chain(snippet.as_bytes()).chain(updateinfo::FOOTER.as_bytes());
    let mut reader = UpdateinfoReader::new(document).map_err(Error::internal)?;
    reader.next_advisory().map_err(Error::internal)?.ok_or_else(|| Error::internal("a snippet holds no advisory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::updateinfo::{AdvisoryPackage, Collection, Reference};

    fn sample() -> Advisory {
        let package = AdvisoryPackage {
            name: "bear".into(),
            version: "4.1".into(),
            release: "1".into(),
            arch: "noarch".into(),
            ..Default::default()
        };
        Advisory {
            id: "RHEA-2012:0057".into(),
            issued_date: "2013-01-27 16:08:05".into(),
            description: "<&> \u{1f43b}\n  two lines".into(),
            reboot_suggested: true,
            references: vec![Reference { href: "https://example.org/?a=1&b=2".into(), ..Default::default() }],
            collections: vec![Collection { name: "1".into(), packages: vec![package], ..Default::default() }],
            ..Default::default()
        }
    }

    #[test]
    fn a_unit_gives_its_advisory_back() {
        let unit = unit(&sample()).unwrap();
        assert_eq!(unit.columns.len(), COLUMNS.len());
        let Some(pith_core::plugin::Value::Text(snippet)) = unit.columns.last() else { panic!("no snippet") };
        assert_eq!(read(snippet).unwrap(), sample());
        assert_eq!(unit.columns[16], sample().digest().into());
    }

    #[test]
    fn dates_are_plain() {
        for (date, plain) in [
            ("2013-01-27 16:08:05 UTC", "2013-01-27 16:08:05"),
            ("2013-01-27 16:08:05", "2013-01-27 16:08:05"),
            ("1339065600", "1339065600"),
            ("", ""),
        ] {
            let unit = unit(&Advisory { updated_date: date.into(), ..sample() }).unwrap();
            assert_eq!(unit.columns[1], plain.into());
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let advisory = Advisory { description: "x".repeat(LARGEST), ..sample() };
        assert!(matches!(unit(&advisory), Err(Error::Invalid(_))));
    }
}
