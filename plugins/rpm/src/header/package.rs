//! Making the package's description of its headers, field by field as createrepo_c does.

use super::tags::{self, signature};
use super::{Header, HeaderError, changelogs, dependencies, files};
use crate::checksum::Checksum;
use crate::evr::{Evr, Nevra};
use crate::package::Package;

/// What a header does not say about its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The checksum of the whole file, which becomes the `pkgid`.
    pub checksum: Checksum,
    /// Bytes of the whole file.
    pub size: u64,
    /// When the file was changed or came, in seconds of the epoch.
    pub time_file: i64,
    /// Its path below the repository.
    pub location_href: String,
}

impl Header {
    /// The package's full name; source packages are of the architecture `src`.
    pub fn nevra(&self) -> Result<Nevra, HeaderError> {
        let required = |tag, what| self.main.string(tag)?.ok_or(HeaderError::Missing(what));
        let name = required(tags::NAME, "name")?;
        let version = required(tags::VERSION, "version")?;
        let release = required(tags::RELEASE, "release")?;
        let arch = if self.is_source() { "src".to_owned() } else { required(tags::ARCH, "arch")? };
        let epoch = self.main.numbers(tags::EPOCH)?.first().copied().unwrap_or(0);
        Ok(Nevra::new(&name, Evr::new(epoch, version, release), &arch)?)
    }

    /// Whether it is a source package: those were not built from one.
    pub fn is_source(&self) -> bool {
        !self.main.has(tags::SOURCERPM)
    }

    /// The description of the package, with at most so many changelog entries, the newest.
    pub fn package(&self, origin: Origin, changelog_limit: usize) -> Result<Package, HeaderError> {
        let main = &self.main;
        let nevra = self.nevra()?;
        let (header_start, header_end) = self.range();
        let files = files::read(main)?;
        let mut package = Package {
            name: nevra.name,
            epoch: nevra.evr.epoch,
            version: nevra.evr.version,
            release: nevra.evr.release,
            arch: nevra.arch,
            pkgid: origin.checksum.value().to_owned(),
            checksum_type: origin.checksum.kind(),
            summary: main.string_or_empty(tags::SUMMARY)?,
            description: main.string_or_empty(tags::DESCRIPTION)?,
            packager: main.string_or_empty(tags::PACKAGER)?,
            url: main.string_or_empty(tags::URL)?,
            time_file: origin.time_file,
            time_build: main.number(tags::BUILDTIME)?.map_or(0, |time| i64::try_from(time).unwrap_or(0)),
            size_package: origin.size,
            size_installed: first_number([(main, tags::LONGSIZE), (main, tags::SIZE)])?,
            size_archive: first_number([
                (&self.signature, signature::LONGARCHIVESIZE),
                (&self.signature, signature::PAYLOADSIZE),
                (main, signature::LONGARCHIVESIZE),
                (main, tags::ARCHIVESIZE),
            ])?,
            location_href: origin.location_href,
            location_base: String::new(),
            license: main.string_or_empty(tags::LICENSE)?,
            vendor: main.string_or_empty(tags::VENDOR)?,
            group: main.string_or_empty(tags::GROUP)?,
            buildhost: main.string_or_empty(tags::BUILDHOST)?,
            sourcerpm: main.string_or_empty(tags::SOURCERPM)?,
            header_start,
            header_end,
            changelogs: changelogs::read(main, changelog_limit)?,
            signing_keys: self.signing_keys()?,
            files,
            ..Package::default()
        };
        dependencies::read(main, &mut package)?;
        Ok(package)
    }
}

fn first_number<const N: usize>(places: [(&super::Store, u32); N]) -> Result<u64, HeaderError> {
    for (store, tag) in places {
        if let Some(number) = store.number(tag)? {
            return Ok(number);
        }
    }
    Ok(0)
}
