//! Whoever is logged in; and on a phone, the way to what has no room below.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use crate::ipc::Role;
use crate::web::app::App;
use crate::web::guard::Who;
use crate::web::layout::{self, Icon, Place};
use crate::web::texts as t;

pub(in crate::web) async fn show(State(app): State<App>, who: Who) -> Response {
    let body = html! {
        (layout::title(t::ACCOUNT, None, html! {}))
        (card(&who))
    };
    layout::page(&app, &who, Place::Account, t::ACCOUNT, body)
}

pub(in crate::web) async fn more(State(app): State<App>, who: Who) -> Response {
    let links = [
        ("/rules", t::RULES, Icon::Clock),
        ("/reports", t::REPORTS, Icon::Report),
        ("/faults", t::FAULTS, Icon::Fault),
    ];
    let body = html! {
        (layout::title(t::MORE, None, html! {}))
        div.card {
            ul.list {
                @for (href, text, icon) in links {
                    li { (icon.draw()) span.what { strong { a href=(href) { (text) } } } }
                }
            }
        }
        h2 { (t::ACCOUNT) }
        (card(&who))
    };
    layout::page(&app, &who, Place::More, t::MORE, body)
}

fn card(who: &Who) -> Markup {
    let [viewer, operator, administrator] = t::ROLE_MEANS;
    let means = match who.role {
        // An account of the page is not given that one.
        Role::Viewer | Role::Bridge => viewer,
        Role::Operator => operator,
        Role::Administrator => administrator,
    };
    html! {
        div.card {
            dl.facts {
                dt { (t::ACCOUNT_NAME) } dd { (who.account) }
                dt { (t::ROLE) } dd { (who.role) }
            }
            p.later { (means) }
            p.hint { (t::ACCOUNT_HINT) }
            form.later method="post" action="/log-out" {
                (layout::token(who))
                button.plain type="submit" { (t::LOG_OUT) }
            }
        }
    }
}
