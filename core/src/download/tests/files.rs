//! `file://` remotes.

use futures_util::TryStreamExt;

use super::{downloader_of, fetch, settings, wanted};
use crate::download::{ByteRange, Wanted};

#[tokio::test]
async fn files_are_read_below_the_allowed_paths_only() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::create_dir(root.join("in")).unwrap();
    std::fs::write(root.join("in/a b"), vec![7; 1_300_000]).unwrap();
    std::fs::write(root.join("outside"), "secret").unwrap();
    std::os::unix::fs::symlink(root.join("outside"), root.join("in/link")).unwrap();
    let base = format!("file://{}/in/PULP_MANIFEST", root.display());
    let downloader = downloader_of(&settings(&base), &[root.join("in")]);
    let ask = async |relative: &str| {
        let wanted = Wanted { largest: 2_000_000, ..wanted(downloader.resolve(relative)) };
        fetch(&downloader, &wanted).await.map(|(size, _)| size)
    };

    assert_eq!(ask("a b").await, Ok(1_300_000));
    for outside in ["link", "../outside", "/etc/passwd", "../nothing"] {
        assert!(ask(outside).await.unwrap_err().contains("allowed import paths"), "{outside}");
    }
    assert!(ask("none").await.unwrap_err().contains("cannot be read"));
    assert!(ask("").await.unwrap_err().contains("not a regular file"));

    let none_allowed = downloader_of(&settings(&base), &[]);
    assert!(none_allowed.fetch_bytes(&none_allowed.resolve("a b"), 2_000_000).await.is_err());
}

#[tokio::test]
async fn a_file_knows_ranges() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), "hello").unwrap();
    let url = format!("file://{}/f", folder.path().display());
    let downloader = downloader_of(&settings(&url), &[folder.path().into()]);
    for (first, last, status, expected) in [
        (1, Some(2), 206, "el"),
        (3, None, 206, "lo"),
        (0, Some(u64::MAX), 206, "hello"),
        (3, Some(1), 206, ""),
        (5, None, 416, ""),
    ] {
        let streamed = downloader.stream(&url, Some(ByteRange { first, last })).await.unwrap();
        assert_eq!(streamed.status, status);
        let body: Vec<_> = streamed.body.try_collect().await.unwrap();
        assert_eq!(body.concat(), expected.as_bytes());
    }
}
