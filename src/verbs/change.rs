//! Verbs that change something: each in one transaction, with its event in it.

use std::io::{self, BufRead, Read};

use super::error::{Code, VerbError};
use super::look::look;
use super::notes::{note_backup, note_disclosure, note_export, note_relay_by_hand};
use super::reply::Reply;
use super::verb::{CardWords, Enrolment, Migration, PinWord, Verb};
use crate::acts;
use crate::database::Database;
use crate::embedding::Embedding;
use crate::person::PersonId;
use crate::record::Origin;
use crate::whitelist::{
    self, Arrival, Card, CardFormat, Existing, KeptCard, Person, Pin, Terms, WhitelistError,
};

/// The format of a card if nothing is said.
const USUAL_CARD_FORMAT: &str = "w26";

/// What a verb needs besides the database.
pub struct Given<'g> {
    pub origin: &'g Origin,
    /// A text that was handed over before, of people on their way to this whitelist.
    pub text: Option<&'g mut dyn BufRead>,
    /// Whether something more urgent waits; asked again and again while much is done.
    pub must_give_way: &'g dyn Fn() -> bool,
    /// Whether whoever has not consented is refused (`whitelist.require_consent`).
    pub require_consent: bool,
}

impl<'g> Given<'g> {
    /// With nothing handed over and nothing more urgent.
    pub fn by(origin: &'g Origin) -> Self {
        Self {
            origin,
            text: None,
            must_give_way: &|| false,
            require_consent: false,
        }
    }
}

/// Does a verb: all of it, or nothing.
///
/// # Errors
/// [`VerbError`]; nothing was changed.
pub fn execute(database: &mut Database, given: Given<'_>, verb: Verb) -> Result<Reply, VerbError> {
    let db = database;
    let by = given.origin;
    let person = |db: &Database, word: &str| whitelist::find(db, word);
    match verb {
        Verb::People { .. }
        | Verb::Person { .. }
        | Verb::Face { .. }
        | Verb::Picture { .. }
        | Verb::Events(_) => look(db, &verb),
        Verb::Enroll(enrolment) => enroll(db, enrolment, &given),
        Verb::Migrate(migration) => migrate(db, &migration, by),
        Verb::Rename { person: word, name } => {
            let before = person(db, &word)?;
            whitelist::rename(db, before.id, &name, by)?;
            Ok(Reply::Renamed {
                person: again(db, before.id)?,
                before: before.name,
            })
        }
        Verb::Enable { people } => set_enabled(db, &people, true, by),
        Verb::Disable { people } => set_enabled(db, &people, false, by),
        Verb::Remove { people } => {
            let (people, ids) = each(db, &people)?;
            whitelist::remove(db, &ids, by)?;
            Ok(Reply::Removed { people })
        }
        Verb::ErasePeople { people } => {
            let mut ids = Vec::new();
            for word in &people {
                let id = whitelist::find_even_gone(db, word)?;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            let people = whitelist::erase(db, &ids, by)?;
            Ok(Reply::ErasedPeople { people })
        }
        Verb::JoinGroup { people, group } => {
            let (_, ids) = each(db, &people)?;
            whitelist::add_to_group(db, &ids, &group, by)?;
            changed(db, &ids)
        }
        Verb::LeaveGroup { people, group } => {
            let (_, ids) = each(db, &people)?;
            whitelist::remove_from_group(db, &ids, &group, by)?;
            changed(db, &ids)
        }
        Verb::Valid {
            person: word,
            from_ms,
            until_ms,
        } => {
            let id = person(db, &word)?.id;
            whitelist::set_validity(db, id, from_ms, until_ms, by)?;
            changed(db, &[id])
        }
        Verb::Guest {
            person: word,
            until_ms,
        } => {
            let id = person(db, &word)?.id;
            whitelist::set_guest(db, id, until_ms, by)?;
            changed(db, &[id])
        }
        Verb::Entries {
            person: word,
            entries,
        } => {
            if entries > Some(whitelist::MAX_ENTRIES) {
                let most = whitelist::MAX_ENTRIES;
                return Err(VerbError::malformed(format!(
                    "nobody has more than {most} entries; give fewer, or any number of them"
                )));
            }
            let id = person(db, &word)?.id;
            whitelist::set_entries(db, id, entries, by)?;
            changed(db, &[id])
        }
        Verb::NoteConsent { people, consent } => {
            let (_, ids) = each(db, &people)?;
            whitelist::note_consent(db, &ids, &consent, by)?;
            changed(db, &ids)
        }
        Verb::WithdrawConsent { people } => {
            let (_, ids) = each(db, &people)?;
            whitelist::withdraw_consent(db, &ids, by)?;
            changed(db, &ids)
        }
        Verb::ForgetTemplate {
            person: word,
            number,
        } => {
            let person = person(db, &word)?;
            let template = whitelist::forget_template(db, person.id, number, by)?;
            Ok(Reply::TemplateForgotten { person, template })
        }
        Verb::ForgetPhotos {} => Ok(Reply::PhotosForgotten {
            photos: whitelist::forget_photos(db, by)?,
        }),
        Verb::Erase {} => {
            whitelist::sweep(db.path());
            Ok(Reply::Erased { gone: db.erase()? })
        }
        Verb::SetPin {
            person: word,
            pin,
            duress,
        } => set_pin(db, &word, &pin, duress, by),
        Verb::RemovePin {
            person: word,
            duress,
        } => {
            let person = person(db, &word)?;
            whitelist::remove_pin(db, person.id, duress, by)?;
            Ok(Reply::Pin { person })
        }
        Verb::AddCard { person: word, card } => {
            let person = person(db, &word)?;
            let card = new_card(&card)?;
            whitelist::add_card(db, person.id, &card, by)?;
            Ok(Reply::Card {
                person,
                card,
                was_lost: false,
            })
        }
        Verb::RemoveCard { person: word, card } => {
            let person = person(db, &word)?;
            let kept = find_card(db, &card)?;
            if kept.person != person.id {
                let (card, name, id) = (&kept.card, &person.name, person.id);
                return Err(VerbError::new(
                    Code::Refused,
                    format!(
                        "card {card} is not {name}'s ({id}); `doorward people show` lists cards"
                    ),
                ));
            }
            whitelist::remove_card(db, &kept, by)?;
            Ok(of_card(person, &kept))
        }
        Verb::LoseCard { card } => {
            let kept = find_card(db, &card)?;
            let person = again(db, kept.person)?;
            if !kept.lost {
                whitelist::lose_card(db, &kept, by)?;
            }
            Ok(of_card(person, &kept))
        }
        Verb::HandOver { .. } | Verb::HandedOver {} => {
            let why = "nothing is handed over to somebody who has the database";
            Err(VerbError::malformed(why))
        }
        Verb::Import { existing, file } => import(db, given, existing, &file),
        Verb::TakeFleet(batch) => {
            let done = whitelist::take_fleet(db, &batch, given.require_consent, by)?;
            Ok(Reply::FleetTaken {
                left_out: done.left_out,
                has_removed: done.has_removed,
            })
        }
        Verb::NoteExport(noted) => note_export(db, noted, by),
        Verb::NoteDisclosure(noted) => note_disclosure(db, noted, by),
        Verb::NoteBackup { file, head } => note_backup(db, file, &head, by),
        Verb::Rekey {} => {
            let done = whitelist::rekey(db, by, given.must_give_way)?;
            Ok(Reply::Rekeyed {
                before: done.before.to_string(),
                now: done.now.to_string(),
                file: done.file,
                was_credential: done.was_credential,
            })
        }
        Verb::NoteRelayByHand { relay, pulse_ms } => note_relay_by_hand(db, relay, pulse_ms, by),
        Verb::SetMode {
            mode,
            until_ms,
            reason,
        } => {
            let act = acts::set_mode(db, mode, until_ms, reason, by)?;
            Ok(Reply::ModeSet {
                mode: act.mode,
                until_ms: act.until_ms,
                event: act.record,
            })
        }
        Verb::Unlock { reason } => Ok(Reply::UnlockAsked {
            event: acts::ask_unlock(db, reason, by)?,
        }),
    }
}

/// Each once, in the order they were named.
fn each(db: &Database, words: &[String]) -> Result<(Vec<Person>, Vec<PersonId>), VerbError> {
    let mut people: Vec<Person> = Vec::new();
    for word in words {
        let person = whitelist::find(db, word)?;
        if !people.contains(&person) {
            people.push(person);
        }
    }
    if people.is_empty() {
        return Err(VerbError::malformed("nobody is named"));
    }
    let ids = people.iter().map(|person| person.id).collect();
    Ok((people, ids))
}

fn again(db: &Database, id: PersonId) -> Result<Person, WhitelistError> {
    whitelist::find(db, &id.to_string())
}

fn changed(db: &Database, ids: &[PersonId]) -> Result<Reply, VerbError> {
    let people: Result<Vec<Person>, _> = ids.iter().map(|id| again(db, *id)).collect();
    Ok(Reply::Changed { people: people? })
}

fn set_enabled(
    db: &mut Database,
    words: &[String],
    enabled: bool,
    by: &Origin,
) -> Result<Reply, VerbError> {
    let (_, ids) = each(db, words)?;
    whitelist::set_enabled(db, &ids, enabled, by)?;
    changed(db, &ids)
}

fn enroll(db: &mut Database, enrolment: Enrolment, given: &Given<'_>) -> Result<Reply, VerbError> {
    let name = enrolment.name.clone();
    let terms = Terms {
        guest_until_ms: enrolment.guest_until_ms,
        consent: enrolment.consent.clone(),
        require_consent: given.require_consent,
    };
    let templates = enrolment
        .templates()
        .ok_or_else(|| VerbError::malformed("a template is no vector of a face"))?;
    let person = whitelist::enroll_on(db, &name, &templates, &terms, given.origin)?;
    let name = again(db, person)?.name;
    Ok(Reply::Enrolled { person, name })
}

fn migrate(db: &mut Database, migration: &Migration, by: &Origin) -> Result<Reply, VerbError> {
    let model = &migration.model;
    let mut kept = whitelist::kept_photos_of(db, model, migration.person)?;
    let mut made = Vec::new();
    for one in &migration.made {
        let place = kept.iter().position(|kept| kept.template() == one.template);
        let place = place.ok_or_else(|| {
            let why = "the photos of this person were changed in this very moment; repeat this";
            VerbError::new(Code::Refused, why)
        })?;
        let embedding = Embedding::new(model, one.values.clone()).map_err(VerbError::malformed)?;
        made.push((kept.swap_remove(place), embedding));
    }
    whitelist::migrate(db, migration.person, &made, by)?;
    changed(db, &[migration.person])
}

fn set_pin(
    db: &mut Database,
    word: &str,
    pin: &PinWord,
    duress: bool,
    by: &Origin,
) -> Result<Reply, VerbError> {
    let pin = Pin::new(pin.as_str()).map_err(VerbError::malformed)?;
    let person = whitelist::find(db, word)?;
    whitelist::set_pin(db, person.id, &pin, duress, by)?;
    Ok(Reply::Pin { person })
}

fn format_of(card: &CardWords) -> Result<Option<CardFormat>, VerbError> {
    let Some(name) = &card.format else {
        return Ok(None);
    };
    let why = "a card's format is a name of 1 to 16 of a to z, 0 to 9, _ and -";
    let format = CardFormat::new(name).ok_or_else(|| VerbError::malformed(why))?;
    Ok(Some(format))
}

fn new_card(card: &CardWords) -> Result<Card, VerbError> {
    let format = format_of(card)?.or_else(|| CardFormat::new(USUAL_CARD_FORMAT));
    let format = format.ok_or_else(|| VerbError::malformed("a card has a format"))?;
    Card::new(format, card.facility, card.number).map_err(VerbError::malformed)
}

fn find_card(db: &Database, card: &CardWords) -> Result<KeptCard, VerbError> {
    let format = format_of(card)?;
    let found = whitelist::find_card(db, card.number, card.facility, format.as_ref());
    Ok(found?)
}

fn of_card(person: Person, kept: &KeptCard) -> Reply {
    Reply::Card {
        person,
        card: kept.card,
        was_lost: kept.lost,
    }
}

/// A text that ends, by an error, when something more urgent comes in between.
struct Patient<'p> {
    from: &'p mut dyn BufRead,
    must_give_way: &'p dyn Fn() -> bool,
    gave_way: bool,
}

impl Read for Patient<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut from = self.fill_buf()?;
        let read = from.read(to)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Patient<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if (self.must_give_way)() {
            self.gave_way = true;
            return Err(io::Error::other("somebody is at the door"));
        }
        self.from.fill_buf()
    }

    fn consume(&mut self, read: usize) {
        self.from.consume(read);
    }
}

fn import(
    db: &mut Database,
    given: Given<'_>,
    existing: Existing,
    file: &str,
) -> Result<Reply, VerbError> {
    let Some(from) = given.text else {
        return Err(VerbError::malformed("no people were handed over"));
    };
    let mut from = Patient {
        from,
        must_give_way: given.must_give_way,
        gave_way: false,
    };
    let how = Arrival {
        existing,
        require_consent: given.require_consent,
    };
    let imported = whitelist::import(db, &mut from, how, file, given.origin);
    if from.gave_way && imported.is_err() {
        let why = "somebody is at the door again and again; repeat this when it is quieter";
        return Err(VerbError::new(Code::Busy, why));
    }
    Ok(Reply::Imported(imported?))
}
