//! Python packages made here: wheels, as small as they can be.

use serde_json::Value;

use super::multipart::Multipart;
use super::pulp::sha256;

/// A package file.
pub struct Wheel {
    pub filename: String,
    pub bytes: Vec<u8>,
    /// Its METADATA.
    pub metadata: String,
}

impl Wheel {
    /// A wheel for any Python. Equal arguments make equal bytes.
    pub fn new(name: &str, version: &str) -> Self {
        Self::with(name, version, "", "")
    }

    /// With further lines of metadata, and a comment that makes another file of it.
    pub fn with(name: &str, version: &str, lines: &str, comment: &str) -> Self {
        let stem = format!("{}-{version}", name.replace(['-', '.'], "_"));
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}\nText.\n");
        let info = format!("{stem}.dist-info");
        let module = format!("{}.py", name.replace(['-', '.'], "_").to_lowercase());
        let source = format!("NAME = {name:?}\n# {comment}\n");
        let record = format!("{module},,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n");
        let wheel = "Wheel-Version: 1.0\nGenerator: pith\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        let bytes = zip(&[
            (&module, source.as_bytes()),
            (&format!("{info}/METADATA"), metadata.as_bytes()),
            (&format!("{info}/WHEEL"), wheel.as_bytes()),
            (&format!("{info}/RECORD"), record.as_bytes()),
        ]);
        Self { filename: format!("{stem}-py3-none-any.whl"), bytes, metadata }
    }

    /// The form that twine sends.
    pub fn form(&self) -> Multipart {
        let form = Multipart::new().field(":action", "file_upload").field("protocol_version", "1");
        let form = form.field("filetype", "bdist_wheel").field("sha256_digest", &sha256(&self.bytes));
        form.named_file("content", &self.filename, &self.bytes)
    }
}

/// The file of this name on a project's page.
#[track_caller]
pub fn listed<'a>(page: &'a Value, filename: &str) -> &'a Value {
    let files = page["files"].as_array().unwrap().iter();
    files.clone().find(|file| file["filename"] == filename).unwrap_or_else(|| panic!("no {filename} in {page}"))
}

/// An archive whose entries are stored as they are.
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let offset = out.len() as u32;
        let size = bytes.len() as u32;
        let mut common = Vec::new();
        // Version, flags, method, time, date.
        for value in [20u16, 0x0800, 0, 0, 0x21] {
            common.extend(value.to_le_bytes());
        }
        for value in [crc32(bytes), size, size] {
            common.extend(value.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*bytes);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        // Comment length, disk, internal attributes.
        directory.extend([0; 6]);
        directory.extend((0o100644u32 << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, length, count) = (out.len() as u32, directory.len() as u32, entries.len() as u16);
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend(0u16.to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}
