//! Where the door's inputs come in: whatever reads contact, REX, tamper, rotor and the other
//! door holds the sending end, and never waits for the door.

use crossbeam_channel::{Receiver, Sender, TryRecvError, never};

use crate::door::Reading;

/// Readings that may wait for the door thread. It takes them within milliseconds.
pub(crate) const MAX_WAITING_READINGS: usize = 256;

/// The door thread's end.
#[derive(Debug)]
pub(crate) struct Readings {
    receiver: Receiver<Reading>,
}

impl Readings {
    /// Of a door without inputs.
    pub(crate) fn none() -> Self {
        Self { receiver: never() }
    }

    /// Both ends. Whoever reads sends [`Reading::Back`] and then the state of every input;
    /// when its end is dropped, the inputs are lost.
    pub(crate) fn channel() -> (Sender<Reading>, Self) {
        let (sender, receiver) = crossbeam_channel::bounded(MAX_WAITING_READINGS);
        (sender, Self { receiver })
    }

    /// To be waited at beside other channels.
    pub(crate) fn receiver(&self) -> &Receiver<Reading> {
        &self.receiver
    }

    /// What there is now. Once: whoever read them is gone.
    pub(crate) fn take(&mut self) -> Option<Reading> {
        match self.receiver.try_recv() {
            Ok(reading) => Some(reading),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.receiver = never();
                Some(Reading::Lost)
            }
        }
    }
}
