//! Addresses of the API's objects: what stands in front of their paths, of which domain they are seen.

use std::fmt;

/// The name of the domain that always exists.
pub const DEFAULT_DOMAIN: &str = "default";

/// Where the API is for one domain: `/pulp/api/v3/`, and with domains `/pulp/<domain>/api/v3/`. It is displayed as that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// `/pulp/`
    root: String,
    /// `<domain>/`, where there are domains.
    mount: String,
    own: String,
    /// Where objects are that belong to no domain.
    shared: String,
}

/// What follows a domain's name, or the root where there are no domains.
const VERSION: &str = "api/v3/";

impl Api {
    /// The API below `root`, which starts and ends with a slash. `domain` is a name, where there are domains.
    pub fn new(root: &str, domain: Option<&str>) -> Self {
        let mount = domain.map(|name| format!("{name}/")).unwrap_or_default();
        let of_default = domain.map(|_| format!("{DEFAULT_DOMAIN}/")).unwrap_or_default();
        Self {
            own: format!("{root}{mount}{VERSION}"),
            shared: format!("{root}{of_default}{VERSION}"),
            root: root.to_owned(),
            mount,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.own
    }

    /// In front of the paths of objects that belong to no domain: users, workers, domains themselves.
    pub fn shared(&self) -> &str {
        &self.shared
    }

    /// In front of the paths of objects of the domain of this name.
    pub fn within(&self, domain: &str) -> String {
        match self.mount.is_empty() {
            true => self.own.clone(),
            false => format!("{}{domain}/{VERSION}", self.root),
        }
    }

    /// With the parameter that stands for a domain in descriptions, or without any domain.
    pub fn within_any(&self, names_domain: bool) -> String {
        match names_domain {
            true => format!("{}{{pulp_domain}}/{VERSION}", self.root),
            false => format!("{}{VERSION}", self.root),
        }
    }

    /// What stands in front of base paths: `<domain>/`, empty where there are no domains.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// What follows the API in an address of any domain. Whose the object is, the database tells.
    pub fn path_of<'t>(&self, address: &'t str) -> Option<&'t str> {
        let below = address.strip_prefix(self.root.as_str())?;
        match self.mount.is_empty() {
            true => below.strip_prefix(VERSION),
            false => below.split_once('/')?.1.strip_prefix(VERSION),
        }
    }

    /// As [`Self::path_of`], of an address with scheme and host or without.
    pub fn path_in<'t>(&self, address: &'t str) -> Option<&'t str> {
        match address.split_once("://") {
            Some((_, rest)) => self.path_of(&rest[rest.find('/')?..]),
            None => self.path_of(address),
        }
    }

    /// A path below the root of the API as a domain's name and what follows that domain's API. The name is none in
    /// paths without one, which tell of the installation as a whole.
    pub fn domain_of<'t>(&self, path: &'t str) -> Option<(Option<&'t str>, &'t str)> {
        let below = path.strip_prefix(self.root.as_str())?;
        if let Some(rest) = below.strip_prefix(VERSION) {
            return Some((None, rest));
        }
        let (name, rest) = below.split_once('/')?;
        Some((Some(name), rest.strip_prefix(VERSION)?))
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_wherever_its_domain() {
        let (off, on) = (Api::new("/pulp/", None), Api::new("/pulp/", Some("team")));
        assert_eq!((off.as_str(), off.shared(), off.mount()), ("/pulp/api/v3/", "/pulp/api/v3/", ""));
        assert_eq!((on.as_str(), on.shared(), on.mount()), ("/pulp/team/api/v3/", "/pulp/default/api/v3/", "team/"));
        assert_eq!(off.path_of("/pulp/api/v3/tasks/"), Some("tasks/"));
        assert_eq!(off.path_of("/pulp/team/api/v3/tasks/"), None);
        assert_eq!(on.path_of("/pulp/other/api/v3/tasks/"), Some("tasks/"));
        for wrong in ["/pulp/api/v3/tasks/", "/pulp/a/b/api/v3/tasks/", "/other/a/api/v3/tasks/", "pulp", ""] {
            assert_eq!(on.path_of(wrong), None, "{wrong}");
        }
        assert_eq!(on.domain_of("/pulp/api/v3/status/"), Some((None, "status/")));
        assert_eq!(on.domain_of("/pulp/a/api/v3/tasks/"), Some((Some("a"), "tasks/")));
        assert_eq!(on.domain_of("/pulp/a/b/tasks/"), None);
    }
}
