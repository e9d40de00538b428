//! What the door thread holds the strike by.

use crate::guardian::{BootTime, Hold, HoldError};

/// A hold on the strike, which tests have another of.
pub(crate) trait Strike: Send {
    /// Energises until then; to be renewed at least once a second.
    ///
    /// # Errors
    /// [`HoldError`]; the line is then released or on its way there.
    fn open(&mut self, until: BootTime) -> Result<(), HoldError>;
    /// Keeps it energised.
    ///
    /// # Errors
    /// As [`Self::open`].
    fn renew(&mut self) -> Result<(), HoldError>;
    /// Releases, and returns when the line is known to be released.
    ///
    /// # Errors
    /// [`HoldError`]; the line may then be energised.
    fn lock(&mut self) -> Result<(), HoldError>;
    /// Asks whether the line is held; moves nothing.
    ///
    /// # Errors
    /// [`HoldError`] if nobody answers.
    fn probe(&mut self) -> Result<(), HoldError>;
    /// Whether it opens nothing any more.
    fn is_lost(&self) -> bool;
    /// What it holds, for a person.
    fn describe(&self) -> String;
}

impl Strike for Hold {
    fn open(&mut self, until: BootTime) -> Result<(), HoldError> {
        Self::open(self, until)
    }

    fn renew(&mut self) -> Result<(), HoldError> {
        Self::renew(self)
    }

    fn lock(&mut self) -> Result<(), HoldError> {
        Self::lock(self)
    }

    fn probe(&mut self) -> Result<(), HoldError> {
        Self::probe(self)
    }

    fn is_lost(&self) -> bool {
        Self::is_lost(self)
    }

    fn describe(&self) -> String {
        Self::describe(self)
    }
}
