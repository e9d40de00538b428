//! doorward opens a door for a listed face.
//!
//! `ARCHITECTURE.md` is the map of these rooms and the rules between them.

pub mod access;
pub mod acts;
#[cfg(feature = "bridge")]
pub mod bridge;
pub mod camera;
pub mod cli;
pub(crate) mod clock;
pub mod cohort;
pub mod config;
pub mod daemon;
pub mod database;
pub mod door;
pub mod drawing;
pub mod embedding;
pub mod enrol;
pub mod evidence;
pub(crate) mod files;
#[cfg(feature = "fleet")]
pub mod fleet;
pub mod gpio;
pub mod guardian;
pub mod ipc;
pub mod liveness;
pub mod panel;
pub mod person;
pub mod recognise;
pub mod record;
pub mod risk;
pub mod scoring;
pub mod seal;
pub(crate) mod sealed;
pub mod shown;
pub(crate) mod trust;
pub mod verbs;
pub mod vision;
#[cfg(feature = "web")]
pub mod web;
pub mod whitelist;
