//! The one place between a camera and the networks: it holds one frame, and a newer frame
//! replaces it. A slow judge sees fewer frames, never old ones. The infrared camera's holds some,
//! so that one of them is of the same moment as the first camera's.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::camera::Frame;

/// What the judge finds.
#[derive(Debug)]
pub enum Item {
    /// The newest frame.
    Frame(Frame),
    /// The camera was lost since the last item; frames before it are gone.
    Lost,
    /// The recording is over and its last frame has been taken.
    Ended,
}

/// Where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RecordingEnd {
    /// Frames may follow.
    #[default]
    NotYet,
    /// No frame will follow the one that may still be here.
    Told,
    /// The judge has taken all there was.
    Seen,
}

#[derive(Debug, Default)]
struct Slot {
    /// The newest at the end.
    frames: VecDeque<Frame>,
    lost: bool,
    end: RecordingEnd,
    dropped: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// Frames it holds at most.
    room: usize,
    slot: Mutex<Slot>,
    changed: Condvar,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::holding(1)
    }
}

impl Mailbox {
    /// One for so many frames, the newest.
    pub(crate) fn holding(room: usize) -> Self {
        let frames = VecDeque::with_capacity(room);
        Self {
            room,
            slot: Mutex::new(Slot {
                frames,
                ..Slot::default()
            }),
            changed: Condvar::new(),
        }
    }

    /// Leaves a frame, in place of the oldest that nobody took if there is no more room.
    pub fn put(&self, frame: Frame) {
        let mut slot = self.lock();
        if slot.frames.len() >= self.room && slot.frames.pop_front().is_some() {
            slot.dropped += 1;
        }
        slot.frames.push_back(frame);
        self.changed.notify_all();
    }

    /// Leaves a frame once the last one was taken; gives it back if `patience` ends first.
    pub(crate) fn put_in_turn(&self, frame: Frame, patience: Duration) -> Option<Frame> {
        let slot = self.lock();
        let (mut slot, waited) = self
            .changed
            .wait_timeout_while(slot, patience, |s| !s.frames.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Some(frame);
        }
        slot.frames.push_back(frame);
        self.changed.notify_all();
        None
    }

    /// Says that the camera was lost: a frame from before counts for nothing.
    pub(crate) fn lose(&self) {
        let mut slot = self.lock();
        slot.frames.clear();
        slot.lost = true;
        self.changed.notify_all();
    }

    /// Says that no frame will follow.
    pub(crate) fn finish(&self) {
        self.lock().end = RecordingEnd::Told;
        self.changed.notify_all();
    }

    /// Where a recording stands.
    pub fn end(&self) -> RecordingEnd {
        self.lock().end
    }

    /// The next item, or `None` after `patience`.
    pub fn take(&self, patience: Duration) -> Option<Item> {
        let until = Instant::now() + patience;
        let mut slot = self.lock();
        loop {
            if std::mem::take(&mut slot.lost) {
                return Some(Item::Lost);
            }
            if let Some(frame) = slot.frames.pop_front() {
                self.changed.notify_all();
                return Some(Item::Frame(frame));
            }
            if slot.end != RecordingEnd::NotYet {
                slot.end = RecordingEnd::Seen;
                return Some(Item::Ended);
            }
            let left = until.checked_duration_since(Instant::now())?;
            slot = self
                .changed
                .wait_timeout(slot, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Frames that were replaced before anybody took them.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// The slot is whole after every statement, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    fn frame(sequence: u64) -> Frame {
        Frame::rgb(image::RgbImage::new(1, 1), Instant::now(), sequence, None)
    }

    proptest! {
        /// Whatever is put and taken: as many as there is room for stay, the newest, come out
        /// in order, and none from before a loss comes out after it.
        #[test]
        fn newest_wins(steps in prop::collection::vec(0u8..4, 0..60), room in 1..4usize) {
            let mailbox = Mailbox::holding(room);
            let (mut next, mut newest, mut lost) = (0u64, VecDeque::new(), false);
            for step in steps {
                match step {
                    0 | 1 => {
                        mailbox.put(frame(next));
                        newest.push_back(next);
                        if newest.len() > room {
                            newest.pop_front();
                        }
                        next += 1;
                    }
                    2 => {
                        mailbox.lose();
                        newest.clear();
                        lost = true;
                    }
                    _ => match mailbox.take(Duration::ZERO) {
                        Some(Item::Lost) => {
                            prop_assert!(lost);
                            lost = false;
                        }
                        Some(Item::Frame(f)) => {
                            prop_assert!(!lost);
                            prop_assert_eq!(Some(f.sequence), newest.pop_front());
                        }
                        Some(Item::Ended) => prop_assert!(false),
                        None => prop_assert!(!lost && newest.is_empty()),
                    },
                }
            }
        }
    }

    #[test]
    fn in_turn_loses_nothing() {
        let mailbox = Mailbox::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..200 {
                    let mut waiting = Some(frame(n));
                    while let Some(frame) = waiting.take() {
                        waiting = mailbox.put_in_turn(frame, Duration::from_millis(50));
                    }
                }
                mailbox.finish();
            });
            let mut expected = 0;
            loop {
                match mailbox.take(Duration::from_secs(10)) {
                    Some(Item::Frame(f)) => {
                        assert_eq!(f.sequence, expected);
                        expected += 1;
                    }
                    Some(Item::Ended) => break,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(expected, 200);
        });
    }
}
