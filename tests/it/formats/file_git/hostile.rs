//! Servers and repositories of Git that are not what they say.

use std::process::Command;

use serde_json::json;

use super::{Reader, THREE, expected};
use crate::support::git::{self, Packed, Project, commit, id, line, number, pack, packfile, serving, tree};
use crate::support::{Reply, Upstream};

/// A reader of a commit of this tree, with a server that has these objects besides.
fn reader_of(root: &[u8], mut others: Vec<Packed>) -> Reader {
    let commit = commit(root);
    others.extend([Packed::whole(1, &commit), Packed::whole(2, root)]);
    reader_of_pack(id("commit", &commit), &pack(&others))
}

fn reader_of_pack(main: [u8; 20], pack: &[u8]) -> Reader {
    let answer = packfile(pack);
    let upstream = serving(main, move || Reply::Bytes(answer.clone()));
    Reader::with(&upstream.url("project"), json!({"max_retries": 0}))
}

#[track_caller]
fn refused(reader: &Reader, words: &str) {
    let failure = reader.failure();
    assert!(failure.starts_with("Failed to clone git repository 'http://"), "{failure}");
    assert!(failure.contains(words), "{failure}");
    // It goes on.
    reader.server.get("status/").expect(200);
}

#[test]
fn a_pack_made_by_hand_is_read() {
    let (base, changed) = (b"hello world".to_vec(), b"hello there world".to_vec());
    // Six bytes of the base, six of its own, five of the base.
    let delta = [number(11), number(17), vec![0x90, 6, 6], b"there ".to_vec(), vec![0x91, 6, 5]].concat();
    let root = tree(&[("100644", b"a", id("blob", &base)), ("100644", b"b", id("blob", &changed))]);
    // The change comes before what it changes.
    let reader = reader_of(&root, vec![Packed::change(id("blob", &base), &delta), Packed::whole(3, &base)]);
    reader.synced();
    assert_eq!(reader.files(), expected(&[("a", &base), ("b", &changed)]));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let blob = b"x";
    for name in ["..", ".", ".git", ".GIT", "a/b", "/etc", ""] {
        let root = tree(&[("100644", name.as_bytes(), id("blob", blob))]);
        refused(&reader_of(&root, vec![Packed::whole(3, blob)]), "as no tree may");
    }
    let inner = tree(&[("100755", b"post-checkout", id("blob", blob))]);
    let root = tree(&[("40000", b".git", id("tree", &inner))]);
    refused(&reader_of(&root, vec![Packed::whole(3, blob), Packed::whole(2, &inner)]), "as no tree may");
}

#[test]
fn paths_that_nobody_could_ask_for_are_left_out_and_told() {
    let blob = id("blob", b"x");
    let long = "x".repeat(1100);
    let root = tree(&[
        ("100644", b"\xff\xfe", blob),
        ("100644", b"a\nb", blob),
        ("100644", b"good", blob),
        ("100644", long.as_bytes(), blob),
    ]);
    let reader = reader_of(&root, vec![Packed::whole(3, b"x")]);
    let task = reader.synced();
    assert_eq!(reader.files(), expected(&[("good", b"x")]));
    assert_eq!(task["result"]["failures"], 3, "{task:#}");
    assert!(task["result"]["failed"].to_string().contains("is not UTF-8"), "{task:#}");
}

#[test]
fn absurd_sizes_are_refused_before_they_are_believed() {
    let root = tree(&[("100644", b"a", id("blob", b"x"))]);
    for size in [1 << 40, 1 << 59] {
        let huge = Packed { size, ..Packed::whole(3, b"x") };
        refused(&reader_of(&root, vec![huge]), "take more than the allowed");
        // A change of a byte that says to make so much.
        let delta = [number(1), number(size), vec![1, b'y']].concat();
        let change = Packed::change(id("blob", b"x"), &delta);
        let words = if size < 1 << 56 { "take more than the allowed" } else { "does not fit" };
        refused(&reader_of(&root, vec![Packed::whole(3, b"x"), change]), words);
    }
    let endless = Packed { size: u64::MAX >> 1, ..Packed::whole(3, b"x") };
    refused(&reader_of(&root, vec![endless]), "damaged");
    let small = Packed { size: 1 << 20, ..Packed::whole(3, b"x") };
    refused(&reader_of(&root, vec![small]), "damaged");
    let more = Packed { size: 10, ..Packed::whole(3, &[0; 1 << 20]) };
    refused(&reader_of(&root, vec![more]), "damaged");
}

#[test]
fn changes_that_multiply_stop_when_their_task_is_canceled() {
    // Each change is a dozen bytes and makes 16 MiB.
    let base = vec![0; 16 << 20];
    let (base, size) = (&base[1..], (16 << 20) - 1);
    let delta = [number(size), number(size), vec![0xf0, 0xff, 0xff, 0xff]].concat();
    let mut objects = vec![Packed::whole(3, base)];
    let same = id("blob", base);
    objects.extend((0..5000).map(|_| Packed::change(same, &delta)));
    let root = tree(&[("100644", b"a", same)]);
    // All of them are 80 GB, more than is ever unpacked, and long before that whoever asked has thought better of it.
    let reader = reader_of(&root, objects);
    let answer = reader.server.post(&format!("{}sync/", reader.repository), json!({"remote": reader.remote}));
    let task = answer.expect(202).json()["task"].as_str().unwrap().to_owned();
    crate::support::until("unpacking", || {
        let state = reader.server.get(&task).expect(200).json()["state"].clone();
        (state == "running").then_some(())
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    reader.server.patch(&task, json!({"state": "canceled"})).expect(200);
    assert_eq!(reader.server.wait_for(&task)["state"], "canceled");
    crate::support::until("the temporary file is gone", || (open_scratch(&reader) == 0).then_some(()));
}

/// Files without a name that the server has open.
fn open_scratch(reader: &Reader) -> usize {
    let listing = Command::new("ls").arg("-l").arg(format!("/proc/{}/fd", reader.server.pid())).output().unwrap();
    String::from_utf8_lossy(&listing.stdout)
        .lines()
        .filter(|line| line.contains("pith-test-") && line.ends_with("(deleted)"))
        .count()
}

#[test]
fn packs_that_lack_what_they_name_are_refused() {
    let root = tree(&[("100644", b"a", id("blob", b"x"))]);
    refused(&reader_of(&root, vec![]), "is missing");
    refused(&reader_of(&root, vec![Packed::change([7; 20], b"")]), "that it does not have");
    let folder = tree(&[("40000", b"a", id("blob", b"x"))]);
    refused(&reader_of(&folder, vec![Packed::whole(3, b"x")]), "is a blob, not a tree");
    let twice = tree(&[("100644", b"a", id("blob", b"x")), ("100644", b"a", id("blob", b"y"))]);
    refused(&reader_of(&twice, vec![Packed::whole(3, b"x"), Packed::whole(3, b"y")]), "two entries `a`");
    let reader = reader_of_pack(id("blob", b"x"), &pack(&[Packed::whole(3, b"x")]));
    assert!(reader.failure().starts_with("Could not resolve git ref 'HEAD'"));
    refused(&reader_of(&root, vec![Packed { kind: 5, ..Packed::whole(3, b"x") }]), "damaged");
    refused(&reader_of(&root, vec![Packed { base: vec![0xff; 9], kind: 6, ..Packed::whole(3, b"x") }]), "damaged");
    refused(&reader_of(&root, vec![Packed { base: vec![0x7f], kind: 6, ..Packed::whole(3, b"x") }]), "damaged");
}

#[test]
fn changes_that_do_not_fit_are_refused() {
    let root = tree(&[("100644", b"a", id("blob", b"x"))]);
    for delta in [
        &[][..],
        &[2, 1, 1, b'y'],
        &[1, 2, 1, b'y'],
        &[1, 1, 2, b'y', b'z'],
        &[1, 1, 9, b'y'],
        &[1, 1, 0],
        &[1, 1, 0x91, 1, 1],
        &[1, 1, 0x80],
        &[1, 1, 0xff, 1],
        &[0x80; 30],
    ] {
        let change = Packed::change(id("blob", b"x"), delta);
        refused(&reader_of(&root, vec![Packed::whole(3, b"x"), change]), "does not fit");
    }
}

#[test]
fn a_pack_that_is_cut_or_changed_is_refused() {
    let root = tree(&[("100644", b"a", id("blob", b"some text"))]);
    let commit = commit(&root);
    let whole = pack(&[Packed::whole(1, &commit), Packed::whole(2, &root), Packed::whole(3, b"some text")]);
    for cut in [0, 4, 11, 12, 40, whole.len() - 20, whole.len() - 1] {
        refused(&reader_of_pack(id("commit", &commit), &whole[..cut]), "ends too early");
    }
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    refused(&reader_of_pack(id("commit", &commit), &wrong), "damaged");
    wrong = whole;
    wrong[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    refused(&reader_of_pack(id("commit", &commit), &wrong), "objects");
}

#[test]
fn servers_that_answer_anything_are_refused() {
    let main = id("commit", b"");
    for (reply, words) in [
        (Reply::Status(500), "500"),
        (Reply::Status(404), "404"),
        (Reply::Bytes(b"<html>".to_vec()), "is not one of a server of Git"),
        (Reply::Bytes(vec![]), "sent no pack"),
        (Reply::Bytes(b"0000".to_vec()), "sent no pack"),
        (Reply::Bytes(line(b"ERR upload-pack: no \x1b[31m way\n")), "the server says: upload-pack: no  [31m way"),
        (Reply::Bytes([line(b"packfile\n"), line(b"\x03out of memory")].concat()), "the server says: out of memory"),
        (Reply::Bytes([line(b"packfile\n"), line(b"\x09what")].concat()), "is not one of a server of Git"),
        (Reply::Short { promised: 1000, sent: line(b"packfile\n") }, "connection broke"),
        (Reply::Redirect("file:///etc/passwd".into()), "redirected to what is not an http(s) address"),
    ] {
        let upstream = serving(main, move || reply.clone());
        refused(&Reader::with(&upstream.url("project"), json!({"max_retries": 0})), words);
    }
}

#[test]
fn refs_without_end_are_refused() {
    let kind = ("Content-Type".to_owned(), git::ADVERTISEMENT.to_owned());
    let first = "0123456789012345678901234567890123456789 refs/heads/a\0side-band-64k\n";
    let lines = |count: usize| {
        let mut body = line(first.as_bytes());
        (0..count).for_each(|at| body.extend(line(format!("{at:040x} refs/heads/{at}\n").as_bytes())));
        [body, b"0000".to_vec()].concat()
    };
    for (git_ref, body, words) in [
        ("abcdef", lines(200_001), "more than 200000 refs"),
        ("main", line(b"0123 refs/heads/a\0side-band-64k"), "is not the name of an object"),
        ("main", line(first.replace("side-band-64k", "").as_bytes()), "too old"),
        ("main", line(first.replace("side-band-64k", "side-band-64k object-format=sha256").as_bytes()), "`sha256`"),
        ("main", [line(b"version 2\n"), line(b"object-format=sha256\n")].concat(), "`sha256`"),
        ("main", b"fff1".to_vec(), "is not one of a server of Git"),
        ("main", vec![], "no repository of Git"),
    ] {
        let kind = kind.clone();
        let upstream = Upstream::answering(move |_, _| Reply::Headers(vec![kind.clone()], body.clone()));
        let reader = Reader::with(&upstream.url("project"), json!({"git_ref": git_ref, "max_retries": 0}));
        refused(&reader, words);
    }
    let reader = Reader::with(&Upstream::answering(|_, _| Reply::Endless).url("a"), json!({"max_retries": 0}));
    refused(&reader, "larger than the allowed");
}

#[test]
fn what_failed_leaves_nothing_behind() {
    let project = Project::with(&THREE);
    let broken = reader_of(&tree(&[("100644", b"a", id("blob", b"x"))]), vec![]);
    refused(&broken, "is missing");
    assert_eq!(open_scratch(&broken), 0);
    let upstream = project.serve();
    broken.set(json!({"url": upstream.url("project")}));
    broken.synced();
    assert_eq!(broken.files(), expected(&THREE));
}
