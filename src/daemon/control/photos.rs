//! Photos that a client sent: kept with its connection until it says whose they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::connection::Connection;
use super::requests::Refused;
use crate::ipc::{Code, MAX_PHOTO_BYTES, MAX_PHOTO_NAME_CHARS, MAX_PHOTOS_COUNT, Word};
use crate::shown::is_unsafe;

/// A photo as it was sent.
#[derive(Debug)]
pub(super) struct SentPhoto {
    pub name: String,
    /// JPEG, PNG or WebP, or nonsense: nobody looked yet.
    pub bytes: Vec<u8>,
}

impl Connection {
    /// Keeps a photo.
    ///
    /// # Errors
    /// [`Refused`]; it was not kept.
    pub(super) fn keep_photo(&mut self, name: String, picture: &str) -> Result<Word, Refused> {
        let refused = |what: String| Err(Refused(Code::Refused, what));
        let length = name.chars().count();
        if !(1..=MAX_PHOTO_NAME_CHARS).contains(&length) || name.contains(is_unsafe) {
            return refused(format!(
                "a photo's name has 1 to {MAX_PHOTO_NAME_CHARS} characters that can be seen; give it another"
            ));
        }
        if self.photos.len() >= MAX_PHOTOS_COUNT {
            return refused(format!(
                "{name}: {MAX_PHOTOS_COUNT} photos were sent on this connection, and more are not taken; say whose they are by `enrol_photos`, or connect again"
            ));
        }
        let Ok(bytes) = STANDARD.decode(picture) else {
            return refused(format!("{name}: is not in Base64; send it so"));
        };
        if bytes.len() > MAX_PHOTO_BYTES {
            return refused(format!(
                "{name}: has {} KiB, more than {}; make it smaller",
                bytes.len().div_ceil(1024),
                MAX_PHOTO_BYTES / 1024
            ));
        }
        self.photos.push(SentPhoto { name, bytes });
        Ok(Word::Ok(serde_json::json!({})))
    }
}
