//! Everybody who is listed.

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::{done, unreachable};
use crate::ipc::Role;
use crate::web::app::App;
use crate::web::guard::Who;
use crate::web::happening::initials;
use crate::web::layout::{self, Icon, Place};
use crate::web::people::{self, Person};
use crate::web::{texts as t, times};

/// People shown on one page.
const MAX_SHOWN_COUNT: usize = 200;
/// What a form calls guests, which is no group's name.
const GUESTS: &str = "+guests";
const DISABLED: &str = "+disabled";

#[derive(Deserialize)]
pub(in crate::web) struct Sought {
    #[serde(default)]
    q: String,
    #[serde(default)]
    group: String,
    done: Option<String>,
}

impl Sought {
    fn takes(&self, person: &Person) -> bool {
        let sought = self.q.trim().to_lowercase();
        let is_in = match self.group.as_str() {
            "" => true,
            GUESTS => person.standing.is_guest,
            DISABLED => !person.enabled,
            group => person.standing.groups.iter().any(|one| one == group),
        };
        is_in && person.name.to_lowercase().contains(&sought)
    }
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    who: Who,
    Query(sought): Query<Sought>,
) -> Response {
    let all = match people::all(app.door.as_ref(), &who.account).await {
        Ok(all) => all,
        Err(failure) => return unreachable(&app, &who, Place::People, t::PEOPLE, &failure),
    };
    let mut groups: Vec<&str> = all
        .iter()
        .flat_map(|p| &p.standing.groups)
        .map(String::as_str)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    let found: Vec<&Person> = all.iter().filter(|person| sought.takes(person)).collect();
    let now = times::now_ms();
    let body = html! {
        (layout::title(t::PEOPLE, Some(&t::listed(all.len())), html! {
            @if who.may(Role::Administrator) {
                a.button.plain href="/people/add?guest=1" { (Icon::Clock.draw()) (t::ADD_GUEST) }
                a.button href="/people/add" { (Icon::Plus.draw()) (t::ADD_PERSON) }
            }
        }))
        @if let Some(said) = done(sought.done.as_deref()) { (layout::notice("good", said)) }
        div.card {
            form method="get" action="/people" role="search" {
                div.row {
                    div.field {
                        label for="q" { (t::SEARCH) }
                        input #q name="q" type="search" value=(sought.q) maxlength="100";
                    }
                    div.field {
                        label for="group" { (t::GROUP) }
                        select #group name="group" {
                            (choice("", t::EVERY_GROUP, &sought.group))
                            (choice(GUESTS, t::GUESTS, &sought.group))
                            (choice(DISABLED, t::DISABLED, &sought.group))
                            @for group in groups { (choice(group, group, &sought.group)) }
                        }
                    }
                    button.plain type="submit" { (t::SHOW) }
                }
            }
        }
        div.card {
            @if all.is_empty() { p.empty { (t::NOBODY_LISTED) } }
            @else if found.is_empty() { p.empty { (t::NOBODY_FOUND) } }
            ul.list { @for person in found.iter().take(MAX_SHOWN_COUNT) { (line(&who, person, now)) } }
            @if found.len() > MAX_SHOWN_COUNT { p.hint { (t::only_first(MAX_SHOWN_COUNT)) } }
        }
    };
    layout::page(&app, &who, Place::People, t::PEOPLE, body)
}

pub(super) fn choice(value: &str, text: &str, chosen: &str) -> Markup {
    html! { option value=(value) selected[value == chosen] { (text) } }
}

fn line(who: &Who, person: &Person, now_ms: i64) -> Markup {
    let seen = person.last_granted_ms.map_or_else(
        || t::NEVER.to_owned(),
        |at| format!("{} {}", t::LAST_SEEN, times::moment(at)),
    );
    html! {
        li {
            (face(who, person, ""))
            span.what {
                strong { a href={ "/people/" (person.id) } { (person.name) } }
                span.soft { (seen) }
            }
            span.end { (tags(person, now_ms)) }
        }
    }
}

/// Somebody's face where a photo is kept and the viewer may see it, else the first letters of the
/// name, which also stay where the photo does not come.
pub(super) fn face(who: &Who, person: &Person, class: &str) -> Markup {
    let is_shown = person.photos > 0 && who.may(Role::Operator);
    let place = is_shown.then(|| format!("/people/{}/face", person.id));
    html! {
        span class={ "face " (class) } aria-hidden="true" {
            (initials(&person.name))
            @if let Some(place) = place { img src=(place) alt="" width="80" height="80" loading="lazy"; }
        }
    }
}

/// Groups and limits, as labels.
pub(super) fn tags(person: &Person, now_ms: i64) -> Markup {
    html! {
        span.tags {
            @if !person.enabled { span.pill.bad { (t::DISABLED) } }
            @if person.is_over(now_ms) { span.pill.bad { (t::OVER) } }
            @else if let Some(until) = person.standing.valid_until_ms {
                span.pill.warn {
                    @if person.standing.is_guest { (t::guest_until(&times::moment(until))) }
                    @else { (t::valid_until(&times::moment(until))) }
                }
            }
            @for group in person.standing.groups.iter().take(4) { span.pill { (group) } }
        }
    }
}
