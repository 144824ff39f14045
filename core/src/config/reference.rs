//! Writes `docs/configuration.md` from the table of keys.

use std::fmt::Write as _;

use super::keys::{Default, Group, KEYS, Key};

const OPENING: &str = "\
# Configuration

Written by `pith config-reference` from the table of keys; do not edit.

Nothing needs to be configured: in an empty folder `pith serve` works. A value is taken from the first of

1. the command line: `--listen`, `--data-dir`, `--database`, `--storage`, `--roles`,
2. the environment: `PITH_<KEY>`, the key in capitals; lists are written in JSON, all else plainly; an empty
   variable counts as not set,
3. the file: `pith.toml` in the data folder, or what `--config FILE` or `PITH_CONFIG` names,
4. the default.

Relative paths are looked up from the folder in which the server is started. A key that does not exist and a value
that is not possible stop the start, with exit code 2 and a line that names the key.

```toml
# pith.toml
listen = \"0.0.0.0:8080\"
content_origin = \"https://packages.example.org\"
allowed_content_checksums = [\"sha1\", \"sha256\", \"sha512\"]
```

```console
$ PITH_WORKERS=4 PITH_ALLOWED_IMPORT_PATHS='[\"/srv/mirror\"]' pith serve
```
";

/// The whole document, in Markdown.
pub fn reference() -> String {
    let mut text = OPENING.to_owned();
    let mut group = None;
    for key in KEYS {
        if group != Some(key.group) {
            group = Some(key.group);
            text.push_str(&format!("\n## {}\n", title(key.group)));
        }
        // Writing into a `String` cannot fail.
        let _ = write!(text, "\n### `{}`\n\n{}; default: {}.\n\n{}\n", key.name, typed(key), default(key), key.about);
    }
    text
}

fn title(group: Group) -> &'static str {
    match group {
        Group::Server => "The server",
        Group::Storage => "Database and store",
        Group::Security => "Security",
        Group::Delivery => "Addresses and delivery",
        Group::Content => "Content",
        Group::Tasks => "Tasks",
        Group::Limits => "Limits and memory",
    }
}

fn typed(key: &Key) -> String {
    let mut name = key.kind.name();
    if let Some(first) = name.get(..1).map(str::to_ascii_uppercase) {
        name.replace_range(..1, &first);
    }
    name
}

fn default(key: &Key) -> String {
    match &key.default {
        Default::Derived(text) => (*text).to_owned(),
        Default::Text(text) => format!("`\"{text}\"`"),
        fixed => format!("`{}`", fixed.value()),
    }
}
