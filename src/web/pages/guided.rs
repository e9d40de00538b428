//! The door's camera taking somebody's photos, with what to tell the person before it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use serde::Serialize;

use super::camera::{Picture, frame_told};
use crate::ipc::{Ask, Word};
use crate::web::app::App;
use crate::web::form::Posted;
use crate::web::guard::Who;
use crate::web::guided::{self, Now};
use crate::web::layout::{self, Place};
use crate::web::stream::{self, Sink};
use crate::web::texts as t;

/// How often a browser without scripts asks again, in seconds.
const REFRESH: &str = "2";

pub(in crate::web) async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> Response {
    let Some((name, now)) = guided::find(&app, &who.account, &id) else {
        return layout::failed(Some(&who), StatusCode::NOT_FOUND, t::GUIDED_OVER);
    };
    let now = now.borrow().clone();
    let body = html! {
        (layout::title(t::GUIDED, Some(&name), html! {}))
        @match &now {
            Now::Done(enrolled) => {
                (layout::notice("good", t::GUIDED_DONE))
                @if let Some(other) = &enrolled.look_alike { (layout::notice("warn", other)) }
                a.button href={ "/people/" (enrolled.person_id.0) } { (t::TO_PERSON) }
            }
            Now::Failed(failure) => {
                (layout::notice("bad", &failure.message))
                a.button.plain href="/people/add" { (t::AGAIN) }
            }
            Now::Waits | Now::Goes(_) => {
                @let told = Told::of(&now);
                div.card.narrow {
                    p.soft { (t::GUIDED_HINT) }
                    div.view data-live={ "/people/camera/" (id) "/stream" } {
                        img src="/camera/picture" alt=(t::PICTURE_ALT) width="640" height="480";
                        svg aria-hidden="true" {}
                    }
                    p.guide #said aria-live="assertive" { (told.text) }
                    progress value=(told.taken) max=(told.wanted) aria-labelledby="taken" {}
                    p.soft #taken { (told.count) }
                    form.later method="post" action={ "/people/camera/" (id) "/stop" } {
                        (layout::token(&who))
                        button.plain type="submit" { (t::CANCEL) }
                    }
                }
            }
        }
    };
    let head = html! {
        @if !now.is_over() { noscript { meta http-equiv="refresh" content=(REFRESH); } }
    };
    layout::page_with(&app, &who, Place::People, t::GUIDED, head, body)
}

pub(in crate::web) async fn stop(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { who, .. }: Posted,
) -> Response {
    guided::stop(&app, &who.account, &id);
    Redirect::to("/people/add").into_response()
}

#[derive(Serialize)]
struct Told {
    text: String,
    taken: u8,
    wanted: u8,
    count: String,
}

impl Told {
    fn of(now: &Now) -> Self {
        let Now::Goes(guidance) = now else {
            return Self {
                text: t::GUIDED_WAIT.to_owned(),
                taken: 0,
                wanted: 1,
                count: String::new(),
            };
        };
        let code = serde_json::to_value(guidance.step).ok();
        let code = code
            .as_ref()
            .and_then(|code| code.as_str())
            .and_then(t::step);
        Self {
            text: code.map_or_else(|| guidance.text.clone(), str::to_owned),
            taken: guidance.taken,
            wanted: guidance.wanted,
            count: t::taken(guidance.taken, guidance.wanted),
        }
    }
}

pub(in crate::web) async fn stream(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> Response {
    let Some((_, now)) = guided::find(&app, &who.account, &id) else {
        return layout::failed(Some(&who), StatusCode::NOT_FOUND, t::GUIDED_OVER);
    };
    let (shared, account) = (app.clone(), who.account.clone());
    stream::open(&app, &who, move |sink| tell(shared, account, now, sink))
}

/// Guidance and pictures, until it is over.
async fn tell(app: App, account: String, mut now: tokio::sync::watch::Receiver<Now>, sink: Sink) {
    let mut frames = app.door.ask(Some(&account), Ask::Live { pictures: true });
    let mut has_frames = true;
    now.mark_changed();
    loop {
        tokio::select! {
            changed = now.changed() => {
                let current = now.borrow_and_update().clone();
                if changed.is_err() || current.is_over() {
                    sink.send("done", None, &"").await;
                    return;
                }
                if !sink.send("guidance", None, &Told::of(&current)).await {
                    return;
                }
            }
            word = frames.recv(), if has_frames => match word {
                Some(Word::Frame(frame)) => {
                    let picture = Picture::keep(&app, &frame);
                    let told = frame_told(&frame, picture);
                    // What is said here is the guidance.
                    if !sink.send("frame", None, &told.silent()).await {
                        return;
                    }
                }
                Some(Word::Ok(_) | Word::Error(_)) | None => has_frames = false,
                Some(_) => {}
            },
        }
    }
}
