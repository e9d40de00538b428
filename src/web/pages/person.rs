//! One person: who it is, what happened lately, and what an administrator changes.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::people::{face, tags};
use super::today::entry;
use super::{done, face_of, unreachable};
use crate::ipc::Role;
use crate::web::app::App;
use crate::web::door::{self, Failure};
use crate::web::form::{Fields, Posted};
use crate::web::guard::Who;
use crate::web::happening::Happening;
use crate::web::layout::{self, Icon, Place};
use crate::web::people::{self, Asked, Person};
use crate::web::{photo, texts as t, times};

/// How far back "lately" goes.
const LATELY_MS: i64 = 30 * 24 * 60 * 60 * 1000;
const MAX_LATELY_COUNT: usize = 2000;
const MAX_SHOWN_COUNT: usize = 15;

#[derive(Deserialize)]
pub(in crate::web) struct Came {
    done: Option<String>,
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<i64>,
    Query(came): Query<Came>,
) -> Response {
    let notice = done(came.done.as_deref()).map(|said| ("good", said.to_owned()));
    page(&app, &who, id, notice).await
}

/// The photo that was kept last, small.
pub(in crate::web) async fn picture(
    State(app): State<App>,
    who: Who,
    Path(id): Path<i64>,
) -> Response {
    let kept = people::face(app.door.as_ref(), &who.account, id);
    face_of(&app, kept, photo::face).await
}

pub(super) async fn page(
    app: &App,
    who: &Who,
    id: i64,
    notice: Option<(&str, String)>,
) -> Response {
    let person = match people::one(app.door.as_ref(), &who.account, id).await {
        Ok(person) => person,
        Err(failure) if failure.code.is_some() => {
            return layout::failed(Some(who), StatusCode::NOT_FOUND, t::PERSON_GONE);
        }
        Err(failure) => return unreachable(app, who, Place::People, t::PEOPLE, &failure),
    };
    let asked = Asked {
        since_ms: Some(times::now_ms() - LATELY_MS),
        person: Some(id),
        ..Asked::default()
    };
    let lately = people::happened(app.door.as_ref(), &who.account, asked, MAX_LATELY_COUNT).await;
    let lately = lately.map(|(lately, _)| lately).unwrap_or_default();
    let lately: Vec<&Happening> = lately.iter().rev().take(MAX_SHOWN_COUNT).collect();
    let body = html! {
        p { a href="/people" { (t::PEOPLE) } }
        div.title {
            (face(who, &person, "big"))
            div { h1 { (person.name) } (tags(&person, times::now_ms())) }
        }
        @if let Some((class, said)) = notice { (layout::notice(class, &said)) }
        div.columns {
            div.card {
                (facts(&person))
                p.later { a href={ "/rules?person=" (person.id) } { (t::RULES) } }
            }
            div.card {
                h2 { (t::RECENT) }
                @if lately.is_empty() { p.empty { (t::NO_RECENT) } }
                ul.list { @for one in lately { (entry(who, one)) } }
            }
        }
        @if who.may(Role::Administrator) { (changes(who, &person)) }
    };
    layout::page(app, who, Place::People, &person.name, body)
}

fn facts(person: &Person) -> Markup {
    let standing = &person.standing;
    let limits = [
        standing
            .valid_from_ms
            .map(|at| t::valid_from(&times::moment(at))),
        standing
            .valid_until_ms
            .map(|at| t::valid_until(&times::moment(at))),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    html! {
        dl.facts {
            dt { (t::LAST_SEEN) }
            dd { @match person.last_granted_ms { Some(at) => (times::moment(at)), None => (t::NEVER) } }
            dt { (t::SINCE) } dd { (times::date(person.created_at_ms)) }
            dt { (t::PHOTOS) } dd { (person.templates) }
            dt { (t::CONSENT) }
            dd {
                @match &person.consent {
                    Some(consent) => {
                        (consent.day)
                        @if let Some(purpose) = &consent.purpose { ", " (purpose) }
                    }
                    None => (t::NO_CONSENT),
                }
            }
            dt { (t::GROUPS) }
            dd { @if standing.groups.is_empty() { (t::NONE) } @else { (standing.groups.join(", ")) } }
            dt { (t::VALID) }
            dd { @if limits.is_empty() { (t::ALWAYS) } @else { (limits.join(" ")) } }
        }
    }
}

fn changes(who: &Who, person: &Person) -> Markup {
    let at = |what: &str| format!("/people/{}/{what}", person.id);
    let standing = &person.standing;
    let field = |at: Option<i64>| at.map_or_else(String::new, times::minute);
    html! {
        div.columns {
            form.card method="post" action=(at("groups")) {
                h2 { (t::GROUPS) }
                (layout::token(who))
                div.field {
                    label for="groups" { (t::GROUPS) }
                    input #groups name="groups" value=(standing.groups.join(", ")) maxlength="500"
                        autocapitalize="none" aria-describedby="groups-hint";
                    p.hint #groups-hint { (t::GROUPS_HINT) }
                }
                button.plain type="submit" { (t::SAVE) }
            }
            form.card method="post" action=(at("validity")) {
                h2 { (t::VALIDITY) }
                (layout::token(who))
                div.row {
                    div.field {
                        label for="from" { (t::FROM) }
                        input #from name="from" type="datetime-local" value=(field(standing.valid_from_ms));
                    }
                    div.field {
                        label for="until" { (t::TO) }
                        input #until name="until" type="datetime-local" value=(field(standing.valid_until_ms));
                    }
                }
                p.hint { (t::VALIDITY_HINT) }
                p.later { button.plain type="submit" { (t::SAVE) } }
            }
        }
        div.columns {
            form.card method="post" action=(at("photos")) enctype="multipart/form-data" {
                h2 { (t::ADD_PHOTOS) }
                (layout::token(who))
                div.field {
                    label for="photos" { (t::PHOTOS) }
                    input #photos name="photos" type="file" accept="image/jpeg,image/png" multiple required
                        aria-describedby="photos-hint";
                    p.hint #photos-hint { (t::PHOTOS_HINT) }
                }
                button.plain type="submit" { (Icon::Plus.draw()) (t::ADD_PHOTOS) }
            }
            div.card {
                h2 { (t::MAY_PASS) }
                form method="post" action=(at("enabled")) {
                    (layout::token(who))
                    input type="hidden" name="enabled" value=(if person.enabled { "no" } else { "yes" });
                    button.plain type="submit" { (if person.enabled { t::DISABLE } else { t::ENABLE }) }
                    @if person.enabled { p.hint { (t::DISABLE_HINT) } }
                }
            }
        }
        (consent_form(who, person))
        details.card #remove {
            summary { (t::REMOVE) }
            form method="post" action=(at("remove")) data-sure=(t::remove_sure(&person.name)) {
                (layout::token(who))
                p { (t::REMOVE_HINT) }
                div.field {
                    label.check { input type="checkbox" name="name" value="erase"; (t::ERASE_NAME) }
                }
                div.field {
                    label.check { input type="checkbox" name="sure" value="yes" required; (t::REMOVE_CONFIRM) }
                }
                button.danger type="submit" { (t::REMOVE) }
            }
        }
    }
}

fn consent_form(who: &Who, person: &Person) -> Markup {
    let consent = person.consent.as_ref();
    let purpose = consent.and_then(|consent| consent.purpose.as_deref());
    html! {
        details.card #consent {
            summary { (t::CONSENT) }
            form method="post" action={ "/people/" (person.id) "/consent" } {
                (layout::token(who))
                div.row {
                    div.field {
                        label for="day" { (t::CONSENT_DAY) }
                        input #day name="day" type="date" required
                            value=(consent.map_or("", |consent| consent.day.as_str()));
                    }
                    div.field {
                        label for="purpose" { (t::CONSENT_PURPOSE) }
                        input #purpose name="purpose" maxlength="200" value=(purpose.unwrap_or_default());
                    }
                }
                p.hint { (t::CONSENT_HINT) }
                p.later {
                    button.plain type="submit" name="do" value="note" { (t::SAVE) }
                    @if consent.is_some() {
                        " "
                        button.plain type="submit" name="do" value="withdraw" formnovalidate { (t::CONSENT_WITHDRAW) }
                    }
                }
            }
        }
    }
}

pub(in crate::web) async fn consent(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { who, fields }: Posted,
) -> Response {
    let people = [people::word(id)];
    let asked = match fields.text("do") {
        "withdraw" => json!({ "verb": "withdraw_consent", "people": people }),
        "note" if times::is_day(fields.text("day")) => {
            let mut consent = json!({ "day": fields.text("day") });
            if !fields.text("purpose").is_empty() {
                consent["purpose"] = fields.text("purpose").into();
            }
            json!({ "verb": "note_consent", "people": people, "consent": consent })
        }
        "note" => return refused(&app, &who, id, t::DAY_WRONG.to_owned()).await,
        _ => return refused(&app, &who, id, t::NOTHING_CHOSEN.to_owned()).await,
    };
    let done = verb(&app, &who, asked).await.map(|_| ());
    finish(&app, &who, id, done).await
}

/// Does what one form asks and says how it went.
async fn finish(app: &App, who: &Who, id: i64, done: Result<(), Failure>) -> Response {
    match done {
        Ok(()) => Redirect::to(&format!("/people/{id}?done=saved")).into_response(),
        Err(failure) => refused(app, who, id, failure.message).await,
    }
}

async fn refused(app: &App, who: &Who, id: i64, said: String) -> Response {
    let page = page(app, who, id, Some(("bad", said))).await;
    match page.status() {
        StatusCode::OK => layout::with_status(StatusCode::UNPROCESSABLE_ENTITY, page),
        _ => page,
    }
}

async fn verb(app: &App, who: &Who, verb: Value) -> Result<Value, Failure> {
    door::people(app.door.as_ref(), Some(&who.account), verb).await
}

pub(in crate::web) async fn enabled(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { who, fields }: Posted,
) -> Response {
    let name = if fields.text("enabled") == "yes" {
        "enable"
    } else {
        "disable"
    };
    let asked = json!({ "verb": name, "people": [people::word(id)] });
    let done = verb(&app, &who, asked).await.map(|_| ());
    finish(&app, &who, id, done).await
}

pub(in crate::web) async fn groups(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { who, fields }: Posted,
) -> Response {
    let wanted = group_names(fields.text("groups"));
    let done = set_groups(&app, &who, id, &wanted).await;
    finish(&app, &who, id, done).await
}

/// Names with commas or spaces between, each once.
pub(super) fn group_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .split([',', ' ', ';'])
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Has a person be in these groups and no others.
pub(in crate::web) async fn set_groups(
    app: &App,
    who: &Who,
    id: i64,
    wanted: &[String],
) -> Result<(), Failure> {
    let person = people::one(app.door.as_ref(), &who.account, id).await?;
    let has = person.standing.groups;
    let joined = wanted.iter().filter(|group| !has.contains(group));
    let left = has.iter().filter(|group| !wanted.contains(group));
    let all = joined
        .map(|g| ("join_group", g))
        .chain(left.map(|g| ("leave_group", g)));
    for (name, group) in all {
        verb(
            app,
            who,
            json!({ "verb": name, "people": [people::word(id)], "group": group }),
        )
        .await?;
    }
    Ok(())
}

/// A moment of a form; nothing of an empty field.
pub(super) fn moment_of(fields: &Fields, name: &str) -> Result<Option<i64>, &'static str> {
    match fields.text(name) {
        "" => Ok(None),
        text => times::minute_ms(text).map(Some).ok_or(t::TIME_WRONG),
    }
}

pub(in crate::web) async fn validity(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { who, fields }: Posted,
) -> Response {
    let limits =
        moment_of(&fields, "from").and_then(|from| Ok((from, moment_of(&fields, "until")?)));
    let (from, until) = match limits {
        Ok(limits) => limits,
        Err(wrong) => return refused(&app, &who, id, wrong.to_owned()).await,
    };
    let mut asked = json!({ "verb": "valid", "person": people::word(id) });
    for (key, at) in [("from_ms", from), ("until_ms", until)] {
        if let Some(at) = at {
            asked[key] = at.into();
        }
    }
    let done = verb(&app, &who, asked).await.map(|_| ());
    finish(&app, &who, id, done).await
}

#[derive(Deserialize)]
struct Erased {
    gone: bool,
}

pub(in crate::web) async fn remove(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { who, fields }: Posted,
) -> Response {
    if fields.text("sure") != "yes" {
        return refused(&app, &who, id, t::REMOVE_UNCONFIRMED.to_owned()).await;
    }
    let name = match fields.text("name") {
        "erase" => "erase_people",
        _ => "remove",
    };
    let asked = json!({ "verb": name, "people": [people::word(id)] });
    if let Err(failure) = verb(&app, &who, asked).await {
        return refused(&app, &who, id, failure.message).await;
    }
    let erase = json!({ "verb": "erase" });
    let erased = door::people::<Erased>(app.door.as_ref(), Some(&who.account), erase).await;
    let word = if erased.is_ok_and(|erased| erased.gone) {
        "removed"
    } else {
        "left"
    };
    Redirect::to(&format!("/people?done={word}")).into_response()
}
