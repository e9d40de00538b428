//! Is it a face of flesh and blood, or a picture of one? Pure: pictures, faces and times in,
//! a verdict out. A check may only deny; a face that was not looked at long enough is unknown,
//! which opens nothing where a check is required.

mod attempt;
mod challenge;
#[cfg(test)]
mod challenge_properties;
#[cfg(test)]
mod challenge_tests;
mod coupling;
mod flow;
pub(crate) mod infrared;
#[cfg(test)]
mod infrared_tests;
mod luma;
pub(crate) mod mapping;
mod movement;
mod network;
mod parallax;
mod pose;
#[cfg(test)]
mod render;
pub(crate) mod site;
mod steps;
mod stillness;
#[cfg(test)]
mod tests;
mod watch;

pub use attempt::Standing;
pub(crate) use attempt::{Attempt, FaceNow};
pub(crate) use challenge::Identity;
pub use challenge::{Failed, Failure, Passed, Progress};
pub use infrared::{Brightness, Limits, Look, SecondEye, Veto};
pub use mapping::{Mapping, NoMapping, Pair, Place};
pub(crate) use movement::{MAX_FACES, Seen};
pub use network::NetworkScore;
pub use steps::Step;
pub(crate) use steps::{sequence, steps_for};
pub(crate) use watch::Watch;
pub use watch::{Checks, Cue, Cues, Liveness};
