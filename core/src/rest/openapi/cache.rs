//! Descriptions as text, kept once made. What differs between requests, the origin, is put in when serving.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::{Options, Subject, page};
use crate::error::{Error, Result};

/// Stands for the origin in kept texts, in quotation marks.
const ORIGIN: &str = "http://origin.invalid";

/// So many different questions are remembered; more would only be asked to fill the memory.
const LARGEST: usize = 24;

/// How a description is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    Json,
    Yaml,
    /// For people.
    Page,
}

/// The texts before and after the origin.
type Parts = Arc<(String, String)>;

#[derive(Default)]
pub struct Cache {
    kept: Mutex<HashMap<(Options, Form), Parts>>,
}

impl Cache {
    /// The description in this form, for clients that reach this server at `origin`.
    ///
    /// # Errors
    /// `Internal` when it cannot be written, which would be a defect.
    pub fn text(&self, subject: &Subject<'_>, options: &Options, form: Form, origin: &str) -> Result<String> {
        let key = (options.clone(), form);
        let known = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let parts = match known {
            Some(parts) => parts,
            None => {
                let parts = Arc::new(written(subject, options, form)?);
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() < LARGEST {
                    kept.insert(key, parts.clone());
                }
                parts
            }
        };
        // A text in JSON's quotation marks is one in YAML too. The page does not show the origin.
        let origin = if form == Form::Page { String::new() } else { json!(origin).to_string() };
        Ok(format!("{}{origin}{}", parts.0, parts.1))
    }
}

fn written(subject: &Subject<'_>, options: &Options, form: Form) -> Result<(String, String)> {
    let document = subject.document(ORIGIN, options);
    let text = match form {
        Form::Json => document.to_string(),
        Form::Yaml => serde_saphyr::to_string(&document).map_err(Error::internal)?,
        Form::Page => return Ok((page::html(&document), String::new())),
    };
    let quoted = format!("\"{ORIGIN}\"");
    let parts = text.split_once(&quoted).or_else(|| text.split_once(ORIGIN));
    let (before, behind) = parts.ok_or_else(|| Error::internal("the description does not name its origin"))?;
    Ok((before.to_owned(), behind.to_owned()))
}
