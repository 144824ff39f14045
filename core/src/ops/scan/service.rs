//! The service OSV, or one that answers as it does.
//!
//! ```text
//! POST {"package": {"name": "…", "ecosystem": "…"}, "version": "…", "page_token": "…"}
//! {"vulns": [{"id": "…", …}, …], "next_page_token": "…"}
//! ```
//!
//! What is not known of is `{}`; the tokens are there only while there are further pages. See
//! <https://google.github.io/osv.dev/post-v1-query/>.

use serde_json::{Value as Json, json};

use super::id_of;
use crate::download::{Downloader, RemoteSettings, redacted};
use crate::error::{Error, Result};
use crate::plugin::Release;

/// All pages of an answer together, in bytes.
const LARGEST: u64 = 16 << 20;
/// A page has up to a thousand records.
const MOST_PAGES: usize = 50;
/// Seconds for one page.
const TIMEOUT: f64 = 120.0;

/// Answers about packages of some ecosystems.
pub struct Service {
    downloader: Downloader,
    url: String,
    ecosystems: Vec<String>,
}

impl Service {
    pub fn new(url: &str, ecosystems: Vec<String>) -> Result<Self> {
        let settings = RemoteSettings {
            url: url.to_owned(),
            tls_validation: true,
            total_timeout: Some(TIMEOUT),
            ..RemoteSettings::default()
        };
        Ok(Self { downloader: Downloader::new(&settings, &[])?, url: url.to_owned(), ecosystems })
    }

    /// The records about one version of a package, as they came, ecosystem after ecosystem.
    ///
    /// # Errors
    /// `Upstream` when there is no answer, or one that no such service gives.
    pub async fn query(&self, release: &Release) -> Result<Vec<Json>> {
        let mut vulns = vec![];
        for ecosystem in &self.ecosystems {
            vulns.extend(self.query_in(ecosystem, release).await?);
        }
        Ok(vulns)
    }

    async fn query_in(&self, ecosystem: &str, release: &Release) -> Result<Vec<Json>> {
        let Release { package, version } = release;
        let mut question = json!({"package": {"name": package, "ecosystem": ecosystem}, "version": version});
        let (mut vulns, mut left) = (vec![], LARGEST);
        for _ in 0..MOST_PAGES {
            let answer = self.downloader.ask(&self.url, &question.to_string(), left).await?.bytes;
            left = left.saturating_sub(answer.len() as u64);
            let page = Page::read(&answer).map_err(|problem| self.wrong(&problem))?;
            vulns.extend(page.vulns);
            match page.next {
                None => return Ok(vulns),
                Some(token) => question["page_token"] = token.into(),
            }
        }
        Err(self.wrong(&format!("it has more than {MOST_PAGES} pages")))
    }

    fn wrong(&self, problem: &str) -> Error {
        Error::upstream(format!("the answer cannot be used: {problem}, url='{}'", redacted(&self.url)))
    }
}

/// One answer.
#[derive(Debug, PartialEq)]
struct Page {
    vulns: Vec<Json>,
    next: Option<String>,
}

impl Page {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let answer = serde_json::from_slice(bytes).map_err(|problem| format!("it is not JSON: {problem}"))?;
        let Json::Object(mut answer) = answer else { return Err("it is not an object".into()) };
        let is_empty = answer.is_empty();
        let (vulns, next) = (answer.shift_remove("vulns"), answer.shift_remove("next_page_token"));
        // Another service's answer must not pass for one that nothing is known.
        if vulns.is_none() && next.is_none() && !is_empty {
            return Err("it has no `vulns`".into());
        }
        let vulns = match vulns {
            None | Some(Json::Null) => vec![],
            Some(Json::Array(vulns)) => vulns,
            Some(_) => return Err("`vulns` is not a list".into()),
        };
        if let Some(problem) = vulns.iter().find_map(|record| id_of(record).err()) {
            return Err(format!("a part of `vulns` {problem}"));
        }
        let next = match next {
            None | Some(Json::Null) => None,
            Some(Json::String(token)) => Some(token).filter(|token| !token.is_empty()),
            Some(_) => return Err("`next_page_token` is not a text".into()),
        };
        Ok(Self { vulns, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let one = json!({"id": "X-1"});
        for (answer, count, next) in [
            (json!({}), 0, None),
            (json!({"vulns": null, "next_page_token": ""}), 0, None),
            (json!({"vulns": [one], "more": 1}), 1, None),
            (json!({"vulns": [one, one], "next_page_token": "t"}), 2, Some("t")),
            (json!({"next_page_token": "t"}), 0, Some("t")),
        ] {
            let page = Page::read(answer.to_string().as_bytes()).unwrap();
            assert_eq!((page.vulns.len(), page.next.as_deref()), (count, next), "{answer}");
        }
    }

    #[test]
    fn other_answers_are_refused() {
        let deep = "[".repeat(100_000);
        for (answer, expected) in [
            ("", "it is not JSON"),
            ("<html>", "it is not JSON"),
            (deep.as_str(), "it is not JSON"),
            ("[]", "it is not an object"),
            (r#"{"status": "ok"}"#, "it has no `vulns`"),
            (r#"{"vulns": {}}"#, "`vulns` is not a list"),
            (r#"{"vulns": [7]}"#, "a part of `vulns` is no record of a vulnerability"),
            (r#"{"vulns": [{"id": ""}]}"#, "a part of `vulns` is no record of a vulnerability"),
            (r#"{"vulns": [{"id": "a", "b": ["\u0000"]}]}"#, "a part of `vulns` has a null character"),
            (r#"{"vulns": [], "next_page_token": 7}"#, "`next_page_token` is not a text"),
        ] {
            let problem = Page::read(answer.as_bytes()).unwrap_err();
            assert!(problem.starts_with(expected) && problem.len() < 200, "{answer:.50} {problem}");
        }
    }
}
