//! Core metadata as the `info` object of an index's JSON API tells it.

use serde_json::{Map, Value};

use super::Metadata;

/// Which field of `info` has a wrong type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct InfoError {
    field: String,
    problem: &'static str,
}

impl InfoError {
    fn new(field: &str, problem: &'static str) -> Self {
        Self { field: format!("info.{field}"), problem }
    }
}

impl Metadata {
    /// Reads the `info` of `/pypi/<project>/json`. Missing and null fields are empty, unknown ones
    /// are passed over; a wrong type is an error that names the field.
    pub fn from_info(info: &Value) -> Result<Self, InfoError> {
        let Value::Object(info) = info else {
            return Err(InfoError { field: "info".to_owned(), problem: "is not an object" });
        };
        let info = Info(info);
        Ok(Self {
            metadata_version: info.text("metadata_version")?,
            name: info.text("name")?,
            version: info.text("version")?,
            platform: info.text("platform")?,
            supported_platform: info.text("supported_platform")?,
            summary: info.text("summary")?,
            description: info.text("description")?,
            description_content_type: info.text("description_content_type")?,
            keywords: info.text("keywords")?,
            home_page: info.text("home_page")?,
            download_url: info.text("download_url")?,
            author: info.text("author")?,
            author_email: info.text("author_email")?,
            maintainer: info.text("maintainer")?,
            maintainer_email: info.text("maintainer_email")?,
            license: info.text("license")?,
            license_expression: info.text("license_expression")?,
            license_file: info.either("license_file", "license_files")?,
            classifiers: info.list("classifiers")?,
            requires_python: info.text("requires_python")?,
            requires_dist: info.list("requires_dist")?,
            requires_external: info.list("requires_external")?,
            provides_dist: info.list("provides_dist")?,
            provides_extras: info.either("provides_extras", "provides_extra")?,
            obsoletes_dist: info.list("obsoletes_dist")?,
            dynamic: info.list("dynamic")?,
            project_url: info.text("project_url")?,
            project_urls: info.urls("project_urls")?,
        })
    }
}

struct Info<'a>(&'a Map<String, Value>);

impl Info<'_> {
    fn text(&self, field: &str) -> Result<String, InfoError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) if text == "UNKNOWN" => Ok(String::new()),
            Some(Value::String(text)) => clean(field, text),
            Some(_) => Err(InfoError::new(field, "is not a string")),
        }
    }

    fn list(&self, field: &str) -> Result<Vec<String>, InfoError> {
        let wrong = || InfoError::new(field, "is not a list of strings");
        let items = match self.0.get(field) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(wrong()),
        };
        let item = |item: &Value| clean(field, item.as_str().ok_or_else(wrong)?);
        items.iter().map(item).collect()
    }

    /// The first of two names for one field that has something in it.
    fn either(&self, field: &str, other: &str) -> Result<Vec<String>, InfoError> {
        let list = self.list(field)?;
        if list.is_empty() { self.list(other) } else { Ok(list) }
    }

    /// An object, or the list of `label, address` that Pulp serves for uploaded files.
    fn urls(&self, field: &str) -> Result<Map<String, Value>, InfoError> {
        let wrong = || InfoError::new(field, "is not an object of strings");
        let entries = match self.0.get(field) {
            None | Some(Value::Null) => return Ok(Map::new()),
            Some(Value::Object(entries)) => entries,
            Some(Value::Array(_)) => return Ok(super::project_urls(self.list(field)?)),
            Some(_) => return Err(wrong()),
        };
        let mut urls = Map::new();
        for (label, url) in entries {
            match url {
                Value::Null => {}
                Value::String(url) => {
                    urls.insert(clean(field, label)?, Value::from(clean(field, url)?));
                }
                _ => return Err(wrong()),
            }
        }
        Ok(urls)
    }
}

fn clean(field: &str, text: &str) -> Result<String, InfoError> {
    if text.contains('\0') {
        return Err(InfoError::new(field, "contains a NUL character"));
    }
    Ok(text.to_owned())
}
