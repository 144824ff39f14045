//! The paths of an entitlement certificate from version 3 on, packed:
//!
//! ```text
//! a zlib stream    all segments that occur, each ending with a NUL but the last, which is empty
//! a count          of nodes; below 128 in one byte, else 0x80 + n and then n bytes, the highest first
//! bits             for each node in turn: pairs of a segment and the node it leads to, ended by the empty segment
//! ```
//!
//! Segments and nodes (but the first, which is the root) are written in Huffman codes, with their place in the list
//! as weight. A node without segments ends a path.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use flate2::{Decompress, FlushDecompress, Status};

/// The largest text of all segments, in bytes. Real ones have a few thousand.
const LARGEST_TEXT: usize = 1 << 20;
/// The most nodes.
const MOST_NODES: usize = 1 << 16;

/// A tree of paths; equal ends are one node.
pub struct Paths(Vec<Vec<(String, usize)>>);

impl Paths {
    /// None for what is not packed like this.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let (text, rest) = inflate(bytes)?;
        let text = String::from_utf8(text).ok()?;
        let segments: Vec<&str> = text.split('\0').collect();
        let (count, bits) = count(rest)?;
        if !(1..=MOST_NODES).contains(&count) || segments.last() != Some(&"") {
            return None;
        }
        let (words, places) = (Code::new(segments.len())?, Code::new(count - 1));
        let mut bits = Bits(bits.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1)));
        let mut nodes = Vec::with_capacity(count);
        for _ in 0..count {
            let mut children = vec![];
            loop {
                let word = *segments.get(words.read(&mut bits)?)?;
                if word.is_empty() {
                    break;
                }
                children.push((word.to_owned(), places.as_ref()?.read(&mut bits)? + 1));
            }
            nodes.push(children);
        }
        Some(Self(nodes))
    }

    /// Whether one of the paths is the begin of this one.
    pub fn hold(&self, segments: &[&str]) -> bool {
        let mut reached = BTreeSet::from([0]);
        for segment in segments {
            if self.ends(&reached) {
                return true;
            }
            let children = reached.iter().filter_map(|at| self.0.get(*at)).flatten();
            let fitting = children.filter(|(word, _)| word == segment || word.starts_with('$'));
            reached = fitting.map(|(_, next)| *next).collect();
        }
        self.ends(&reached)
    }

    /// An empty tree is no path.
    fn ends(&self, reached: &BTreeSet<usize>) -> bool {
        reached.iter().any(|at| *at > 0 && self.0.get(*at).is_some_and(Vec::is_empty))
    }
}

/// The text of the stream, and what follows it.
fn inflate(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut stream = Decompress::new(true);
    let mut text = Vec::with_capacity(LARGEST_TEXT.min(bytes.len().saturating_mul(8)).max(64));
    loop {
        let (read, written) = (stream.total_in(), stream.total_out());
        let rest = bytes.get(usize::try_from(read).ok()?..)?;
        let status = stream.decompress_vec(rest, &mut text, FlushDecompress::Finish).ok()?;
        if status == Status::StreamEnd {
            return Some((text, bytes.get(usize::try_from(stream.total_in()).ok()?..)?));
        }
        let is_stuck = stream.total_in() == read && stream.total_out() == written && text.len() < text.capacity();
        if is_stuck || text.len() >= LARGEST_TEXT {
            return None;
        }
        text.reserve(text.len().max(64));
    }
}

fn count(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return Some((usize::from(*first), rest));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    let value = digits.iter().try_fold(0usize, |value, digit| value.checked_mul(256)?.checked_add(usize::from(*digit)));
    Some((value?, rest))
}

struct Bits<I>(I);

impl<I: Iterator<Item = bool>> Bits<I> {
    fn next(&mut self) -> Option<bool> {
        self.0.next()
    }
}

/// A Huffman code for the numbers below a count.
enum Code {
    Number(usize),
    /// What a 0 and what a 1 lead to.
    Branch(Box<Self>, Box<Self>),
}

impl Code {
    /// Number n weighs n + 1. Of equal weights the one that was there first is lighter.
    fn new(count: usize) -> Option<Self> {
        let mut codes: Vec<Option<Self>> = (0..count).map(|number| Some(Self::Number(number))).collect();
        let mut heap: BinaryHeap<_> = (0..count).map(|number| Reverse((number + 1, number))).collect();
        while heap.len() > 1 {
            let (Reverse((light, one)), Reverse((heavy, other))) = (heap.pop()?, heap.pop()?);
            let branch = Self::Branch(Box::new(codes.get_mut(one)?.take()?), Box::new(codes.get_mut(other)?.take()?));
            heap.push(Reverse((light + heavy, codes.len())));
            codes.push(Some(branch));
        }
        codes.get_mut(heap.pop()?.0.1)?.take()
    }

    fn read(&self, bits: &mut Bits<impl Iterator<Item = bool>>) -> Option<usize> {
        let mut code = self;
        loop {
            match code {
                Self::Number(number) => return Some(*number),
                Self::Branch(zero, one) => code = if bits.next()? { one } else { zero },
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    /// The bits of each number of a code.
    fn bits_of(code: &Code, before: &str, found: &mut Vec<(usize, String)>) {
        match code {
            Code::Number(number) => found.push((*number, before.to_owned())),
            Code::Branch(zero, one) => {
                bits_of(zero, &format!("{before}0"), found);
                bits_of(one, &format!("{before}1"), found);
            }
        }
    }

    fn table(count: usize) -> Vec<String> {
        let mut found = vec![];
        bits_of(&Code::new(count).unwrap(), "", &mut found);
        found.sort();
        found.into_iter().map(|(_, bits)| bits).collect()
    }

    /// Packs a tree: for each node the segments and where they lead.
    pub fn pack(nodes: &[&[(&str, usize)]]) -> Vec<u8> {
        let mut segments: Vec<&str> = nodes.iter().flat_map(|node| node.iter().map(|(word, _)| *word)).collect();
        segments.sort_unstable();
        segments.dedup();
        segments.push("");
        let (words, places) = (table(segments.len()), table(nodes.len() - 1));
        let mut bits = String::new();
        for node in nodes {
            for (word, next) in *node {
                bits += &words[segments.iter().position(|one| one == word).unwrap()];
                bits += &places[next - 1];
            }
            bits += words.last().unwrap();
        }
        let mut encoder = ZlibEncoder::new(vec![], Compression::default());
        encoder.write_all(segments.join("\0").as_bytes()).unwrap();
        let mut packed = encoder.finish().unwrap();
        packed.push(nodes.len() as u8);
        let mut digits = bits.into_bytes();
        digits.resize(digits.len().next_multiple_of(8), b'0');
        packed.extend(digits.chunks(8).map(|byte| byte.iter().fold(0u8, |all, bit| all << 1 | (bit & 1))));
        packed
    }

    #[test]
    fn paths_are_found_in_the_tree() {
        // org/foo/os, org/bar/$releasever, pub
        let packed =
            pack(&[&[("org", 1), ("pub", 4)], &[("foo", 2), ("bar", 3)], &[("os", 4)], &[("$releasever", 4)], &[]]);
        let paths = Paths::unpack(&packed).unwrap();
        let hold = |path: &str| paths.hold(&path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>());
        for held in ["pub", "pub/x", "org/foo/os", "org/foo/os/repodata/repomd.xml", "org/bar/9", "org/bar/9/x"] {
            assert!(hold(held), "{held}");
        }
        for other in ["", "org", "org/foo", "org/bar", "org/foo/x", "foo/os", "publ", "x/pub"] {
            assert!(!hold(other), "{other}");
        }
    }

    #[test]
    fn a_tree_may_have_one_path_or_none() {
        let one = Paths::unpack(&pack(&[&[("org", 1)], &[]])).unwrap();
        assert!(one.hold(&["org", "x"]) && !one.hold(&["x"]) && !one.hold(&[]));
        assert!(!Paths(vec![vec![]]).hold(&["x"]) && !Paths(vec![vec![]]).hold(&[]));
    }

    #[test]
    fn a_circle_ends() {
        let circle = Paths(vec![vec![("$a".into(), 1), ("$b".into(), 1)], vec![("$a".into(), 1), ("$b".into(), 1)]]);
        assert!(!circle.hold(&["x"; 1000]));
    }

    #[test]
    fn what_is_damaged_is_nothing() {
        let whole = pack(&[&[("org", 1)], &[("foo", 2)], &[]]);
        for end in 0..whole.len() {
            assert!(Paths::unpack(&whole[..end]).is_none(), "{end}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            // Whatever it is then, reading it ends.
            drop(Paths::unpack(&changed));
        }
        let mut bomb = ZlibEncoder::new(vec![], Compression::best());
        bomb.write_all(&vec![b'a'; 64 << 20]).unwrap();
        assert!(Paths::unpack(&bomb.finish().unwrap()).is_none());
    }

    #[test]
    fn counts_have_one_or_more_bytes() {
        assert_eq!(count(&[5, 9]), Some((5, &[9][..])));
        assert_eq!(count(&[0x82, 1, 4, 9]), Some((260, &[9][..])));
        assert_eq!(count(&[0x82, 1]), None);
        assert_eq!(count(&[0x8f; 32]), None);
        assert_eq!(count(&[]), None);
    }

    #[test]
    fn codes_weigh_by_place() {
        assert_eq!(table(3), ["10", "11", "0"]);
        assert_eq!(table(1), [""]);
        assert!(Code::new(0).is_none());
    }
}
