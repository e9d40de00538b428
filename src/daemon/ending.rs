//! How guarding ends: the door first, the last words last.

use std::sync::atomic::Ordering;
use std::time::Instant;

use sd_notify::NotifyState;

use super::doorkeeper::Order;
use super::threads::{self, Threads};
use super::{DaemonError, Fault, Guard, MAX_STOP_WAIT, WATCH_INTERVAL, events, notify, recorder};
use crate::record::{Event, FrameCounts, StopReason};

/// Why guarding ended.
pub(super) enum End {
    /// SIGTERM or SIGINT.
    Asked,
    /// A recording is over and the door locked again.
    RecordingOver,
    /// A part failed.
    Fault(Fault),
}

impl Guard {
    /// Locks first, then stops the parts, then writes the last words.
    pub(super) fn stop(mut self, threads: Threads, end: End) -> Result<(), DaemonError> {
        notify(&[NotifyState::Stopping]);
        let locked = self.lock();
        self.control = None;
        if let End::Fault(fault) = &end {
            log::error!("{fault}");
            self.queue.happened(events::of_fault(fault));
        }
        self.stop.store(true, Ordering::Release);
        threads::join(threads.capture, MAX_STOP_WAIT);
        if let Some(second) = threads.infrared {
            threads::join(second.thread, MAX_STOP_WAIT);
        }
        let timing = threads::join(threads.judge, MAX_STOP_WAIT).and_then(Result::ok);
        self.stop_scribe.store(true, Ordering::Release);
        let log = threads::join(threads.recorder, MAX_STOP_WAIT);
        drop(self.orders);
        // Its lights go out.
        drop(self.panel_link);
        // A door that has stopped opens no more, whether its thread can end or not: a recorder
        // that hangs keeps the channel to it open.
        threads::join(threads.door, MAX_STOP_WAIT);
        if let Some((log, remembered)) = log {
            let frames = timing.map(|timing| FrameCounts {
                seen: timing.frames(),
                left_out: timing.frames_left_out(),
                dropped: self.mailbox.dropped(),
                p50_ms: timing.quantile_ms(0.5).map(|ms| ms as f32),
                p95_ms: timing.quantile_ms(0.95).map(|ms| ms as f32),
            });
            let reason = match &end {
                End::Asked => StopReason::Asked,
                End::RecordingOver => StopReason::RecordingOver,
                End::Fault(_) => StopReason::Fault,
            };
            let event = Event::Stopped { reason, frames };
            recorder::last_words(log, remembered, &event);
        }
        match (end, locked) {
            (End::Asked | End::RecordingOver, true) => Ok(()),
            (End::Fault(fault), true) => Err(DaemonError::Fault(fault)),
            (End::Fault(fault), false) => Err(DaemonError::NotLocked(fault.to_string())),
            (End::Asked | End::RecordingOver, false) => {
                let what = "the relay did not confirm that it is released";
                Err(DaemonError::NotLocked(what.into()))
            }
        }
    }

    /// Has the door locked for good; false if that was not confirmed.
    fn lock(&self) -> bool {
        let (done, confirmed) = crossbeam_channel::bounded(1);
        let order = Order::Stop(done);
        let until = Instant::now() + MAX_STOP_WAIT;
        if self.orders.send_deadline(order, until).is_err() {
            return false;
        }
        // The door tries a relay that failed again and again.
        let _ = confirmed.recv_deadline(until);
        while !self.locked.load(Ordering::Acquire) {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(WATCH_INTERVAL);
        }
        true
    }
}
