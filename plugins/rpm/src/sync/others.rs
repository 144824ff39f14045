//! What a repository has beside packages: modules, advisories, comps, and files that are carried along.

use std::collections::HashSet;

use pith_core::error::{Error, Result};
use pith_core::id::RelativePath;
use pith_core::plugin::{Inspection, SyncJob, Unit, UpstreamFile, Wanted};

use super::address::located;
use super::metadata::Document;
use super::thread::{Give, produce};
use crate::comps;
use crate::content::{self, advisory, defaults, metadata_file, modulemd, obsolete};
use crate::evr::Nevra;
use crate::modulemd::{Document as Module, Snippets, parse};
use crate::repomd::Record;
use crate::updateinfo::UpdateinfoReader;

/// Units that wait for being declared.
const AHEAD: usize = 64;

/// A unit without files, and the packages that it claims.
struct Made {
    content_type: &'static str,
    unit: Unit,
    packages: Vec<Nevra>,
}

impl Made {
    fn new(content_type: &'static str, unit: Unit) -> Self {
        Self { content_type, unit, packages: vec![] }
    }
}

/// Declares modules, their defaults and obsoletes. The packages that belong to modules.
pub(super) async fn modules(job: &SyncJob, document: Document) -> Result<HashSet<Nevra>> {
    let report = |message: &str, code: &str| job.progress(message, code, None);
    let modules = report("Parsed Modulemd", "sync.parsing.modulemds");
    let defaults = report("Parsed Modulemd-defaults", "sync.parsing.modulemd_defaults");
    let obsoletes = report("Parsed Modulemd-obsolete", "sync.parsing.modulemd_obsoletes");
    let mut modular = HashSet::new();
    let mut made = produce(AHEAD, move |give| read_modules(&document, give));
    while let Some(Made { content_type, unit, packages }) = made.next().await? {
        match content_type {
            modulemd::MODULEMD => modules.add(1),
            self::defaults::MODULEMD_DEFAULTS => defaults.add(1),
            _ => obsoletes.add(1),
        }
        modular.extend(packages);
        want(job, content_type, unit).await?;
    }
    [modules, defaults, obsoletes].iter().for_each(|report| report.finish());
    Ok(modular)
}

fn read_modules(document: &Document, give: Give<'_, Made>) -> Result<()> {
    let wrong = |problem| document.wrong(problem);
    let mut snippets = Snippets::new(document.open()?);
    while let Some(snippet) = snippets.next_snippet().map_err(wrong)? {
        let made = match parse(&snippet).map_err(wrong)? {
            Module::Modulemd(module) => Made {
                // What is no name of a package can be none that is here.
                packages: module.artifacts.iter().filter_map(|artifact| Nevra::parse(artifact).ok()).collect(),
                ..Made::new(modulemd::MODULEMD, modulemd::unit(&module, &snippet.text))
            },
            Module::Defaults(of) => Made::new(defaults::MODULEMD_DEFAULTS, defaults::unit(&of, &snippet.text)),
            Module::Obsolete(of) => Made::new(obsolete::MODULEMD_OBSOLETE, obsolete::unit(&of, &snippet.text)),
            Module::Other(_) => continue,
        };
        if !give(made) {
            return Ok(());
        }
    }
    Ok(())
}

/// Declares advisories.
pub(super) async fn advisories(job: &SyncJob, document: Document) -> Result<()> {
    let parsing = job.progress("Parsed Advisories", "sync.parsing.advisories", None);
    let mut made = produce(AHEAD, move |give| read_advisories(&document, give));
    declare(job, &mut made, &parsing).await
}

fn read_advisories(document: &Document, give: Give<'_, Made>) -> Result<()> {
    let wrong = |problem| document.wrong(problem);
    let mut reader = UpdateinfoReader::new(document.open()?).map_err(wrong)?;
    while let Some(advisory) = reader.next_advisory().map_err(wrong)? {
        let unit = self::advisory::unit(&advisory).map_err(|error| document.wrong_item(&advisory.id, error))?;
        if !give(Made::new(advisory::ADVISORY, unit)) {
            return Ok(());
        }
    }
    Ok(())
}

/// Declares groups, categories, environments and language packs.
pub(super) async fn comps(job: &SyncJob, document: Document) -> Result<()> {
    let parsing = job.progress("Parsed Comps", "sync.parsing.comps", None);
    let mut made = produce(AHEAD, move |give| read_comps(&document, give));
    declare(job, &mut made, &parsing).await
}

fn read_comps(document: &Document, give: Give<'_, Made>) -> Result<()> {
    let comps = comps::read(document.open()?).map_err(|problem| document.wrong(problem))?;
    for (content_type, unit) in content::comps::units(&comps) {
        if !give(Made::new(content_type, unit)) {
            return Ok(());
        }
    }
    Ok(())
}

async fn declare(
    job: &SyncJob,
    made: &mut super::thread::Produced<Made>,
    parsing: &std::sync::Arc<dyn pith_core::plugin::Progress>,
) -> Result<()> {
    let mut count = 0;
    while let Some(Made { content_type, unit, .. }) = made.next().await? {
        count += 1;
        parsing.add(1);
        want(job, content_type, unit).await?;
    }
    parsing.set_total(count);
    parsing.finish();
    Ok(())
}

async fn want(job: &SyncJob, content_type: &'static str, unit: Unit) -> Result<()> {
    job.want(content_type, Wanted { unit, files: vec![], group: None, pinned: vec![] }).await
}

/// A file that is carried along, as a unit to be declared once the file is kept: metadata is never left with the
/// upstream.
///
/// # Errors
/// `Upstream` when it cannot be served where it is.
pub(super) fn extra(root: &str, record: &Record, file: &Inspection) -> Result<Wanted> {
    let Record { data_type, checksum, location_href, .. } = record;
    let wrong = |problem: &dyn std::fmt::Display| Error::upstream(format!("`{location_href}`: {problem}"));
    let path: RelativePath = location_href.parse().map_err(|problem| wrong(&problem))?;
    let sha256 = &file.digests.sha256;
    let upstream = UpstreamFile {
        url: located(root, &record.location_base, location_href)?,
        size: Some(file.size),
        digests: vec![("sha256", sha256.to_string())],
    };
    let unit = metadata_file::unit(data_type, checksum, path.as_str(), Some(sha256.clone()));
    let unit = unit.map_err(|error| match error {
        Error::Invalid(_) => wrong(&error),
        other => other,
    })?;
    Ok(Wanted { unit, files: vec![upstream], group: None, pinned: vec![] })
}
