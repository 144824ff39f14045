//! The simple API in HTML (PEP 503, 592, 629, 658, 714, 740).

use std::io::Read;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{IoReader, StartTag, Token, Tokenizer};
use url::Url;

use super::collect::{Collector, distribution, refusal, resolve};
use super::json::visit_name;
use super::{
    CoreMetadata, Hashes, IndexProject, IndexSummary, PageError, ProjectFile, ProjectPage, RefusedFile,
    check_api_version,
};
use crate::filename::{DistributionFile, FilenameError};
use crate::name::ProjectName;

/// The most that is kept of the text of a link.
const MAX_TEXT: usize = 1024;

/// Reads an index as a stream: each project goes to `visit` as it is read, and nothing is kept.
/// The name is the text of the link, since its address has the normalized one.
pub fn parse_index_html(reader: impl Read, visit: &mut dyn FnMut(IndexProject)) -> Result<IndexSummary, PageError> {
    let mut summary = IndexSummary::default();
    links(reader, |event| match event {
        Event::Base(_) => Ok(()),
        Event::Serial(serial) => {
            summary.last_serial = Some(serial);
            Ok(())
        }
        Event::Link(link) => visit_name(link.text.trim(), None, &mut summary, visit),
        Event::Status(_) => Ok(()),
    })?;
    Ok(summary)
}

/// Reads the page of a project. Addresses count from `page`, where it was found, or from the
/// page's own `<base>`. Links to anything but distribution files are passed over.
pub fn parse_project_html(reader: impl Read, page: &Url, project: &ProjectName) -> Result<ProjectPage, PageError> {
    let mut collector = Collector::new(project);
    let mut base = page.clone();
    let mut based = false;
    links(reader, |event| match event {
        Event::Base(href) => {
            if !std::mem::replace(&mut based, true) {
                let resolved = resolve(page, &href);
                base = resolved.map_err(|reason| PageError::Format(format!("its base {reason}")))?.0;
            }
            Ok(())
        }
        Event::Serial(serial) => {
            collector.page.last_serial = Some(serial);
            Ok(())
        }
        Event::Status(status) => {
            collector.page.status = Some(status);
            Ok(())
        }
        Event::Link(link) => match file(&link, &base, project) {
            Some(file) => collector.push(file),
            None => Ok(()),
        },
    })?;
    Ok(collector.page)
}

enum Event {
    Base(String),
    Serial(u64),
    Status(String),
    Link(Link),
}

/// An `<a>` with its attributes and its text.
struct Link {
    tag: StartTag<()>,
    text: String,
}

impl Link {
    fn attribute(&self, name: &str) -> Option<String> {
        attribute(&self.tag, name)
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(&value.value).into_owned())
}

fn links(reader: impl Read, mut take: impl FnMut(Event) -> Result<(), PageError>) -> Result<(), PageError> {
    let mut emitter = DefaultEmitter::default();
    // Otherwise what looks like a tag inside of a script would be one.
    emitter.naively_switch_states(true);
    let mut open: Option<Link> = None;
    for token in Tokenizer::new_with_emitter(IoReader::new(reader), emitter) {
        match token.map_err(PageError::Io)? {
            Token::StartTag(tag) if tag.name.as_slice() == b"a" => {
                let link = Link { tag, text: String::new() };
                if let Some(link) = open.replace(link) {
                    take(Event::Link(link))?;
                }
            }
            Token::StartTag(tag) => {
                if let Some(event) = head(&tag)? {
                    take(event)?;
                }
            }
            Token::String(text) => {
                if let Some(link) = open.as_mut().filter(|link| link.text.len() < MAX_TEXT) {
                    link.text.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Token::EndTag(tag) if tag.name.as_slice() == b"a" => {
                if let Some(link) = open.take() {
                    take(Event::Link(link))?;
                }
            }
            Token::Comment(comment) => {
                if let Some(serial) = serial(&comment) {
                    take(Event::Serial(serial))?;
                }
            }
            _ => {}
        }
    }
    open.map_or(Ok(()), |link| take(Event::Link(link)))
}

/// The public index ends its pages with `<!--SERIAL 123-->`.
fn serial(comment: &[u8]) -> Option<u64> {
    std::str::from_utf8(comment).ok()?.trim().strip_prefix("SERIAL ")?.trim().parse().ok()
}

fn head(tag: &StartTag<()>) -> Result<Option<Event>, PageError> {
    match tag.name.as_slice() {
        b"base" => Ok(attribute(tag, "href").map(Event::Base)),
        b"meta" => match (attribute(tag, "name").as_deref(), attribute(tag, "content")) {
            (Some("pypi:repository-version"), Some(version)) => check_api_version(&version).map(|()| None),
            (Some("pypi:project-status"), Some(status)) => Ok(Some(Event::Status(status))),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The file that a link leads to; none if it leads elsewhere.
fn file(link: &Link, base: &Url, project: &ProjectName) -> Option<Result<ProjectFile, RefusedFile>> {
    let href = link.attribute("href")?;
    let text = link.text.trim();
    let (url, fragment) = match resolve(base, &href) {
        Ok(resolved) => resolved,
        // A link home by mail is none of our business; a file that hides behind one is.
        Err(reason) => return is_distribution(text).then(|| Err(refusal(text, reason))),
    };
    let filename = last_segment(&url).filter(|name| is_distribution(name));
    let filename = filename.unwrap_or_else(|| text.to_owned());
    if !is_distribution(&filename) {
        return None;
    }
    let described = described(link, &filename, url, fragment, base, project);
    Some(described.map_err(|reason| refusal(&filename, reason)))
}

fn is_distribution(filename: &str) -> bool {
    !matches!(DistributionFile::parse(filename), Err(FilenameError::Extension(_))) && !filename.is_empty()
}

fn last_segment(url: &Url) -> Option<String> {
    let segment = url.path_segments()?.next_back()?;
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

fn described(
    link: &Link,
    filename: &str,
    url: Url,
    fragment: Option<String>,
    base: &Url,
    project: &ProjectName,
) -> Result<ProjectFile, String> {
    let named = distribution(filename, project)?;
    let provenance = match link.attribute("data-provenance") {
        Some(address) => Some(resolve(base, &address)?.0),
        None => None,
    };
    let requires_python = link.attribute("data-requires-python");
    Ok(ProjectFile {
        filename: filename.to_owned(),
        version: named.version().to_owned(),
        package_type: named.package_type(),
        python_version: named.python_version().to_owned(),
        url,
        hashes: hashes(fragment.as_deref().unwrap_or("")),
        requires_python: requires_python.filter(|text| !text.trim().is_empty()),
        core_metadata: core_metadata(link),
        yanked: link.attribute("data-yanked"),
        size: None,
        upload_time: None,
        provenance,
    })
}

/// A fragment of `algorithm=digest`, or several of them.
fn hashes(fragment: &str) -> Hashes {
    let mut hashes = Hashes::default();
    for (algorithm, digest) in fragment.split('&').filter_map(|pair| pair.split_once('=')) {
        hashes.insert(algorithm, digest);
    }
    hashes
}

fn core_metadata(link: &Link) -> CoreMetadata {
    let value = link.attribute("data-core-metadata").or_else(|| link.attribute("data-dist-info-metadata"));
    match value.as_deref() {
        None | Some("false") => CoreMetadata::NotServed,
        Some(value) => CoreMetadata::Served { sha256: hashes(value).sha256().map(str::to_owned) },
    }
}
