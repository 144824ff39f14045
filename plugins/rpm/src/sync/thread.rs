//! Reading on a thread that may block, in bounded steps ahead of who takes what was read.

use pith_core::error::{Error, Result};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::{JoinHandle, spawn_blocking};

/// What a thread gives.
pub(super) struct Produced<T> {
    receiver: Receiver<T>,
    thread: Option<JoinHandle<Result<()>>>,
}

/// Takes what the thread has, and waits while enough of it waits already; `false` once nobody wants more.
pub(super) type Give<'a, T> = &'a mut dyn FnMut(T) -> bool;

/// Starts a thread that is never more than `ahead` things ahead.
pub(super) fn produce<T: Send + 'static>(
    ahead: usize,
    run: impl FnOnce(Give<'_, T>) -> Result<()> + Send + 'static,
) -> Produced<T> {
    let (sender, receiver) = mpsc::channel(ahead);
    let thread = spawn_blocking(move || run(&mut |thing| sender.blocking_send(thing).is_ok()));
    Produced { receiver, thread: Some(thread) }
}

impl<T> Produced<T> {
    /// The next thing; none at the end.
    ///
    /// # Errors
    /// What ended the thread, after all that it gave before.
    pub async fn next(&mut self) -> Result<Option<T>> {
        if let Some(thing) = self.receiver.recv().await {
            return Ok(Some(thing));
        }
        match self.thread.take() {
            Some(thread) => thread.await.map_err(Error::internal)?.map(|()| None),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn things_come_before_the_error() {
        let mut produced = produce(1, |give| {
            (0..3).for_each(|number| assert!(give(number)));
            Err(Error::upstream("broken"))
        });
        for expected in 0..3 {
            assert_eq!(produced.next().await.expect("a number"), Some(expected));
        }
        produced.next().await.expect_err("broken");
        assert_eq!(produced.next().await.expect("the end"), None);
    }

    #[tokio::test]
    async fn who_is_not_listened_to_is_told() {
        let (told, hears) = tokio::sync::oneshot::channel();
        let mut produced = produce(1, move |give| {
            while give(()) {}
            told.send(()).map_err(|()| Error::internal("nobody waits"))
        });
        produced.next().await.expect("running");
        drop(produced);
        hears.await.expect("the thread has ended");
    }
}
