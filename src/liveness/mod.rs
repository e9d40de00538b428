//! Is it a face of flesh and blood, or a picture of one? Pure: pictures, faces and times in,
//! a verdict out. A check may only deny; a face that was not looked at long enough is unknown,
//! which opens nothing where a check is required.

mod challenge;
#[cfg(test)]
mod challenge_tests;
mod coupling;
mod flow;
mod luma;
mod movement;
mod parallax;
mod pose;
#[cfg(test)]
mod render;
mod stillness;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use coupling::MAX_COUPLING;
pub(crate) use movement::{MAX_FACES, Seen};
pub(crate) use stillness::MIN_MOVEMENT;
pub(crate) use watch::Watch;
pub use watch::{Checks, Cue, Liveness};
