//! Questions to what may be silent, a disk or a database: whoever asks gives up after a second, and however often it is
//! asked, few threads are held by what does not answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Questions that may be open at the same time.
const OPEN: usize = 2;

/// Questions to one component.
pub struct Questions(Arc<Semaphore>);

impl Default for Questions {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OPEN)))
    }
}

impl Questions {
    /// The answer, if it comes within a second. A question goes on when nobody waits for it any more, and holds its place
    /// until it ends; while all places are taken there is no answer.
    pub async fn ask<T: Send + 'static>(&self, question: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let place = self.0.clone().try_acquire_owned().ok()?;
        let asked = tokio::spawn(async move {
            let _place = place;
            question.await
        });
        timeout(PATIENCE, asked).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_silent_holds_few_threads_and_nobody_for_long() {
        let questions = Questions::default();
        assert_eq!(questions.ask(async { 1 }).await, Some(1));
        let mut ends = Vec::new();
        for _ in 0..OPEN {
            let (end, ended) = channel::<()>();
            ends.push(end);
            let silent = tokio::task::spawn_blocking(move || ended.recv().is_ok());
            assert!(questions.ask(silent).await.is_none());
        }
        let begun = Instant::now();
        assert_eq!(questions.ask(async { 1 }).await, None, "all places are taken");
        assert!(begun.elapsed() < PATIENCE);
        drop(ends);
        let mut answer = None;
        while answer.is_none() && begun.elapsed() < Duration::from_secs(10) {
            tokio::task::yield_now().await;
            answer = questions.ask(async { 1 }).await;
        }
        assert_eq!(answer, Some(1));
    }
}
