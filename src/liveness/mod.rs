//! Is it a face of flesh and blood, or a picture of one? Pure: pictures, faces and times in,
//! a verdict out. A check may only deny; a face that was not looked at long enough is unknown,
//! which opens nothing where a check is required.

mod coupling;
mod flow;
pub(crate) mod infrared;
#[cfg(test)]
mod infrared_tests;
mod luma;
pub(crate) mod mapping;
mod movement;
mod network;
pub(crate) mod site;
mod stillness;
#[cfg(test)]
mod tests;
mod watch;

pub use infrared::{Brightness, Limits, Look, SecondEye, Veto};
pub use mapping::{Mapping, NoMapping, Pair, Place};
pub(crate) use movement::{MAX_FACES, Seen};
pub use network::NetworkScore;
pub(crate) use watch::Watch;
pub use watch::{Checks, Cue, Cues, Liveness};
