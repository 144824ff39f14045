//! Whether an import could be made, as far as can be said without making it. The sentences are those that clients of
//! Pulp look for.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::download::allowed_path;
use crate::exchange::open_regular;

/// What is wrong with a file to import from. Blocks.
pub fn file(name: &str, is_toc: bool, allowed: &[PathBuf]) -> Vec<String> {
    let absolute = std::path::absolute(name).unwrap_or_else(|_| name.into());
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    let Some(path) = allowed_path(&absolute, allowed) else {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        return vec![format!("{} is not an allowed import path", real.display())];
    };
    let mut messages = Vec::new();
    match fs::metadata(&path) {
        Err(_) => messages.push(format!("file {} does not exist", path.display())),
        Ok(found) if !found.is_file() => messages.push(format!("{} is not a file", path.display())),
        Ok(_) if open_regular(&path).is_err() => {
            messages.push(format!("pulp must have read-permission on {}", path.display()));
        }
        Ok(_) => {}
    }
    // Chunks are put together beside the table, where the reference imports.
    if is_toc
        && let Some(folder) = path.parent()
        && !is_writable(folder)
    {
        messages.push(format!("directory {} must allow pulp write-access", folder.display()));
    }
    messages
}

fn is_writable(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o222 != 0)
}

/// What is wrong with a mapping of names.
pub fn mapping(text: &str) -> Vec<String> {
    match serde_json::from_str::<Json>(text) {
        Ok(_) => vec![],
        Err(_) => vec!["invalid JSON".to_owned()],
    }
}

/// How one of the answers is told.
pub fn answer(context: &str, messages: &[String]) -> Json {
    json!({"context": context, "is_valid": messages.is_empty(), "messages": messages})
}
