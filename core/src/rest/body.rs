//! Bodies: JSON, forms and multipart forms with a file, read within bounds.

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::{Map, Value as Json, json};

use super::malformed;
use super::request::Request;
use crate::app::Shared;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::{Field, Wire};
use crate::storage::{Chunk, DigestSet, Staged};

/// What a client sent.
#[derive(Default)]
pub struct Input {
    pub fields: Map<String, Json>,
    pub file: Option<SentFile>,
    /// It was a form, in which everything is text.
    pub is_form: bool,
    /// Instead of `file` where [`Staging`] says that a chunk is expected.
    pub chunk: Option<Chunk>,
}

/// How the file of a form is written.
#[derive(Clone, Copy, Debug, Default)]
pub enum Staging {
    /// To become an artifact.
    #[default]
    Artifact,
    /// A chunk that replaces one of an upload: it must not touch the one before until it is checked.
    Replacement,
    /// A chunk of bytes that no chunk of the upload has: it can be written where it belongs.
    Chunk { upload: Id, offset: u64, length: u64 },
}

/// A file of a multipart form, in staging.
pub struct SentFile {
    pub name: Option<String>,
    pub staged: Staged,
}

impl Input {
    /// A form cannot say null: an empty text stands for it where the field may be null.
    pub fn nulls_from_form(&mut self, fields: &[Field]) {
        for field in fields.iter().filter(|field| field.nullable && !field.blank) {
            if let Some(value) = self.fields.get_mut(field.name)
                && value.as_str() == Some("")
            {
                *value = Json::Null;
            }
        }
    }
}

impl Request {
    /// The body as an object of fields.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`, or `Invalid` when it is JSON but no object; `Forbidden` when it names what its sender
    /// may not use.
    pub async fn input(&mut self, fields: &[Field]) -> Result<Input> {
        let payload = std::mem::replace(&mut self.payload, Payload::None);
        // One that is a small text is read as any other field.
        let is_text = fields.iter().any(|field| field.name == "file" && field.wire == Wire::TextFile);
        let file = if is_text { "" } else { "file" };
        let body = Body { app: &self.app, headers: &self.headers, payload, staging: self.staging, file };
        let mut input = body.input().await?;
        if input.is_form {
            input.nulls_from_form(fields);
        }
        self.confine_body(&input.fields)?;
        self.permit_body(&input.fields).await?;
        Ok(input)
    }
}

/// A body about to be read.
pub struct Body<'a> {
    pub app: &'a Shared,
    pub headers: &'a HeaderMap,
    pub payload: Payload,
    /// How its file is written, if it has one.
    pub staging: Staging,
    /// The name of the part that is a file.
    pub file: &'a str,
}

impl Body<'_> {
    /// Its fields, of whichever type it is.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`, or `Invalid` when it is JSON but no object.
    pub async fn input(mut self) -> Result<Input> {
        let content_type = self.header("Content-Type").unwrap_or_default().to_owned();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/json" => Ok(Input { fields: self.json_object().await?, ..Input::default() }),
            "application/x-www-form-urlencoded" => self.form().await,
            "multipart/form-data" => self.multipart().await,
            "" => match self.bytes().await?.is_empty() {
                true => Ok(Input { is_form: true, ..Input::default() }),
                false => Err(unsupported("")),
            },
            other => Err(unsupported(other)),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    async fn json_object(&mut self) -> Result<Map<String, Json>> {
        let bytes = self.bytes().await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&bytes) {
            Ok(Json::Object(map)) => Ok(map),
            Ok(other) => Err(Error::non_field(format!(
                "Invalid data. Expected a dictionary, but got {}.",
                crate::resource::type_name(&other)
            ))),
            Err(error) => Err(malformed(format!("JSON parse error - {error}"))),
        }
    }

    /// The whole body, as large as a body that is no file may be.
    async fn bytes(&mut self) -> Result<Bytes> {
        let limit = self.app.config.json_body_limit;
        let too_large = || Error::TooLarge(limit as u64);
        let declared = self.header("Content-Length").and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.payload.next().await {
            let chunk = chunk.map_err(|error| malformed(format!("the body ended early: {error}")))?;
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    async fn form(&mut self) -> Result<Input> {
        let bytes = self.bytes().await?;
        let mut input = Input { is_form: true, ..Input::default() };
        for (name, value) in url::form_urlencoded::parse(&bytes) {
            add(&mut input.fields, &name, value.into_owned());
        }
        Ok(input)
    }

    async fn multipart(&mut self) -> Result<Input> {
        let payload = std::mem::replace(&mut self.payload, Payload::None);
        let mut form = Multipart::new(self.headers, payload);
        let mut input = Input { is_form: true, ..Input::default() };
        let mut room = self.app.config.json_body_limit;
        while let Some(part) = form.next().await {
            let mut part = part.map_err(|error| malformed(format!("Multipart form parse error - {error}")))?;
            let name = part.name().unwrap_or_default().to_owned();
            let file_name =
                part.content_disposition().and_then(|disposition| disposition.get_filename().map(str::to_owned));
            if let Some(file_name) = file_name
                && name == self.file
            {
                self.receive(file_name, &mut part, &mut input).await?;
                continue;
            }
            let mut text = BytesMut::new();
            while let Some(chunk) = part.next().await {
                let chunk = chunk.map_err(|error| malformed(format!("Multipart form parse error - {error}")))?;
                room = room.checked_sub(chunk.len()).ok_or(Error::TooLarge(self.app.config.json_body_limit as u64))?;
                text.extend_from_slice(&chunk);
            }
            let text = String::from_utf8(text.to_vec()).map_err(|_| Error::field(&name, "Not a valid string."))?;
            add(&mut input.fields, &name, text);
        }
        Ok(input)
    }

    /// Streams a file to where [`Staging`] says, while it is hashed.
    async fn receive(&self, name: String, part: &mut actix_multipart::Field, input: &mut Input) -> Result<()> {
        let storage = &self.app.storage;
        let mut writer = match self.staging {
            Staging::Artifact => {
                let mut writer = storage.stage(self.app.digests()?)?;
                self.copy(part, async |bytes| writer.write(bytes).await).await?;
                input.file = Some(SentFile { name: Some(name), staged: writer.finish().await? });
                return Ok(());
            }
            Staging::Replacement => storage.stage_replacement()?,
            Staging::Chunk { upload, offset, length } => {
                let is_stated = input.fields.contains_key("sha256");
                let digests = if is_stated { DigestSet::sha256() } else { DigestSet::none() };
                storage.stage_chunk(upload, offset, length, digests).await?
            }
        };
        self.copy(part, async |bytes| writer.write(bytes).await).await?;
        input.chunk = Some(writer.finish().await?);
        Ok(())
    }

    async fn copy(
        &self,
        part: &mut actix_multipart::Field,
        mut write: impl AsyncFnMut(Bytes) -> Result<()>,
    ) -> Result<()> {
        let limit = self.app.config.largest_upload();
        let mut size = 0u64;
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(|error| malformed(format!("Multipart form parse error - {error}")))?;
            size += chunk.len() as u64;
            if let Some(limit) = limit
                && size > limit
            {
                return Err(Error::TooLarge(limit));
            }
            write(chunk).await?;
        }
        Ok(())
    }
}

fn unsupported(media_type: &str) -> Error {
    Error::UnsupportedMediaType(media_type.to_owned())
}

/// Values of one name given several times are a list.
fn add(fields: &mut Map<String, Json>, name: &str, value: String) {
    match fields.get_mut(name) {
        None => drop(fields.insert(name.to_owned(), Json::String(value))),
        Some(Json::Array(list)) => list.push(Json::String(value)),
        Some(first) => *first = json!([first.take(), value]),
    }
}
