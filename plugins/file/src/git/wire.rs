//! What is said between us and a server of Git, over HTTP: version 2 of the protocol, or the first one, which servers
//! speak that know no other.
//!
//! ```text
//! GET  <url>/info/refs?service=git-upload-pack      what the server can do; the first version: and its refs
//! POST <url>/git-upload-pack  command=ls-refs       its refs
//! POST <url>/git-upload-pack  command=fetch         a pack
//! ```
//!
//! Wants are fetched without their history (`deepen 1`), so that a pack has the files of one commit.

use std::io::Read;

use super::error::{GitError, shown};
use super::object::ObjectId;
use super::pkt_line::{Pack, Packet, Packets, write};
use super::refs::{Pointer, Refs};

const AGENT: &str = concat!("pith/", env!("CARGO_PKG_VERSION"));
const FLUSH: &[u8] = b"0000";
const DELIMITER: &[u8] = b"0001";
/// Behind the name of a tag, the name of what it is put on.
const PEELED: &str = "^{}";

/// What a server can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server {
    pub version: Version,
    /// Leaves history out.
    pub shallow: bool,
    /// Leaves out what is not asked for by name.
    pub filter: bool,
    /// Gives commits that no ref leads to.
    pub any_commit: bool,
    /// Names the kind of its objects' names, and so wants it named.
    object_format: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    #[default]
    First,
    Second,
}

/// Reads what a server says of itself; the first version of the protocol tells its refs with that.
///
/// # Errors
/// `Wrong` when it is no such server, or one whose objects have other names than we know.
pub fn read_server(from: impl Read, refs: &mut Refs) -> Result<Server, GitError> {
    let mut packets = Packets::new(from);
    let mut first = packets.next()?;
    if first == Some(Packet::Line) && packets.text()?.starts_with("# service=") {
        first = packets.next()?;
        if first == Some(Packet::Flush) {
            first = packets.next()?;
        }
    }
    match first {
        Some(Packet::Line) if packets.line().starts_with(b"version 2") => read_abilities(packets),
        Some(Packet::Line) if packets.line().starts_with(b"version 1") => {
            let first = packets.next()?;
            read_first_version(packets, first, refs)
        }
        first => read_first_version(packets, first, refs),
    }
}

fn read_abilities(mut packets: Packets<impl Read>) -> Result<Server, GitError> {
    let mut server = Server { version: Version::Second, any_commit: true, ..Server::default() };
    while packets.next()? == Some(Packet::Line) {
        let (name, value) = packets.text()?.split_once('=').unwrap_or((packets.text()?, ""));
        match name {
            "fetch" => {
                server.shallow = value.split(' ').any(|word| word == "shallow");
                server.filter = value.split(' ').any(|word| word == "filter");
            }
            "object-format" => {
                check_format(value)?;
                server.object_format = true;
            }
            _ => {}
        }
    }
    Ok(server)
}

fn read_first_version(
    mut packets: Packets<impl Read>,
    first: Option<Packet>,
    refs: &mut Refs,
) -> Result<Server, GitError> {
    let mut server = Server::default();
    let mut is_first = true;
    let mut last: Option<(String, Pointer)> = None;
    let mut packet = first;
    while packet == Some(Packet::Line) {
        let text = packets.text()?;
        let text = match text.split_once('\0').filter(|_| is_first) {
            Some((text, abilities)) => {
                server = first_abilities(abilities)?;
                text
            }
            None if is_first => return Err(GitError::wrong("it is no repository of Git")),
            None => text,
        };
        is_first = false;
        let (id, name) = text.split_once(' ').ok_or_else(|| GitError::wrong("the list of refs is damaged"))?;
        let id: ObjectId = id.parse()?;
        match (name.strip_suffix(PEELED), &mut last) {
            (Some(tag), Some((name, pointer))) if tag == name => pointer.peeled = Some(id),
            // A repository without refs has a line for what the server can do.
            (Some(_), _) => {}
            (None, _) => {
                if let Some((name, pointer)) = last.replace((name.to_owned(), Pointer { id, peeled: None })) {
                    refs.look_at(&name, pointer)?;
                }
            }
        }
        packet = packets.next()?;
    }
    if is_first {
        return Err(GitError::wrong("it is no repository of Git"));
    }
    if let Some((name, pointer)) = last {
        refs.look_at(&name, pointer)?;
    }
    Ok(server)
}

fn first_abilities(abilities: &str) -> Result<Server, GitError> {
    let has = |wanted: &str| abilities.split(' ').any(|word| word == wanted);
    for word in abilities.split(' ') {
        if let Some(format) = word.strip_prefix("object-format=") {
            check_format(format)?;
        }
    }
    if !has("side-band-64k") {
        return Err(GitError::wrong("its server is too old: it knows no `side-band-64k`"));
    }
    let any_commit = has("allow-reachable-sha1-in-want") || has("allow-any-sha1-in-want");
    Ok(Server {
        version: Version::First,
        shallow: has("shallow"),
        filter: has("filter"),
        any_commit,
        object_format: false,
    })
}

fn check_format(format: &str) -> Result<(), GitError> {
    match format {
        "sha1" => Ok(()),
        _ => Err(GitError::wrong(format!(
            "its objects have names of the kind `{}`, not `sha1`",
            shown(format.as_bytes())
        ))),
    }
}

/// The question for the refs, of the second version.
pub fn ask_refs(server: &Server, refs: &Refs) -> Vec<u8> {
    let mut body = command(server, "ls-refs");
    write(&mut body, "peel\n");
    for prefix in refs.prefixes() {
        write(&mut body, &format!("ref-prefix {prefix}\n"));
    }
    body.extend_from_slice(FLUSH);
    body
}

/// Reads the answer to it.
pub fn read_refs(from: impl Read, refs: &mut Refs) -> Result<(), GitError> {
    let mut packets = Packets::new(from);
    loop {
        match packets.next()? {
            Some(Packet::Line) => {}
            Some(Packet::Flush) => return Ok(()),
            _ => return Err(GitError::wrong("the list of refs is damaged")),
        }
        // Names may be any bytes; those that are no text nobody can ask for.
        let Ok(text) = packets.text() else { continue };
        let mut words = text.split(' ');
        let (Some(id), Some(name)) = (words.next(), words.next()) else { continue };
        if id == "unborn" {
            continue;
        }
        let peeled = words.find_map(|word| word.strip_prefix("peeled:")).map(str::parse).transpose()?;
        refs.look_at(name, Pointer { id: id.parse()?, peeled })?;
    }
}

/// What of the objects that wants lead to is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All but history.
    Newest,
    /// History, but neither files nor folders.
    Commits,
    All,
}

/// The question for a pack.
pub fn ask_pack(server: &Server, wants: &[ObjectId], extent: Extent) -> Vec<u8> {
    match server.version {
        Version::Second => ask_second(server, wants, extent),
        Version::First => ask_first(server, wants, extent),
    }
}

fn ask_second(server: &Server, wants: &[ObjectId], extent: Extent) -> Vec<u8> {
    let mut body = command(server, "fetch");
    write(&mut body, "ofs-delta\n");
    write(&mut body, "no-progress\n");
    for want in wants {
        write(&mut body, &format!("want {want}\n"));
    }
    write_extent(server, extent, &mut body);
    write(&mut body, "done\n");
    body.extend_from_slice(FLUSH);
    body
}

fn ask_first(server: &Server, wants: &[ObjectId], extent: Extent) -> Vec<u8> {
    let mut body = vec![];
    let filter = if extent == Extent::Commits && server.filter { " filter" } else { "" };
    for (at, want) in wants.iter().enumerate() {
        let abilities = format!(" side-band-64k ofs-delta no-progress agent={AGENT}{filter}");
        write(&mut body, &format!("want {want}{}\n", if at == 0 { &abilities } else { "" }));
    }
    write_extent(server, extent, &mut body);
    body.extend_from_slice(FLUSH);
    write(&mut body, "done\n");
    body
}

fn write_extent(server: &Server, extent: Extent, body: &mut Vec<u8>) {
    match extent {
        Extent::Newest if server.shallow => write(body, "deepen 1\n"),
        Extent::Commits if server.filter => write(body, "filter tree:0\n"),
        _ => {}
    }
}

fn command(server: &Server, name: &str) -> Vec<u8> {
    let mut body = vec![];
    write(&mut body, &format!("command={name}\n"));
    write(&mut body, &format!("agent={AGENT}\n"));
    if server.object_format {
        write(&mut body, "object-format=sha1\n");
    }
    body.extend_from_slice(DELIMITER);
    body
}

/// The pack in the answer to it.
pub fn pack_of<R: Read>(from: R, version: Version) -> Result<Pack<R>, GitError> {
    let mut packets = Packets::new(from);
    loop {
        let packet = packets.next()?.ok_or_else(no_pack)?;
        let is_line = packet == Packet::Line;
        match version {
            Version::Second if is_line && packets.text().is_ok_and(|text| text == "packfile") => break,
            Version::Second if matches!(packet, Packet::Flush | Packet::End) => return Err(no_pack()),
            Version::First if is_line && packets.text().is_ok_and(|text| text == "NAK") => break,
            _ => {}
        }
    }
    Ok(Pack::new(packets))
}

fn no_pack() -> GitError {
    GitError::wrong("the server sent no pack")
}
