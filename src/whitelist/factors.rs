//! What people have besides their faces, in the database: PINs and cards. Each change is on
//! record in its transaction, without a secret in it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::card::{Card, CardFormat};
use super::error::WhitelistError;
use super::pin::{Cost, Pin, PinRecord, is_same};
use super::store::{Fail, by_id};
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;
use crate::record::{Event, Origin, PersonRef, Stamp, append_within};

/// A card as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCard {
    pub card: Card,
    pub person: PersonId,
    /// It opens nothing any more.
    pub lost: bool,
    /// When it was given out, in milliseconds since 1970.
    pub created_at_ms: i64,
}

/// What a person has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorsOf {
    pub has_pin: bool,
    pub has_duress_pin: bool,
    pub cards: Vec<KeptCard>,
}

/// Everybody's PINs and cards, as they are at one moment.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    pins: BTreeMap<PersonId, PinRecord>,
    cards: BTreeMap<Card, (PersonId, bool)>,
}

impl Credentials {
    /// # Errors
    /// [`WhitelistError::Database`], [`WhitelistError::DamagedFactor`]
    pub fn load(database: &Database) -> Result<Self, WhitelistError> {
        database.read(|c, fail| {
            let mut pins = BTreeMap::new();
            for (person, record) in pins_where(c, fail, "1 = ?1", 1)? {
                pins.insert(person, record);
            }
            let cards = cards_where(c, fail, "1 = ?1", 1)?.into_iter();
            Ok(Self {
                pins,
                cards: cards.map(|k| (k.card, (k.person, k.lost))).collect(),
            })
        })
    }

    pub(crate) fn pin_of(&self, person: PersonId) -> Option<&PinRecord> {
        self.pins.get(&person)
    }

    /// Whose card it is, and whether it is lost.
    pub(crate) fn owner_of(&self, card: &Card) -> Option<(PersonId, bool)> {
        self.cards.get(card).copied()
    }
}

/// Whether the person may use a card at this moment; in somebody else's transaction.
pub(crate) fn holds_card(
    c: &Connection,
    fail: Fail<'_>,
    person: PersonId,
    card: &Card,
) -> Result<bool, DatabaseError> {
    let kept = kept(c, fail, card)?;
    Ok(kept.is_some_and(|kept| kept.person == person && !kept.lost))
}

/// # Errors
/// [`WhitelistError`]
pub fn factors_of(database: &Database, person: PersonId) -> Result<FactorsOf, WhitelistError> {
    database.read(|c, fail| {
        let pin = pin_of(c, fail, person)?;
        Ok(FactorsOf {
            has_pin: pin.is_some(),
            has_duress_pin: pin.is_some_and(|pin| pin.duress.is_some()),
            cards: cards_where(c, fail, "person = ?1", person.0)?,
        })
    })
}

/// Gives a person a PIN, or with `duress` the one to be given when forced to.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn set_pin(
    database: &mut Database,
    id: PersonId,
    pin: &Pin,
    duress: bool,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let (person, before) = database
        .read(|c, fail| Ok::<_, WhitelistError>((by_id(c, fail, id)?, pin_of(c, fail, id)?)))?;
    // Hashing takes a while, and nobody else could write meanwhile.
    let record = match (&before, duress) {
        (None, true) => return Err(WhitelistError::NoPin { name: person.name }),
        (None, false) => PinRecord::new(pin)?,
        (Some(before), _) => {
            let hash = before.hash_of(pin)?;
            let other = match duress {
                true => Some(&before.hash),
                false => before.duress.as_ref(),
            };
            if other.is_some_and(|other| is_same(other, &hash)) {
                return Err(WhitelistError::SamePin);
            }
            match duress {
                true => PinRecord {
                    duress: Some(hash),
                    ..before.clone()
                },
                // Nothing is kept that would need the salt of before.
                false if before.duress.is_none() => PinRecord::new(pin)?,
                false => PinRecord {
                    hash,
                    ..before.clone()
                },
            }
        }
    };
    database.transaction(|c, fail| {
        let person = by_id(c, fail, id)?;
        let same = |a: &PinRecord, b: &PinRecord| (a.hash, a.duress) == (b.hash, b.duress);
        let now = pin_of(c, fail, id)?;
        let unchanged = match (&before, &now) {
            (None, None) => true,
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        };
        if !unchanged {
            return Err(WhitelistError::ChangedMeanwhile { name: person.name });
        }
        c.execute(
            "INSERT INTO pins (person, memory_kib, passes, lanes, salt, hash, duress) \
             VALUES (?1, ?2, ?3, ?4, ?5, seal('pins.hash', ?6, ?1, ?2, ?3, ?4, ?5), \
                 seal('pins.duress', ?7, ?1, ?2, ?3, ?4, ?5)) \
             ON CONFLICT (person) DO UPDATE SET memory_kib = ?2, passes = ?3, lanes = ?4, \
                 salt = ?5, hash = excluded.hash, duress = excluded.duress",
            params![
                id.0,
                record.cost.memory_kib,
                record.cost.passes,
                record.cost.lanes,
                record.salt,
                record.hash,
                record.duress
            ],
        )
        .map_err(fail)?;
        let event = Event::PinSet {
            person: PersonRef::new(id, person.name),
            duress,
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        Ok(())
    })
}

/// Forgets a person's PINs, or only the duress PIN.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn remove_pin(
    database: &mut Database,
    id: PersonId,
    duress: bool,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    database.transaction(|c, fail| {
        let person = by_id(c, fail, id)?;
        let sql = match duress {
            true => "UPDATE pins SET duress = NULL WHERE person = ?1 AND duress IS NOT NULL",
            false => "DELETE FROM pins WHERE person = ?1",
        };
        if c.execute(sql, [id.0]).map_err(fail)? == 0 {
            return Err(WhitelistError::NoPin { name: person.name });
        }
        let event = Event::PinRemoved {
            person: PersonRef::new(id, person.name),
            duress,
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        Ok(())
    })
}

/// Gives a person a card that nobody has.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn add_card(
    database: &mut Database,
    id: PersonId,
    card: &Card,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let stamp = Stamp::now();
    database.transaction(|c, fail| {
        let person = by_id(c, fail, id)?;
        if let Some(kept) = kept(c, fail, card)? {
            return Err(WhitelistError::CardTaken {
                card: card.to_string(),
                id: kept.person,
                name: by_id(c, fail, kept.person)?.name,
                lost: kept.lost,
            });
        }
        c.execute(
            "INSERT INTO cards (hash, card, person, created_at_ms) \
             SELECT hash, seal('cards.card', ?1, hash, ?2), ?2, ?3 \
             FROM (SELECT look_up('cards.card', ?1) AS hash)",
            params![kept_text(card), id.0, stamp.at_ms],
        )
        .map_err(fail)?;
        let event = Event::CardAdded {
            person: PersonRef::new(id, person.name),
            card: card.reference(),
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &stamp, &origin.door, &event)?;
        Ok(())
    })
}

/// Forgets a card of a person.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn remove_card(
    database: &mut Database,
    kept: &KeptCard,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let sql = "DELETE FROM cards WHERE hash = look_up('cards.card', ?1)";
    change_card(
        database,
        kept,
        sql,
        |person, kept| Event::CardRemoved {
            person,
            card: kept.card.reference(),
            actor: origin.actor.clone(),
        },
        origin,
    )
}

/// From now on this card opens nothing, and shows itself when somebody tries it.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn lose_card(
    database: &mut Database,
    kept: &KeptCard,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let sql = "UPDATE cards SET lost = 1 WHERE hash = look_up('cards.card', ?1)";
    change_card(
        database,
        kept,
        sql,
        |person, kept| Event::CardLost {
            person,
            card: kept.card.reference(),
            actor: origin.actor.clone(),
        },
        origin,
    )
}

fn change_card(
    database: &mut Database,
    kept: &KeptCard,
    sql: &str,
    event: impl FnOnce(PersonRef, &KeptCard) -> Event,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    database.transaction(|c, fail| {
        let person = by_id(c, fail, kept.person)?;
        let card = &kept.card;
        if c.execute(sql, [kept_text(card)]).map_err(fail)? == 0 {
            return Err(WhitelistError::NoSuchCard {
                number: card.number(),
            });
        }
        let event = event(PersonRef::new(kept.person, person.name), kept);
        append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        Ok(())
    })
}

/// The one card of this number, whosever it is, among those of a format and a facility if any is
/// named.
///
/// # Errors
/// [`WhitelistError::NoSuchCard`], [`WhitelistError::AmbiguousCard`]
pub fn find_card(
    database: &Database,
    number: u64,
    facility: Option<u32>,
    format: Option<&CardFormat>,
) -> Result<KeptCard, WhitelistError> {
    let mut found = database.read(|c, fail| cards_where(c, fail, "1 = ?1", 1))?;
    found.retain(|kept| {
        kept.card.number() == number
            && format.is_none_or(|format| kept.card.format() == format)
            && (facility.is_none() || kept.card.facility() == facility)
    });
    match (found.pop(), found.is_empty()) {
        (Some(kept), true) => Ok(kept),
        (None, _) => Err(WhitelistError::NoSuchCard { number }),
        (Some(_), false) => Err(WhitelistError::AmbiguousCard { number }),
    }
}

/// A card as the text that is sealed: format, facility (-1 where there is none) and number.
fn kept_text(card: &Card) -> String {
    let facility = card.facility().map_or(-1, i64::from);
    format!("{} {facility} {}", card.format().as_str(), card.number())
}

fn kept(c: &Connection, fail: Fail<'_>, card: &Card) -> Result<Option<KeptCard>, DatabaseError> {
    c.query_row(
        "SELECT person, lost, created_at_ms FROM cards WHERE hash = look_up('cards.card', ?1)",
        [kept_text(card)],
        |row| {
            Ok(KeptCard {
                card: *card,
                person: PersonId(row.get(0)?),
                lost: row.get(1)?,
                created_at_ms: row.get(2)?,
            })
        },
    )
    .optional()
    .map_err(fail)
}

fn cards_where(
    c: &Connection,
    fail: Fail<'_>,
    term: &str,
    value: i64,
) -> Result<Vec<KeptCard>, WhitelistError> {
    let sql = format!(
        "SELECT person, lost, created_at_ms, opened_text('cards.card', card, hash, person) \
         FROM cards WHERE {term}"
    );
    let mut statement = c.prepare(&sql).map_err(fail)?;
    let mut rows = statement.query([value]).map_err(fail)?;
    let mut cards = Vec::new();
    while let Some(row) = rows.next().map_err(fail)? {
        let person = PersonId(row.get(0).map_err(fail)?);
        let text: String = row.get(3).map_err(fail)?;
        let card = card_of(&text).ok_or(WhitelistError::DamagedFactor { person })?;
        cards.push(KeptCard {
            card,
            person,
            lost: row.get(1).map_err(fail)?,
            created_at_ms: row.get(2).map_err(fail)?,
        });
    }
    cards.sort_by_key(|kept| (kept.created_at_ms, kept.card));
    Ok(cards)
}

/// Nothing for what no doorward wrote.
fn card_of(text: &str) -> Option<Card> {
    let mut parts = text.split(' ');
    let format = CardFormat::new(parts.next()?)?;
    let facility: i64 = parts.next()?.parse().ok()?;
    let number = parts.next()?.parse().ok()?;
    let facility = (facility >= 0).then(|| u32::try_from(facility).unwrap_or(u32::MAX));
    Card::new(format, facility, number).ok()
}

fn pin_of(
    c: &Connection,
    fail: Fail<'_>,
    person: PersonId,
) -> Result<Option<PinRecord>, WhitelistError> {
    let mut pins = pins_where(c, fail, "person = ?1", person.0)?;
    Ok(pins.pop().map(|(_, record)| record))
}

fn pins_where(
    c: &Connection,
    fail: Fail<'_>,
    term: &str,
    value: i64,
) -> Result<Vec<(PersonId, PinRecord)>, WhitelistError> {
    let sql = format!(
        "SELECT person, memory_kib, passes, lanes, salt, \
             opened('pins.hash', hash, person, memory_kib, passes, lanes, salt), \
             opened('pins.duress', duress, person, memory_kib, passes, lanes, salt) \
         FROM pins WHERE {term}"
    );
    let mut statement = c.prepare(&sql).map_err(fail)?;
    let pins = statement
        .query_map([value], |row| {
            let record = PinRecord {
                cost: Cost {
                    memory_kib: row.get(1)?,
                    passes: row.get(2)?,
                    lanes: row.get(3)?,
                },
                salt: row.get(4)?,
                hash: row.get(5)?,
                duress: row.get(6)?,
            };
            Ok((PersonId(row.get(0)?), record))
        })
        .and_then(Iterator::collect);
    Ok(pins.map_err(fail)?)
}
