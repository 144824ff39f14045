//! What becomes of a synchronization in which some files cannot be had.

use super::*;

/// As [`Toy`], but reads on when a file cannot be had.
struct Lenient {
    /// Nothing may be missing in the end.
    whole: bool,
}

#[async_trait]
impl Plugin for Lenient {
    fn name(&self) -> &'static str {
        Toy.name()
    }

    fn version(&self) -> &'static str {
        Toy.version()
    }

    fn package(&self) -> (&'static str, &'static str) {
        Toy.package()
    }

    fn migrations(&self) -> Migrations {
        Toy.migrations()
    }

    fn resources(&self) -> Vec<Resource> {
        vec![]
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![Arc::new(Toy)]
    }

    async fn sync(&self, job: &SyncJob) -> Result<()> {
        let list = job.metadata(&job.remote.url).await?;
        let list = String::from_utf8_lossy(&list);
        if job.is_unchanged(json!({"list": list})) {
            return Ok(());
        }
        if self.whole {
            job.whole_or_not_at_all();
        }
        declare(job, &list, Some("files")).await
    }
}

#[test]
fn others_are_taken_and_the_next_run_tries_again() {
    let world = World::new();
    let lenient = || Lenient { whole: false };
    world.offer(&[("a", "one"), ("!b", "two"), ("c", "three")]);
    let (made, _) = world.run(lenient(), world.request("immediate", false, true)).unwrap();
    assert_eq!(made.version.map(|version| version.number), Some(1));
    assert_eq!((made.failures, made.failed.len()), (1, 1));
    assert!(made.failed[0].file.ends_with("/b") && made.failed[0].reason.contains("PLP0003"), "{:?}", made.failed);
    assert_eq!(world.paths(), ["a", "c"]);

    let (made, reports) = world.run(lenient(), world.request("immediate", false, true)).unwrap();
    assert_eq!((made.failures, done(&reports, "sync.was_skipped")), (1, None), "what failed is not done");
    world.offer(&[("a", "one"), ("b", "two"), ("c", "three")]);
    let (made, reports) = world.run(lenient(), world.request("immediate", false, true)).unwrap();
    assert_eq!(made.version.map(|version| version.number), Some(2));
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&1));
    assert_eq!(world.paths(), ["a", "b", "c"]);
    let (_, reports) = world.run(lenient(), world.request("immediate", false, true)).unwrap();
    assert!(done(&reports, "sync.was_skipped").is_some());
}

#[test]
fn all_or_nothing_keeps_what_it_has_and_names_what_it_has_not() {
    let world = World::new();
    let whole = || Lenient { whole: true };
    world.offer(&[("!a", "one"), ("b", "two"), ("!c", "three"), ("d", "four")]);
    let error = world.run(whole(), world.request("immediate", false, true)).unwrap_err().public_text();
    assert!(error.contains("cannot be had: 2;") && error.contains("/a`") && error.contains("/c`"), "{error}");
    assert_eq!(world.paths(), Vec::<String>::new());
    assert!(error.contains("PLP0003"), "{error}");
    assert_eq!(world.count("SELECT count(*) FROM artifact"), 2);
    world.offer(&[("a", "one"), ("b", "two"), ("c", "three"), ("d", "four")]);
    let (made, reports) = world.run(whole(), world.request("immediate", false, true)).unwrap();
    assert_eq!(made.version.map(|version| version.number), Some(1));
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&2));
    assert_eq!(world.paths(), ["a", "b", "c", "d"]);
}
