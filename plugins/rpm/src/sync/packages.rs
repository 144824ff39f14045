//! The packages of a repository: read on one thread, made to units on others, declared in their order.

mod sift;
mod survey;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use pith_core::error::{Error, Result};
use pith_core::id::Sha256;
use pith_core::plugin::{SyncJob, UpstreamFile, Wanted};
use tokio::task::spawn_blocking;

use super::address::located;
use super::metadata::Document;
use super::options::{Choice, SyncPolicy};
use super::thread::{Give, produce};
use crate::checksum::ChecksumType;
use crate::content::package;
use crate::evr::Nevra;
use crate::merge::{MergeError, PackageReader};
use crate::package::Package;
use crate::primary::PrimaryReader;
use sift::{Refusal, Sieve, Verdict};
use survey::Newest;

/// Packages that are handed on together, unless they are large.
const TOGETHER: usize = 64;
/// Files and changelog entries of packages that are handed on together, at most (but for the last package).
const HEAVY: usize = 20_000;
/// Handfuls that wait between the threads.
const AHEAD: usize = 2;
/// Handfuls that are made to units at once.
const AT_ONCE: usize = 2;

/// Why a package of a mirror is not there although the metadata names it.
const DOUBLED: &str = "the upstream has another package of the same name, version and architecture";

/// What is to be known beside the documents.
pub(super) struct Reading {
    /// Primary, filelists, other.
    pub documents: [Document; 3],
    /// The address of the repository.
    pub root: String,
    /// The packages that modules have.
    pub modular: HashSet<Nevra>,
    pub choice: Choice,
    /// So many versions of a package are taken, the newest; 0 for all.
    pub retained: usize,
    /// So many changelog entries are kept.
    pub changelog_limit: usize,
    /// The group of all packages.
    pub group: Arc<str>,
}

/// Some packages.
#[derive(Default)]
struct Handful {
    packages: Vec<Package>,
    skipped: i64,
    /// Packages that are left out because of others of the same name.
    doubled: Vec<String>,
    weight: usize,
    /// How many packages the documents say there are.
    announced: Option<u64>,
}

/// Declares all packages. Never holds more than some handfuls of them.
///
/// # Errors
/// `Upstream` naming the document, and the package where it is one, that cannot be used.
pub(super) async fn declare(job: &SyncJob, reading: Reading) -> Result<()> {
    let reading = Arc::new(reading);
    let skipping = job.progress("Skipping Packages", "sync.skipped.packages", Some(0));
    let parsing = job.progress("Parsed Packages", "sync.parsing.packages", None);
    let surveyor = reading.clone();
    let newest = spawn_blocking(move || surveyor.survey()).await.map_err(Error::internal)??;
    let (reader, maker) = (reading.clone(), reading.clone());
    let handfuls = produce(AHEAD, move |give| reader.read(&newest, give));
    let handfuls = stream::unfold(Some(handfuls), |handfuls| async {
        let mut handfuls = handfuls?;
        match handfuls.next().await {
            Ok(Some(handful)) => Some((Ok(handful), Some(handfuls))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    let made = handfuls.map(move |handful| make(maker.clone(), handful)).buffered(AT_ONCE);
    tokio::pin!(made);
    let (mut announced, mut skipped) = (None, 0);
    while let Some(made) = made.next().await {
        let (units, handful) = made?;
        if announced.is_none() && handful.announced.is_some() {
            announced = handful.announced;
            parsing.set_total(announced.and_then(|announced| i64::try_from(announced).ok()).unwrap_or(0));
        }
        parsing.add(i64::try_from(units.len()).unwrap_or(0) + handful.skipped);
        skipping.add(handful.skipped);
        skipped += handful.skipped;
        if is_complete(reading.choice) {
            handful.doubled.iter().for_each(|name| job.refused(name, DOUBLED));
        }
        for wanted in units {
            wanted.files.iter().try_for_each(|file| job.check_trust(file))?;
            job.want(package::PACKAGE, wanted).await?;
        }
    }
    skipping.set_total(skipped);
    skipping.finish();
    parsing.finish();
    Ok(())
}

/// The units of a handful, which is given back empty.
async fn make(reading: Arc<Reading>, handful: Result<Handful>) -> Result<(Vec<Wanted>, Handful)> {
    let mut handful = handful?;
    let make = move || {
        let units = std::mem::take(&mut handful.packages).into_iter().map(|package| reading.wanted(package));
        Ok((units.collect::<Result<_>>()?, handful))
    };
    spawn_blocking(make).await.map_err(Error::internal)?
}

impl Reading {
    /// Reads `primary` alone where it decides about other packages, or whether any may be fetched. Blocks.
    fn survey(&self) -> Result<Newest> {
        let mut newest = Newest::new(self.retained);
        if self.retained == 0 && !is_complete(self.choice) {
            return Ok(newest);
        }
        let (primary, all) = (&self.documents[0], Newest::default());
        let mut sieve = Sieve::new(self.choice, &all, &self.modular);
        let mut reader = PrimaryReader::new(primary.open()?).map_err(|problem| primary.wrong(problem))?;
        while let Some(mut package) = reader.next_package().map_err(|problem| primary.wrong(problem))? {
            let verdict = sieve.look_at(&mut package).map_err(|refusal| self.refused(refusal, &package))?;
            if verdict == Verdict::Wanted
                && let Ok(nevra) = package.nevra()
            {
                newest.note(nevra, &self.modular);
            }
        }
        Ok(newest)
    }

    fn refused(&self, refusal: Refusal, package: &Package) -> Error {
        Error::upstream(refusal.message(&self.documents[0].name, &named(package)))
    }

    /// Reads the documents to their ends. Blocks.
    fn read(&self, newest: &Newest, give: Give<'_, Handful>) -> Result<()> {
        let [primary, filelists, other] = &self.documents;
        let documents = (primary.open()?, filelists.open()?, other.open()?);
        let wrong = |problem| self.wrong(problem);
        let mut reader = PackageReader::new(documents.0, documents.1, documents.2).map_err(wrong)?;
        let announced = reader.announced();
        let mut sieve = Sieve::new(self.choice, newest, &self.modular);
        let mut handful = Handful { announced, ..Handful::default() };
        while let Some(mut package) = reader.next_package().map_err(wrong)? {
            match sieve.look_at(&mut package).map_err(|refusal| self.refused(refusal, &package))? {
                Verdict::Skipped => handful.skipped += 1,
                Verdict::Known => {}
                Verdict::Doubled => handful.doubled.push(package.location_href),
                Verdict::Wanted => {
                    package.keep_changelogs(self.changelog_limit);
                    handful.weight += package.files.len() + package.changelogs.len();
                    handful.packages.push(package);
                }
            }
            if handful.packages.len() >= TOGETHER || handful.weight >= HEAVY {
                let next = Handful { announced, ..Handful::default() };
                if !give(std::mem::replace(&mut handful, next)) {
                    return Ok(());
                }
            }
        }
        give(handful);
        Ok(())
    }

    fn wrong(&self, problem: MergeError) -> Error {
        let [primary, filelists, other] = &self.documents;
        let document = match &problem {
            MergeError::Xml { document: "filelists", .. }
            | MergeError::Missing { document: "filelists", .. }
            | MergeError::Disorder("filelists") => filelists,
            MergeError::Xml { document: "other", .. }
            | MergeError::Missing { document: "other", .. }
            | MergeError::Disorder("other") => other,
            _ => primary,
        };
        match problem {
            MergeError::Xml { error, .. } => document.wrong(error),
            problem => document.wrong(problem),
        }
    }

    fn wanted(&self, mut package: Package) -> Result<Wanted> {
        let primary = &self.documents[0];
        let wrong =
            |problem: &dyn std::fmt::Display| primary.wrong(format!("the package `{}`: {problem}", named(&package)));
        let nevra = package.nevra().map_err(|problem| wrong(&problem))?;
        let url = located(&self.root, &package.location_base, &package.location_href).map_err(|error| wrong(&error))?;
        let sha256 = match package.checksum_type {
            ChecksumType::Sha256 => Some(package.pkgid.parse::<Sha256>().map_err(|problem| wrong(&problem))?),
            _ => None,
        };
        let file = UpstreamFile {
            url,
            size: Some(package.size_package).filter(|size| *size > 0),
            digests: vec![(package.checksum_type.as_str(), package.pkgid.clone())],
        };
        // From here on the package is where its repository is, under the name that is its own.
        package.location_base = String::new();
        package.location_href = nevra.filename();
        let unit = package::unit(&package, self.modular.contains(&nevra), sha256)
            .map_err(|error| primary.wrong_item(&nevra.to_string(), error))?;
        Ok(Wanted { unit, files: vec![file], group: Some(self.group.clone()), pinned: vec![] })
    }
}

/// How a package is called in an error, whatever it is called.
fn named(package: &Package) -> String {
    crate::text::excerpt(&format!("{}-{}-{}.{}", package.name, package.version, package.release, package.arch))
}

/// Whether the policy takes the upstream's metadata as it is, so that packages must lie where it says.
fn is_complete(choice: Choice) -> bool {
    choice.policy == SyncPolicy::MirrorComplete
}
