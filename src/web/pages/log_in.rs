//! Logging in and out.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use maud::html;

use crate::web::app::{App, LoggedIn};
use crate::web::form::{Loose, Posted, TOKEN};
use crate::web::guard::{self, Who};
use crate::web::texts as t;
use crate::web::{accounts, layout, secret};

/// What the form carries before there is a session, and the cookie beside it.
const BEFORE_COOKIE: &str = "doorward-form";

pub(in crate::web) async fn show(
    State(app): State<App>,
    who: Option<axum::Extension<Who>>,
) -> Response {
    match who {
        Some(_) => Redirect::to("/").into_response(),
        None => form(&app, StatusCode::OK, "", None),
    }
}

pub(in crate::web) async fn submit(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Loose(fields): Loose,
) -> Response {
    let name = fields.text("account").to_lowercase();
    let before = guard::cookie(&headers, BEFORE_COOKIE).unwrap_or_default();
    if before.is_empty() || !secret::is_same(before, fields.raw(TOKEN)) {
        return form(
            &app,
            StatusCode::FORBIDDEN,
            &name,
            Some(t::LOG_IN_STALE.to_owned()),
        );
    }
    // What can be no account's name is none that is remembered.
    if !accounts::is_name(&name) {
        return form(
            &app,
            StatusCode::UNAUTHORIZED,
            "",
            Some(t::LOG_IN_WRONG.to_owned()),
        );
    }
    let password = fields.raw("password").to_owned();
    match app
        .log_in(from.ip(), &name, password, fields.text("code"))
        .await
    {
        LoggedIn::Yes(token) => {
            let mut response = Redirect::to("/").into_response();
            let cookies = [
                guard::keep_session(app.is_tls, Some(&token)),
                guard::set_cookie(app.is_tls, BEFORE_COOKIE, None),
            ];
            for cookie in cookies {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        LoggedIn::No => form(
            &app,
            StatusCode::UNAUTHORIZED,
            &name,
            Some(t::LOG_IN_WRONG.to_owned()),
        ),
        LoggedIn::Wait(seconds) => {
            let mut response = form(
                &app,
                StatusCode::TOO_MANY_REQUESTS,
                &name,
                Some(t::wait(seconds)),
            );
            if let Ok(seconds) = seconds.to_string().parse() {
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            response
        }
        LoggedIn::Failed => form(
            &app,
            StatusCode::SERVICE_UNAVAILABLE,
            &name,
            Some(t::ACCOUNTS_WRONG.to_owned()),
        ),
    }
}

pub(in crate::web) async fn log_out(
    State(app): State<App>,
    Posted { who, .. }: Posted,
) -> Response {
    app.log_out(who.token());
    let mut response = Redirect::to("/log-in").into_response();
    let forget = guard::keep_session(app.is_tls, None);
    response.headers_mut().append(header::SET_COOKIE, forget);
    response
}

fn form(app: &App, status: StatusCode, name: &str, wrong: Option<String>) -> Response {
    let Ok(token) = secret::token() else {
        return layout::failed(None, StatusCode::SERVICE_UNAVAILABLE, t::FAILED);
    };
    let accounts = app.accounts();
    let wrong = match accounts {
        Err(_) => Some(t::ACCOUNTS_WRONG.to_owned()),
        Ok(_) => wrong,
    };
    let is_empty = accounts.is_ok_and(|all| all.is_empty());
    let is_wrong = wrong.is_some().then_some("true");
    let body = html! {
        div.card {
            h1 { (t::LOG_IN) }
            p.soft { (app.title) }
            @if is_empty {
                div.notice.warn { (layout::Icon::Fault.draw()) div { p { (t::NO_ACCOUNTS) } p { (t::NO_ACCOUNTS_FIX) } } }
            }
            @if let Some(wrong) = wrong { (layout::notice("bad", &wrong)) }
            form method="post" action="/log-in" {
                input type="hidden" name=(TOKEN) value=(token);
                div.field {
                    label for="account" { (t::ACCOUNT_NAME) }
                    input #account name="account" value=(name) autocomplete="username" autocapitalize="none"
                        spellcheck="false" maxlength="32" required aria-invalid=[is_wrong];
                }
                div.field {
                    label for="password" { (t::PASSWORD) }
                    input #password name="password" type="password" autocomplete="current-password"
                        maxlength="256" required aria-invalid=[is_wrong];
                }
                div.field {
                    label for="code" { (t::CODE) }
                    input #code name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="10"
                        aria-describedby="code-hint";
                    p.hint #code-hint { (t::CODE_HINT) }
                }
                button type="submit" { (t::LOG_IN) }
            }
        }
    };
    let page = layout::gate(t::LOG_IN, body).into_string();
    let mut response = (status, Html(page)).into_response();
    let cookie = guard::set_cookie(app.is_tls, BEFORE_COOKIE, Some(&token));
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}
