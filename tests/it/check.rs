//! `pith check`: the database against the store.

use std::fs;

use crate::support::{Server, sha256};

#[test]
fn a_check_names_files_that_are_lost_cut_or_nobody_s() {
    let server = Server::start();
    for bytes in [b"lost", b"cuts", b"good"] {
        server.artifact(bytes);
    }
    assert_eq!(server.run("check"), "3 artifacts in the database, 3 files in the store\nsound\n");
    fs::remove_file(server.stored(b"lost")).unwrap();
    fs::write(server.stored(b"cuts"), b"cut").unwrap();
    fs::create_dir_all(server.stored(b"nobody's").parent().unwrap()).unwrap();
    fs::write(server.stored(b"nobody's"), b"nobody's").unwrap();
    let [lost, cut, unknown] = [&b"lost"[..], b"cuts", b"nobody's"].map(sha256);
    let report = format!(
        "3 artifacts in the database, 3 files in the store\n1 artifacts without a file:\n  {lost}\n\
         1 files of a wrong size:\n  {cut}\n1 files that no artifact names:\n  {unknown}\nnot sound\n"
    );
    assert_eq!(server.run("check"), report);
    assert_eq!(fs::read(server.stored(b"cuts")).unwrap(), b"cut", "a check changes nothing");
}
