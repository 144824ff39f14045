//! `config.repo`: what dnf has to be told of a distribution, in the form in which it reads it.

use std::fmt::Write;

use pith_core::plugin::ServedDistribution;
use serde_json::{Map, Value as Json};

/// Its name at the root of a distribution.
pub(crate) const NAME: &str = "config.repo";

/// The detail of a publication that says that its metadata is signed.
pub(crate) const SIGNED: &str = "metadata_signed";

/// The detail of a publication that serves an upstream's metadata: then only the upstream decides whether it is signed,
/// whatever the repository was told.
pub(crate) const MIRRORED: &str = "mirrored";
/// Within it, the same of repositories that are published below, by their folders.
pub(crate) const BELOW: &str = "below";

/// The key of who signed, below a distribution.
const KEY: &str = "repodata/repomd.xml.key";

/// What a setting of these names says is what the server knows better.
const OWN: [&str; 2] = ["baseurl", "gpgkey"];

/// The file, for a distribution that asks for it.
pub(crate) fn render(distribution: &ServedDistribution) -> Option<String> {
    let ServedDistribution { name, base_url, details, publication } = distribution;
    if details.get("generate_repo_config") != Some(&Json::Bool(true)) {
        return None;
    }
    let none = Map::new();
    let config = publication.get("repo_config").and_then(Json::as_object).unwrap_or(&none);
    let signed = publication.get(SIGNED) == Some(&Json::Bool(true));
    let mut text = format!("[{}]\n", line(name));
    let mut put = |key: &str, value: String| {
        // Writing to a string cannot fail.
        _ = writeln!(text, "{}={}", line(key), line(&value));
    };
    let told = |key: &str| config.get(key).map(value);
    put("name", told("name").unwrap_or_else(|| name.clone()));
    put("baseurl", base_url.clone());
    let checked = told("repo_gpgcheck").filter(|_| publication.get(MIRRORED).is_none());
    put("repo_gpgcheck", checked.unwrap_or_else(|| u8::from(signed).to_string()));
    put("gpgcheck", told("gpgcheck").unwrap_or_else(|| "0".to_owned()));
    put("enabled", told("enabled").unwrap_or_else(|| "1".to_owned()));
    for (key, json) in config {
        if !["name", "repo_gpgcheck", "gpgcheck", "enabled"].contains(&key.as_str()) && !OWN.contains(&key.as_str()) {
            put(key, value(json));
        }
    }
    let has_key = signed && publication.get(MIRRORED).is_none_or(keeps_key);
    if let Some(key) = told("gpgkey").or_else(|| has_key.then(|| format!("{base_url}{KEY}"))) {
        put("gpgkey", key);
    }
    Some(text)
}

/// Whether the upstream has its key beside its metadata.
fn keeps_key(mirrored: &Json) -> bool {
    let files = mirrored.get("files").and_then(Json::as_array);
    files.is_some_and(|files| files.iter().any(|file| file[0] == KEY))
}

/// A setting as dnf writes it.
fn value(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Bool(flag) => u8::from(*flag).to_string(),
        Json::Array(list) => list.iter().map(value).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// One line, so that nothing in it can be a setting of its own.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(publication: Json, expected: &str) {
        let distribution = ServedDistribution {
            name: "team".to_owned(),
            base_url: "http://host/pulp/content/team/".to_owned(),
            details: json!({"generate_repo_config": true}),
            publication,
        };
        assert_eq!(render(&distribution).as_deref(), Some(expected));
        let silent = ServedDistribution { details: json!({"generate_repo_config": false}), ..distribution };
        assert_eq!(render(&silent), None);
    }

    #[test]
    fn dnf_is_told_where_and_how() {
        let start = "[team]\nname=team\nbaseurl=http://host/pulp/content/team/\n";
        check(json!({}), &format!("{start}repo_gpgcheck=0\ngpgcheck=0\nenabled=1\n"));
        check(
            json!({"repo_config": {"gpgcheck": 1, "baseurl": "http://evil/", "priority": 5, "x\ny": "a\n[b]"}}),
            &format!("{start}repo_gpgcheck=0\ngpgcheck=1\nenabled=1\npriority=5\nx y=a [b]\n"),
        );
        check(
            json!({"metadata_signed": true}),
            &format!(
                "{start}repo_gpgcheck=1\ngpgcheck=0\nenabled=1\n\
                 gpgkey=http://host/pulp/content/team/repodata/repomd.xml.key\n"
            ),
        );
        check(
            json!({"repo_config": {"repo_gpgcheck": 1, "gpgcheck": 1}, "mirrored": {}}),
            &format!("{start}repo_gpgcheck=0\ngpgcheck=1\nenabled=1\n"),
        );
        check(
            json!({"metadata_signed": true, "mirrored": {"files": [["repodata/repomd.xml.asc", ""]]}}),
            &format!("{start}repo_gpgcheck=1\ngpgcheck=0\nenabled=1\n"),
        );
        check(
            json!({"repo_config": {"name": "Team's own", "assumeyes": true}}),
            "[team]\nname=Team's own\nbaseurl=http://host/pulp/content/team/\nrepo_gpgcheck=0\ngpgcheck=0\n\
             enabled=1\nassumeyes=1\n",
        );
    }
}
