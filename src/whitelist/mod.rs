//! Who may pass: people, their templates, and whose face it is.
//!
//! The matcher needs no database, and the directory no faces; a [`Snapshot`] is both, read
//! together.

mod asked;
mod card;
mod consent;
mod directory;
mod erase;
mod error;
mod export;
mod factors;
mod fingerprint;
// A daemon that was built without fleets asks for none of it.
#[cfg_attr(not(feature = "fleet"), allow(dead_code, unused_imports))]
mod fleet;
mod fleet_steps;
mod import;
mod matcher;
mod photos;
mod pin;
mod portable;
mod rekey;
mod reseal;
mod restore;
mod rights;
mod rows;
mod sealed_rows;
mod snapshot;
mod standing;
mod store;
mod templates;
mod terms;
mod unused;
mod who;

pub use card::{Card, CardError, CardFormat};
pub(crate) use consent::demand_consent;
pub use consent::{note_consent, withdraw_consent};
pub use directory::{Directory, Listed};
pub use erase::{Gone, erase};
pub(crate) use erase::{about_nobody_listed, find_even_gone};
pub use error::WhitelistError;
pub use export::{ExportError, Exported, Whom, export, record_export};
pub(crate) use factors::holds_card;
pub use factors::{
    Credentials, FactorsOf, KeptCard, add_card, factors_of, find_card, lose_card, remove_card,
    remove_pin, set_pin,
};
pub(crate) use fingerprint::Fingerprints;
#[cfg(test)]
pub(crate) use fleet::FleetListed;
pub(crate) use fleet::is_of_fleet;
pub use fleet::{FleetBatch, FleetBy, FleetHash, FleetId, FleetPerson, FleetStep, FleetTemplate};
#[cfg(feature = "fleet")]
pub(crate) use fleet::{FleetRow, FleetView, NOTHING_SAID, fleet_view};
pub(crate) use fleet_steps::take_fleet;
pub use import::{Arrival, Existing, ImportError, Imported, Taken, import};
pub use matcher::{Match, Matcher, NotComparable, Templates};
pub use photos::{KeptPhoto, count_photos, forget_photos, kept_photos, migrate};
pub(crate) use photos::{kept_photos_of, newest_photo_of};
pub use pin::{
    CannotHash, Digits, MAX_PIN_DIGITS, MIN_PIN_DIGITS, Pin, PinError, PinOutcome, PinRecord,
    check_pin,
};
pub use portable::PortableError;
pub use rekey::{RekeyError, Rekeyed, rekey};
pub(crate) use restore::sweep;
pub use restore::{RestoreError, Restored, restore};
pub use rights::{
    MAX_ENTRIES, add_to_group, remove_from_group, set_entries, set_guest, set_validity,
};
pub(crate) use rights::{note_passages, take_back_passages};
pub use snapshot::{Snapshot, embeddings_of};
pub(crate) use snapshot::{directory_of, embeddings_of_each};
pub use standing::{Direction, Entries, Group, Passage, RESERVED_GROUPS, Standing};
pub use store::{
    NewTemplate, Person, check_name, enroll, enroll_on, find_by_name, people, remove, rename,
    revision, set_enabled,
};
pub use templates::{Template, forget_template, templates_of};
pub use terms::Terms;
pub use unused::tend_the_unused;
pub use who::{Who, find, resolve};
