//! Repositories of Git, made by `git` in a temporary folder, and a server for them: `git http-backend` behind an
//! upstream. And packs made by hand, for what no Git would make.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest, Sha1};
use tempfile::TempDir;

use super::upstream::{Asked, Reply, Upstream};

/// What the server answers of version 2 of the protocol.
pub const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";

/// A repository with files beside it, in the folder `project`.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// An empty one; its branch is called `main`.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("pith-git-").tempdir_in("/tmp").unwrap();
        let project = Self { folder };
        fs::create_dir(project.path()).unwrap();
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        project
    }

    /// With one commit of these files.
    pub fn with(files: &[(&str, &[u8])]) -> Self {
        let project = Self::new();
        project.commit(files);
        project
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The name of a new commit that has these files, too.
    pub fn commit(&self, files: &[(&str, &[u8])]) -> String {
        files.iter().for_each(|(name, bytes)| self.write(name, bytes));
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    /// What the program says when it reads these bytes.
    #[track_caller]
    pub fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut command = git(&self.path());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A server that has it at `project`.
    pub fn serve(&self) -> Upstream {
        let root = self.folder.path().to_owned();
        Upstream::answering(move |asked, _| backend(&root, asked))
    }
}

/// The program, which reads no settings of whoever runs the tests.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs([("HOME", "/nonexistent"), ("GIT_CONFIG_NOSYSTEM", "1")]);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.org");
    }
    command
}

/// What Git's own server answers.
pub fn backend(root: &Path, asked: &Asked) -> Reply {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let header = |name: &str| asked.headers.get(name).cloned().unwrap_or_default();
    let method = if query.is_empty() { "POST" } else { "GET" };
    let mut command = git(root);
    command.arg("http-backend").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("PATH_INFO", path);
    command.env("QUERY_STRING", query).env("REQUEST_METHOD", method).env("CONTENT_TYPE", header("content-type"));
    command.env("CONTENT_LENGTH", asked.body.len().to_string()).env("GIT_PROTOCOL", header("git-protocol"));
    // The folder is that of whoever runs the tests, or of whoever made it for them.
    command.envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")]);
    let mut child = command.spawn().unwrap();
    let (mut input, body) = (child.stdin.take().unwrap(), asked.body.clone());
    let writing = std::thread::spawn(move || drop(input.write_all(&body)));
    let output = child.wait_with_output().unwrap().stdout;
    writing.join().unwrap();
    let Some(end) = output.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Reply::Status(500) };
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let fields: HashMap<_, _> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    match fields.get("Status") {
        Some(status) => Reply::Status(status[..3].parse().unwrap()),
        None => {
            let kept = ["Content-Type"].map(|name| (name.to_owned(), fields[name].to_owned()));
            Reply::Headers(kept.to_vec(), output[end + 4..].to_vec())
        }
    }
}

/// A line with its length before it.
pub fn line(bytes: &[u8]) -> Vec<u8> {
    [format!("{:04x}", bytes.len() + 4).as_bytes(), bytes].concat()
}

/// The name of an object, as 20 bytes.
pub fn id(kind: &str, bytes: &[u8]) -> [u8; 20] {
    Sha1::new_with_prefix(format!("{kind} {}\0", bytes.len())).chain_update(bytes).finalize().into()
}

/// An object of a pack: its kind, the size that it is said to have, what stands before its bytes, and those.
pub struct Packed {
    pub kind: u8,
    pub size: u64,
    pub base: Vec<u8>,
    pub bytes: Vec<u8>,
}

impl Packed {
    /// A whole object: 1 is a commit, 2 a tree, 3 a blob.
    pub fn whole(kind: u8, bytes: &[u8]) -> Self {
        Self { kind, size: bytes.len() as u64, base: vec![], bytes: bytes.to_vec() }
    }

    /// A change to the object of this name.
    pub fn change(base: [u8; 20], delta: &[u8]) -> Self {
        Self { kind: 7, size: delta.len() as u64, base: base.to_vec(), bytes: delta.to_vec() }
    }

    fn written(&self) -> Vec<u8> {
        let mut written = vec![];
        let mut left = self.size >> 4;
        let mut byte = self.kind << 4 | (self.size & 15) as u8;
        while left > 0 {
            written.push(byte | 0x80);
            byte = (left & 0x7f) as u8;
            left >>= 7;
        }
        written.push(byte);
        written.extend_from_slice(&self.base);
        let mut encoder = ZlibEncoder::new(written, Compression::fast());
        encoder.write_all(&self.bytes).unwrap();
        encoder.finish().unwrap()
    }
}

/// A pack of these.
pub fn pack(objects: &[Packed]) -> Vec<u8> {
    let mut pack = [&b"PACK\0\0\0\x02"[..], &(objects.len() as u32).to_be_bytes()].concat();
    objects.iter().for_each(|object| pack.extend(object.written()));
    let sum = Sha1::digest(&pack);
    [pack, sum.to_vec()].concat()
}

/// A number of a change, seven bits in a byte.
pub fn number(mut number: u64) -> Vec<u8> {
    let mut bytes = vec![];
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A tree.
pub fn tree(entries: &[(&str, &[u8], [u8; 20])]) -> Vec<u8> {
    let entry = |(mode, name, id): &(&str, &[u8], [u8; 20])| [mode.as_bytes(), b" ", name, b"\0", id].concat();
    entries.iter().flat_map(entry).collect()
}

/// A commit of a tree.
pub fn commit(tree: &[u8]) -> Vec<u8> {
    let tree = hex::encode(id("tree", tree));
    format!("tree {tree}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\nx").into_bytes()
}

/// A server whose `main` is a commit, and which answers every question for a pack with this.
pub fn serving(main: [u8; 20], answer: impl Fn() -> Reply + Send + Sync + 'static) -> Upstream {
    Upstream::answering(move |asked, _| {
        let body = String::from_utf8_lossy(&asked.body);
        if asked.path.ends_with("service=git-upload-pack") {
            let lines = ["version 2\n", "ls-refs\n", "fetch=shallow filter\n"].map(|text| line(text.as_bytes()));
            let kind = ("Content-Type".to_owned(), ADVERTISEMENT.to_owned());
            Reply::Headers(vec![kind], [&lines.concat()[..], b"0000"].concat())
        } else if body.contains("command=ls-refs") {
            let main = hex::encode(main);
            let refs = [format!("{main} HEAD\n"), format!("{main} refs/heads/main\n")];
            Reply::Bytes([&refs.map(|text| line(text.as_bytes())).concat()[..], b"0000"].concat())
        } else {
            answer()
        }
    })
}

/// The answer that has a pack.
pub fn packfile(pack: &[u8]) -> Vec<u8> {
    let mut answer = line(b"packfile\n");
    for piece in pack.chunks(60_000) {
        answer.extend(line(&[b"\x01", piece].concat()));
    }
    answer.extend_from_slice(b"0000");
    answer
}
