//! Reading the distributions of an upstream, by its REST API. The upstream is taken to be hostile: pages are asked for by
//! number (where it says that the next one is does not matter), there is an end to their number and size, none may come
//! from another server, and a list has to be what it says it is. Either all of it is had or nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use url::Url;

use super::settings;
use crate::app::App;
use crate::db::upstream_pulps::UpstreamRow;
use crate::download::{Downloader, redacted};
use crate::error::{Error, Result};
use crate::plugin::Replication;
use crate::resource::Kind;
use crate::tasks::TaskContext;

/// Distributions of one page.
const PAGE: usize = 100;
/// The most bytes of one page.
const LARGEST: u64 = 4 << 20;
/// The most distributions.
const MOST: usize = 50_000;
/// The longest name, path or address, in bytes.
const LONGEST: usize = 1000;
/// How often a list is read that changes meanwhile.
const ATTEMPTS: usize = 3;
/// No more is told of what is wrong with a page; it may say anything.
const LONGEST_PROBLEM: usize = 200;

/// A distribution of the upstream.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub name: String,
    pub base_path: String,
    /// Where its content is, with a slash at the end.
    pub base_url: Url,
    /// As the upstream writes it.
    pub unchanged_since: Option<String>,
}

/// What the upstream distributes, by type, of those formats that both have.
pub(super) type Listing = BTreeMap<&'static str, (Replication, Vec<Listed>)>;

#[derive(Deserialize)]
struct Status {
    versions: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    component: String,
}

#[derive(Deserialize)]
struct Page {
    count: u64,
    next: Option<Json>,
    results: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    base_path: String,
    base_url: String,
    #[serde(default)]
    no_content_change_since: Option<String>,
}

/// All distributions that the upstream's selection keeps.
///
/// # Errors
/// `Upstream` naming the address and what is wrong there.
pub(super) async fn read(app: &App, context: &TaskContext, upstream: &UpstreamRow) -> Result<Listing> {
    let reader = Reader { downloader: settings::downloader(app, upstream)?, base: base(upstream)? };
    let (root, api) = settings::addresses(upstream);
    let status: Status = reader.json(&format!("{root}status/")).await?;
    let has = |name: &str| status.versions.iter().any(|one| one.component == name);
    let progress = context.progress("Listed Distributions", "replication.listed.distributions", None);
    let mut listing = Listing::new();
    for plugin in app.registry.plugins.iter().filter(|plugin| has(plugin.name())) {
        let Some(replication) = plugin.replication() else { continue };
        let Some(resource) = app.registry.typed(Kind::Distribution, replication.pulp_type) else { continue };
        context.check()?;
        let listed = reader.all(&format!("{api}{}", resource.path), upstream.q_select.as_deref()).await?;
        progress.add(i64::try_from(listed.len()).unwrap_or(i64::MAX));
        listing.insert(replication.pulp_type, (replication, listed));
    }
    refuse_doubles(&listing)?;
    progress.finish();
    Ok(listing)
}

fn base(upstream: &UpstreamRow) -> Result<Url> {
    Url::parse(&upstream.base_url).map_err(|problem| Error::field("base_url", problem.to_string()))
}

struct Reader {
    downloader: Downloader,
    base: Url,
}

/// Why a list has to be read again.
struct Changed(String);

impl Reader {
    async fn all(&self, list: &str, selection: Option<&str>) -> Result<Vec<Listed>> {
        let mut problem = String::new();
        for _ in 0..ATTEMPTS {
            match self.once(list, selection).await? {
                Ok(listed) => return Ok(listed),
                Err(Changed(how)) => problem = how,
            }
        }
        Err(Error::upstream(format!("{list}: {problem}")))
    }

    async fn once(&self, list: &str, selection: Option<&str>) -> Result<std::result::Result<Vec<Listed>, Changed>> {
        let (mut listed, mut known, mut offset) = (Vec::new(), HashSet::new(), 0);
        loop {
            let url = address(list, selection, offset)?;
            let page: Page = self.json(&url).await?;
            let rows = page.results.len();
            if page.count > MOST as u64 || known.len() + rows > MOST {
                return Err(Error::upstream(format!("{list}: more than {MOST} distributions")));
            }
            let before = known.len();
            for row in page.results {
                if known.insert((row.name.clone(), row.base_path.clone())) {
                    listed.push(row.understood().map_err(|problem| Error::upstream(format!("{list}: {problem}")))?);
                }
            }
            if page.next.is_none() {
                let (count, found) = (page.count, known.len());
                return Ok(match count == found as u64 {
                    true => Ok(listed),
                    false => Err(Changed(format!("says that there are {count} distributions and has {found}"))),
                });
            }
            if known.len() == before {
                return Err(Error::upstream(format!("{list}: does not end, its page at {offset} has nothing new")));
            }
            offset += rows;
        }
    }

    /// A document of the upstream itself.
    async fn json<T: DeserializeOwned>(&self, url: &str) -> Result<T> {
        let wrong = |problem: String| Error::upstream(format!("{}: {problem}", redacted(url)));
        let fetched = self.downloader.fetch_bytes(url, LARGEST).await?;
        let from = Url::parse(&fetched.final_url).map_err(|problem| wrong(problem.to_string()))?;
        if from.origin() != self.base.origin() {
            return Err(wrong(format!("redirected to another server, {}", redacted(&fetched.final_url))));
        }
        serde_json::from_slice(&fetched.bytes).map_err(|problem| {
            let problem: String = problem.to_string().chars().take(LONGEST_PROBLEM).collect();
            wrong(format!("not what is expected there: {problem}"))
        })
    }
}

impl Row {
    fn understood(self) -> std::result::Result<Listed, String> {
        for (what, text) in [("name", &self.name), ("base_path", &self.base_path), ("base_url", &self.base_url)] {
            if text.len() > LONGEST {
                return Err(format!("a {what} of {} bytes", text.len()));
            }
            if text.contains('\0') {
                return Err(format!("a {what} with a null character"));
            }
        }
        let wrong = |problem: &str| format!("the address of `{}` {problem}", self.name);
        let mut base_url = Url::parse(&self.base_url).map_err(|problem| wrong(&format!("is none: {problem}")))?;
        // What is read there is read by this server, which sees files and hosts that the upstream does not.
        if !matches!(base_url.scheme(), "http" | "https") || !base_url.has_host() {
            return Err(wrong("is not of http or https"));
        }
        if !base_url.username().is_empty() || base_url.password().is_some() {
            return Err(wrong("has credentials"));
        }
        if !base_url.path().ends_with('/') {
            base_url.set_path(&format!("{}/", base_url.path()));
        }
        let unchanged_since = self.no_content_change_since.filter(|text| text.len() <= LONGEST && !text.contains('\0'));
        Ok(Listed { name: self.name, base_path: self.base_path, base_url, unchanged_since })
    }
}

fn address(list: &str, selection: Option<&str>, offset: usize) -> Result<String> {
    let mut url = Url::parse(list).map_err(|problem| Error::field("base_url", problem.to_string()))?;
    let mut query = url.query_pairs_mut();
    query.append_pair("limit", &PAGE.to_string()).append_pair("offset", &offset.to_string());
    // The newest first would move what is there when something comes.
    query.append_pair("ordering", "pulp_created");
    if let Some(selection) = selection.filter(|selection| !selection.is_empty()) {
        query.append_pair("q", selection);
    }
    drop(query);
    Ok(url.into())
}

/// # Errors
/// When two distributions have one name or one path, which no server has.
fn refuse_doubles(listing: &Listing) -> Result<()> {
    let (mut names, mut paths) = (HashMap::new(), HashMap::new());
    for one in listing.values().flat_map(|(_, listed)| listed) {
        if names.insert(&one.name, ()).is_some() {
            return Err(Error::upstream(format!("two distributions are called `{}`", one.name)));
        }
        if let Some(other) = paths.insert(&one.base_path, &one.name) {
            let path = &one.base_path;
            return Err(Error::upstream(format!("`{other}` and `{}` have the same base_path `{path}`", one.name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_of_a_distribution_is_on_a_server() {
        for (base_url, expected) in [
            ("http://h/pulp/content/a/", Ok("http://h/pulp/content/a/")),
            ("https://h:8/a", Ok("https://h:8/a/")),
            ("file:///etc/", Err("is not of http or https")),
            ("uln://channel", Err("is not of http or https")),
            ("http://u:p@h/", Err("has credentials")),
            ("/pulp/content/a/", Err("is none")),
        ] {
            let row = Row {
                name: "a".into(),
                base_path: "a".into(),
                base_url: base_url.into(),
                no_content_change_since: None,
            };
            match (row.understood(), expected) {
                (Ok(listed), Ok(expected)) => assert_eq!(listed.base_url.as_str(), expected),
                (Err(problem), Err(expected)) => assert!(problem.contains(expected), "{problem}"),
                (found, _) => panic!("{base_url}: {found:?}"),
            }
        }
    }
}
