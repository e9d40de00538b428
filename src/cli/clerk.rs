//! Whoever does what a command asks of the database.

use std::io::BufRead;
use std::path::Path;

use super::origin;
use crate::config::Config;
use crate::daemon::pictures::Pictures;
use crate::database::Database;
use crate::record::Log;
use crate::verbs::{self, Given, Reply, Verb, VerbError};

/// Does verbs, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clerk<'c> {
    config: &'c Config,
}

impl<'c> Clerk<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        Self { config }
    }

    /// Where the database is.
    pub(super) fn place(self) -> &'c Path {
        &self.config.whitelist.database
    }

    /// Does a verb that changes nothing.
    ///
    /// # Errors
    /// [`VerbError`]
    pub(super) fn look(self, verb: &Verb) -> Result<Reply, VerbError> {
        verbs::look(&Database::open_existing(self.place())?, verb)
    }

    /// Has what was removed be gone from the files too; false if it is not.
    ///
    /// # Errors
    /// [`VerbError`]
    pub(super) fn erases(self) -> Result<bool, VerbError> {
        match self.does(Verb::Erase {}, None)? {
            Reply::Erased { gone } => Ok(gone),
            _ => Err(VerbError::other_reply()),
        }
    }

    /// Does a verb, with a text that it takes, if it takes one.
    ///
    /// # Errors
    /// [`VerbError`]; nothing was changed.
    pub(super) fn does(
        self,
        verb: Verb,
        text: Option<&mut dyn BufRead>,
    ) -> Result<Reply, VerbError> {
        let by = origin(self.config);
        let given = Given {
            text: text.map(|text| text as &mut dyn BufRead),
            ..Given::by(&by)
        };
        let mut database = match makes_the_database(&verb) {
            true => Database::open(self.place())?,
            false => Database::open_existing(self.place())?,
        };
        let reply = verbs::execute(&mut database, given, verb)?;
        if let Reply::Removed { people } = &reply {
            let log = Log::new(database, self.config.daemon.door.clone());
            for person in people {
                Pictures::beside(self.place()).forget(person.id, &log)?;
            }
        }
        Ok(reply)
    }
}

/// Whether there may be none before.
fn makes_the_database(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Enroll(_) | Verb::Import { .. } | Verb::SetMode { .. }
    )
}
