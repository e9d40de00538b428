//! What is done with people, what they have and what is ordered of the door, said as a value:
//! a [`Verb`], and what came of it, a [`Reply`]. Whoever may write the database does it by
//! [`execute`]: a command that has it to itself, or the daemon for whoever asks over its
//! control socket. Nothing is printed here, and nothing waits.

mod change;
mod encoded;
mod error;
mod look;
mod notes;
mod reply;
mod verb;

pub use change::{Given, execute};
pub(crate) use error::unreadable;
pub use error::{Code, VerbError};
pub use look::look;
pub(crate) use look::record_json;
pub use reply::{Reply, Seen};
pub use verb::{
    CardWords, Enrolment, EventsAsked, FaceOf, MAX_EVENTS_ASKED, Migration, NotedDisclosure,
    NotedExport, Part, PinWord, Remade, Verb,
};
