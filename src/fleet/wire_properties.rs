//! Frames: cut, changed, and any bytes instead of them.

use proptest::prelude::*;

use super::properties::Hub;
use super::*;

proptest! {
    #[test]
    fn any_bytes_are_frames_or_refused_and_frames_come_back(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let _ = wire::frames(&bytes);
        fuzz(&bytes);
        let root = Signer::root(&[1; 32]);
        let hub = Hub::founded(&root);
        let mut whole: Vec<wire::Frame> = hub.rows.values().cloned().map(wire::Frame::Row).collect();
        whole.extend(hub.commits.values().cloned().map(wire::Frame::Commit));
        whole.push(wire::Frame::Event { number: 3, body: bytes.clone() });
        whole.push(wire::Frame::Pushed(Pushed::Taken { life: Life(2), last: 3, backed_up: 1 }));
        let sent = wire::message(&whole);
        prop_assert_eq!(wire::frames(&sent), Ok(whole.clone()));
        prop_assert!(wire::frames(&sent[..cut.index(sent.len())]).is_err(), "a cut was not seen");
        let mut changed = sent.clone();
        changed[flip.index(sent.len())] ^= 1;
        prop_assert_ne!(wire::frames(&changed), Ok(whole));
    }
}
