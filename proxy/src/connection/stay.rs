//! Stays with a future that has woken itself.
//!
//! Pingora passes an answer from one half of an exchange to the other through a channel, and both halves are one task.
//! A half that finds the channel full wakes the other, and the task waits for its turn again with the channel's parts in
//! its hands: where hundreds of answers are under way, hundreds of megabytes. Polled again at once, it writes them first,
//! while they are still in the processor's cache.

use atomic_waker::AtomicWaker;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often a future is polled before others have their turn. Tokio's budget ends most turns before.
const MOST_POLLS: usize = 16;

const WAITING: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// Where a future stands, and whoever waits for it.
#[derive(Debug, Default)]
struct Turn {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // One that is polled now is polled again; one that was woken before need not be told twice.
        if self.state.swap(WOKEN, Ordering::AcqRel) == WAITING {
            self.task.wake();
        }
    }
}

/// Waits for `future`, and polls it again at once when it has woken itself while it was polled.
pub(super) async fn stay_with<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let turn = Arc::new(Turn::default());
    let waker = Waker::from(turn.clone());
    std::future::poll_fn(move |cx| {
        turn.task.register(cx.waker());
        for _ in 0..MOST_POLLS {
            // What was written before somebody woke it is to be seen by this poll.
            turn.state.swap(POLLED, Ordering::AcqRel);
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(done);
            }
            if turn.state.compare_exchange(POLLED, WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;
    use tokio::sync::mpsc;

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How often a future is polled that wakes itself `times` times, and its task woken, in one turn.
    fn one_turn(times: usize) -> (usize, usize) {
        let mut polls = 0;
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        {
            let counted = poll_fn(|cx| {
                polls += 1;
                if polls <= times {
                    cx.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            });
            assert!(pin!(stay_with(counted)).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        (polls, count.0.load(Ordering::SeqCst))
    }

    #[test]
    fn what_wakes_itself_is_polled_again_at_once() {
        assert_eq!(one_turn(0), (1, 0));
        assert_eq!(one_turn(3), (4, 0));
    }

    #[test]
    fn what_wakes_itself_without_end_lets_others_have_their_turn() {
        assert_eq!(one_turn(usize::MAX), (MOST_POLLS, 1));
    }

    #[test]
    fn it_is_woken_once_for_what_comes_between_its_turns() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let mut both = pin!(stay_with(async move { (receiver.recv().await, receiver.recv().await) }));
        for sent in 1..=2 {
            assert_eq!(both.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
            sender.send(sent).unwrap();
            assert_eq!(count.0.load(Ordering::SeqCst), sent);
        }
        assert_eq!(both.poll(&mut Context::from_waker(&waker)), Poll::Ready((Some(1), Some(2))));
    }

    #[tokio::test]
    async fn what_gives_up_its_turn_does_so() {
        let others = Arc::new(AtomicUsize::new(0));
        let theirs = others.clone();
        tokio::spawn(async move { theirs.store(1, Ordering::SeqCst) });
        stay_with(tokio::task::yield_now()).await;
        assert_eq!(others.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_that_another_thread_says_is_missed() {
        const MANY: usize = 50_000;
        let (ask, mut asked) = mpsc::channel(1);
        let (answer, mut answered) = mpsc::channel(1);
        tokio::spawn(stay_with(async move {
            while let Some(number) = asked.recv().await {
                answer.send(number).await.unwrap();
            }
        }));
        let conversation = stay_with(async {
            for number in 0..MANY {
                ask.send(number).await.unwrap();
                assert_eq!(answered.recv().await, Some(number));
            }
        });
        tokio::time::timeout(Duration::from_mins(1), conversation).await.unwrap();
    }
}
