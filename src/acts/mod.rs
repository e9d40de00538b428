//! What administrators order of the door: modes, and an unlocking for one pulse. Each is a row
//! and an event in one transaction, and a row is believed only as far as its event says it.

mod outcome;
mod store;
mod time;

pub use outcome::Outcome;
pub use store::{Acts, ActsError, ModeAct, UnlockAct, ask_unlock, locked_down, read, set_mode};
pub(crate) use store::{ask_unlock_within, lockdown_within, set_mode_within};
pub use time::{Over, Standing};
