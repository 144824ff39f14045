//! Repositories of Git as upstreams: the files of a branch, a tag or a commit, each a unit at its path.
//!
//! Pure, bytes in and values out: `object` (names, commits, tags, trees), `pkt_line` and `wire` (what is said between us
//! and a server), `refs` (what a `git_ref` means), `lfs` (pointers to files that are elsewhere). In a file of this host:
//! `scratch`, `unpack` and `delta` (the objects of a pack), `walk` (the files of a commit), `local` (repositories of this
//! host). With core: `remote` (the REST collection), `server` (asking over HTTP), `upstream` (a server or
//! a folder), `sync`.
//!
//! No program is run, and nothing is laid out in a folder: files go from the pack into the store.

mod delta;
mod error;
mod lfs;
mod local;
mod object;
mod pkt_line;
mod refs;
mod remote;
mod scratch;
mod server;
mod sync;
mod unpack;
mod upstream;
mod walk;
mod wire;

pub(crate) use remote::{PULP_TYPE, remote};
pub(crate) use sync::sync;
