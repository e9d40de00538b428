//! What cameras see in tests and demos: heads that live, and what is held before a camera.
#![allow(clippy::unwrap_used)]

pub mod living;
pub mod stage;
