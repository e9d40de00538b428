//! The pages, a file each.

pub(super) mod account;
pub(super) mod add;
pub(super) mod camera;
pub(super) mod faults;
pub(super) mod guided;
pub(super) mod log_in;
pub(super) mod people;
pub(super) mod person;
pub(super) mod reports;
pub(super) mod rules;
pub(super) mod today;

use std::future::Future;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::app::App;
use super::door::Failure;
use super::guard::Who;
use super::layout::{self, Place};
use super::texts as t;

/// A page that could not be filled; with a script it is asked for again until it can be.
fn unreachable(app: &App, who: &Who, place: Place, title: &str, failure: &Failure) -> Response {
    let body = maud::html! {
        (layout::title(title, None, maud::html! {}))
        div data-again="" { (layout::notice("bad", &failure.message)) }
    };
    let page = layout::page(app, who, place, title, body);
    layout::with_status(StatusCode::BAD_GATEWAY, page)
}

/// A face that the door has kept, made small; not found where it has none. It is read anew each
/// time and kept nowhere on the way.
async fn face_of(
    app: &App,
    kept: impl Future<Output = Result<Option<Vec<u8>>, Failure>>,
    small: fn(&[u8]) -> Option<Vec<u8>>,
) -> Response {
    let none = || StatusCode::NOT_FOUND.into_response();
    let Ok(_permit) = app.faces.acquire().await else {
        return none();
    };
    let Ok(Some(kept)) = kept.await else {
        return none();
    };
    match tokio::task::spawn_blocking(move || small(&kept)).await {
        Ok(Some(jpeg)) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        _ => none(),
    }
}

/// What was done before this page, by the word in its address; words from outside are none.
fn done(word: Option<&str>) -> Option<&'static str> {
    Some(match word? {
        "opened" => t::OPENED,
        "locked" => t::LOCKED_AGAIN,
        "saved" => t::SAVED,
        "added" => t::ADDED,
        "photos" => t::PHOTOS_ADDED,
        "removed" => t::REMOVED,
        "left" => t::REMOVED_NOT_GONE,
        _ => return None,
    })
}
