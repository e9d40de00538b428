//! PINs are checked by a thread of their own, one at a time: hashing takes longer than a frame.

use std::io;
use std::thread::Builder;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use crate::whitelist::{Digits, PinOutcome, PinRecord, check_pin};

struct Asked {
    ticket: u64,
    /// Nothing for somebody without a PIN.
    record: Option<PinRecord>,
    digits: Digits,
}

/// The way to that thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct PinChecker {
    asked: Sender<Asked>,
    answers: Receiver<(u64, Option<PinOutcome>)>,
    outstanding: Option<u64>,
}

impl PinChecker {
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start() -> io::Result<Self> {
        let (asked, to_check) = bounded::<Asked>(1);
        let (answer, answers) = bounded(1);
        Builder::new().name("pin".into()).spawn(move || {
            for Asked {
                ticket,
                record,
                digits,
            } in to_check
            {
                let outcome = check_pin(record.as_ref(), &digits);
                if let Err(error) = &outcome {
                    log::error!("{error}");
                }
                drop(digits);
                if answer.send((ticket, outcome.ok())).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            asked,
            answers,
            outstanding: None,
        })
    }

    /// Never waits; false if it cannot be checked now.
    pub(crate) fn check(&mut self, ticket: u64, record: Option<PinRecord>, digits: Digits) -> bool {
        let asked = Asked {
            ticket,
            record,
            digits,
        };
        let taken = self.outstanding.is_none() && self.asked.try_send(asked).is_ok();
        if taken {
            self.outstanding = Some(ticket);
        }
        taken
    }

    /// What was found out since; nothing was where the thread is gone.
    pub(crate) fn answer(&mut self) -> Option<(u64, Option<PinOutcome>)> {
        let outstanding = self.outstanding?;
        let answer = match self.answers.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => (outstanding, None),
        };
        self.outstanding = None;
        Some(answer)
    }
}
