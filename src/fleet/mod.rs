//! One list for many doors: what a door and a hub say to each other about people, templates,
//! groups, rules, guests and doors, and how events go up.
//!
//! The core is pure, and the same at door and hub: [`List`] says whether a commit may follow,
//! [`Door`] is the door's end, [`Outbox`] its events, [`Lease`] how long a door may be without
//! news. [`wire`] puts it into frames. Rows are opaque here: whoever may read them has opened
//! their seal elsewhere.

mod answer;
mod body;
mod client;
mod door;
mod fuzzing;
mod gateway;
mod kept;
mod keys;
mod lease;
mod list;
mod member;
mod news;
mod outbox;
#[cfg(test)]
mod outbox_properties;
mod post;
#[cfg(test)]
mod properties;
mod put;
mod row;
mod session;
mod signing;
pub mod store;
mod verify;
pub mod wire;
#[cfg(test)]
mod wire_properties;

pub use self::answer::{Answer, Effect, Notice};
pub use self::body::Sealing;
pub use self::client::{Client, ClientError};
pub use self::door::{Door, Pending, Shut};
pub use self::fuzzing::fuzz;
pub use self::gateway::{Gateway, HubError, Identity, Limits, TlsError};
pub use self::kept::{Kept, MAX_WAITING_EVENTS};
pub use self::keys::{
    DoorKeys, FOUNDER, FounderKeys, HubKeys, KeysError, LinkKeys, ListKeys, code_of, found,
    make_code,
};
pub use self::lease::{Lease, Moment};
pub use self::list::{List, Listed, Refusal};
pub use self::member::{Member, MemberError, Request, Step};
pub use self::news::News;
pub use self::outbox::{Fault, Held, Life, Outbox, Pushed, judge};
pub use self::post::{Carrier, Errand, Post};
pub use self::put::{Change, Put};
pub use self::row::{
    Commit, DoorCard, Hash, Kind, MAX_BODY_BYTES, MAX_COMMIT_ROWS, Mark, Position, Revision, Right,
    Row, RowId, Standing,
};
pub use self::session::{Session, SessionError, Told, fetch};
pub use self::signing::{Root, Signer};
pub use self::verify::{Audited, Finding, Story, audit};
