//! Who may pass: people, their templates, and the gallery faces are compared with.

mod doubts;
mod gallery;
mod store;

pub use doubts::{Alike, alike, outliers};
pub use gallery::{Gallery, Match};
pub use store::{
    KeptPhoto, NewTemplate, Person, Template, WhitelistError, check_name, enroll, find, gallery,
    kept_photos, migrate, people, remove, rename, revision, set_enabled, templates_of,
};
