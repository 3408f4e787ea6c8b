//! A thread that works for one owner: pieces of work go in, and come back done, in the order in which they went in.
//! Both ends spin for a moment before they sleep, since a piece takes less time than waking a thread does.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

/// How often an empty channel is looked at before its reader sleeps: tens of microseconds.
const LOOKS: u32 = 2_000;

/// The owner's end. Dropped, it waits until the thread has finished what it was given.
pub struct Worker<T> {
    to: Option<SyncSender<T>>,
    from: Receiver<T>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts a thread of this name that does `work` with each piece. Up to `room` pieces may wait for it.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub fn start(
        name: &str,
        room: usize,
        mut work: impl FnMut(&mut T) + Send + 'static,
    ) -> std::io::Result<Worker<T>> {
        let (to, pieces) = sync_channel(room);
        // The thread has one piece in hand besides those that wait.
        let (done, from) = sync_channel(room + 1);
        let body = move || {
            while let Some(mut piece) = next(&pieces) {
                work(&mut piece);
                if done.send(piece).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(body)?;
        Ok(Worker { to: Some(to), from, thread: Some(thread) })
    }

    /// Gives a piece away; waits while there is no room.
    pub fn give(&mut self, piece: T) {
        let to = self.to.as_ref().expect("open until the worker is dropped");
        if to.send(piece).is_err() {
            self.end();
        }
    }

    /// Takes the oldest piece back, waiting until it is done. Somebody has to have given one.
    pub fn take(&mut self) -> T {
        next(&self.from).unwrap_or_else(|| {
            self.end();
            unreachable!("the thread ends with its owner, or by a panic that `end` passes on")
        })
    }
}

impl<T> Worker<T> {
    /// Waits for the thread's end; its panic becomes the owner's.
    fn end(&mut self) {
        self.to = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.end();
    }
}

/// The next piece; `None`: there will be no more.
fn next<T>(from: &Receiver<T>) -> Option<T> {
    for _ in 0..LOOKS {
        match from.try_recv() {
            Ok(piece) => return Some(piece),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => std::hint::spin_loop(),
        }
    }
    from.recv().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_done_and_in_order() {
        let mut seen = 0;
        let mut worker = Worker::start("adder", 2, move |piece: &mut u32| {
            seen += *piece;
            *piece = seen;
        })
        .expect("a thread");
        let mut sums = Vec::new();
        for number in 1..=100 {
            worker.give(number);
            if number > 2 {
                sums.push(worker.take());
            }
        }
        sums.extend([worker.take(), worker.take()]);
        assert_eq!(sums, (1..=100).map(|n| n * (n + 1) / 2).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_reaches_the_owner() {
        let panic = std::panic::catch_unwind(|| {
            let mut worker = Worker::start("faulty", 1, |piece: &mut u32| assert!(*piece < 2, "too many"))
                .expect("a thread");
            for number in 0..9 {
                worker.give(number);
                worker.take();
            }
        });
        assert!(panic.is_err());
    }
}
