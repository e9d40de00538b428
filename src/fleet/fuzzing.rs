//! Any bytes as what a hub says to a door, or a door to a hub.

use super::answer::Answer;
use super::door::Door;
use super::list::List;
use super::row::Position;
use super::signing::{Root, Signer};
use super::wire::{Decoder, Frame};

/// Frames in pieces of any size, to a door: nothing of it is believed without a signature, and
/// what is decoded is what would be encoded.
///
/// # Panics
/// If it is.
pub fn fuzz(bytes: &[u8]) {
    let Some((&piece, bytes)) = bytes.split_first() else {
        return;
    };
    let root = Root(Signer::root(&[1; 32]).public());
    let mut door = Door::new(List::new(root), None);
    let mut decoder = Decoder::default();
    let mut rows = Vec::new();
    for bytes in bytes.chunks(usize::from(piece).max(1)) {
        decoder.push(bytes);
        loop {
            let frame = match decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => return,
            };
            let answer = match frame {
                Frame::Row(row) => {
                    rows.push(row);
                    continue;
                }
                Frame::Page(position) => Answer::Page(std::mem::take(&mut rows), position),
                Frame::Commit(commit) => Answer::Commit(commit),
                Frame::Differs => Answer::Differs,
                Frame::Stored(_) => Answer::Stored,
                Frame::Late => Answer::Late,
                Frame::Refused => Answer::Refused,
                _ => continue,
            };
            door.take(answer);
            assert_eq!(door.list().position(), Position::START);
            assert!(door.list().rows().is_empty(), "a row was believed");
        }
    }
    let _ = decoder.finish();
}
