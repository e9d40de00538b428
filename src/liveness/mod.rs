//! Is it a face of flesh and blood, or a picture of one? Pure: pictures, faces and times in,
//! a verdict out. A check may only deny; a face that was not looked at long enough is unknown,
//! which opens nothing where a check is required.

mod coupling;
mod flow;
mod luma;
mod movement;
pub(crate) mod site;
mod stillness;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use movement::{MAX_FACES, Seen};
pub(crate) use watch::Watch;
pub use watch::{Checks, Cue, Cues, Liveness};
