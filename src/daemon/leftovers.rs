//! What a process left that was killed, or lost its power, while it forgot somebody: gone
//! before the door is guarded again.

use super::pictures::Pictures;
use crate::database::Database;
use crate::whitelist;

/// Deletes it. What cannot be deleted is told, and keeps no door from being guarded.
pub(super) fn forget(database: &Database) {
    whitelist::sweep(database.path());
    if let Err(error) = database.erase() {
        log::debug!("the database was not tidied up: {error}");
    }
    match Pictures::beside(database.path()).forget_the_gone(database) {
        Ok(0) => {}
        Ok(pictures) => {
            log::info!("{pictures} pictures of people who are not listed any more are deleted")
        }
        Err(error) => log::error!("{error}"),
    }
}
