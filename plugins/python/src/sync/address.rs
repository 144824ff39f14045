//! Where an index keeps what: its list of projects, a project's page, the older JSON API; and where its links may
//! lead.

use std::net::IpAddr;

use pith_core::error::{Error, Result};
use url::{Host, Url};

use crate::name::ProjectName;

/// The addresses of an index, of which the address of a remote is the root (`https://host/`) or the list of
/// projects (`https://host/simple/`).
#[derive(Clone, Debug)]
pub(crate) struct Index {
    root: Url,
    simple: Url,
}

impl Index {
    /// # Errors
    /// `Upstream` when there can be no index.
    pub fn at(url: &str) -> Result<Self> {
        let mut url =
            Url::parse(url).map_err(|problem| Error::upstream(format!("the address of the index: {problem}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::upstream("an index is read by http or https only"));
        }
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        let last = path.rsplit('/').next().unwrap_or_default();
        // Some servers call it by a name that no project can have.
        let is_simple = matches!(last, "simple" | "+simple");
        let root = if is_simple { path.strip_suffix(last).unwrap_or(&path).trim_end_matches('/') } else { &path };
        let simple = if is_simple { path.clone() } else { format!("{path}/simple") };
        Ok(Self { root: with_path(&url, &format!("{root}/")), simple: with_path(&url, &format!("{simple}/")) })
    }

    /// The list of projects.
    pub fn list(&self) -> String {
        self.simple.to_string()
    }

    /// A project's page.
    pub fn project(&self, name: &ProjectName) -> String {
        with_path(&self.simple, &format!("{}{}/", self.simple.path(), name.normalized())).into()
    }

    /// A project in the older JSON API.
    pub fn api(&self, name: &ProjectName) -> String {
        with_path(&self.root, &format!("{}pypi/{}/json", self.root.path(), name.normalized())).into()
    }

    /// Whether a link of the index may be followed. Its files may be on any host but on those that only we can
    /// reach, unless the index is such a host itself.
    pub fn may_lead_to(&self, link: &Url) -> bool {
        matches!(link.scheme(), "http" | "https")
            && link.host().is_some()
            && (!is_inner(link) || is_inner(&self.root) || link.host() == self.root.host())
    }
}

/// The address with another path; its query stays, since tokens stand there.
pub(crate) fn with_path(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url
}

/// Whether the address names a host of this machine's own surroundings.
fn is_inner(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_inner_address(address.into()),
        Some(Host::Ipv6(address)) => is_inner_address(address.to_canonical()),
        None => false,
    }
}

fn is_inner_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            let first = address.segments().first().copied().unwrap_or_default();
            address.is_loopback() || address.is_unspecified() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_is_the_root_or_the_list() {
        let name = ProjectName::parse("A.B_c").unwrap();
        for (url, list, project, api) in [
            ("http://h", "http://h/simple/", "http://h/simple/a-b-c/", "http://h/pypi/a-b-c/json"),
            ("http://h/x/", "http://h/x/simple/", "http://h/x/simple/a-b-c/", "http://h/x/pypi/a-b-c/json"),
            ("http://h/simple", "http://h/simple/", "http://h/simple/a-b-c/", "http://h/pypi/a-b-c/json"),
            (
                "http://h/x/simple/?t=1",
                "http://h/x/simple/?t=1",
                "http://h/x/simple/a-b-c/?t=1",
                "http://h/x/pypi/a-b-c/json?t=1",
            ),
            ("http://h/r/+simple/", "http://h/r/+simple/", "http://h/r/+simple/a-b-c/", "http://h/r/pypi/a-b-c/json"),
        ] {
            let index = Index::at(url).unwrap();
            assert_eq!((index.list().as_str(), index.project(&name).as_str()), (list, project));
            assert_eq!(index.api(&name), api);
        }
        assert!(Index::at("file:///srv/").is_err() && Index::at("x").is_err());
    }

    #[test]
    fn links_do_not_lead_inside() {
        let public = Index::at("https://pypi.example/").unwrap();
        let own = Index::at("http://127.0.0.1:8080/").unwrap();
        for (link, from_public, from_own) in [
            ("https://files.example/a", true, true),
            ("http://127.0.0.1/a", false, true),
            ("http://[::1]/a", false, true),
            ("http://[::ffff:10.0.0.1]/a", false, true),
            ("http://169.254.169.254/latest", false, true),
            ("http://2130706433/a", false, true),
            ("http://LOCALHOST./a", false, true),
            ("ftp://files.example/a", false, false),
            ("file:///etc/passwd", false, false),
        ] {
            let link = Url::parse(link).unwrap();
            assert_eq!((public.may_lead_to(&link), own.may_lead_to(&link)), (from_public, from_own), "{link}");
        }
    }
}
