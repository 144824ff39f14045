//! The inside of distribution files: whether they are what their name says, and their metadata.
//!
//! Everything read is hostile and bounded: the number of entries, the bytes that are unpacked,
//! the size of what is kept. Nothing is ever written out. An archive is refused as a whole if any
//! entry could land outside of the folder it is unpacked into.
//!
//! * Wheels (PEP 427): exactly one `*.dist-info/METADATA` at the top, for the project and version
//!   of the file name; its bytes are kept for PEP 658.
//! * Sdists: the `PKG-INFO` that lies least deep. Links are allowed where they point inside the
//!   archive, as real sdists have them; devices, pipes and whatever else is no file are not.
//! * Eggs: `EGG-INFO/PKG-INFO`. Installers of old: the `.egg-info` in the archive behind the
//!   program.

mod bounds;
mod paths;
mod tarball;
mod unzip;
mod zips;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use crate::filename::{DistributionFile, FilenameError, PackageType};
use crate::metadata::{Metadata, MetadataError};
use crate::version;

/// What a distribution file says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The parts of its name, settled by the project of the metadata.
    pub file: DistributionFile,
    pub metadata: Metadata,
    /// The bytes of a wheel's `METADATA`, as PEP 658 serves them; `None` for other kinds.
    pub metadata_file: Option<Vec<u8>>,
}

/// Why a file is refused. All but [`ArchiveError::Io`] are the file's own fault and say so in one
/// line that a client can show.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("cannot read the file: {0}")]
    Io(#[source] io::Error),
    #[error(transparent)]
    Filename(#[from] FilenameError),
    #[error("`{filename}`: {problem}")]
    Invalid { filename: String, problem: Problem },
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Archive(String),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("the metadata is of the project `{metadata}`, the file name of `{filename}`")]
    OtherProject { metadata: String, filename: String },
    #[error("the metadata is of version `{metadata}`, the file name of `{filename}`")]
    OtherVersion { metadata: String, filename: String },
    /// Reading failed, not unpacking.
    #[error("cannot read the file: {0}")]
    Io(#[source] io::Error),
}

impl Problem {
    fn archive(text: impl Into<String>) -> Self {
        Self::Archive(text.into())
    }

    /// Unpackers report bad data by these kinds; any other error is the disk's.
    fn unpacking(what: &str, error: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        match error.kind() {
            UnexpectedEof => Self::archive(format!("{what} is truncated")),
            InvalidData | InvalidInput | Other => Self::archive(format!("{what} is damaged")),
            _ => Self::Io(error),
        }
    }
}

/// Reads the metadata of the file at `path`, which is to be called `filename`.
///
/// Name and version of the metadata agree with the file name, or it is an error.
pub fn inspect(path: &Path, filename: &str) -> Result<Package, ArchiveError> {
    let package = inspect_renamed(path, filename)?;
    let agreed = agreed(&package.file, &package.metadata);
    let file = agreed.map_err(|problem| ArchiveError::Invalid { filename: filename.to_owned(), problem })?;
    Ok(Package { file, ..package })
}

/// The same of a file that somebody gave another name: the metadata may be of another project and version.
pub fn inspect_renamed(path: &Path, filename: &str) -> Result<Package, ArchiveError> {
    let named = DistributionFile::parse(filename)?;
    let file = File::open(path).map_err(ArchiveError::Io)?;
    examine(file, named).map_err(|problem| match problem {
        Problem::Io(error) => ArchiveError::Io(error),
        problem => ArchiveError::Invalid { filename: filename.to_owned(), problem },
    })
}

fn examine(mut file: File, file_name: DistributionFile) -> Result<Package, Problem> {
    let named = &file_name;
    check_signature(&mut file, named)?;
    let (metadata, metadata_file) = match named.package_type() {
        PackageType::BdistWheel => {
            let bytes = zips::wheel_metadata(&file, named)?;
            (Metadata::parse(&bytes)?, Some(bytes))
        }
        PackageType::BdistEgg => (Metadata::parse_legacy(&zips::egg_metadata(&file)?)?, None),
        PackageType::BdistWininst => {
            let bytes = zips::installer_metadata(&file)?;
            (Metadata::parse_legacy(&bytes)?, None)
        }
        PackageType::Sdist => (sdist(file, named)?, None),
        kind => {
            let text = format!("the metadata of a {} cannot be read", kind.as_str());
            return Err(Problem::archive(text));
        }
    };
    Ok(Package { file: file_name, metadata, metadata_file })
}

fn sdist(file: File, named: &DistributionFile) -> Result<Metadata, Problem> {
    let bytes = match named.filename() {
        name if name.ends_with(".zip") => zips::sdist_metadata(&file)?,
        name if name.ends_with(".tar.bz2") => tarball::bzip2_metadata(file)?,
        name if name.ends_with(".tar.gz") || name.ends_with(".tgz") => tarball::gzip_metadata(file)?,
        _ => return Err(Problem::archive("this kind of compression is not supported")),
    };
    Ok(Metadata::parse_legacy(&bytes)?)
}

/// Looks at the first bytes, for an error that says more than `damaged`.
fn check_signature(file: &mut File, named: &DistributionFile) -> Result<(), Problem> {
    let mut start = Vec::new();
    (&mut *file).take(4).read_to_end(&mut start).map_err(Problem::Io)?;
    file.rewind().map_err(Problem::Io)?;
    let is = match start.as_slice() {
        [] => "an empty file",
        [b'P', b'K', 3 | 5, _] => "a zip archive",
        [0x1f, 0x8b, ..] => "a gzip file",
        [b'B', b'Z', b'h', _] => "a bzip2 file",
        [b'M', b'Z', ..] => "a Windows program",
        _ => "something else",
    };
    let name = named.filename();
    let should_be = match named.package_type() {
        PackageType::BdistWininst => "a Windows program",
        PackageType::Sdist if name.ends_with("gz") => "a gzip file",
        PackageType::Sdist if name.ends_with(".bz2") => "a bzip2 file",
        PackageType::BdistWheel | PackageType::BdistEgg | PackageType::Sdist => "a zip archive",
        _ => return Ok(()),
    };
    if is != should_be {
        let text = format!("by its name the file is {should_be}, by its content {is}");
        return Err(Problem::archive(text));
    }
    Ok(())
}

fn agreed(named: &DistributionFile, metadata: &Metadata) -> Result<DistributionFile, Problem> {
    let project = metadata.project().map_err(MetadataError::Name)?;
    let file = DistributionFile::parse_for(named.filename(), &project).unwrap_or_else(|_| named.clone());
    if file.name() != &project {
        return Err(Problem::OtherProject { metadata: metadata.name.clone(), filename: file.name().to_string() });
    }
    if !version::agrees_with_filename(file.version(), &metadata.version) {
        return Err(Problem::OtherVersion { metadata: metadata.version.clone(), filename: file.version().to_owned() });
    }
    Ok(file)
}
