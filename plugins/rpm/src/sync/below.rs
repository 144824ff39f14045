//! The repositories of variants and addons, each synchronized into one that users do not see and published in the
//! folder of its name.

use std::collections::{BTreeMap, HashMap};

use pith_core::error::{Error, Result};
use pith_core::id::RelativePath;
use pith_core::plugin::SyncJob;
use url::Url;

use super::address::below;
use super::index::{self, Answer};
use super::seen::BelowSeen;
use crate::text::excerpt;
use crate::treeinfo::{Moved, Part, Place, Treeinfo};

/// Real trees have some ten.
const MOST: usize = 100;

/// A repository of some variants or addons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub url: String,
    /// Where it is published; mostly one.
    pub folders: Vec<String>,
}

/// What a tree is made of beside its main repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    pub sources: Vec<Source>,
    /// What lies elsewhere than the upstream's file says, by section.
    pub moved: HashMap<String, Moved>,
}

impl Sources {
    /// Of the tree at `root`. What is on another server, or above the root of this one, is not followed.
    ///
    /// # Errors
    /// `Upstream` when two repositories want one folder, when one has a name that is none of a folder, or for more
    /// repositories than any tree has.
    pub fn of(treeinfo: &Treeinfo, root: &str) -> Result<Self> {
        let main = folder_below(root, "")?;
        let (mut found, mut by_folder) = (Self::default(), BTreeMap::new());
        for part in treeinfo.parts() {
            let Some(url) = address(root, part.place)? else { continue };
            if url == main {
                if *part.place != Place::Inside(String::new()) {
                    found.moved.insert(part.section.to_owned(), Moved::Root);
                }
                continue;
            }
            let folder = folder(&part)?;
            found.moved.insert(part.section.to_owned(), Moved::Folder(folder.clone()));
            match by_folder.insert(folder.clone(), url.clone()) {
                Some(other) if other == url => continue,
                Some(_) => return Err(wrong(format!("two of its repositories are called `{}`", excerpt(&folder)))),
                None => {}
            }
            match found.sources.iter_mut().find(|source| source.url == url) {
                Some(source) => source.folders.push(folder),
                None => found.sources.push(Source { url, folders: vec![folder] }),
            }
            if found.sources.len() > MOST {
                return Err(wrong(format!("it names more than {MOST} repositories")));
            }
        }
        Ok(found)
    }
}

/// An error of the upstream, with the folder of the variant or addon that it is about.
pub(super) fn named(folder: &str, error: Error) -> Error {
    match error {
        Error::Upstream(_) => Error::upstream(format!("the variant or addon `{folder}`: {}", error.public_text())),
        other => other,
    }
}

fn wrong(problem: impl std::fmt::Display) -> Error {
    Error::upstream(format!("the tree cannot be published: {problem}"))
}

/// The folder of a part.
fn folder(part: &Part<'_>) -> Result<String> {
    let index = format!("{}/{}", part.id, index::REPOMD).parse::<RelativePath>();
    match index {
        Ok(_) => Ok(part.id.to_owned()),
        Err(problem) => Err(wrong(format!("`{}` of `[{}]`: {problem}", excerpt(part.id), excerpt(part.section)))),
    }
}

/// The address of a place; none for one that is not followed.
fn address(root: &str, place: &Place) -> Result<Option<String>> {
    match place {
        Place::Inside(path) => folder_below(root, path).map(Some),
        Place::Beside { above, path } => {
            let mut url = Url::parse(root).map_err(Error::internal)?;
            let mut folders: Vec<&str> = url.path().split('/').filter(|name| !name.is_empty()).collect();
            let Some(left) = folders.len().checked_sub(*above) else { return Ok(None) };
            folders.truncate(left);
            let above = format!("/{}", folders.join("/"));
            url.set_path(&above);
            folder_below(url.as_str(), path).map(Some)
        }
        Place::Outside(_) => Ok(None),
    }
}

/// One folder has one address, without a slash at its end.
fn folder_below(folder: &str, path: &str) -> Result<String> {
    let mut url = Url::parse(&below(folder, path)?).map_err(Error::internal)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url.into())
}

/// Whether the repositories below are as they were: a request for each, on the condition that it changed.
pub(super) async fn are_unchanged(job: &SyncJob, before: &[BelowSeen]) -> Result<bool> {
    for before in before {
        let is_same = match (index::ask(job, &before.url, Some(&before.page)).await?, &before.checksum) {
            (Answer::NotModified, _) | (Answer::Absent, None) => true,
            (Answer::Found(index), Some(checksum)) => index.checksum == *checksum,
            (Answer::Absent, Some(_)) | (Answer::Found(_), None) => false,
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(parts: &str) -> Result<Sources> {
        let text = format!("[general]\nfamily = a\n{parts}");
        Sources::of(&Treeinfo::parse(text.as_bytes()).expect("a tree"), "http://h/a/os/?token=1")
    }

    #[test]
    fn repositories_are_found_where_the_tree_says() {
        let found = sources(
            "[variant-Sea]\nrepository = .\n[variant-Self]\nrepository = ../os\n[variant-Land]\nrepository = v/land/\n\
             [variant-Ext]\nrepository = ../../b/os\n[variant-Up]\nrepository = ../../../x\n\
             [variant-Web]\nrepository = http://g/\n[addon-Sea-Whale]\nid = Whale\nrepository = v/land/repodata\n",
        );
        let found = found.expect("sources");
        let source = |url: &str, folders: &[&str]| Source {
            url: url.to_owned(),
            folders: folders.iter().map(|folder| (*folder).to_owned()).collect(),
        };
        assert_eq!(
            found.sources,
            [source("http://h/a/os/v/land?token=1", &["Land", "Whale"]), source("http://h/b/os?token=1", &["Ext"])]
        );
        assert_eq!(found.moved.get("variant-Self"), Some(&Moved::Root));
        assert_eq!(found.moved.get("addon-Sea-Whale"), Some(&Moved::Folder("Whale".to_owned())));
        for elsewhere in ["variant-Sea", "variant-Up", "variant-Web"] {
            assert_eq!(found.moved.get(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn folders_are_one_repositorys_each() {
        let named = |two: &str| format!("[variant-A]\nid = X\nrepository = a\n[addon-B]\nid = X\nrepository = {two}\n");
        assert_eq!(sources(&named("a")).expect("the same twice").sources.len(), 1);
        sources(&named("b")).expect_err("two of one name");
        let many =
            |count: usize| (0..count).map(|at| format!("[variant-{at}]\nrepository = r{at}\n")).collect::<String>();
        assert_eq!(sources(&many(MOST)).expect("many").sources.len(), MOST);
        sources(&many(MOST + 1)).expect_err("too many");
    }
}
