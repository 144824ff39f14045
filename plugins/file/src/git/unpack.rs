//! Packs: all objects that a server sends, some as changes to others.
//!
//! ```text
//! PACK  version (2 or 3)  count
//! kind and size, then the object, compressed                          for each object
//! kind 6: how far before this its base begins, then the change        its base is in the pack
//! kind 7: the name of its base, then the change                       its base is in the pack
//! SHA-1 of all before it
//! ```
//!
//! Nothing in a pack is believed: sizes are checked before and while anything is unpacked, against what all objects may
//! take together; chains of changes are followed without recursion, each object is unpacked once, and bytes of objects
//! are in a file, not in memory.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::delta;
use super::error::GitError;
use super::object::{Kind, ObjectId};
use super::scratch::{Cursor, Scratch, Span, SpanReader};

/// The most objects of a pack: each takes memory.
pub(super) const MOST_OBJECTS: u32 = 2_000_000;
/// The most bits of a size.
const MOST_BITS: u32 = 60;
/// The largest commit, tag or start of another object that is read into memory.
const LARGEST_READ: u64 = 1 << 20;

pub(super) const OFFSET_DELTA: u8 = 6;
pub(super) const ID_DELTA: u8 = 7;

/// An object that is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    pub kind: Kind,
    pub span: Span,
}

/// The objects of a pack.
pub struct Objects {
    scratch: Arc<Scratch>,
    by_id: HashMap<ObjectId, Object>,
}

impl Objects {
    pub(super) fn new(scratch: Scratch, by_id: HashMap<ObjectId, Object>) -> Self {
        Self { scratch: Arc::new(scratch), by_id }
    }

    /// # Errors
    /// `Wrong` when the pack has no such object of this kind.
    pub fn find(&self, id: &ObjectId, kind: Kind) -> Result<Object, GitError> {
        let found = self.get(id)?;
        match found.kind == kind {
            true => Ok(found),
            false => Err(GitError::wrong(format!("`{id}` is a {}, not a {}", found.kind.name(), kind.name()))),
        }
    }

    /// An object of any kind.
    pub fn get(&self, id: &ObjectId) -> Result<Object, GitError> {
        let found = self.by_id.get(id).copied();
        found.ok_or_else(|| GitError::wrong(format!("the object `{id}` is missing")))
    }

    /// The commits whose names begin so; two are enough to know that they are not one.
    pub fn commits_that_begin(&self, digits: &str) -> Vec<ObjectId> {
        let begins =
            |(id, object): &(&ObjectId, &Object)| object.kind == Kind::Commit && id.to_string().starts_with(digits);
        self.by_id.iter().filter(begins).map(|(id, _)| *id).take(2).collect()
    }

    /// The bytes of an object that is small.
    pub fn read(&self, object: &Object) -> Result<Vec<u8>, GitError> {
        if object.span.length > LARGEST_READ {
            let name = object.kind.name();
            return Err(GitError::wrong(format!("a {name} is larger than {LARGEST_READ} bytes")));
        }
        let mut bytes = vec![];
        io::Read::read_to_end(&mut self.reader(object), &mut bytes)?;
        Ok(bytes)
    }

    pub fn reader(&self, object: &Object) -> SpanReader<Arc<Scratch>> {
        SpanReader::new(self.scratch.clone(), object.span)
    }

    /// The SHA-256 of a blob.
    pub fn sha256(&self, blob: &Object) -> Result<[u8; 32], GitError> {
        let mut digest = [0; 32];
        let behind = Span { start: blob.span.start + blob.span.length, length: 32 };
        io::Read::read_exact(&mut SpanReader::new(self.scratch.clone(), behind), &mut digest)?;
        Ok(digest)
    }
}

/// Unpacks what is read into the file.
///
/// # Errors
/// `Wrong` for what is no complete pack or has more than the file takes.
pub fn unpack(pack: impl BufRead, scratch: Scratch) -> Result<Objects, GitError> {
    let mut reader = PackReader::new(pack);
    let count = reader.begin()?;
    let mut unpacked = Unpacked::new(scratch);
    for _ in 0..count {
        let offset = reader.offset;
        let (code, size) = reader.header()?;
        unpacked.scratch.check_room(size)?;
        match code {
            OFFSET_DELTA => {
                let base = offset.checked_sub(reader.distance()?).ok_or_else(damaged)?;
                unpacked.change(&mut reader, offset, Base::Offset(base), size)?;
            }
            ID_DELTA => {
                let base = Base::Id(ObjectId(reader.bytes()?));
                unpacked.change(&mut reader, offset, base, size)?;
            }
            code => {
                let kind = kind(code).ok_or_else(damaged)?;
                unpacked.whole(&mut reader, offset, kind, size)?;
            }
        }
    }
    reader.finish()?;
    unpacked.finish()
}

pub(super) fn damaged() -> GitError {
    GitError::wrong("the pack is damaged")
}

pub(super) fn kind(code: u8) -> Option<Kind> {
    [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag].get(usize::from(code).checked_sub(1)?).copied()
}

/// How a change names what it changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Base {
    Offset(u64),
    Id(ObjectId),
}

/// A change whose base is not known yet.
struct Waiting {
    place: usize,
    delta: Span,
}

struct Unpacked {
    scratch: Scratch,
    /// Where each object begins in the pack, ascending.
    places: Vec<(u64, Option<Object>)>,
    by_id: HashMap<ObjectId, Object>,
    waiting: HashMap<Base, Vec<Waiting>>,
}

impl Unpacked {
    fn new(scratch: Scratch) -> Self {
        Self { scratch, places: vec![], by_id: HashMap::new(), waiting: HashMap::new() }
    }

    fn whole<R: BufRead>(
        &mut self,
        from: &mut PackReader<R>,
        offset: u64,
        kind: Kind,
        size: u64,
    ) -> Result<(), GitError> {
        let (id, object) = from.whole(&mut self.scratch, kind, size)?;
        self.places.push((offset, None));
        self.settle(self.places.len() - 1, id, object)
    }

    fn change<R: BufRead>(
        &mut self,
        from: &mut PackReader<R>,
        offset: u64,
        base: Base,
        size: u64,
    ) -> Result<(), GitError> {
        let delta = from.delta(&mut self.scratch, size)?;
        let place = self.places.len();
        self.places.push((offset, None));
        match self.known(base) {
            Some(base) => {
                let (id, object) = changed(&mut self.scratch, base, delta)?;
                self.settle(place, id, object)
            }
            None => {
                self.waiting.entry(base).or_default().push(Waiting { place, delta });
                Ok(())
            }
        }
    }

    fn known(&self, base: Base) -> Option<Object> {
        match base {
            Base::Id(id) => self.by_id.get(&id).copied(),
            Base::Offset(offset) => {
                let at = self.places.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
                self.places[at].1
            }
        }
    }

    /// An object is known, and so are those that waited for it, and those that waited for them.
    fn settle(&mut self, place: usize, id: ObjectId, object: Object) -> Result<(), GitError> {
        let mut settled = vec![(place, id, object)];
        while let Some((place, id, object)) = settled.pop() {
            let offset = self.places[place].0;
            self.places[place].1 = Some(object);
            self.by_id.insert(id, object);
            let bases = if self.waiting.is_empty() { vec![] } else { vec![Base::Offset(offset), Base::Id(id)] };
            for waiting in bases.iter().filter_map(|base| self.waiting.remove(base)).flatten().collect::<Vec<_>>() {
                let (id, changed) = changed(&mut self.scratch, object, waiting.delta)?;
                settled.push((waiting.place, id, changed));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Objects, GitError> {
        match self.waiting.is_empty() {
            true => Ok(Objects::new(self.scratch, self.by_id)),
            false => Err(GitError::wrong("the pack has changes to objects that it does not have")),
        }
    }
}

/// What a change makes of its base.
pub(super) fn changed(scratch: &mut Scratch, base: Object, delta: Span) -> Result<(ObjectId, Object), GitError> {
    let mut delta = Cursor::new(delta);
    let size = delta::sizes(scratch, &mut delta, base.span.length)?;
    scratch.check_room(size)?;
    let mut writer = ObjectWriter::begin(scratch, base.kind, size);
    delta::apply(scratch, &mut delta, base.span, size, |scratch, bytes| writer.write(scratch, bytes))?;
    writer.finish(scratch)
}

/// Appends one object, and learns its name. Behind a blob comes its SHA-256.
pub(super) struct ObjectWriter {
    kind: Kind,
    start: u64,
    sha1: Sha1,
    sha256: Option<Sha256>,
}

impl ObjectWriter {
    pub fn begin(scratch: &Scratch, kind: Kind, size: u64) -> Self {
        let sha1 = Sha1::new_with_prefix(format!("{} {size}\0", kind.name()));
        Self { kind, start: scratch.end(), sha1, sha256: (kind == Kind::Blob).then(Sha256::new) }
    }

    pub fn write(&mut self, scratch: &mut Scratch, bytes: &[u8]) -> Result<(), GitError> {
        self.sha1.update(bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        scratch.append(bytes)
    }

    pub fn finish(self, scratch: &mut Scratch) -> Result<(ObjectId, Object), GitError> {
        let span = Span { start: self.start, length: scratch.end() - self.start };
        if let Some(sha256) = self.sha256 {
            scratch.append(&sha256.finalize())?;
        }
        Ok((ObjectId(self.sha1.finalize().into()), Object { kind: self.kind, span }))
    }
}

/// Reads a pack from its start to its end, or single objects of it.
pub(super) struct PackReader<R> {
    from: R,
    offset: u64,
    sha1: Sha1,
    inflater: Decompress,
    block: Vec<u8>,
}

impl<R: BufRead> PackReader<R> {
    pub fn new(from: R) -> Self {
        Self { from, offset: 0, sha1: Sha1::new(), inflater: Decompress::new(true), block: vec![0; 32 << 10] }
    }

    /// How many objects there are.
    fn begin(&mut self) -> Result<u32, GitError> {
        let (word, version) = (self.bytes::<4>()?, u32::from_be_bytes(self.bytes()?));
        if &word != b"PACK" || !matches!(version, 2 | 3) {
            return Err(GitError::wrong("what was sent is no pack"));
        }
        match u32::from_be_bytes(self.bytes()?) {
            count if count > MOST_OBJECTS => {
                Err(GitError::wrong(format!("the pack has more than {MOST_OBJECTS} objects")))
            }
            count => Ok(count),
        }
    }

    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GitError> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        self.sha1.update(bytes);
        self.offset += N as u64;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, GitError> {
        Ok(self.bytes::<1>()?[0])
    }

    /// The kind and the size of the next object.
    pub fn header(&mut self) -> Result<(u8, u64), GitError> {
        let mut byte = self.byte()?;
        let (kind, mut size, mut bits) = (byte >> 4 & 7, u64::from(byte & 15), 4);
        while byte & 0x80 != 0 {
            if bits > MOST_BITS - 7 {
                return Err(damaged());
            }
            byte = self.byte()?;
            size |= u64::from(byte & 0x7f) << bits;
            bits += 7;
        }
        Ok((kind, size))
    }

    /// How far before a change its base begins.
    pub fn distance(&mut self) -> Result<u64, GitError> {
        let mut byte = self.byte()?;
        let mut distance = u64::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            if distance >= 1 << (MOST_BITS - 7) {
                return Err(damaged());
            }
            byte = self.byte()?;
            distance = (distance + 1) << 7 | u64::from(byte & 0x7f);
        }
        Ok(distance)
    }

    /// Unpacks an object that is no change.
    pub fn whole(&mut self, scratch: &mut Scratch, kind: Kind, size: u64) -> Result<(ObjectId, Object), GitError> {
        let mut writer = ObjectWriter::begin(scratch, kind, size);
        self.inflate(size, |bytes| writer.write(scratch, bytes))?;
        writer.finish(scratch)
    }

    /// Unpacks a change.
    pub fn delta(&mut self, scratch: &mut Scratch, size: u64) -> Result<Span, GitError> {
        let delta = Span { start: scratch.end(), length: size };
        self.inflate(size, |bytes| scratch.append(bytes))?;
        Ok(delta)
    }

    /// Unpacks the bytes of one object, which must be so many.
    fn inflate(&mut self, size: u64, mut to: impl FnMut(&[u8]) -> Result<(), GitError>) -> Result<(), GitError> {
        self.inflater.reset(true);
        let mut left = size;
        loop {
            let input = self.from.fill_buf()?;
            let (before, made_before) = (self.inflater.total_in(), self.inflater.total_out());
            let step = self.inflater.decompress(input, &mut self.block, FlushDecompress::None);
            let status = step.map_err(|_| damaged())?;
            let used = (self.inflater.total_in() - before) as usize;
            let made = (self.inflater.total_out() - made_before) as usize;
            let is_short = input.is_empty();
            self.sha1.update(&input[..used]);
            self.from.consume(used);
            self.offset += used as u64;
            left = left.checked_sub(made as u64).ok_or_else(damaged)?;
            to(&self.block[..made])?;
            match status {
                Status::StreamEnd if left == 0 => return Ok(()),
                Status::StreamEnd => return Err(damaged()),
                _ if used == 0 && made == 0 && is_short => {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                _ if used == 0 && made == 0 => return Err(damaged()),
                _ => {}
            }
        }
    }

    fn finish(mut self) -> Result<(), GitError> {
        let expected: [u8; 20] = std::mem::take(&mut self.sha1).finalize().into();
        match self.bytes::<20>()? == expected {
            true => Ok(()),
            false => Err(damaged()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::super::scratch::Stop;
    use super::*;

    /// A pack of objects below 16 bytes: kind, what stands before the bytes, and those.
    fn pack(objects: &[(u8, &[u8], &[u8])]) -> Vec<u8> {
        let mut pack = [&b"PACK\0\0\0\x02"[..], &(objects.len() as u32).to_be_bytes()].concat();
        for (kind, base, bytes) in objects {
            assert!(bytes.len() < 16);
            pack.push(kind << 4 | bytes.len() as u8);
            pack.extend_from_slice(base);
            let mut encoder = ZlibEncoder::new(pack, Compression::fast());
            encoder.write_all(bytes).unwrap();
            pack = encoder.finish().unwrap();
        }
        let sum = Sha1::digest(&pack);
        [pack, sum.to_vec()].concat()
    }

    fn unpacked(pack: &[u8], largest: u64, stop: Stop) -> Result<Objects, GitError> {
        unpack(pack, Scratch::new(tempfile::tempfile().unwrap(), largest, stop))
    }

    fn name(kind: Kind, bytes: &[u8]) -> ObjectId {
        let head = format!("{} {}\0", kind.name(), bytes.len());
        ObjectId(Sha1::new_with_prefix(head).chain_update(bytes).finalize().into())
    }

    /// A blob of one byte, a change that makes 64 KiB of it by copying, and changes of that.
    fn bomb(changes: usize) -> Vec<u8> {
        let mut objects: Vec<(u8, Vec<u8>, Vec<u8>)> = vec![(3, vec![], b"0123456789".to_vec())];
        let mut size = 10;
        let number = |number: u64| vec![number as u8 | 0x80, (number >> 7) as u8 | 0x80, (number >> 14) as u8];
        let mut last = name(Kind::Blob, b"0123456789");
        let mut bytes = b"0123456789".to_vec();
        for _ in 0..changes {
            let copies = if size < 20_000 { 2 } else { 1 };
            let copy = [0xb0, size as u8, (size >> 8) as u8];
            let delta = [number(size), number(size * copies), copy.repeat(copies as usize)].concat();
            objects.push((7, last.0.to_vec(), delta));
            bytes = bytes.repeat(copies as usize);
            size *= copies;
            last = name(Kind::Blob, &bytes);
        }
        let objects: Vec<_> = objects.iter().map(|(kind, base, bytes)| (*kind, &base[..], &bytes[..])).collect();
        pack(&objects)
    }

    #[test]
    fn objects_are_found_by_their_names() {
        let objects = unpacked(&pack(&[(3, b"", b"hello"), (1, b"", b"tree x")]), 1 << 20, Stop::default()).unwrap();
        let blob = objects.find(&name(Kind::Blob, b"hello"), Kind::Blob).unwrap();
        assert_eq!(objects.read(&blob).unwrap(), b"hello");
        assert_eq!(objects.sha256(&blob).unwrap()[..], sha2::Sha256::digest(b"hello")[..]);
        let commit = name(Kind::Commit, b"tree x");
        assert!(objects.find(&commit, Kind::Blob).is_err());
        assert_eq!(objects.commits_that_begin(&commit.to_string()[..6]), [commit]);
        assert_eq!(objects.commits_that_begin("zz"), []);
    }

    #[test]
    fn changes_are_bounded_by_what_all_objects_may_take() {
        let pack = bomb(200);
        assert!(pack.len() < 16 << 10);
        let words = |largest: u64| unpacked(&pack, largest, Stop::default()).err().map(|error| error.to_string());
        assert_eq!(words(16 << 20), None);
        for largest in [0, 100, 1 << 20] {
            assert_eq!(words(largest), Some(format!("its objects take more than the allowed {largest} bytes")));
        }
    }

    #[test]
    fn nobody_who_waits_means_no_work() {
        let stop = Stop::default();
        stop.stop();
        assert!(matches!(unpacked(&bomb(2), 1 << 20, stop), Err(GitError::Canceled)));
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let whole = bomb(3);
        assert!(unpacked(&whole, 1 << 20, Stop::default()).is_ok());
        for at in 0..whole.len() {
            for bit in [1, 0x80] {
                let mut changed = whole.clone();
                changed[at] ^= bit;
                assert!(unpacked(&changed, 1 << 20, Stop::default()).is_err(), "{at} {bit}");
            }
            assert!(unpacked(&whole[..at], 1 << 20, Stop::default()).is_err(), "{at}");
        }
    }
}
