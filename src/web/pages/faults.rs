//! What fails, and what to do about it.

use axum::extract::State;
use axum::response::Response;
use maud::html;
use serde_json::json;

use super::today::entry;
use crate::web::app::App;
use crate::web::guard::Who;
use crate::web::happening::{Happening, Tone, shown};
use crate::web::layout::{self, Icon, Place};
use crate::web::people::{self, Asked};
use crate::web::{texts as t, times, words};

const LATELY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
const MAX_LATELY_COUNT: usize = 20_000;
const MAX_SHOWN_COUNT: usize = 30;

pub(in crate::web) async fn show(State(app): State<App>, who: Who) -> Response {
    let asked = Asked {
        since_ms: Some(times::now_ms() - LATELY_MS),
        ..Asked::default()
    };
    let lately = people::happened(app.door.as_ref(), &who.account, asked, MAX_LATELY_COUNT).await;
    let lately = lately.map(|(all, _)| all).unwrap_or_default();
    let lately: Vec<&Happening> = lately
        .iter()
        .rev()
        .filter(|one| one.tone == Tone::Alarm)
        .take(MAX_SHOWN_COUNT)
        .collect();
    let state = app.live.state();
    let body = html! {
        (layout::title(t::FAULTS, None, html! {}))
        @match &state {
            None => (layout::notice("bad", &format!("{}. {}", t::DOOR_GONE, t::DOOR_GONE_DETAIL))),
            Some(state) if state.faults.is_empty() => (layout::notice("good", t::NO_FAULTS)),
            Some(state) => @for fault in &state.faults {
                div.card {
                    div.state.bad {
                        span.disc { (Icon::Fault.draw()) }
                        div {
                            strong { (words::title(&fault.kind, &json!({}))) }
                            span.soft { (t::since(&times::moment(fault.at_ms))) }
                        }
                    }
                    p.later { (shown(&fault.message)) }
                    h2 { (t::WHAT_TO_DO) }
                    p { (t::remedy(&fault.kind)) }
                }
            },
        }
        div.card {
            h2 { (t::FAULTS_LATELY) }
            @if lately.is_empty() { p.empty { (t::NO_FAULTS_LATELY) } }
            ul.list { @for one in lately { (entry(&who, one)) } }
        }
    };
    layout::page(&app, &who, Place::Faults, t::FAULTS, body)
}
