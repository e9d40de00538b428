//! The language of the control socket, by which commands and the page talk with the daemon:
//! one JSON object a line, documented with examples in `docs/ipc.md`.
//!
//! ```text
//! wire   what is asked and answered        state  how the door is, what the camera sees
//! roles  who may ask for what              place  where the socket is
//! client the end of whoever asks; the daemon's is `daemon/control/`
//! ```
//!
//! No thread and no database is in here. What a client says of itself is never believed:
//! who it is comes from the kernel.

mod client;
mod fleet;
mod place;
mod roles;
mod roles_file;
mod state;
mod wire;

pub use client::{Client, ClientError};
pub use fleet::{FleetErrand, FleetLeaseNow, FleetNow, FleetTaken, FleetWhat};
pub use place::{roles_path, socket_of, socket_paths};
pub use roles::{Peer, Role, Roles, RolesError};
pub use state::{
    Condition, Counts, DoorNow, Enrolled, Explained, ExplainedRule, Fault, FramesCounted, Guidance,
    LastGrant, LiveFace, LiveFrame, ModeOrdered, RecordHead, Reloaded, SecondCamera, State, Step,
    Threshold, Unlocked, Verdict,
};
pub use wire::{
    Answer, Ask, Code, Enrol, EnrolPhotos, Hello, MAX_ANSWER_BYTES, MAX_PHOTO_BYTES,
    MAX_PHOTO_NAME_CHARS, MAX_PHOTOS_COUNT, MAX_REASON_CHARS, MAX_REQUEST_BYTES, Nonsense,
    PROTOCOL, Problem, Request, Word,
};
