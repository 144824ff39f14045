//! RPM packages, made by hand: headers that say something, and a payload that is none.

use sha2::{Digest, Sha256};

const PAYLOAD: &[u8] = b"not really a payload";

/// A package in the making.
#[derive(Clone)]
pub struct Rpm {
    name: String,
    epoch: u32,
    version: String,
    release: String,
    arch: String,
    built: u32,
    requires: Vec<String>,
    files: Vec<String>,
    changelogs: u32,
}

impl Rpm {
    /// `name-version-1.noarch`
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            epoch: 0,
            version: version.to_owned(),
            release: "1".to_owned(),
            arch: "noarch".to_owned(),
            built: 1_700_000_000,
            requires: vec![],
            files: vec![],
            changelogs: 0,
        }
    }

    pub fn epoch(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }

    pub fn built(self, built: u32) -> Self {
        Self { built, ..self }
    }

    pub fn requires(mut self, capability: &str) -> Self {
        self.requires.push(capability.to_owned());
        self
    }

    pub fn file(mut self, path: &str) -> Self {
        self.files.push(path.to_owned());
        self
    }

    pub fn changelogs(self, changelogs: u32) -> Self {
        Self { changelogs, ..self }
    }

    /// `name-version-1.noarch.rpm`
    pub fn filename(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.version, self.release, self.arch)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let main = self.header();
        let mut signature = Header::default();
        signature.text(273, &hex::encode(Sha256::digest(&main)));
        signature.numbers(1000, &[(main.len() + PAYLOAD.len()) as u32]);
        let mut file = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 1];
        file.resize(78, b'n');
        file.extend([0, 5]);
        file.resize(96, 0);
        file.extend(signature.bytes());
        file.resize(file.len().next_multiple_of(8), 0);
        file.extend(main);
        file.extend(PAYLOAD);
        file
    }

    fn header(&self) -> Vec<u8> {
        let mut header = Header::default();
        for (tag, text) in [(1000, &self.name), (1001, &self.version), (1002, &self.release), (1022, &self.arch)] {
            header.text(tag, text);
        }
        header.numbers(1003, &[self.epoch]);
        header.text(1004, &format!("About {}", self.name));
        header.text(1005, "Described.");
        header.numbers(1006, &[self.built]);
        header.text(1044, &format!("{}-{}-{}.src.rpm", self.name, self.version, self.release));
        let evr = match self.epoch {
            0 => format!("{}-{}", self.version, self.release),
            epoch => format!("{epoch}:{}-{}", self.version, self.release),
        };
        // Provides itself in exactly this version.
        header.texts(1047, &[&self.name]);
        header.numbers(1112, &[8]);
        header.texts(1113, &[&evr]);
        if !self.requires.is_empty() {
            header.texts(1049, &self.requires.iter().map(String::as_str).collect::<Vec<_>>());
            header.numbers(1048, &vec![0; self.requires.len()]);
            header.texts(1050, &vec![""; self.requires.len()]);
        }
        if !self.files.is_empty() {
            let split =
                |path: &String| path.rsplit_once('/').map(|(folder, name)| (format!("{folder}/"), name.to_owned()));
            let (folders, names): (Vec<String>, Vec<String>) = self.files.iter().filter_map(split).unzip();
            header.texts(1117, &names.iter().map(String::as_str).collect::<Vec<_>>());
            header.texts(1118, &folders.iter().map(String::as_str).collect::<Vec<_>>());
            header.numbers(1116, &(0..names.len() as u32).collect::<Vec<_>>());
            header.modes(1030, &vec![0o100_755; names.len()]);
            header.numbers(1037, &vec![0; names.len()]);
            header.texts(1035, &vec!["abc0"; names.len()]);
        }
        if self.changelogs > 0 {
            let entries: Vec<u32> = (0..self.changelogs).map(|at| 1_700_000_000 - at).collect();
            header.numbers(1080, &entries);
            header.texts(1081, &vec!["Somebody <a@b>"; entries.len()]);
            header.texts(1082, &vec!["- changed"; entries.len()]);
        }
        header.bytes()
    }
}

#[derive(Default)]
struct Header(Vec<(u32, u32, u32, Vec<u8>)>);

impl Header {
    fn text(&mut self, tag: u32, text: &str) {
        self.0.push((tag, 6, 1, format!("{text}\0").into_bytes()));
    }

    fn texts(&mut self, tag: u32, texts: &[&str]) {
        let bytes: String = texts.iter().map(|text| format!("{text}\0")).collect();
        self.0.push((tag, 8, texts.len() as u32, bytes.into_bytes()));
    }

    fn numbers(&mut self, tag: u32, numbers: &[u32]) {
        let bytes = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        self.0.push((tag, 4, numbers.len() as u32, bytes));
    }

    fn modes(&mut self, tag: u32, modes: &[u16]) {
        let bytes = modes.iter().flat_map(|mode| mode.to_be_bytes()).collect();
        self.0.push((tag, 3, modes.len() as u32, bytes));
    }

    fn bytes(mut self) -> Vec<u8> {
        self.0.sort_by_key(|entry| entry.0);
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (tag, kind, count, bytes) in &self.0 {
            let aligned = match kind {
                3 => 2,
                4 => 4,
                _ => 1,
            };
            data.resize(data.len().next_multiple_of(aligned), 0);
            for number in [*tag, *kind, data.len() as u32, *count] {
                index.extend(number.to_be_bytes());
            }
            data.extend(bytes);
        }
        let mut out = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
        out.extend((self.0.len() as u32).to_be_bytes());
        out.extend((data.len() as u32).to_be_bytes());
        out.extend(index);
        out.extend(data);
        out
    }
}
