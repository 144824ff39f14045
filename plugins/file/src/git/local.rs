//! A repository of Git in a folder of this host: its refs, and the objects that one commit consists of.
//!
//! ```text
//! HEAD                          ref: refs/heads/main, or the name of a commit
//! refs/…, packed-refs           where refs lead to; the first go before the second
//! objects/ab/cdef…              an object, compressed: `blob 5\0hello`
//! objects/pack/….pack, .idx     packs, and where in them objects are
//! ```
//!
//! What leads out of the folder is not followed: links, and `objects/info/alternates`.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::ZlibDecoder;

use super::error::GitError;
use super::object::{Kind, ObjectId, next_entry, target_of, tree_of};
use super::refs::{Pointer, Refs};
use super::scratch::{Scratch, SpanReader};
use super::unpack::{self, MOST_OBJECTS, Object, ObjectWriter, Objects, PackReader, changed, damaged};

/// The longest file of one ref.
const LONGEST_REF: u64 = 4096;
/// The longest line of the list of packed refs.
const LONGEST_LINE: u64 = 8192;
/// Folders of refs below each other.
const DEEPEST: usize = 32;
/// The most packs.
const MOST_PACKS: usize = 10_000;
/// The longest chain of changes; Git makes none that is longer.
const LONGEST_CHAIN: usize = 4096;
/// So many objects whose names begin alike are looked at.
const MOST_ALIKE: usize = 100;
/// The longest head of a loose object.
const LONGEST_HEAD: u64 = 64;
/// Read at once.
const BLOCK: usize = 64 << 10;

/// The repository.
pub struct Local {
    folder: PathBuf,
    packs: Vec<PackFile>,
}

impl Local {
    /// Of a folder with a repository, bare or with files beside it.
    pub fn open(folder: &Path) -> Result<Self, GitError> {
        let inner = folder.join(".git");
        let folder = if is_folder(&inner) { inner } else { folder.to_owned() };
        if !is_folder(&folder.join("objects")) || !is_folder(&folder.join("refs")) || !is_file(&folder.join("HEAD")) {
            return Err(GitError::wrong("there is no repository of Git"));
        }
        if is_folder(&folder.join("reftable")) {
            return Err(GitError::wrong("its refs are kept in tables, which are not read"));
        }
        if folder.join("objects/info/alternates").symlink_metadata().is_ok() {
            return Err(GitError::wrong("it borrows objects of another repository, which are not read"));
        }
        let packs = packs(&folder.join("objects/pack"))?;
        Ok(Self { folder, packs })
    }

    /// Its refs.
    pub fn refs(&self, git_ref: &str) -> Result<Refs, GitError> {
        let mut all = BTreeMap::new();
        self.packed_refs(&mut all)?;
        loose_refs(&self.folder.join("refs"), "refs", 0, &mut all)?;
        let head = read_ref(&self.folder.join("HEAD"))?;
        let head = match head.strip_prefix("ref: ") {
            Some(name) => all.get(name.trim()).copied(),
            None => Some(Pointer { id: head.parse()?, peeled: None }),
        };
        let mut refs = Refs::looking_for(git_ref);
        if let Some(head) = head {
            refs.look_at("HEAD", head)?;
        }
        all.iter().try_for_each(|(name, pointer)| refs.look_at(name, *pointer))?;
        Ok(refs)
    }

    fn packed_refs(&self, all: &mut BTreeMap<String, Pointer>) -> Result<(), GitError> {
        let path = self.folder.join("packed-refs");
        if !is_file(&path) {
            return Ok(());
        }
        let mut lines = BufReader::new(File::open(path).map_err(GitError::Disk)?);
        let mut last = None;
        loop {
            let mut line = vec![];
            lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(GitError::Disk)?;
            if line.is_empty() {
                return Ok(());
            }
            let Ok(line) = std::str::from_utf8(&line).map(str::trim_end) else { continue };
            if let (Some(peeled), Some(name)) = (line.strip_prefix('^'), &last) {
                let peeled = peeled.parse()?;
                all.entry(String::clone(name)).and_modify(|pointer| pointer.peeled = Some(peeled));
            } else if let Some((id, name)) = line.split_once(' ').filter(|_| !line.starts_with('#')) {
                note(all, name, id.parse()?)?;
                last = Some(name.to_owned());
            }
        }
    }

    /// All that commits and tags lead to, but no history.
    pub fn collect(&self, wanted: &[ObjectId], scratch: Scratch) -> Result<Objects, GitError> {
        let mut collected = Collecting::new(self, scratch);
        let mut wanted = wanted.to_vec();
        while let Some(id) = wanted.pop() {
            if collected.by_id.contains_key(&id) {
                continue;
            }
            let object = collected.take(id)?;
            match object.kind {
                Kind::Blob => {}
                Kind::Commit => wanted.push(tree_of(&collected.start(&object)?)?),
                Kind::Tag => wanted.push(target_of(&collected.start(&object)?)?),
                Kind::Tree => {
                    let mut tree = BufReader::new(SpanReader::new(&collected.scratch, object.span));
                    while let Some(entry) = next_entry(&mut tree)? {
                        if entry.kind != super::object::EntryKind::Submodule {
                            wanted.push(entry.id);
                        }
                    }
                }
            }
        }
        Ok(Objects::new(collected.scratch, collected.by_id))
    }

    /// The commits whose names begin so.
    pub fn commits_that_begin(&self, digits: &str, scratch: Scratch) -> Result<Vec<ObjectId>, GitError> {
        let mut alike = self.loose_that_begin(digits)?;
        for pack in &self.packs {
            alike.extend(pack.index.that_begin(digits)?);
        }
        alike.sort();
        alike.dedup();
        if alike.len() > MOST_ALIKE {
            return Err(GitError::wrong("too many objects begin so"));
        }
        let mut collected = Collecting::new(self, scratch);
        let mut commits = vec![];
        for id in alike {
            if collected.take(id)?.kind == Kind::Commit {
                commits.push(id);
            }
        }
        Ok(commits)
    }

    fn loose_that_begin(&self, digits: &str) -> Result<Vec<ObjectId>, GitError> {
        let Some((folder, rest)) = digits.split_at_checked(2) else { return Ok(vec![]) };
        let Ok(names) = fs::read_dir(self.folder.join("objects").join(folder)) else { return Ok(vec![]) };
        let mut found = vec![];
        for name in names {
            let name = name.map_err(GitError::Disk)?.file_name();
            let name = name.to_str().filter(|name| name.starts_with(rest));
            found.extend(name.and_then(|name| format!("{folder}{name}").parse::<ObjectId>().ok()));
        }
        Ok(found)
    }

    /// Where the bytes of a large file are kept, if they are.
    pub fn large_file(&self, sha256: &str) -> PathBuf {
        self.folder.join("lfs/objects").join(&sha256[..2]).join(&sha256[2..4]).join(sha256)
    }
}

/// Objects on their way into a file.
struct Collecting<'a> {
    from: &'a Local,
    scratch: Scratch,
    by_id: HashMap<ObjectId, Object>,
    /// By pack, and where they begin in it.
    unpacked: HashMap<(usize, u64), (ObjectId, Object)>,
}

impl<'a> Collecting<'a> {
    fn new(from: &'a Local, scratch: Scratch) -> Self {
        Self { from, scratch, by_id: HashMap::new(), unpacked: HashMap::new() }
    }

    fn take(&mut self, id: ObjectId) -> Result<Object, GitError> {
        if self.by_id.len() as u64 == u64::from(MOST_OBJECTS) {
            return Err(GitError::wrong(format!("the commit has more than {MOST_OBJECTS} objects")));
        }
        let (found, object) = match self.loose(&id)? {
            Some(found) => found,
            None => self.packed(&id)?.ok_or_else(|| GitError::wrong(format!("the object `{id}` is missing")))?,
        };
        if found != id {
            return Err(GitError::wrong(format!("the object `{id}` is damaged")));
        }
        self.by_id.insert(id, object);
        Ok(object)
    }

    /// The bytes of a small object.
    fn start(&self, object: &Object) -> Result<Vec<u8>, GitError> {
        let mut bytes = vec![];
        SpanReader::new(&self.scratch, object.span).take(LONGEST_REF).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn loose(&mut self, id: &ObjectId) -> Result<Option<(ObjectId, Object)>, GitError> {
        let name = id.to_string();
        let path = self.from.folder.join("objects").join(&name[..2]).join(&name[2..]);
        if !is_file(&path) {
            return Ok(None);
        }
        let mut from = BufReader::new(ZlibDecoder::new(File::open(path).map_err(GitError::Disk)?));
        let mut head = vec![];
        from.by_ref().take(LONGEST_HEAD).read_until(0, &mut head)?;
        let head = head.strip_suffix(b"\0").and_then(|head| std::str::from_utf8(head).ok());
        let (kind, size) = head.and_then(|head| head.split_once(' ')).ok_or_else(damaged)?;
        let kind = Kind::of_name(kind.as_bytes()).ok_or_else(damaged)?;
        let size: u64 = size.parse().map_err(|_| damaged())?;
        self.scratch.check_room(size)?;
        let mut writer = ObjectWriter::begin(&self.scratch, kind, size);
        let (mut block, mut left) = (vec![0; BLOCK], size);
        loop {
            let count = from.read(&mut block)?;
            left = left.checked_sub(count as u64).ok_or_else(damaged)?;
            if count == 0 {
                break;
            }
            writer.write(&mut self.scratch, &block[..count])?;
        }
        if left > 0 {
            return Err(damaged());
        }
        writer.finish(&mut self.scratch).map(Some)
    }

    fn packed(&mut self, id: &ObjectId) -> Result<Option<(ObjectId, Object)>, GitError> {
        for (at, pack) in self.from.packs.iter().enumerate() {
            if let Some(offset) = pack.index.find(id)? {
                return self.unpack(at, offset).map(Some);
            }
        }
        Ok(None)
    }

    /// The object that begins there: what it changes first, then one change after the other.
    fn unpack(&mut self, pack: usize, offset: u64) -> Result<(ObjectId, Object), GitError> {
        let from = &self.from.packs[pack];
        let (mut at, mut chain) = (offset, vec![]);
        let mut made = loop {
            if let Some(known) = self.unpacked.get(&(pack, at)) {
                break *known;
            }
            let mut reader = PackReader::new(BufReader::new(FileReader { file: from.pack.clone(), at }));
            let (code, size) = reader.header()?;
            self.scratch.check_room(size)?;
            let base = match code {
                unpack::OFFSET_DELTA => {
                    at.checked_sub(reader.distance()?).filter(|base| *base < at).ok_or_else(damaged)?
                }
                unpack::ID_DELTA => from.index.find(&ObjectId(reader.bytes()?))?.ok_or_else(damaged)?,
                code => {
                    let made = reader.whole(&mut self.scratch, unpack::kind(code).ok_or_else(damaged)?, size)?;
                    self.unpacked.insert((pack, at), made);
                    break made;
                }
            };
            if chain.len() == LONGEST_CHAIN {
                return Err(damaged());
            }
            chain.push((at, reader.delta(&mut self.scratch, size)?));
            at = base;
        };
        for (at, delta) in chain.into_iter().rev() {
            made = changed(&mut self.scratch, made.1, delta)?;
            self.unpacked.insert((pack, at), made);
        }
        Ok(made)
    }
}

struct PackFile {
    index: Index,
    pack: Arc<File>,
}

fn packs(folder: &Path) -> Result<Vec<PackFile>, GitError> {
    let mut packs = vec![];
    let names = match fs::read_dir(folder) {
        Ok(names) if is_folder(folder) => names,
        _ => return Ok(packs),
    };
    for name in names {
        let index = name.map_err(GitError::Disk)?.path();
        let pack = index.with_extension("pack");
        if index.extension().is_none_or(|extension| extension != "idx") || !is_file(&index) || !is_file(&pack) {
            continue;
        }
        if packs.len() == MOST_PACKS {
            return Err(GitError::wrong(format!("it has more than {MOST_PACKS} packs")));
        }
        let pack = Arc::new(File::open(pack).map_err(GitError::Disk)?);
        packs.push(PackFile { index: Index::open(&index)?, pack });
    }
    Ok(packs)
}

/// Where in a pack objects are: how many names begin with each byte or a smaller one, the names in their order, sums, and
/// places; those above two gigabytes in a list of their own.
struct Index {
    file: File,
    counts: [u32; 256],
}

const MAGIC: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const NAMES: u64 = 8 + 256 * 4;

impl Index {
    fn open(path: &Path) -> Result<Self, GitError> {
        let file = File::open(path).map_err(GitError::Disk)?;
        let mut head = [0; NAMES as usize];
        file.read_exact_at(&mut head, 0)?;
        if head[..8] != MAGIC {
            return Err(GitError::wrong("it has a pack with an index of an old kind"));
        }
        let mut counts = [0; 256];
        for (count, bytes) in counts.iter_mut().zip(head[8..].chunks_exact(4)) {
            *count = u32::from_be_bytes(bytes.try_into().unwrap_or_default());
        }
        match counts.is_sorted() {
            true => Ok(Self { file, counts }),
            false => Err(damaged()),
        }
    }

    fn name(&self, at: u32) -> Result<ObjectId, GitError> {
        let mut name = [0; 20];
        self.file.read_exact_at(&mut name, NAMES + u64::from(at) * 20)?;
        Ok(ObjectId(name))
    }

    /// The place among all names of the first that is not smaller.
    fn first_from(&self, id: &ObjectId) -> Result<u32, GitError> {
        let byte = usize::from(id.0[0]);
        let mut low = if byte == 0 { 0 } else { self.counts[byte - 1] };
        let mut high = self.counts[byte];
        while low < high {
            let middle = low + (high - low) / 2;
            if self.name(middle)? < *id { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    fn find(&self, id: &ObjectId) -> Result<Option<u64>, GitError> {
        let at = self.first_from(id)?;
        match at < self.counts[255] && self.name(at)? == *id {
            true => self.place(at).map(Some),
            false => Ok(None),
        }
    }

    fn place(&self, at: u32) -> Result<u64, GitError> {
        let all = u64::from(self.counts[255]);
        let mut place = [0; 4];
        self.file.read_exact_at(&mut place, NAMES + all * 24 + u64::from(at) * 4)?;
        let place = u32::from_be_bytes(place);
        let Some(large) = place.checked_sub(1 << 31) else { return Ok(place.into()) };
        let mut place = [0; 8];
        self.file.read_exact_at(&mut place, NAMES + all * 28 + u64::from(large) * 8)?;
        Ok(u64::from_be_bytes(place))
    }

    fn that_begin(&self, digits: &str) -> Result<Vec<ObjectId>, GitError> {
        let first: ObjectId = format!("{digits:0<40}").parse()?;
        let mut found = vec![];
        let mut at = self.first_from(&first)?;
        while at < self.counts[255] && found.len() <= MOST_ALIKE {
            let name = self.name(at)?;
            if !name.to_string().starts_with(digits) {
                break;
            }
            found.push(name);
            at += 1;
        }
        Ok(found)
    }
}

/// Reads a file that others read too, from a place on.
struct FileReader {
    file: Arc<File>,
    at: u64,
}

impl Read for FileReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(to, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

fn loose_refs(folder: &Path, name: &str, depth: usize, all: &mut BTreeMap<String, Pointer>) -> Result<(), GitError> {
    if depth > DEEPEST {
        return Err(GitError::wrong("its refs lie too deep"));
    }
    for found in fs::read_dir(folder).map_err(GitError::Disk)? {
        let found = found.map_err(GitError::Disk)?;
        let Some(name) = found.file_name().to_str().map(|last| format!("{name}/{last}")) else { continue };
        let kind = found.file_type().map_err(GitError::Disk)?;
        if kind.is_dir() {
            loose_refs(&found.path(), &name, depth + 1, all)?;
        } else if kind.is_file() && !name.ends_with(".lock") {
            let text = read_ref(&found.path())?;
            if !text.starts_with("ref: ") {
                note(all, &name, text.parse()?)?;
            }
        }
    }
    Ok(())
}

fn note(all: &mut BTreeMap<String, Pointer>, name: &str, id: ObjectId) -> Result<(), GitError> {
    if all.len() as u64 > u64::from(MOST_OBJECTS) {
        return Err(GitError::wrong("it has too many refs"));
    }
    all.insert(name.to_owned(), Pointer { id, peeled: None });
    Ok(())
}

fn read_ref(path: &Path) -> Result<String, GitError> {
    let mut text = String::new();
    File::open(path).map_err(GitError::Disk)?.take(LONGEST_REF).read_to_string(&mut text)?;
    Ok(text.trim_end().to_owned())
}

/// Links are neither.
fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}
