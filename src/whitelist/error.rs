//! Why the whitelist cannot be read or changed.

use super::pin::CannotHash;
use crate::database::DatabaseError;
use crate::person::PersonId;
use crate::shown::Quoted;

/// Why the whitelist could not be read or changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WhitelistError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A name that cannot be used.
    #[error("{} cannot be a name: {why}", Quoted(name))]
    Name {
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody is called that, and nobody was.
    #[error("nobody is or was called {}; {}", Quoted(word), suggested(like))]
    Unknown {
        word: String,
        /// Names that may have been meant.
        like: Vec<String>,
    },
    /// It may mean several people.
    #[error("{} may mean {}; give the number", Quoted(word), numbered(people))]
    Ambiguous {
        word: String,
        people: Vec<(PersonId, String)>,
    },
    /// Only the record knows the person.
    #[error(
        "{name} ({id}) is not on the whitelist any more; `doorward events --person \"{id}\"` shows what was"
    )]
    Gone { id: PersonId, name: String },
    /// The last template of somebody is not forgotten by itself.
    #[error(
        "it is the only template of {name}, who could not be let in without any; `doorward people remove` forgets the person, `disable` keeps the person out"
    )]
    LastTemplate { name: String },
    /// A template that a person does not have.
    #[error(
        "{name} has templates 1 to {templates}, and no {asked}; `doorward people show` numbers them"
    )]
    NoSuchTemplate {
        name: String,
        templates: usize,
        asked: usize,
    },
    /// Somebody is called that already.
    #[error("{} is on the whitelist already; choose another name", Quoted(.0))]
    Taken(String),
    /// Somebody's name looks the same.
    #[error(
        "{} looks like {} ({id}), who is on the whitelist; choose a name that people can tell from that",
        Quoted(name),
        Quoted(other)
    )]
    LooksLike {
        name: String,
        other: String,
        id: PersonId,
    },
    /// Nothing to enroll.
    #[error("there is no template to enroll {} with; give at least one photo", Quoted(.0))]
    NoTemplates(String),
    /// Templates that cannot be compared with each other.
    #[error(
        "the templates for \"{0}\" were made by several model versions; make all of them by one"
    )]
    SeveralModels(String),
    /// A group's name that cannot be used.
    #[error("{} cannot be a group: {why}", Quoted(name))]
    Group {
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Somebody is in the group already, or is not.
    #[error("{name} is {} the group {group}; nobody was changed", if *is_in { "already in" } else { "not in" })]
    Membership {
        name: String,
        group: String,
        is_in: bool,
    },
    /// A validity that never was.
    #[error("it would end before it begins; give an end after the beginning")]
    NeverValid,
    /// A guest without an end.
    #[error("{name} is a guest, whose validity ends; give an end, or remove the person")]
    GuestForEver { name: String },
    /// Nobody said that the person consents.
    #[error("no consent of {name} is noted; `doorward people consent` notes one")]
    NoConsent { name: String },
    /// Somebody is to be enrolled without consent, where that is asked for.
    #[error(
        "whitelist.require_consent is set, and no consent of {name} is noted: repeat this with --consent DAY, the day on which it was given"
    )]
    ConsentWanted { name: String },
    /// A stored template is not one.
    #[error(
        "template {template} of {name} in the database is damaged; `sudo doorward restore FILE` takes the people of a backup, or remove {name} and enroll again"
    )]
    DamagedTemplate {
        name: String,
        /// Its row.
        template: i64,
    },
    /// A stored PIN or card is none.
    #[error(
        "a card of person {person} in the database is damaged; `sudo doorward restore FILE` takes the people of a backup, or remove {person} and enroll again"
    )]
    DamagedFactor { person: PersonId },
    /// A PIN could not be hashed.
    #[error(transparent)]
    CannotHash(#[from] CannotHash),
    /// There is no PIN to remove, or none that a duress PIN could stand beside.
    #[error("{name} has no such PIN; `doorward people pin` sets one")]
    NoPin { name: String },
    /// Nobody could tell that somebody is forced.
    #[error("the duress PIN and the PIN have to be two different ones; choose another")]
    SamePin,
    /// Somebody else was faster.
    #[error("the PIN of {name} was changed in this very moment; look, and repeat this")]
    ChangedMeanwhile { name: String },
    /// Two people would have one card.
    #[error(
        "card {card} is {name}'s ({id}){}; `doorward people card \"{id}\" --remove NUMBER` takes it away",
        if *lost { ", and lost" } else { "" }
    )]
    CardTaken {
        card: String,
        id: PersonId,
        name: String,
        lost: bool,
    },
    /// Nobody has it.
    #[error("nobody has a card with the number {number}; `doorward people show NAME` lists cards")]
    NoSuchCard { number: u64 },
    /// Cards of several formats or facilities have it.
    #[error("several cards have the number {number}; add --facility or --format")]
    AmbiguousCard { number: u64 },
}

fn suggested(names: &[String]) -> String {
    if names.is_empty() {
        return "`doorward people list` shows everybody".into();
    }
    let names: Vec<String> = names.iter().map(|name| Quoted(name).to_string()).collect();
    format!("did you mean {}?", names.join(" or "))
}

fn numbered(people: &[(PersonId, String)]) -> String {
    let people = people.iter().map(|(id, name)| format!("\"{id}\" ({name})"));
    people.collect::<Vec<_>>().join(" or ")
}
