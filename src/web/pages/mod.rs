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

use axum::http::StatusCode;
use axum::response::Response;

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
