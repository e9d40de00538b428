//! Who was let in, who was not, and why; tamper-evident.

mod event;
mod log;

pub use event::{Event, Kind, NewEvent};
pub(crate) use log::append_within;
pub use log::{AuditError, Log, Query, Verified};
