//! What recognition sees at the moment, as far as an event of the door tells it.

use crate::person::PersonId;

/// Who is in view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InView {
    /// The camera is lost, or nothing has looked yet.
    #[default]
    NotLooking,
    Nobody,
    /// A face that is nobody's on the whitelist, or not judged yet.
    UnknownFace,
    /// A face that is this person's.
    Listed(PersonId),
}
