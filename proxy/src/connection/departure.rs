//! How it is noticed that a client goes away while nothing more of its request is wanted.

use super::pace::Direction;
use super::stream::ClientStream;
use std::io;
use std::task::{Context, Poll, ready};

impl ClientStream {
    /// While a request is being answered, more from the client is read only to learn that it went away. Where the answer is
    /// waited for all the same, that is learnt when it cannot be written.
    pub(super) fn poll_departure(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_step(cx)) {
            Ok(0) | Err(_) if self.link.outlasts_client() => Poll::Pending,
            Ok(0) => Poll::Ready(Ok(())),
            Ok(_) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Waits for the upstream: nothing is asked of the client meanwhile, who may take its request back.
    pub(super) fn poll_backed_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(Err(error)) = self.in_time(Direction::Upload, Poll::Ready(Ok(())), cx) {
            return Poll::Ready(Err(error));
        }
        self.transport.as_mut().map_or(Poll::Pending, |transport| transport.poll_taken_back(cx))
    }
}
