//! Files that stay open for the next request.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use quick_cache::sync::Cache;

use super::blocks::Address;

/// So many at most.
const OPEN_FILES: usize = 256;
/// For so long they do. Another process may have deleted one, whose space the disk gets back then.
const OPEN_FOR: Duration = Duration::from_secs(10);

pub struct OpenFiles(Cache<Address, Open>);

#[derive(Clone)]
struct Open {
    file: Arc<File>,
    until: Moment,
}

impl OpenFiles {
    pub fn new() -> Self {
        Self(Cache::new(OPEN_FILES))
    }

    pub fn get(&self, address: &Address) -> Option<Arc<File>> {
        self.0.get(address).filter(|open| Moment::now() < open.until).map(|open| open.file)
    }

    /// Lets go of all whose time is over, too.
    pub fn keep(&self, address: Address, file: Arc<File>) {
        let now = Moment::now();
        self.0.retain(|_, open| now < open.until);
        self.0.insert(address, Open { file, until: now + OPEN_FOR });
    }

    pub fn clear(&self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Id, Sha256};

    #[test]
    fn what_was_open_for_long_is_let_go_when_the_next_is_opened() {
        let files = OpenFiles::new();
        let opened = || Arc::new(tempfile::tempfile().unwrap());
        let (old, new) = ((Id::new(), Sha256::of(b"old")), (Id::new(), Sha256::of(b"new")));
        let file = opened();
        files.0.insert(old.clone(), Open { file: file.clone(), until: Moment::now() });
        assert!(files.get(&old).is_none());
        assert_eq!(Arc::strong_count(&file), 2);
        files.keep(new.clone(), opened());
        assert_eq!(Arc::strong_count(&file), 1);
        assert!(files.get(&new).is_some());
        files.clear();
        assert!(files.get(&new).is_none());
    }
}
