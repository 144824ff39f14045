//! Which entry of a zip archive holds the metadata of each kind of distribution.

use std::fs::File;

use super::unzip::{Prefix, Zip, ZipEntry};
use super::{Problem, paths};
use crate::filename::DistributionFile;
use crate::metadata::{self, MetadataError};
use crate::{name, version};

/// The `METADATA` of a wheel.
pub(super) fn wheel_metadata(file: &File, named: &DistributionFile) -> Result<Vec<u8>, Problem> {
    let zip = Zip::open(file, Prefix::Refused)?;
    let entry =
        only(&zip, is_wheel_metadata)?.ok_or_else(|| Problem::archive("the wheel has no `*.dist-info/METADATA`"))?;
    check_dist_info(&entry, named)?;
    read(&zip, &entry)
}

/// The `EGG-INFO/PKG-INFO` of an egg.
pub(super) fn egg_metadata(file: &File) -> Result<Vec<u8>, Problem> {
    let zip = Zip::open(file, Prefix::Allowed)?;
    let entry = only(&zip, |path| path == b"EGG-INFO/PKG-INFO")?
        .ok_or_else(|| Problem::archive("the egg has no `EGG-INFO/PKG-INFO`"))?;
    read(&zip, &entry)
}

/// The `.egg-info` that an installer of old unpacks next to the modules: a file of distutils, or
/// the `PKG-INFO` in a folder of setuptools.
pub(super) fn installer_metadata(file: &File) -> Result<Vec<u8>, Problem> {
    let zip = Zip::open(file, Prefix::Allowed)?;
    let entry = only(&zip, |path| {
        let path = path.strip_suffix(b"/PKG-INFO").unwrap_or(path);
        path.ends_with(b".egg-info") && paths::depth(path) == 1
    })?
    .ok_or_else(|| Problem::archive("the installer has no `*.egg-info`"))?;
    read(&zip, &entry)
}

/// The `PKG-INFO` of an sdist that lies least deep; among equals the first by name.
pub(super) fn sdist_metadata(file: &File) -> Result<Vec<u8>, Problem> {
    let zip = Zip::open(file, Prefix::Refused)?;
    let mut best: Option<ZipEntry> = None;
    let mut twice = false;
    zip.entries(|entry| {
        let name = entry.path.rsplit(|&b| b == b'/').next();
        if name != Some(b"PKG-INFO".as_slice()) {
            return Ok(());
        }
        let order = best.as_ref().map(|best| rank(&entry).cmp(&rank(best)));
        match order {
            Some(std::cmp::Ordering::Greater) => {}
            Some(std::cmp::Ordering::Equal) => twice = true,
            _ => {
                twice = false;
                best = Some(entry);
            }
        }
        Ok(())
    })?;
    let best = best.ok_or_else(|| Problem::archive("the archive has no PKG-INFO"))?;
    if twice {
        return Err(twice_in(&best.path));
    }
    read(&zip, &best)
}

fn rank(entry: &ZipEntry) -> (usize, &[u8]) {
    (paths::depth(&entry.path), &entry.path)
}

/// The one entry whose path fits; two of them would be read differently by different tools.
fn only(zip: &Zip<'_>, fits: impl Fn(&[u8]) -> bool) -> Result<Option<ZipEntry>, Problem> {
    let mut found: Option<ZipEntry> = None;
    zip.entries(|entry| {
        if !fits(&entry.path) {
            return Ok(());
        }
        match &found {
            Some(first) if first.path == entry.path => Err(twice_in(&entry.path)),
            Some(first) => Err(Problem::archive(format!(
                "the archive has metadata twice, in `{}` and in `{}`",
                paths::show(&first.path),
                paths::show(&entry.path)
            ))),
            None => {
                found = Some(entry);
                Ok(())
            }
        }
    })?;
    Ok(found)
}

fn twice_in(path: &[u8]) -> Problem {
    Problem::archive(format!("the archive has `{}` twice", paths::show(path)))
}

fn is_wheel_metadata(path: &[u8]) -> bool {
    path.strip_suffix(b".dist-info/METADATA").is_some_and(|stem| !stem.is_empty() && !stem.contains(&b'/'))
}

/// The folder must be of the project and version of the file name.
fn check_dist_info(entry: &ZipEntry, named: &DistributionFile) -> Result<(), Problem> {
    let shown = paths::show(&entry.path);
    let stem = shown.strip_suffix(".dist-info/METADATA").unwrap_or("");
    let fits = stem.rsplit_once('-').is_some_and(|(project, of)| {
        name::normalize(project) == named.name().normalized() && version::agrees_with_filename(named.version(), of)
    });
    if fits {
        return Ok(());
    }
    let text = format!("the folder `{stem}.dist-info` in the wheel does not fit its file name");
    Err(Problem::archive(text))
}

fn read(zip: &Zip<'_>, entry: &ZipEntry) -> Result<Vec<u8>, Problem> {
    if entry.unpacked_size() > metadata::MAX_BYTES as u64 {
        return Err(MetadataError::TooLarge.into());
    }
    zip.read(entry, metadata::MAX_BYTES)
}
