//! Who may know whom: `docs/ARCHITECTURE.md` states it, this reads the source and checks it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The modules of core from the bottom up. A module may use those of its own and of lower levels.
const LEVELS: [&[&str]; 6] = [
    &["id", "error", "exchange", "config", "metrics", "openpgp", "zip"],
    &["db", "storage", "download", "auth", "signing", "trace"],
    &["resource", "plugin", "tasks"],
    &["guards", "ops"],
    &["native", "observe", "probes", "rest", "serve"],
    &["domains", "formats", "installation", "server"],
];

/// `app` holds one of everything and is handed to everything, so it counts as neither above nor below; `lib` names them
/// all.
const WITHOUT_LEVEL: [&str; 2] = ["app", "lib"];

const ARCHITECTURE: &str = include_str!("../../docs/ARCHITECTURE.md");

/// What may not occur in the code of which folder, and the invariant that says so.
const ABSENCES: [(&str, &str, &str); 10] = [
    ("core/src", r"\bpith_(file|python|rpm)\b|PULP_MANIFEST|\b(rpm|pypi)\b", "core never names a format"),
    ("plugins", r"\bactix_web\b|\bHttpRequest\b|\breqwest\b", "a plugin never sees a request"),
    ("plugins", r"\bobject_store\b|pith_core::storage", "a plugin never builds a storage key"),
    ("core/src/ops", r"\bStatusCode\b|\bactix_web\b|pulp_href", "`ops` never sees a status code or an href"),
    ("core/src/rest", r#""\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM) "#, "`rest` never writes SQL"),
    ("core/src/serve", r#""\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM) "#, "`serve` never writes SQL"),
    ("core/src/db", r"\bactix_web\b|\bStatusCode\b|crate::(rest|serve|auth)\b", "`db` never knows HTTP or roles"),
    ("core/src", r#""artifact/"#, "only `storage/paths.rs` builds keys"),
    ("core/src", r"\benv::vars?(_os)?\b", "only `config` and `src` read the environment"),
    ("plugins", r"\benv::vars?(_os)?\b", "only `config` and `src` read the environment"),
];

/// Where an absence does not hold.
const EXEMPT: [(&str, &str); 5] = [
    ("only `storage/paths.rs`", "core/src/storage/paths.rs"),
    ("only `config`", "core/src/config"),
    // An example in the API's description.
    ("only `storage/paths.rs`", "core/src/rest/endpoints/artifacts.rs"),
    // The rows of sessions are what `auth` makes of them.
    ("`db` never knows", "core/src/db/users.rs"),
    // Media types of files, whoever's they are.
    ("core never names a format", "core/src/serve/content_type.rs"),
];

#[test]
fn modules_of_core_use_only_what_lies_below_them() {
    let import = Regex::new(r"\bcrate::\{?(\w+)").unwrap();
    let mut wrong = Vec::new();
    for file in sources("core/src").into_iter().filter(|file| !file.is_test()) {
        let Some(level) = file.module().and_then(level_of) else { continue };
        for (number, line) in file.code() {
            let used = import.captures_iter(line).filter_map(|found| level_of(&found[1]));
            wrong.extend(used.filter(|used| *used > level).map(|_| file.place(number, line)));
        }
    }
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_of_core_has_a_level() {
    let files = sources("core/src");
    let modules: BTreeSet<_> = files.iter().filter_map(Source::module).collect();
    let known: BTreeSet<_> = LEVELS.into_iter().flatten().copied().chain(WITHOUT_LEVEL).collect();
    assert_eq!(modules, known);
}

#[test]
fn the_documentation_tells_the_levels_as_they_are() {
    let levels = LEVELS.map(|level| format!("`{}`", level.join(", "))).join(" < ");
    let told = ARCHITECTURE.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&levels), "`docs/ARCHITECTURE.md` does not say {levels}");
}

#[test]
fn every_module_can_be_found_in_the_documentation() {
    let is_named = |module: &str| Regex::new(&format!(r"\b{module}\b")).unwrap().is_match(ARCHITECTURE);
    let mut modules = BTreeSet::new();
    for file in ["core/src", "plugins"].into_iter().flat_map(sources).filter(|file| !file.is_test()) {
        let below = file.path.strip_prefix("core").or(file.path.strip_prefix("plugins")).unwrap();
        let within = below.components().skip_while(|part| part.as_os_str() != "src").skip(1);
        let parts: Vec<_> = within.map(|part| part.as_os_str().to_str().unwrap().trim_end_matches(".rs")).collect();
        // Folders, whatever they are in, and the files at the top.
        let named = if parts.len() > 1 { &parts[..parts.len() - 1] } else { &parts[..] };
        modules.extend(named.iter().map(|part| (*part).to_owned()));
    }
    modules.retain(|module| !is_named(module));
    assert!(modules.is_empty(), "`docs/ARCHITECTURE.md` does not name {modules:?}");
}

#[test]
fn what_must_be_absent_is_absent() {
    let mut wrong = Vec::new();
    for (folder, pattern, invariant) in ABSENCES {
        let pattern = Regex::new(pattern).unwrap();
        for file in sources(folder).into_iter().filter(|file| !file.is_exempt(invariant)) {
            let found = file.code().filter(|(_, line)| pattern.is_match(line));
            wrong.extend(found.map(|(number, line)| format!("{invariant}: {}", file.place(number, line))));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn plugins_use_only_the_seam_of_core_and_not_each_other() {
    let core = Regex::new(r"\bpith_core::\{?(\w+)").unwrap();
    let other = Regex::new(r"\bpith_(\w+)::").unwrap();
    let mut wrong = Vec::new();
    for file in sources("plugins") {
        for (number, line) in file.code() {
            let beyond =
                core.captures_iter(line).any(|found| !["plugin", "resource", "id", "error"].contains(&&found[1]));
            let sibling = other.captures_iter(line).any(|found| &found[1] != "core");
            if beyond || sibling {
                wrong.push(file.place(number, line));
            }
        }
    }
    assert!(wrong.is_empty(), "beyond the seam:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_owns_and_stays_short() {
    let mut wrong = Vec::new();
    for file in ["core/src", "plugins", "src", "tests"].into_iter().flat_map(sources) {
        if !file.text.starts_with("//!") {
            wrong.push(format!("{}: does not start with `//!`", file.path.display()));
        }
        if file.text.lines().count() > 800 {
            wrong.push(format!("{}: longer than 800 lines", file.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A source file; its path is relative to the root of the workspace.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The top module it belongs to, for a file of core.
    fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("core/src").ok()?;
        below.components().next()?.as_os_str().to_str()?.split('.').next()
    }

    /// Whether it is only compiled for tests.
    fn is_test(&self) -> bool {
        self.path
            .components()
            .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "fixture.rs")))
    }

    /// Its numbered lines up to the unit tests, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        let code = lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]" || !self.tests_follow());
        code.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(number, line)| (number + 1, line))
    }

    /// `#[cfg(test)]` may also stand on a single item; only a module in place ends the code.
    fn tests_follow(&self) -> bool {
        self.text.contains("#[cfg(test)]\nmod tests {")
    }

    fn is_exempt(&self, invariant: &str) -> bool {
        self.is_test()
            || EXEMPT.iter().any(|(prefix, path)| invariant.starts_with(prefix) && self.path.starts_with(path))
    }

    fn place(&self, number: usize, line: &str) -> String {
        format!("{}:{number}: {}", self.path.display(), line.trim())
    }
}

fn level_of(module: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&module))
}

/// All Rust files below a folder of the workspace; tests in folders of their own are left out.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(root).unwrap().to_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
