//! What the door's camera sees, with boxes, score and threshold: for aiming it.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use serde::Serialize;

use crate::ipc::{Ask, LiveFace, LiveFrame, Verdict, Word};
use crate::web::app::App;
use crate::web::door;
use crate::web::guard::Who;
use crate::web::happening::shown;
use crate::web::layout::{self, Icon, Place};
use crate::web::stream::{self, Sink};
use crate::web::texts as t;

pub(in crate::web) async fn show(State(app): State<App>, who: Who) -> Response {
    let frame =
        door::ask::<LiveFrame>(app.door.as_ref(), Some(&who.account), Ask::Snapshot {}).await;
    let body = html! {
        (layout::title(t::CAMERA, None, html! {
            a.button.plain href="/camera" { (Icon::Camera.draw()) (t::CAMERA_STILL) }
        }))
        @match &frame {
            Ok(frame) => (seen(&app, frame)),
            Err(failure) => {
                (layout::notice("bad", t::NO_PICTURE))
                p.soft { (failure.message) }
            }
        }
    };
    layout::page(&app, &who, Place::Camera, t::CAMERA, body)
}

fn seen(app: &App, frame: &LiveFrame) -> Markup {
    let told = frame_told(frame, Picture::keep(app, frame));
    html! {
        div.columns.uneven {
            div.card {
                div.view data-live="/camera/stream" {
                    img src=[told.picture.as_deref()] alt=(t::PICTURE_ALT) width=(frame.width) height=(frame.height);
                    svg viewBox={ "0 0 " (frame.width) " " (frame.height) } aria-hidden="true" {
                        @for face in &told.faces {
                            rect class=(face.tone) x=(face.x) y=(face.y) width=(face.width) height=(face.height) rx="6" {}
                        }
                    }
                }
            }
            div.card {
                p.guide #said aria-live="polite" { (told.said) }
                dl.facts {
                    dt { (t::WHO) } dd #who { (told.who) }
                    dt { (t::SCORE) } dd #score { (told.score) }
                    dt { (t::NEEDED) } dd #need { (told.need) }
                }
                p.hint.later { (t::CAMERA_HINT) }
            }
        }
    }
}

/// Where a picture can be fetched.
pub(super) struct Picture(String);

impl Picture {
    /// Keeps the frame's picture to be fetched; nothing of a frame without one.
    pub(super) fn keep(app: &App, frame: &LiveFrame) -> Option<Self> {
        let jpeg = STANDARD.decode(frame.jpeg.as_deref()?).ok()?;
        let name = app.viewing.keep(jpeg)?;
        Some(Self(format!("/camera/picture/{name}")))
    }
}

/// A frame for the script, and for the page itself.
#[derive(Serialize)]
pub(super) struct FrameTold {
    width: u32,
    height: u32,
    faces: Vec<Box>,
    picture: Option<String>,
    said: String,
    who: String,
    score: String,
    need: String,
}

#[derive(Serialize)]
struct Box {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    tone: &'static str,
}

/// Of a frame without words.
#[derive(Serialize)]
pub(super) struct Silent {
    width: u32,
    height: u32,
    faces: Vec<Box>,
    picture: Option<String>,
}

impl FrameTold {
    /// Without what is said of it.
    pub(super) fn silent(self) -> Silent {
        Silent {
            width: self.width,
            height: self.height,
            faces: self.faces,
            picture: self.picture,
        }
    }
}

fn tone(face: &LiveFace, threshold: Option<f32>) -> &'static str {
    if face.flaw.is_some() {
        return "unclear";
    }
    if face.liveness == Verdict::Attack {
        return "out";
    }
    match (face.score, threshold) {
        (Some(score), Some(needed)) if score >= needed => "in",
        (Some(_), _) => "out",
        (None, _) => "",
    }
}

pub(super) fn frame_told(frame: &LiveFrame, picture: Option<Picture>) -> FrameTold {
    // Places are within the picture: whatever else is sent is cut at its borders.
    let bound = |value: f32, most: u32| value.clamp(0.0, most as f32) as u32;
    let boxed = |face: &LiveFace| {
        let [x0, y0, x1, y1] = face.rect;
        let (x, y) = (bound(x0, frame.width), bound(y0, frame.height));
        Box {
            x,
            y,
            width: bound(x1, frame.width).saturating_sub(x),
            height: bound(y1, frame.height).saturating_sub(y),
            tone: tone(face, frame.threshold),
        }
    };
    let first = frame.faces.first();
    let number =
        |value: Option<f32>| value.map_or_else(|| t::NONE.to_owned(), |v| format!("{v:.2}"));
    FrameTold {
        width: frame.width,
        height: frame.height,
        faces: frame.faces.iter().map(boxed).collect(),
        picture: picture.map(|picture| picture.0),
        said: said(first, frame.threshold).to_owned(),
        who: first
            .and_then(|face| face.name.as_deref())
            .map_or_else(|| t::NOBODY.to_owned(), shown),
        score: number(first.and_then(|face| face.score)),
        need: number(frame.threshold),
    }
}

/// What to make of the largest face.
fn said(face: Option<&LiveFace>, threshold: Option<f32>) -> &'static str {
    let Some(face) = face else {
        return t::LOOK_NOBODY;
    };
    if let Some(flaw) = face.flaw {
        return t::flaw(flaw.code()).unwrap_or(t::LOOK_PLAIN);
    }
    match tone(face, threshold) {
        "in" => t::LOOK_MATCH,
        "out" if face.liveness == Verdict::Attack => t::LOOK_ATTACK,
        "out" => t::LOOK_LOW,
        _ => t::LOOK_PLAIN,
    }
}

/// A picture taken now.
pub(in crate::web) async fn picture(State(app): State<App>, who: Who) -> Response {
    let frame =
        door::ask::<LiveFrame>(app.door.as_ref(), Some(&who.account), Ask::Snapshot {}).await;
    let jpeg = frame
        .ok()
        .and_then(|frame| STANDARD.decode(frame.jpeg?).ok());
    match jpeg {
        Some(jpeg) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// One of a stream.
pub(in crate::web) async fn kept(
    State(app): State<App>,
    _: Who,
    Path(name): Path<String>,
) -> Response {
    match app.viewing.get(&name) {
        Some(jpeg) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg.to_vec()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(in crate::web) async fn stream(State(app): State<App>, who: Who) -> Response {
    let (shared, account) = (app.clone(), who.account.clone());
    stream::open(&app, &who, move |sink| tell(shared, account, sink))
}

async fn tell(app: App, account: String, sink: Sink) {
    let mut frames = app.door.ask(Some(&account), Ask::Live { pictures: true });
    while let Some(word) = frames.recv().await {
        match word {
            Word::Frame(frame) => {
                let told = frame_told(&frame, Picture::keep(&app, &frame));
                if !sink.send("frame", None, &told).await {
                    return;
                }
            }
            Word::Ok(_) | Word::Error(_) => return,
            _ => {}
        }
    }
}
