//! The relay guardian: the one process that owns the line of the strike.
//!
//! It decodes no pictures, opens no database and has no network. Its clients (the daemon,
//! `doorward relay pulse`) ask it over a socket to energise the line until an instant; the
//! guardian releases it by itself. It is a service of its own, or the child of whoever needs
//! it where there is none. What it holds, whatever it is asked:
//!
//! 1. The line is energised only while a lease is live.
//! 2. A lease is dead at its deadline, when its client has not renewed it for
//!    a second, when its client is gone, and when anybody orders the line locked.
//! 3. The line is never energised for longer than the cap in a row, and then rests for
//!    a second.
//! 4. Deadlines are instants of `CLOCK_BOOTTIME`, which goes on through suspend and is
//!    not set by anybody. If it went back all the same, every lease is dead.
//! 5. A guardian that stops does so with the line released, and never energises again.
//! 6. Nothing stands between a deadline and the release: no log, no disk, no client.
//!
//! `core` decides and is pure, `wire` is the protocol, `server` the process, `client` and
//! `hold` the other end, `service` where a guardian that is a service is found, and `held`
//! the note of the line that is driven, which outlives everything.

mod boottime;
mod client;
#[cfg(test)]
mod client_tests;
mod core;
mod framing;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod held;
mod hold;
mod place;
mod server;
mod service;
mod teller;
#[cfg(test)]
mod tests;
mod wire;

pub use boottime::BootTime;
pub use client::LeaseError;
#[cfg(test)]
pub(crate) use core::MIN_CLOSED_TIME;
pub use core::Refusal;
pub(crate) use framing::{end, requests};
#[cfg(fuzzing)]
pub use fuzzing::fuzz;
pub use held::{HeldLine, NoteError};
pub use hold::{Given, Hold, HoldError};
pub use place::{PlaceError, note_path, note_paths};
pub use server::{Clients, ServeError, serve};
pub use service::{NoService, ServiceFolder};
