//! Gathers the files of a page: limits, doubles, and what belongs to another project.

use std::collections::HashSet;

use url::Url;

use super::{PageError, ProjectFile, ProjectPage, RefusedFile, excerpt};
use crate::filename::{DistributionFile, FilenameError};
use crate::name::ProjectName;

/// No real address is longer.
const MAX_URL: usize = 8192;

/// A page that is being read.
pub(super) struct Collector {
    pub(super) page: ProjectPage,
    seen: HashSet<String>,
}

impl Collector {
    pub(super) fn new(project: &ProjectName) -> Self {
        Self {
            page: ProjectPage {
                name: project.clone(),
                last_serial: None,
                info: None,
                files: Vec::new(),
                refused: Vec::new(),
                status: None,
                alternate_locations: Vec::new(),
                tracks: Vec::new(),
            },
            seen: HashSet::new(),
        }
    }

    /// Takes the name that the page gives; it must be the project's in some spelling.
    pub(super) fn name(&mut self, name: &str) -> Result<(), PageError> {
        match ProjectName::parse(name) {
            Ok(name) if name == self.page.name => {
                self.page.name = name;
                Ok(())
            }
            _ => Err(PageError::OtherProject { found: excerpt(name), expected: self.page.name.to_string() }),
        }
    }

    pub(super) fn push(&mut self, file: Result<ProjectFile, RefusedFile>) -> Result<(), PageError> {
        if self.page.files.len() + self.page.refused.len() >= super::MAX_FILES {
            return Err(PageError::TooManyFiles);
        }
        match file {
            Ok(file) if self.seen.insert(file.filename.clone()) => self.page.files.push(file),
            Ok(file) => self.page.refused.push(refusal(&file.filename, "is listed twice")),
            Err(refused) => self.page.refused.push(refused),
        }
        Ok(())
    }
}

pub(super) fn refusal(filename: &str, reason: impl ToString) -> RefusedFile {
    RefusedFile { filename: excerpt(filename), reason: reason.to_string() }
}

/// Takes a file name apart that must be one of the project's.
pub(super) fn distribution(filename: &str, project: &ProjectName) -> Result<DistributionFile, String> {
    let text = |error: FilenameError| error.to_string();
    let file = DistributionFile::parse_for(filename, project).map_err(text)?;
    if file.name() != project {
        return Err(format!("is a file of the project `{}`", file.name()));
    }
    Ok(file)
}

/// An address on a page, made absolute; the fragment comes second.
pub(super) fn resolve(base: &Url, address: &str) -> Result<(Url, Option<String>), String> {
    if address.len() > MAX_URL {
        return Err("has an address of odd length".to_owned());
    }
    let mut url =
        base.join(address.trim()).map_err(|error| format!("has the address `{}`: {error}", excerpt(address)))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        let shown = excerpt(address);
        return Err(format!("has the address `{shown}`, which is neither http nor https"));
    }
    let fragment = url.fragment().map(str::to_owned);
    url.set_fragment(None);
    Ok((url, fragment))
}
