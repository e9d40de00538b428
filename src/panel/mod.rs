//! The panel: what is at the door besides strike and camera, in a process of its own.
//!
//! It reads door contact, exit button, tamper contact, rotor, the other door, keypad and card
//! readers, and drives lights, buzzer, siren and further relays. It decodes no pictures, opens
//! no database, has no network and does not move the strike. Its clients (the daemon,
//! `doorward panel watch`) hear readings over a socket, first how things are and then what
//! happens, and say which signals hold. It is a service of its own, or the child of whoever
//! needs it where there is none. What it holds, whatever it is told:
//!
//! 1. An output is lit only while a client that is connected and alive has said within
//!    two seconds that one of its signals holds, and never longer in a row than its cap.
//! 2. A panel that stops does so with its outputs dark.
//! 3. What is no whole card with every parity right is no card, and is told as a misreading.
//! 4. A part that does not answer is told as lost; nothing is guessed of it.
//! 5. Memory is bounded whatever comes over wires, keys or the socket; who does not take what
//!    it is told is gone.
//!
//! `core` decides and is pure, with `debounce`, `lamp`, `wiegand` and `typing`; `wire` is the
//! protocol, `server` the process, `board` what it has in hand (`lines`, `output_line`, `keys`, or the folder
//! of `simulated`), `client` and `service` the other end.

mod board;
mod client;
mod core;
mod debounce;
mod keys;
mod lamp;
mod lines;
mod output_line;
#[cfg(test)]
mod properties;
mod reading;
mod server;
mod service;
mod simulated;
#[cfg(test)]
mod tests;
mod typing;
mod wiegand;
mod wire;

pub(crate) use board::open;
pub use client::Panel;
pub(crate) use lamp::TRIAL;
pub use reading::{Card, Digit, Flaw, Key, Misread, Part, Reading, What};
pub(crate) use server::{Clients, Served, fail, serve};
pub use service::PanelError;
pub(crate) use service::{Connection, PanelFolder, fingerprint, from_toml};
pub(crate) use wire::{Request, Word};
