//! `osv_config` of a repository: the ecosystems and their releases that known vulnerabilities are looked up in.

use pith_core::resource::{Draft, Errors};
use serde_json::{Map, Value as Json};

/// The field's name.
pub(crate) const FIELD: &str = "osv_config";

/// How an ecosystem spells its releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Releases {
    /// `cpe:/<part>:redhat:…`
    Cpe,
    /// `9`, `3.0`
    Numbers,
    /// `22.03`, with or without more words (`-LTS`).
    YearMonth,
    /// Anything.
    Words,
}

const ECOSYSTEMS: [(&str, Releases); 9] = [
    ("AlmaLinux", Releases::Numbers),
    ("Azure Linux", Releases::Numbers),
    ("Mageia", Releases::Numbers),
    ("Photon OS", Releases::Numbers),
    ("Red Hat", Releases::Cpe),
    ("Rocky Linux", Releases::Numbers),
    ("SUSE", Releases::Words),
    ("openEuler", Releases::YearMonth),
    ("openSUSE", Releases::Words),
];

/// The ecosystems, each with a release, as records name them: `Rocky Linux:9`, `Red Hat:enterprise_linux:9`.
pub(crate) fn ecosystems(config: &Json) -> Vec<String> {
    let mut ecosystems = vec![];
    for entry in config.as_array().into_iter().flatten() {
        let name = entry.get("name").and_then(Json::as_str).unwrap_or_default();
        let releases = entry.get("releases").and_then(Json::as_array).into_iter().flatten();
        for release in releases.filter_map(Json::as_str) {
            // Of a CPE, records leave out the part and the vendor.
            let release = release.strip_prefix("cpe:/").and_then(|cpe| cpe.splitn(3, ':').nth(2)).unwrap_or(release);
            ecosystems.push(format!("{name}:{release}"));
        }
    }
    ecosystems.sort();
    ecosystems.dedup();
    ecosystems
}

/// Refuses what names no ecosystem, or no release of one.
pub(crate) fn check(draft: &Draft, errors: &mut Errors) {
    let Some(config) = draft.get(FIELD).filter(|config| !config.is_null()) else { return };
    let Some(list) = config.as_array() else {
        errors.add(FIELD, "Expected a list of items.");
        return;
    };
    for entry in list {
        if let Err(message) = check_entry(entry.as_object()) {
            errors.add(FIELD, message);
        }
    }
}

fn check_entry(entry: Option<&Map<String, Json>>) -> Result<(), String> {
    let entry = entry.ok_or("Each item must be an object with `name` and `releases`.")?;
    if let Some(other) = entry.keys().find(|key| !["name", "releases"].contains(&key.as_str())) {
        return Err(format!("`{other}` is none of `name` and `releases`."));
    }
    let name = entry.get("name").and_then(Json::as_str).unwrap_or_default();
    let Some((_, spelling)) = ECOSYSTEMS.iter().find(|(known, _)| *known == name) else {
        return Err(format!("\"{name}\" is not a valid choice."));
    };
    let releases = entry.get("releases").and_then(Json::as_array).filter(|releases| !releases.is_empty());
    let releases = releases.ok_or_else(|| format!("{name}: `releases` must name at least one release."))?;
    for release in releases {
        let release = release.as_str().unwrap_or_default();
        if !spelling.fits(release) {
            return Err(format!("{name}: the release `{release}` is not {}.", spelling.described()));
        }
    }
    Ok(())
}

impl Releases {
    fn fits(self, release: &str) -> bool {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Cpe => {
                let mut parts = release.strip_prefix("cpe:/").unwrap_or_default().split(':');
                let part = parts.next().unwrap_or_default();
                ["a", "h", "o"].contains(&part) && parts.next() == Some("redhat") && parts.next().is_some()
            }
            Self::Numbers => release.split('.').all(is_number),
            Self::YearMonth => {
                let number = release.split(['-', ' ']).next().unwrap_or_default();
                number.split_once('.').is_some_and(|(year, month)| {
                    year.len() == 2 && month.len() == 2 && is_number(year) && is_number(month)
                })
            }
            Self::Words => !release.trim().is_empty(),
        }
    }

    fn described(self) -> &'static str {
        match self {
            Self::Cpe => "a valid CPE URI of Red Hat, such as `cpe:/o:redhat:enterprise_linux:9`",
            Self::Numbers => "a version number, such as `9` or `3.0`",
            Self::YearMonth => "of the form YY.MM, such as `22.03`",
            Self::Words => "the name of a release",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(config: Json) -> Option<String> {
        let draft = json!({"osv_config": config});
        let mut errors = Errors::default();
        check(draft.as_object().expect("an object"), &mut errors);
        (!errors.is_empty()).then(|| Json::Object(errors.0).to_string())
    }

    #[test]
    fn ecosystems_are_named_with_their_release() {
        let config = json!([
            {"name": "Rocky Linux", "releases": ["9", "8", "9"]},
            {"name": "Red Hat", "releases": ["cpe:/o:redhat:enterprise_linux:7::workstation"]},
        ]);
        assert_eq!(ecosystems(&config), ["Red Hat:enterprise_linux:7::workstation", "Rocky Linux:8", "Rocky Linux:9"]);
        assert!(ecosystems(&Json::Null).is_empty());
    }

    #[test]
    fn releases_are_spelled_as_their_ecosystem_does() {
        for config in [
            json!(null),
            json!([]),
            json!([{"name": "AlmaLinux", "releases": ["9", "8.10"]}, {"name": "SUSE", "releases": ["Linux Enterprise 15"]}]),
            json!([{"name": "Red Hat", "releases": ["cpe:/o:redhat:enterprise_linux:9"]}]),
            json!([{"name": "openEuler", "releases": ["22.03", "20.03-LTS"]}]),
        ] {
            assert_eq!(refused(config.clone()), None, "{config}");
        }
        for (config, named) in [
            (json!("x"), "list"),
            (json!(["x"]), "object"),
            (json!([{"name": "Debian", "releases": ["9"]}]), "not a valid choice"),
            (json!([{"name": "AlmaLinux"}]), "releases"),
            (json!([{"name": "AlmaLinux", "releases": []}]), "releases"),
            (json!([{"name": "AlmaLinux", "releases": ["el9"]}]), "version number"),
            (json!([{"name": "AlmaLinux", "releases": [9]}]), "version number"),
            (json!([{"name": "Red Hat", "releases": ["cpe:/o:canonical:ubuntu:22.04"]}]), "valid CPE URI"),
            (json!([{"name": "openEuler", "releases": ["2022.03"]}]), "YY.MM"),
            (json!([{"name": "openEuler", "releases": ["22.3"]}]), "YY.MM"),
            (json!([{"name": "openEuler", "releases": ["22.03"], "x": 1}]), "`x`"),
        ] {
            let message = refused(config.clone()).unwrap_or_default();
            assert!(message.contains(named), "{config}: {message}");
        }
    }
}
