//! The first page: how the door is, opening it once, and who came today, as it happens.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use super::{done, face_of, unreachable};
use crate::ipc::{Ask, ModeOrdered, Role, State as DoorState, Unlocked};
use crate::web::app::App;
use crate::web::door;
use crate::web::form::Posted;
use crate::web::guard::Who;
use crate::web::happening::{Happening, Tone};
use crate::web::layout::{self, Icon, Place};
use crate::web::people::{self, Asked};
use crate::web::state_words::Said;
use crate::web::stream::{self, Sink};
use crate::web::{photo, texts as t, times, words};

/// Entries the first page shows.
const MAX_SHOWN_COUNT: usize = 60;
/// Records of a day that are looked through for them.
const MAX_DAY_RECORDS: usize = 20_000;
/// The longest reason.
pub(in crate::web) const MAX_REASON_CHARS: usize = 200;

#[derive(Deserialize)]
pub(in crate::web) struct Came {
    done: Option<String>,
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    who: Who,
    Query(came): Query<Came>,
) -> Response {
    page(
        &app,
        &who,
        done(came.done.as_deref()).map(|said| ("good", said.to_owned())),
    )
    .await
}

async fn page(app: &App, who: &Who, notice: Option<(&str, String)>) -> Response {
    let asked = Asked {
        since_ms: Some(times::today_ms()),
        ..Asked::default()
    };
    let happened = people::happened(app.door.as_ref(), &who.account, asked, MAX_DAY_RECORDS).await;
    let (happened, _) = match happened {
        Ok(happened) => happened,
        Err(failure) => return unreachable(app, who, Place::Today, t::TODAY, &failure),
    };
    let count = |tone| happened.iter().filter(|one| one.tone == tone).count();
    let listed = happened.iter().rev().filter(|one| one.tone != Tone::Quiet);
    let listed: Vec<&Happening> = listed.take(MAX_SHOWN_COUNT).collect();
    // The script looks for one with what is new, which may not be written yet when it is told.
    let has_faces = who.may(Role::Operator) && listed.iter().any(|one| one.has_picture);
    let last = happened.last().map_or(0, |one| one.id);
    let state = app.live.state();
    let said = Said::of(state.as_ref());
    let today = times::long_date(times::now_ms());
    let body = html! {
        (layout::title(t::TODAY, Some(&today), html! {}))
        @if let Some((class, said)) = notice { (layout::notice(class, &said)) }
        div.notice.bad #faults hidden[said.faults == 0] {
            (Icon::Fault.draw())
            p { span data-faults="" { (t::faults_now(said.faults)) } " " a href="/faults" { (t::FAULTS_SEE) } }
        }
        div.columns.side data-stream={ "/stream?after=" (last) } {
            div {
                div.card {
                    div class={ "state " (said.tone) } data-state="" aria-live="polite" {
                        span.disc {
                            (Icon::Locked.drawn("icon shut"))
                            (Icon::Unlocked.drawn("icon ajar"))
                        }
                        div {
                            strong data-word="" { (said.word) }
                            span.soft data-detail="" { (said.detail) }
                        }
                    }
                    @if who.may(Role::Operator) { (orders(who, state.as_ref())) }
                }
                div.card {
                    dl.counts {
                        div { dt { (t::ENTRIES) } dd data-count="in" { (count(Tone::In)) } }
                        div { dt { (t::REFUSALS) } dd data-count="out" { (count(Tone::Out)) } }
                    }
                }
            }
            div.card {
                h2 { (t::HAPPENED) }
                ul.list #happenings data-faces[has_faces] {
                    @for one in &listed { (entry(who, one)) }
                }
                p.empty #none hidden[!listed.is_empty()] { (t::NOTHING_TODAY) }
                p.later { a href={ "/reports?day=" (times::day(times::now_ms())) "&what=all" } { (t::ALL_EVENTS) } }
                template #happening { (blank()) }
            }
        }
    };
    layout::page(app, who, Place::Today, t::TODAY, body)
}

fn orders(who: &Who, state: Option<&DoorState>) -> Markup {
    let is_held = state.is_some_and(|state| matches!(state.door.mode.code(), "hold" | "office"));
    html! {
        form.later method="post" action="/open" {
            (layout::token(who))
            div.field {
                label for="reason" { (t::REASON) }
                input #reason name="reason" maxlength=(MAX_REASON_CHARS) required autocomplete="off"
                    aria-describedby="reason-hint";
                p.hint #reason-hint { (t::REASON_HINT) }
            }
            button type="submit" { (Icon::Unlocked.draw()) (t::OPEN_ONCE) }
        }
        @if is_held {
            form.later method="post" action="/lock" {
                (layout::token(who))
                button.plain type="submit" { (Icon::Locked.draw()) (t::LOCK_NOW) }
            }
        }
    }
}

/// An entry of a list of what happened.
pub(in crate::web) fn entry(who: &Who, one: &Happening) -> Markup {
    let is_shown = one.has_picture && who.may(Role::Operator);
    let place = is_shown.then(|| format!("/happened/{}/picture", one.id));
    html! {
        li id={ "happened-" (one.id) } {
            span class={ "face " (one.tone.class()) } aria-hidden="true" {
                (one.initials())
                @if let Some(place) = place { img src=(place) alt="" width="80" height="80" loading="lazy"; }
            }
            span.what {
                strong data-title="" {
                    @match &one.person {
                        Some((id, name)) => a href={ "/people/" (id) } { (name) },
                        None => (one.title),
                    }
                }
                span.soft data-detail="" { (one.detail) }
            }
            span.end {
                time datetime=(times::rfc3339(one.at_ms)) { (times::clock(one.at_ms)) }
                span class={ "pill " (one.tone.pill()) } { (one.label) }
            }
        }
    }
}

/// The same, to be filled in by the script.
fn blank() -> Markup {
    html! {
        li {
            span.face aria-hidden="true" {}
            span.what { strong data-title="" {} span.soft data-detail="" {} }
            span.end { time {} span.pill {} }
        }
    }
}

/// The face that was kept of an event, small.
pub(in crate::web) async fn picture(
    State(app): State<App>,
    who: Who,
    Path(event): Path<u64>,
) -> Response {
    let kept = people::picture(app.door.as_ref(), &who.account, event);
    face_of(&app, kept, photo::event_face).await
}

pub(in crate::web) async fn open(
    State(app): State<App>,
    Posted { who, fields }: Posted,
) -> Response {
    let reason: String = fields
        .text("reason")
        .chars()
        .take(MAX_REASON_CHARS)
        .collect();
    if reason.is_empty() {
        let said = ("bad", t::REASON_NEEDED.to_owned());
        let page = page(&app, &who, Some(said)).await;
        return layout::with_status(StatusCode::UNPROCESSABLE_ENTITY, page);
    }
    let ask = Ask::Unlock {
        reason: Some(reason),
    };
    let asked = door::ask::<Unlocked>(app.door.as_ref(), Some(&who.account), ask).await;
    let wrong = match asked {
        Ok(unlocked) if unlocked.unlocked => return Redirect::to("/?done=opened").into_response(),
        Ok(unlocked) => {
            let code = unlocked.reason.map(|reason| reason.code());
            let why = code
                .and_then(|code| words::why("", code))
                .unwrap_or(t::FAILED);
            t::not_opened(why)
        }
        Err(failure) => failure.message,
    };
    let page = page(&app, &who, Some(("bad", wrong))).await;
    layout::with_status(StatusCode::CONFLICT, page)
}

pub(in crate::web) async fn lock(State(app): State<App>, Posted { who, .. }: Posted) -> Response {
    let ask = Ask::Lock { reason: None };
    match door::ask::<ModeOrdered>(app.door.as_ref(), Some(&who.account), ask).await {
        Ok(_) => Redirect::to("/?done=locked").into_response(),
        Err(failure) => {
            let page = page(&app, &who, Some(("bad", failure.message))).await;
            layout::with_status(StatusCode::CONFLICT, page)
        }
    }
}

#[derive(Deserialize)]
pub(in crate::web) struct After {
    after: Option<u64>,
}

/// What happens from then on. A browser that was away says what it heard last.
pub(in crate::web) async fn stream(
    State(app): State<App>,
    who: Who,
    headers: HeaderMap,
    Query(asked): Query<After>,
) -> Response {
    let heard = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let after = heard.or(asked.after);
    let (shared, account) = (app.clone(), who.account.clone());
    stream::open(&app, &who, move |sink| tell(shared, account, after, sink))
}

#[derive(Serialize)]
struct StateTold {
    tone: &'static str,
    word: &'static str,
    detail: String,
    faults: usize,
    faults_text: String,
}

#[derive(Serialize)]
struct HappeningTold<'h> {
    id: u64,
    tone: &'static str,
    pill: &'static str,
    word: &'static str,
    title: &'h str,
    detail: &'h str,
    initials: String,
    time: String,
    at: String,
}

async fn tell(app: App, account: String, after: Option<u64>, sink: Sink) {
    let mut happens = app.live.happened.subscribe();
    let mut now = app.live.now.subscribe();
    let mut last = after;
    now.mark_changed();
    if after.is_some() {
        last = catch_up(&app, &account, last, &sink).await;
    }
    loop {
        tokio::select! {
            changed = now.changed() => {
                if changed.is_err() {
                    return;
                }
                let said = Said::of(now.borrow_and_update().as_ref());
                let told = StateTold {
                    tone: said.tone,
                    word: said.word,
                    faults_text: t::faults_now(said.faults),
                    faults: said.faults,
                    detail: said.detail,
                };
                if !sink.send("state", None, &told).await {
                    return;
                }
            }
            one = happens.recv() => match one {
                Ok(one) => {
                    if !say(&sink, &one, &mut last).await {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => last = catch_up(&app, &account, last, &sink).await,
                Err(RecvError::Closed) => return,
            },
        }
    }
}

/// What was missed, from the record.
async fn catch_up(app: &App, account: &str, after: Option<u64>, sink: &Sink) -> Option<u64> {
    let asked = Asked {
        after_id: after,
        since_ms: Some(times::today_ms()),
        ..Asked::default()
    };
    let mut last = after;
    let missed = people::happened(app.door.as_ref(), account, asked, MAX_SHOWN_COUNT).await;
    for one in missed.map(|(missed, _)| missed).unwrap_or_default() {
        say(sink, &Arc::new(one), &mut last).await;
    }
    last
}

/// Tells one, if it is newer than the last; `false` once nobody hears.
async fn say(sink: &Sink, one: &Arc<Happening>, last: &mut Option<u64>) -> bool {
    if last.is_some_and(|last| one.id <= last) {
        return true;
    }
    *last = Some(one.id);
    if one.tone == Tone::Quiet {
        return true;
    }
    let told = HappeningTold {
        id: one.id,
        tone: one.tone.class(),
        pill: one.tone.pill(),
        word: one.label,
        title: &one.title,
        detail: &one.detail,
        initials: one.initials(),
        time: times::clock(one.at_ms),
        at: times::rfc3339(one.at_ms),
    };
    sink.send("happened", Some(one.id), &told).await
}
