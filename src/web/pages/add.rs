//! Putting somebody on the list: by photos from a phone, or by the door's own camera.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use serde::Deserialize;

use super::person;
use crate::ipc::{Ask, Enrol, EnrolPhotos, Enrolled, MAX_PHOTO_NAME_CHARS};
use crate::web::app::App;
use crate::web::door;
use crate::web::form::{Fields, Photo, Uploaded};
use crate::web::guard::Who;
use crate::web::layout::{self, Icon, Place};
use crate::web::{guided, people, photo, texts as t, times};

/// Photos the camera takes.
const PICTURES: u8 = 5;
/// How long there is for them.
const TIMEOUT_S: u64 = 120;

#[derive(Deserialize)]
pub(in crate::web) struct Wanted {
    guest: Option<String>,
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    who: Who,
    Query(wanted): Query<Wanted>,
) -> Response {
    let mut filled = Filled::default();
    if wanted.guest.is_some() {
        filled.until = times::tomorrow_evening();
    }
    page(&app, &who, &filled, &[])
}

/// What was filled in.
#[derive(Default)]
struct Filled {
    name: String,
    groups: String,
    until: String,
}

impl Filled {
    fn of(fields: &Fields) -> Self {
        Self {
            name: fields.text("name").to_owned(),
            groups: fields.text("groups").to_owned(),
            until: fields.text("until").to_owned(),
        }
    }

    /// When a guest's time ends.
    fn until_ms(&self) -> Result<Option<i64>, &'static str> {
        if self.name.is_empty() {
            return Err(t::NAME_NEEDED);
        }
        let until = match self.until.as_str() {
            "" => None,
            text => Some(times::minute_ms(text).ok_or(t::TIME_WRONG)?),
        };
        match until {
            Some(until) if until <= times::now_ms() => Err(t::TIME_PAST),
            until => Ok(until),
        }
    }
}

fn page(app: &App, who: &Who, filled: &Filled, wrong: &[String]) -> Response {
    let title = match filled.until.is_empty() {
        true => t::ADD_PERSON,
        false => t::ADD_GUEST,
    };
    let body = html! {
        p { a href="/people" { (t::PEOPLE) } }
        (layout::title(title, None, html! {}))
        (said_wrong(wrong))
        form method="post" action="/people/add" enctype="multipart/form-data" {
            (layout::token(who))
            div.card {
                div.field {
                    label for="name" { (t::NAME) }
                    input #name name="name" value=(filled.name) maxlength="100" required autocomplete="off";
                }
                div.field {
                    label for="groups" { (t::GROUPS) }
                    input #groups name="groups" value=(filled.groups) maxlength="500" autocapitalize="none"
                        aria-describedby="groups-hint";
                    p.hint #groups-hint { (t::GROUPS_HINT) }
                }
                div.field {
                    label for="until" { (t::GUEST_UNTIL) }
                    input #until name="until" type="datetime-local" value=(filled.until)
                        aria-describedby="until-hint";
                    p.hint #until-hint { (t::GUEST_HINT) }
                }
            }
            div.columns {
                div.card {
                    h2 { (t::BY_PHOTOS) }
                    div.field {
                        label for="photos" { (t::PHOTOS) }
                        input #photos name="photos" type="file" accept="image/jpeg,image/png" multiple
                            aria-describedby="photos-hint";
                        p.hint #photos-hint { (t::PHOTOS_HINT) }
                    }
                    button type="submit" { (Icon::Plus.draw()) (title) }
                }
                div.card {
                    h2 { (t::BY_CAMERA) }
                    p.hint { (t::BY_CAMERA_HINT) }
                    p.later {
                        button.plain type="submit" formaction="/people/camera" { (Icon::Camera.draw()) (t::START_CAMERA) }
                    }
                }
            }
        }
    };
    let page = layout::page(app, who, Place::People, title, body);
    match wrong.is_empty() {
        true => page,
        false => layout::with_status(StatusCode::UNPROCESSABLE_ENTITY, page),
    }
}

fn said_wrong(wrong: &[String]) -> Markup {
    html! {
        @if !wrong.is_empty() {
            div.notice.bad role="alert" {
                (Icon::Fault.draw())
                div { @for line in wrong { p { (line) } } }
            }
        }
    }
}

pub(in crate::web) async fn submit(State(app): State<App>, uploaded: Uploaded) -> Response {
    let Uploaded {
        who,
        fields,
        photos,
    } = uploaded;
    let filled = Filled::of(&fields);
    let until = match filled.until_ms() {
        Ok(_) if photos.is_empty() => Err(t::PHOTO_NEEDED),
        until => until,
    };
    let until = match until {
        Ok(until) => until,
        Err(wrong) => return page(&app, &who, &filled, &[wrong.to_owned()]),
    };
    let enrolled = match enrol(&app, &who, &filled.name, until, photos).await {
        Ok(enrolled) => enrolled,
        Err(wrong) => return page(&app, &who, &filled, &wrong),
    };
    let id = enrolled.person_id.0;
    let wanted = person::group_names(&filled.groups);
    if !wanted.is_empty()
        && let Err(failure) = person::set_groups(&app, &who, id, &wanted).await
    {
        return person::page(&app, &who, id, Some(("bad", failure.message))).await;
    }
    Redirect::to(&format!("/people/{id}?done=added")).into_response()
}

/// Has the door read and judge photos; what is wrong with them, a line each.
async fn enrol(
    app: &App,
    who: &Who,
    name: &str,
    until: Option<i64>,
    photos: Vec<Photo>,
) -> Result<Enrolled, Vec<String>> {
    // Photo by photo, and then what they are for.
    let mut asks = fitted(app, photos).await?;
    asks.push(Ask::EnrolPhotos(EnrolPhotos {
        name: name.to_owned(),
        look_alike: false,
        guest_until_ms: until,
    }));
    let enrolled = door::in_turn::<Enrolled>(app.door.as_ref(), Some(&who.account), asks).await;
    enrolled.map_err(|failure| failure.message.lines().map(str::to_owned).collect())
}

async fn fitted(app: &App, photos: Vec<Photo>) -> Result<Vec<Ask>, Vec<String>> {
    let failed = || vec![t::FAILED.to_owned()];
    let _permit = app.uploads.acquire().await.map_err(|_| failed())?;
    let fit = move || {
        let (mut sent, mut wrong) = (Vec::new(), Vec::new());
        for one in photos {
            let name = crate::web::happening::shown(&one.name);
            let name: String = name.chars().take(MAX_PHOTO_NAME_CHARS).collect();
            match photo::fit(one) {
                Some(one) => sent.push(Ask::Photo {
                    name,
                    picture: STANDARD.encode(one.bytes),
                }),
                None => wrong.push(format!("{name}: {}", t::NOT_A_PHOTO)),
            }
        }
        if wrong.is_empty() {
            Ok(sent)
        } else {
            Err(wrong)
        }
    };
    tokio::task::spawn_blocking(fit)
        .await
        .map_err(|_| failed())?
}

/// More photos of somebody who is listed.
pub(in crate::web) async fn more_photos(
    State(app): State<App>,
    Path(id): Path<i64>,
    Uploaded { who, photos, .. }: Uploaded,
) -> Response {
    let person = match people::one(app.door.as_ref(), &who.account, id).await {
        Ok(person) => person,
        Err(failure) => {
            return person::page(&app, &who, id, Some(("bad", failure.message))).await;
        }
    };
    let wrong = match photos.is_empty() {
        true => Err(vec![t::PHOTO_NEEDED.to_owned()]),
        false => enrol(&app, &who, &person.word(), None, photos).await,
    };
    match wrong {
        Ok(_) => Redirect::to(&format!("/people/{id}?done=photos")).into_response(),
        Err(wrong) => {
            let page = person::page(&app, &who, id, Some(("bad", wrong.join(" ")))).await;
            layout::with_status(StatusCode::UNPROCESSABLE_ENTITY, page)
        }
    }
}

/// Has the door's camera take the photos; without a script by the form of the same page.
pub(in crate::web) async fn by_camera(
    State(app): State<App>,
    Uploaded { who, fields, .. }: Uploaded,
) -> Response {
    start(&app, &who, &Filled::of(&fields))
}

fn start(app: &App, who: &Who, filled: &Filled) -> Response {
    let until = match filled.until_ms() {
        Ok(until) => until,
        Err(wrong) => return page(app, who, filled, &[wrong.to_owned()]),
    };
    let enrol = Enrol {
        name: filled.name.clone(),
        pictures: PICTURES,
        timeout_s: TIMEOUT_S,
        look_alike: false,
        guest_until_ms: until,
    };
    let groups = person::group_names(&filled.groups);
    match guided::begin(app, who, enrol, groups) {
        Some(id) => Redirect::to(&format!("/people/camera/{id}")).into_response(),
        None => page(app, who, filled, &[t::GUIDED_BUSY.to_owned()]),
    }
}
