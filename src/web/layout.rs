//! The frame around each page, and the pieces that pages are made of.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::app::App;
use super::form;
use super::guard::Who;
use super::state_words::Said;
use super::texts as t;
use crate::ipc::Role;

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Today,
    People,
    Camera,
    Rules,
    Reports,
    Faults,
    Account,
    More,
}

struct Entry {
    place: Place,
    href: &'static str,
    text: &'static str,
    icon: Icon,
    /// Where it is shown: in the column of a wide window, in the row of a phone, or in both.
    class: &'static str,
    needs: Role,
}

const ENTRIES: [Entry; 8] = [
    entry(Place::Today, "/", t::TODAY, Icon::Door, "", Role::Viewer),
    entry(
        Place::People,
        "/people",
        t::PEOPLE,
        Icon::People,
        "",
        Role::Viewer,
    ),
    entry(
        Place::Camera,
        "/camera",
        t::CAMERA,
        Icon::Camera,
        "",
        Role::Operator,
    ),
    entry(
        Place::Rules,
        "/rules",
        t::RULES,
        Icon::Clock,
        "wide",
        Role::Viewer,
    ),
    entry(
        Place::Reports,
        "/reports",
        t::REPORTS,
        Icon::Report,
        "wide",
        Role::Viewer,
    ),
    entry(
        Place::Faults,
        "/faults",
        t::FAULTS,
        Icon::Fault,
        "wide",
        Role::Viewer,
    ),
    entry(
        Place::Account,
        "/account",
        t::ACCOUNT,
        Icon::Account,
        "wide",
        Role::Viewer,
    ),
    entry(
        Place::More,
        "/more",
        t::MORE,
        Icon::More,
        "narrow",
        Role::Viewer,
    ),
];

const fn entry(
    place: Place,
    href: &'static str,
    text: &'static str,
    icon: Icon,
    class: &'static str,
    needs: Role,
) -> Entry {
    Entry {
        place,
        href,
        text,
        icon,
        class,
        needs,
    }
}

/// Small pictures, drawn with lines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Icon {
    Door,
    People,
    Camera,
    Clock,
    Report,
    Fault,
    Account,
    More,
    Locked,
    Unlocked,
    Plus,
    Done,
}

impl Icon {
    pub(super) fn draw(self) -> Markup {
        self.drawn("icon")
    }

    pub(super) fn drawn(self, class: &str) -> Markup {
        let shape = match self {
            Self::Door => {
                r#"<path d="M6 21V5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v16M3 21h18M14.5 12v.5"/>"#
            }
            Self::People => {
                r#"<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20a6.5 6.5 0 0 1 13 0M16 4.8a3.5 3.5 0 0 1 0 6.4M18.5 14.6a6.5 6.5 0 0 1 3 5.4"/>"#
            }
            Self::Camera => {
                r#"<path d="M4 8h3l1.5-2.5h7L17 8h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1z"/><circle cx="12" cy="13" r="3.5"/>"#
            }
            Self::Clock => r#"<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>"#,
            Self::Report => r#"<path d="M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6"/>"#,
            Self::Fault => r#"<path d="M12 4 2.5 20h19zM12 10v4.5M12 17.2v.1"/>"#,
            Self::Account => {
                r#"<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5a7.5 7.5 0 0 1 15 0"/>"#
            }
            Self::More => r#"<path d="M4 6h16M4 12h16M4 18h16"/>"#,
            Self::Locked => {
                r#"<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>"#
            }
            Self::Unlocked => {
                r#"<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 7.6-1.8"/>"#
            }
            Self::Plus => r#"<path d="M12 5v14M5 12h14"/>"#,
            Self::Done => r#"<path d="m4.5 12.5 5 5 10-11"/>"#,
        };
        html! { svg class=(class) viewBox="0 0 24 24" aria-hidden="true" focusable="false" { (PreEscaped(shape)) } }
    }
}

/// A page for somebody who is logged in.
pub(super) fn page(app: &App, who: &Who, place: Place, title: &str, body: Markup) -> Response {
    page_with(app, who, place, title, html! {}, body)
}

/// The same, with something in its head.
pub(super) fn page_with(
    app: &App,
    who: &Who,
    place: Place,
    title: &str,
    head: Markup,
    body: Markup,
) -> Response {
    let said = Said::of(app.live.state().as_ref());
    let markup = document(
        title,
        "framed",
        head,
        html! {
            a.skip href="#main" { (t::SKIP) }
            header.top {
                (brand(app))
                span class={ "pill " (said.tone) } data-state="" { span data-word="" { (said.word) } }
            }
            nav.main aria-label=(t::NAVIGATION) {
                (brand(app))
                ul {
                    @for entry in ENTRIES.iter().filter(|entry| who.may(entry.needs)) {
                        li class=[Some(entry.class).filter(|class| !class.is_empty())] {
                            a href=(entry.href) aria-current=[is_at(entry.place, place).then_some("page")] {
                                (entry.icon.draw())
                                span { (entry.text) }
                            }
                        }
                    }
                }
            }
            main #main { (body) }
        },
    );
    Html(markup.into_string()).into_response()
}

/// On a phone what is under "More" belongs there.
fn is_at(entry: Place, place: Place) -> bool {
    let is_more = matches!(
        place,
        Place::Rules | Place::Reports | Place::Faults | Place::Account
    );
    entry == place || entry == Place::More && is_more
}

fn brand(app: &App) -> Markup {
    html! { a.brand href="/" { (Icon::Door.draw()) span { (app.title) } } }
}

/// A page on its own, as the one that logs in.
pub(super) fn gate(title: &str, body: Markup) -> Markup {
    document(
        title,
        "gate",
        html! {},
        html! {
            main #main {
                p.brand { (Icon::Door.draw()) span { "doorward" } }
                (body)
            }
        },
    )
}

fn document(title: &str, class: &str, more: Markup, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(t::LANGUAGE) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="color-scheme" content="light dark";
                title { (title) " · doorward" }
                link rel="icon" href="/static/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/static/style.css";
                script src="/static/page.js" type="module" {}
                (more)
            }
            body class=(class) { (body) }
        }
    }
}

/// What cannot be done, on a page of its own.
pub(super) fn failed(who: Option<&Who>, status: StatusCode, said: &str) -> Response {
    let (to, text) = match who {
        Some(_) => ("/", t::TODAY),
        None => ("/log-in", t::LOG_IN),
    };
    let markup = gate(
        t::FAILED,
        html! {
            div.card {
                h1 { (t::FAILED) }
                p { (said) }
                a.button.plain href=(to) { (text) }
            }
        },
    );
    (status, Html(markup.into_string())).into_response()
}

/// A page with another status than 200.
pub(super) fn with_status(status: StatusCode, mut page: Response) -> Response {
    *page.status_mut() = status;
    page
}

/// A page's title, with what can be done beside it.
pub(super) fn title(title: &str, below: Option<&str>, beside: Markup) -> Markup {
    html! {
        div.title {
            div { h1 { (title) } @if let Some(below) = below { p { (below) } } }
            (beside)
        }
    }
}

/// What was done, or is wrong.
pub(super) fn notice(class: &str, said: &str) -> Markup {
    let icon = if class == "good" {
        Icon::Done
    } else {
        Icon::Fault
    };
    let role = if class == "bad" { "alert" } else { "status" };
    html! { div class={ "notice " (class) } role=(role) { (icon.draw()) p { (said) } } }
}

/// The field that proves that a form was made here.
pub(super) fn token(who: &Who) -> Markup {
    html! { input type="hidden" name=(form::TOKEN) value=(who.csrf); }
}

/// A file that never changes while the program runs.
pub(super) fn fixed(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "private, max-age=3600"),
    ];
    (headers, text).into_response()
}
