//! Who may pass: people, their templates, and the gallery faces are compared with.

mod doubts;
mod gallery;
mod photos;
mod store;

pub use doubts::{Alike, alike, outliers};
pub use gallery::{Gallery, Match};
pub use photos::{KeptPhoto, kept_photos, migrate};
pub use store::{
    NewTemplate, Person, Template, WhitelistError, check_name, enroll, find, gallery, people,
    remove, rename, revision, set_enabled, templates_of,
};
