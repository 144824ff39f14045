//! RSS feeds of what came into an index last, as the public index has them.

use std::collections::{BTreeSet, HashMap};

use pith_core::error::Result;
use pith_core::id::Instant;
use pith_core::plugin::{FaceAnswer, FaceRequest, Page, Rendered, UnitRow, VersionUnits, render};

use super::{PACKAGE, absent, encoded};
use crate::name;

/// Entries of each feed.
const UPDATES: usize = 500;
const PACKAGES: usize = 40;
const RELEASES: usize = 40;
/// Files looked at for a feed, in pages of so many.
const PAGE: i64 = 2_000;
const PAGES: i64 = 5;

const COLUMNS: &[&str] = &["name_normalized", "version", "name", "summary", "author_email", "filename"];

pub fn updates(request: &FaceRequest) -> Result<FaceAnswer> {
    let (units, index) = (request.served.clone(), request.links.face.clone());
    Ok(feed("rss/updates.xml".to_owned(), async move {
        let mut newest = match &units {
            Some(units) => newest(units, UPDATES, |file| (file.project.clone(), file.version.clone())).await?,
            None => vec![],
        };
        if let Some(units) = &units {
            complete(units, &mut newest).await?;
        }
        let item = |entry: &Entry| entry.release_item(&index, &format!("{} {}", entry.name, entry.version));
        let items = newest.iter().map(item).collect();
        Ok(Some(Feed { title: "Recent updates".to_owned(), link: index.to_string(), items }))
    }))
}

pub fn packages(request: &FaceRequest) -> Result<FaceAnswer> {
    let (units, index) = (request.served.clone(), request.links.face.clone());
    Ok(feed("rss/packages.xml".to_owned(), async move {
        let newest = match &units {
            Some(units) => newest(units, PACKAGES, |file| file.project.clone()).await?,
            None => vec![],
        };
        let items = newest.iter().map(|entry| entry.project_item(&index)).collect();
        Ok(Some(Feed { title: "Newest packages".to_owned(), link: index.to_string(), items }))
    }))
}

pub fn releases(request: &FaceRequest) -> Result<FaceAnswer> {
    let project = name::normalize(request.parameter("package"));
    let Some(units) = request.served.clone() else { return Ok(FaceAnswer::NotFound(absent(&project))) };
    let index = request.links.face.clone();
    Ok(feed(format!("rss/project/{project}/releases.xml"), async move {
        let of_project = vec![("name_normalized", vec![project.clone()])];
        let mut files = Vec::new();
        for row in units.matching(PACKAGE, COLUMNS, of_project).await? {
            files.push(Entry::new(&row)?);
        }
        files.sort_by_key(|file| std::cmp::Reverse(file.added));
        let mut entries = collapse(files, RELEASES, |file| file.version.clone());
        if entries.is_empty() {
            return Ok(None);
        }
        complete(&units, &mut entries).await?;
        let items = entries.iter().map(|entry| entry.release_item(&index, &entry.version)).collect();
        let title = format!("Recent updates for {}", entries[0].name);
        Ok(Some(Feed { title, link: format!("{index}pypi/{}/json", encoded(&project)), items }))
    }))
}

struct Feed {
    title: String,
    link: String,
    items: Vec<String>,
}

fn feed<R>(name: String, make: R) -> FaceAnswer
where
    R: Future<Output = Result<Option<Feed>>> + Send + 'static,
{
    FaceAnswer::Page(Page {
        media_type: "application/rss+xml; charset=utf-8",
        max_age: 600,
        headers: &[],
        render: render({
            let absent = absent(name.split('/').nth(2).unwrap_or_default());
            move |mut out| async move {
                let Some(feed) = make.await? else { return Ok(Rendered::Absent(absent)) };
                out.write(feed.text().as_bytes()).await?;
                Ok(Rendered::Page(out))
            }
        }),
        name,
    })
}

impl Feed {
    fn text(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\"><channel><title>{title}</title>\
             <link>{link}</link><description>{title} of this Python package index</description>\
             <language>en</language>{items}</channel></rss>\n",
            title = escaped(&self.title),
            link = escaped(&self.link),
            items = self.items.concat(),
        )
    }
}

/// The newest file of something that a feed tells.
struct Entry {
    project: String,
    version: String,
    name: String,
    summary: String,
    author_email: String,
    filenames: Vec<String>,
    added: Instant,
}

impl Entry {
    fn new(row: &UnitRow) -> Result<Self> {
        let text = |at| Ok(row.get::<Option<String>>(at)?.unwrap_or_default());
        Ok(Self {
            project: row.get(0)?,
            version: row.get(1)?,
            name: row.get(2)?,
            summary: text(3)?,
            author_email: text(4)?,
            filenames: vec![row.get(5)?],
            added: row.added,
        })
    }

    fn release_item(&self, index: &str, title: &str) -> String {
        let link = format!("{index}pypi/{}/{}/json", encoded(&self.project), encoded(&self.version));
        // Readers show an entry again when its name changes: that a file was built anew is news, one more is not.
        self.item(title, &link, &format!("{link}{}", builds(&self.filenames)))
    }

    fn project_item(&self, index: &str) -> String {
        let link = format!("{index}pypi/{}/json", encoded(&self.project));
        self.item(&format!("{} added to index", self.name), &link, &link)
    }

    fn item(&self, title: &str, link: &str, guid: &str) -> String {
        let author = address(&self.author_email).map(|author| format!("<author>{}</author>", escaped(author)));
        format!(
            "<item><title>{}</title><link>{}</link><description>{}</description>{}<pubDate>{}</pubDate>\
             <guid isPermaLink=\"false\">{}</guid></item>",
            escaped(title),
            escaped(link),
            escaped(&self.summary),
            author.unwrap_or_default(),
            self.added.format("%a, %d %b %Y %H:%M:%S +0000"),
            escaped(guid),
        )
    }
}

/// The newest of each that `key` tells apart, newest first.
async fn newest<K: std::hash::Hash + Eq>(
    units: &VersionUnits,
    most: usize,
    key: impl Fn(&Entry) -> K,
) -> Result<Vec<Entry>> {
    let mut files = Vec::new();
    for page in 0..PAGES {
        let rows = units.newest(PACKAGE, COLUMNS, page * PAGE, PAGE).await?;
        let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < PAGE);
        for row in rows {
            files.push(Entry::new(&row)?);
        }
        let distinct: std::collections::HashSet<K> = files.iter().map(&key).collect();
        if is_last || distinct.len() >= most {
            break;
        }
    }
    Ok(collapse(files, most, key))
}

/// The first of each, and of that as many as `most`.
fn collapse<K: std::hash::Hash + Eq>(files: Vec<Entry>, most: usize, key: impl Fn(&Entry) -> K) -> Vec<Entry> {
    let mut seen = std::collections::HashSet::new();
    files.into_iter().filter(|file| seen.insert(key(file))).take(most).collect()
}

/// Gives each release all its files' names.
async fn complete(units: &VersionUnits, entries: &mut [Entry]) -> Result<()> {
    let projects: BTreeSet<String> = entries.iter().map(|entry| entry.project.clone()).collect();
    let equal = vec![("name_normalized", projects.into_iter().collect())];
    let mut by_release: HashMap<(String, String), Vec<String>> = HashMap::new();
    for row in units.matching(PACKAGE, &["name_normalized", "version", "filename"], equal).await? {
        by_release.entry((row.get(0)?, row.get(1)?)).or_default().push(row.get(2)?);
    }
    for entry in entries {
        if let Some(filenames) = by_release.remove(&(entry.project.clone(), entry.version.clone())) {
            entry.filenames = filenames;
        }
    }
    Ok(())
}

/// The build tags of wheels, as a fragment: `#builds=1,2`; nothing if there are none.
fn builds(filenames: &[String]) -> String {
    let tags: BTreeSet<&str> = filenames.iter().filter_map(|filename| build(filename)).collect();
    if tags.is_empty() {
        return String::new();
    }
    format!("#builds={}", tags.into_iter().collect::<Vec<_>>().join(","))
}

/// Of `name-version-build-python-abi-platform.whl`.
fn build(filename: &str) -> Option<&str> {
    let parts: Vec<&str> = filename.strip_suffix(".whl")?.split('-').collect();
    let [_, _, build, _, _, _] = parts[..] else { return None };
    build.starts_with(|first: char| first.is_ascii_digit()).then_some(build)
}

/// A text that is an address, or a list of such.
fn address(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text.split(',').all(|one| one.contains('@'))).then_some(text)
}

/// Text for XML 1.0, which has no way to hold most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_part_of_the_name_of_an_entry() {
        let check = |filenames: &[&str], expected: &str| {
            let filenames: Vec<String> = filenames.iter().map(|&filename| filename.to_owned()).collect();
            assert_eq!(builds(&filenames), expected, "{filenames:?}");
        };
        check(&["a-1.tar.gz", "a-1-py3-none-any.whl"], "");
        check(&["a-1-2-py3-none-any.whl", "a-1-1-py3-none-any.whl", "a-1-1-py3-none-linux_x86_64.whl"], "#builds=1,2");
        check(&["a-1-x-py3-none-any.whl"], "");
    }

    #[test]
    fn nothing_breaks_the_document() {
        assert_eq!(escaped("<a>&\u{1}\u{fffe}b\n"), "&lt;a&gt;&amp;b\n");
    }
}
