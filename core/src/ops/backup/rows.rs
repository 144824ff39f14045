//! The rows of a table as a file: packed with gzip, a line for each, `[1,"text",null,{"bytes":"<base64>"}]`. Values are
//! as `db/dump.rs` has them, so that either database takes them.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::db::Value;
use crate::error::{Error, Result};

/// No row is longer, in bytes of its line: a header of a package is a few MiB, and a broken file has no end.
const LONGEST: u64 = 1 << 30;

/// A file of rows being written.
pub struct Writer {
    encoder: GzEncoder<Hashed>,
    rows: u64,
}

/// What is written to a file, and the digest of it.
struct Hashed {
    file: BufWriter<File>,
    hasher: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Writer {
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create_new(path).map_err(unwritable)?;
        let hashed = Hashed { file: BufWriter::new(file), hasher: Sha256::new() };
        Ok(Self { encoder: GzEncoder::new(hashed, Compression::fast()), rows: 0 })
    }

    pub fn write(&mut self, row: &[Value]) -> Result<()> {
        let line = Json::Array(row.iter().map(shown).collect::<Result<_>>()?);
        self.rows += 1;
        writeln!(self.encoder, "{line}").map_err(unwritable)
    }

    /// The number of rows and the digest of the file, which is on the disk then.
    pub fn finish(self) -> Result<(u64, String)> {
        let finish = || {
            let hashed = self.encoder.finish()?;
            let file = hashed.file.into_inner().map_err(|error| error.into_error())?;
            file.sync_all()?;
            Ok(hex::encode(hashed.hasher.finalize()))
        };
        Ok((self.rows, finish().map_err(unwritable)?))
    }
}

/// Hands over each row of a file.
pub fn each(path: &Path, mut take: impl FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
    let damaged = || Error::Malformed(format!("`{}` is damaged", path.display()));
    let file = File::open(path).map_err(|cause| unreadable(path, &cause))?;
    let mut lines = BufReader::with_capacity(256 << 10, MultiGzDecoder::new(BufReader::new(file)));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(LONGEST).read_until(b'\n', &mut line).map_err(|_| damaged())?;
        if read == 0 {
            return Ok(());
        }
        let Ok(Json::Array(row)) = serde_json::from_slice(&line) else { return Err(damaged()) };
        take(row.into_iter().map(|value| read_value(value).ok_or_else(damaged)).collect::<Result<_>>()?)?;
    }
}

/// The digest of a file.
pub fn digest(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|cause| unreadable(path, &cause))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 256 << 10];
    loop {
        match file.read(&mut block).map_err(|cause| unreadable(path, &cause))? {
            0 => return Ok(hex::encode(hasher.finalize())),
            count => hasher.update(&block[..count]),
        }
    }
}

fn shown(value: &Value) -> Result<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Int(value) => json!(value),
        Value::Real(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::Bytes(bytes) => json!({"bytes": STANDARD.encode(bytes)}),
        other => return Err(Error::internal(format!("a value of a dump is {other:?}"))),
    })
}

fn read_value(value: Json) -> Option<Value> {
    Some(match value {
        Json::Null => Value::Null,
        Json::String(text) => Value::Text(text),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Real(number.as_f64()?),
        },
        Json::Object(object) => Value::Bytes(STANDARD.decode(object.get("bytes")?.as_str()?).ok()?),
        _ => return None,
    })
}

fn unwritable(cause: std::io::Error) -> Error {
    Error::storage("cannot write the backup", cause)
}

fn unreadable(path: &Path, cause: &std::io::Error) -> Error {
    Error::Malformed(format!("`{}` cannot be read: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let rows = [
            vec![Value::Null, Value::Int(i64::MIN), Value::Int(i64::MAX), Value::Real(1.0), Value::Real(-0.25)],
            vec![Value::Text("a\n\"ü\u{1}".into()), Value::Text(String::new()), Value::Bytes(vec![0, 255])],
            vec![],
        ];
        let mut writer = Writer::create(&path).unwrap();
        rows.iter().for_each(|row| writer.write(row).unwrap());
        let (count, sha256) = writer.finish().unwrap();
        assert_eq!((count, digest(&path).unwrap()), (3, sha256));
        let mut read = Vec::new();
        each(&path, |row| {
            read.push(row);
            Ok(())
        })
        .unwrap();
        assert_eq!(read, rows);
    }

    #[test]
    fn a_file_that_was_cut_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let mut writer = Writer::create(&path).unwrap();
        (0..1000).for_each(|number| writer.write(&[Value::Int(number * 7919)]).unwrap());
        writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let told = each(&path, |_| Ok(())).unwrap_err().public_text();
        assert!(told.ends_with("is damaged"), "{told}");
    }
}
