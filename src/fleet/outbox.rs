//! Events on their way up: numbered without a gap, sent again until they are committed, and kept
//! until the hub says that a backup has them.

/// Which memory of a door its numbers belong to: one that lost them begins another life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life(pub u32);

/// What a hub says to events that were pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It has everything up to `last`, and backups have everything up to `backed_up`.
    Taken {
        life: Life,
        last: u64,
        backed_up: u64,
    },
    /// A gap: it wants this number.
    Expected { number: u64 },
    /// It has other bytes under a number.
    OtherBody { number: u64 },
    /// The door's newest life there.
    OtherLife { life: Life },
    /// The door has sent as much as it may for today.
    Enough,
}

/// What cannot be mended by sending again; somebody has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the hub has another event under number {0}: this door's key or memory is used twice")]
    OtherBody(u64),
    #[error("the hub knows life {} of this door's events: this door's key or memory is used twice", .0.0)]
    OtherLife(Life),
    #[error(
        "the hub has events up to {0}, more than this door wrote: this door's memory is an old copy"
    )]
    Ahead(u64),
    #[error(
        "the hub forgot events from {0} on that it said were backed up: restore a newer backup there"
    )]
    Gone(u64),
}

/// The door's end. Bodies are kept elsewhere, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbox {
    life: Life,
    /// The newest number that is used.
    last: u64,
    /// The newest that the hub has committed.
    taken: u64,
    /// The newest that a backup has; bodies up to it may be forgotten.
    backed_up: u64,
}

impl Outbox {
    pub fn new() -> Self {
        Self::load(Life(1), 0, 0, 0)
    }

    /// One that was kept.
    pub fn load(life: Life, last: u64, taken: u64, backed_up: u64) -> Self {
        let taken = taken.min(last);
        Self {
            life,
            last,
            taken,
            backed_up: backed_up.min(taken),
        }
    }

    pub fn life(&self) -> Life {
        self.life
    }

    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Bodies up to this number may be forgotten.
    pub fn backed_up(&self) -> u64 {
        self.backed_up
    }

    /// The number of a new event.
    pub fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The first event that has to be sent, and how many of at most `most`. None of them asks
    /// the hub how far it is, and finds out that it was restored.
    pub fn due(&self, most: u64) -> (u64, u64) {
        (self.taken + 1, (self.last - self.taken).min(most))
    }

    /// What the hub said.
    ///
    /// # Errors
    /// [`Fault`]; nothing is forgotten.
    pub fn answer(&mut self, said: Pushed) -> Result<(), Fault> {
        match said {
            Pushed::Taken {
                life,
                last,
                backed_up,
            } => {
                if life != self.life {
                    return Err(Fault::OtherLife(life));
                }
                self.rewind_or_go_on(last)?;
                self.backed_up = self.backed_up.max(backed_up.min(self.taken));
                Ok(())
            }
            Pushed::Expected { number } => self.rewind_or_go_on(number.saturating_sub(1)),
            Pushed::OtherBody { number } => match self.begins_anew(self.life) {
                true => Ok(()),
                false => Err(Fault::OtherBody(number)),
            },
            Pushed::OtherLife { life } => match life != self.life && self.begins_anew(life) {
                true => Ok(()),
                false => Err(Fault::OtherLife(life)),
            },
            Pushed::Enough => Ok(()),
        }
    }

    /// A hub that was restored has less than it had.
    fn rewind_or_go_on(&mut self, last: u64) -> Result<(), Fault> {
        if last > self.last {
            return Err(Fault::Ahead(last));
        }
        if last < self.backed_up {
            return Err(Fault::Gone(last + 1));
        }
        self.taken = last;
        Ok(())
    }

    /// A door that lost its memory: nothing it has now was ever taken, so all of it can go into
    /// the life after the one that the hub knows.
    fn begins_anew(&mut self, known: Life) -> bool {
        let next = known.0.checked_add(1).filter(|_| self.taken == 0);
        self.life = next.map_or(self.life, Life);
        next.is_some()
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

/// What a hub has of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub life: Life,
    pub last: u64,
    pub backed_up: u64,
}

/// The hub's end: how many of these events it has already, which must then be the same byte for
/// byte; and in which life the others go on.
///
/// # Errors
/// What to answer instead.
pub fn judge(held: Option<Held>, life: Life, first: u64, count: u64) -> Result<u64, Pushed> {
    let last = match held {
        Some(held) if held.life == life => held.last,
        // Lives follow each other, so that a thief burns no more than one at a time.
        Some(held) if held.life.0.checked_add(1) == Some(life.0) && first == 1 => 0,
        Some(held) => return Err(Pushed::OtherLife { life: held.life }),
        None => 0,
    };
    if first == 0 || first > last + 1 || first.checked_add(count).is_none() {
        return Err(Pushed::Expected { number: last + 1 });
    }
    Ok((last + 1 - first).min(count))
}
