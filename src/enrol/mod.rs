//! Enrolling people: a session takes photos, reviews them together and commits all of them
//! or none.
//!
//! ```text
//! Session ─ add, add_files, live::take ─► review ─► Reviewed ─► enrolment
//! ```
//!
//! Only what was reviewed becomes a verb, which whoever may write the database does. Templates for another network are made anew
//! from kept photos by [`migrate()`], which looks at a photo the same way.

pub(crate) mod bulk;
mod left_out;
pub(crate) mod live;
mod migrate;
mod photo;
mod review;
pub(crate) mod roster;
mod session;

pub use left_out::{BadPhotos, LeftOut, NoTemplate, RefusedPhotos};
pub use migrate::{MigrateError, Migrated, migrate};
pub use photo::PhotoError;
pub use review::{Alike, LookAlike};
pub(crate) use session::enrolled;
pub use session::{EnrolError, LookAlikes, Reviewed, Session, Taken};
