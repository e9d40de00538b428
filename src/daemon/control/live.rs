//! What the camera sees, for whoever looks: the newest picture, and those in between left out.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};

use super::connection::Live;
use super::server::Server;
use crate::cohort::Score;
use crate::daemon::challenge_events::challenge_step;
use crate::daemon::events;
use crate::daemon::viewfinder::Sighting;
use crate::ipc::{Answer, LiveFace, LiveFrame, Verdict, Word};
use crate::liveness::Liveness;
use crate::person::PersonId;
use crate::recognise::{FaceReport, FrameUse};

/// Of a picture as it is sent, in bytes of JPEG.
const MAX_JPEG_BYTES: usize = 3 << 20;
const JPEG_QUALITY: u8 = 80;

/// Whose the faces in view were when they were compared last: most frames are not.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: BTreeMap<u64, (PersonId, Score)>,
}

impl Memory {
    /// A sighting as it is sent.
    pub(super) fn frame(&mut self, sighting: &Sighting, with_picture: bool) -> LiveFrame {
        self.remember(&sighting.faces);
        let faces = sighting.faces.iter().map(|face| self.face(face, sighting));
        let jpeg = with_picture.then(|| jpeg(&sighting.picture));
        let (width, height) = sighting.picture.dimensions();
        let threshold = sighting.threshold.value();
        LiveFrame {
            at_ms: sighting.at_ms,
            width,
            height,
            threshold: threshold.is_finite().then_some(threshold),
            faces: faces.collect(),
            challenge: sighting.asked.map(challenge_step),
            jpeg: jpeg.flatten().map(|jpeg| STANDARD.encode(jpeg)),
        }
    }

    fn remember(&mut self, faces: &[FaceReport]) {
        let is_in_view = |track: u64| faces.iter().any(|face| face.track.0 == track);
        self.known.retain(|track, _| is_in_view(*track));
        for face in faces {
            if let Some(found) = face.identity {
                self.known.insert(face.track.0, (found.person, found.score));
            }
        }
    }

    fn face(&self, face: &FaceReport, sighting: &Sighting) -> LiveFace {
        let known = self.known.get(&face.track.0);
        let (liveness, cue) = match face.liveness {
            Liveness::Live => (Verdict::Live, None),
            Liveness::Unknown => (Verdict::Unknown, None),
            Liveness::Attack(cue) => (Verdict::Attack, Some(events::of_cue(cue))),
        };
        LiveFace {
            track: face.track.0,
            rect: face.rect,
            flaw: match face.frame_use {
                FrameUse::Flawed(flaw) => Some(events::unusable(flaw)),
                FrameUse::Skipped | FrameUse::Compared => None,
            },
            person_id: known.map(|(person, _)| *person),
            name: known.map(|(person, _)| sighting.whitelist.directory.name_of(*person)),
            score: known.map(|(_, score)| score.value()),
            liveness,
            cue,
        }
    }
}

impl Server<'_> {
    pub(super) fn live(&self, id: u64, with_pictures: bool) -> Live {
        self.given.viewfinder.ask();
        Live {
            id,
            with_pictures,
            seen: self.seen(),
        }
    }

    /// Begins what a request was allowed to.
    pub(super) fn begin_live(&mut self, client: u64, id: u64, with_pictures: bool) {
        let live = self.live(id, with_pictures);
        self.with(client, |_, client| {
            client.live.get_or_insert(live);
            Ok(())
        });
    }

    /// Sends the newest picture to whoever looks and has taken the one before.
    pub(super) fn serve_viewers(&mut self) {
        let viewers = self.clients.iter().filter(|client| client.live.is_some());
        let numbers: Vec<u64> = viewers.map(|client| client.number).collect();
        let wants = |for_what: &super::waiting::Waiting| {
            matches!(for_what.for_what, super::waiting::For::Picture { .. })
        };
        if numbers.is_empty() {
            if !self.waiting.iter().any(wants) {
                self.given.viewfinder.rest();
            }
            return;
        }
        self.given.viewfinder.ask();
        let Some(sighting) = self.given.viewfinder.last() else {
            return;
        };
        let mut made: [Option<Arc<LiveFrame>>; 2] = [None, None];
        for number in numbers {
            self.with(number, |server, client| {
                let is_free = client.queued() == 0;
                let Some(live) = &mut client.live else {
                    return Ok(());
                };
                if live.seen >= sighting.number || !is_free {
                    return Ok(());
                }
                live.seen = sighting.number;
                let (id, with_pictures) = (live.id, live.with_pictures);
                let Some(made) = made.get_mut(usize::from(with_pictures)) else {
                    return Ok(());
                };
                let frame = made
                    .get_or_insert_with(|| Arc::new(server.memory.frame(&sighting, with_pictures)));
                let frame = Box::new(LiveFrame::clone(frame));
                client.say(&Answer::to(id, Word::Frame(frame)))
            });
        }
    }
}

/// Not larger than may be sent; nothing if it cannot be made.
fn jpeg(picture: &RgbImage) -> Option<Vec<u8>> {
    let encode = |picture: &RgbImage| {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
        encoder
            .encode(
                picture.as_raw(),
                picture.width(),
                picture.height(),
                image::ExtendedColorType::Rgb8,
            )
            .ok()?;
        Some(bytes.into_inner())
    };
    let mut bytes = encode(picture)?;
    let mut side = 2;
    while bytes.len() > MAX_JPEG_BYTES && side <= 16 {
        let (width, height) = (picture.width() / side, picture.height() / side);
        let small = imageops::resize(picture, width.max(1), height.max(1), FilterType::Triangle);
        bytes = encode(&small)?;
        side *= 2;
    }
    (bytes.len() <= MAX_JPEG_BYTES).then_some(bytes)
}
