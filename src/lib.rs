//! doorward opens a door for a listed face.
//!
//! `ARCHITECTURE.md` is the map of these rooms and the rules between them.

pub mod access;
pub mod camera;
pub mod config;
pub mod door;
pub mod embedding;
pub mod person;
pub mod vision;
