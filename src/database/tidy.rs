//! Emptying the `-wal` beside somebody who writes.

use std::time::Duration;

use super::{Database, DatabaseError, MAX_BUSY_WAIT};

impl Database {
    /// Brings what is in the `-wal` into the file, as far as that keeps nobody waiting.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub(crate) fn tidy(&self) -> Result<(), DatabaseError> {
        let passive = "PRAGMA wal_checkpoint(PASSIVE)";
        let tidied = self.connection.query_row(passive, [], |_| Ok(()));
        tidied.map_err(|error| self.fail(error))
    }

    /// [`Self::erase`], once and with this patience.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub(crate) fn erase_now(&self, patience: Duration) -> Result<bool, DatabaseError> {
        let set = |patience| {
            let set = self.connection.busy_timeout(patience);
            set.map_err(|error| self.fail(error))
        };
        set(patience)?;
        let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy = self
            .connection
            .query_row(truncate, [], |row| row.get::<_, i64>(0));
        set(MAX_BUSY_WAIT)?;
        Ok(busy.map_err(|error| self.fail(error))? == 0)
    }
}
