//! "May Ada pass on Saturday at 8?": the door's own rules, asked.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::people::choice;
use super::unreachable;
use crate::ipc::{Ask, Explained};
use crate::web::app::App;
use crate::web::door;
use crate::web::guard::Who;
use crate::web::happening::shown;
use crate::web::layout::{self, Place};
use crate::web::{people, texts as t, times, words};

#[derive(Deserialize)]
pub(in crate::web) struct Asked {
    #[serde(default)]
    person: String,
    #[serde(default)]
    at: String,
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    who: Who,
    Query(asked): Query<Asked>,
) -> Response {
    let all = match people::all(app.door.as_ref(), &who.account).await {
        Ok(all) => all,
        Err(failure) => return unreachable(&app, &who, Place::Rules, t::RULES, &failure),
    };
    let at = match asked.at.as_str() {
        "" => Some(times::now_ms()),
        text => times::minute_ms(text),
    };
    let person = all
        .iter()
        .find(|person| person.id.to_string() == asked.person);
    let mut status = StatusCode::OK;
    let answer = match (person, at) {
        (None, _) if asked.person.is_empty() => html! {},
        (Some(person), Some(at_ms)) => {
            let ask = Ask::Explain {
                person: person.word(),
                at_ms: Some(at_ms),
            };
            match door::ask::<Explained>(app.door.as_ref(), Some(&who.account), ask).await {
                Ok(explained) => told(&person.name, at_ms, &explained),
                Err(failure) => layout::notice("bad", &failure.message),
            }
        }
        (person, _) => {
            status = StatusCode::UNPROCESSABLE_ENTITY;
            let wrong = if person.is_none() {
                t::PERSON_GONE
            } else {
                t::TIME_WRONG
            };
            layout::notice("bad", wrong)
        }
    };
    let body = html! {
        (layout::title(t::RULES, None, html! {}))
        div aria-live="polite" { (answer) }
        form.card method="get" action="/rules" {
            div.row {
                div.field {
                    label for="person" { (t::PERSON) }
                    select #person name="person" required {
                        @for person in &all {
                            (choice(&person.id.to_string(), &person.name, &asked.person))
                        }
                    }
                }
                div.field {
                    label for="at" { (t::DAY_AND_TIME) }
                    input #at name="at" type="datetime-local" required
                        value=(times::minute(at.unwrap_or_else(times::now_ms)));
                }
                button type="submit" { (t::ASK) }
            }
            p.hint.later { (t::RULES_HINT) }
        }
    };
    let page = layout::page(&app, &who, Place::Rules, t::RULES, body);
    layout::with_status(status, page)
}

fn told(name: &str, at_ms: i64, explained: &Explained) -> Markup {
    let clock = times::moment(at_ms);
    let (class, said) = match explained.may_pass {
        true => ("good", t::may(name, &clock)),
        false => ("bad", t::may_not(name, &clock)),
    };
    let why = explained
        .reason
        .as_deref()
        .and_then(|code| words::why("access", code));
    html! {
        div class={ "notice " (class) } role="status" {
            div {
                p { strong { (said) } }
                @if let Some(why) = why { p { (why) } }
                @if let Some(until) = explained.until_ms { p { (t::next_change(&times::moment(until))) } }
            }
        }
        div.card {
            h2 { (t::RULES_OF) }
            @if explained.rules.is_empty() { p.soft { (t::NO_RULES) } }
            ul.list {
                @for rule in &explained.rules {
                    li {
                        span.what {
                            strong { (shown(&rule.name)) }
                            span.soft { (shown(&rule.conditions.join(", "))) }
                        }
                        span.end {
                            @if rule.open { span.pill.good { (t::LETS_IN) } } @else { span.pill { (t::NOT_NOW) } }
                        }
                    }
                }
            }
        }
    }
}
