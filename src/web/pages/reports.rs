//! What happened on a day, or to a person; as a table, and as CSV.

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::html;
use serde::Deserialize;

use super::people::choice;
use super::unreachable;
use crate::web::app::App;
use crate::web::door::Failure;
use crate::web::guard::Who;
use crate::web::happening::{Happening, Tone};
use crate::web::layout::{self, Icon, Place};
use crate::web::people::{self, Asked};
use crate::web::{texts as t, times};

/// Lines of a page.
const MAX_SHOWN_COUNT: usize = 500;
/// Lines of a CSV.
const MAX_CSV_COUNT: usize = 50_000;
/// Days a report is of.
const DAYS: [u16; 4] = [1, 7, 31, 366];

#[derive(Deserialize)]
pub(in crate::web) struct Wanted {
    #[serde(default)]
    day: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    person: String,
    #[serde(default)]
    what: String,
}

impl Wanted {
    fn days(&self) -> u16 {
        let days = self.days.parse().ok().filter(|days| DAYS.contains(days));
        days.unwrap_or(1)
    }

    fn day(&self) -> String {
        let today = || times::day(times::now_ms());
        match times::days_ms(&self.day, 1) {
            Some(_) => self.day.clone(),
            None => today(),
        }
    }

    fn takes(&self, one: &Happening) -> bool {
        self.what == "all" || matches!(one.tone, Tone::In | Tone::Out | Tone::Unclear)
    }

    async fn fetch(
        &self,
        app: &App,
        who: &Who,
        most: usize,
    ) -> Result<(Vec<Happening>, bool), Failure> {
        let (since, until) = times::days_ms(&self.day(), self.days()).unzip();
        let asked = Asked {
            since_ms: since,
            until_ms: until,
            person: self.person.parse().ok(),
            ..Asked::default()
        };
        let (mut all, is_more) =
            people::happened(app.door.as_ref(), &who.account, asked, most).await?;
        all.retain(|one| self.takes(one));
        Ok((all, is_more))
    }
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    who: Who,
    Query(wanted): Query<Wanted>,
) -> Response {
    let listed = people::all(app.door.as_ref(), &who.account).await;
    let fetched = wanted.fetch(&app, &who, MAX_CSV_COUNT).await;
    let (listed, (all, _)) = match (listed, fetched) {
        (Ok(listed), Ok(fetched)) => (listed, fetched),
        (Err(failure), _) | (_, Err(failure)) => {
            return unreachable(&app, &who, Place::Reports, t::REPORTS, &failure);
        }
    };
    let (day, days) = (wanted.day(), wanted.days());
    let query = format!(
        "day={day}&days={days}&person={}&what={}",
        number(&wanted.person),
        what(&wanted.what)
    );
    let body = html! {
        (layout::title(t::REPORTS, None, html! {
            a.button.plain href={ "/reports.csv?" (query) } { (Icon::Report.draw()) (t::CSV) }
        }))
        form.card method="get" action="/reports" {
            div.row {
                div.field {
                    label for="day" { (t::DAY) }
                    input #day name="day" type="date" value=(day) required;
                }
                div.field {
                    label for="days" { (t::DAYS) }
                    select #days name="days" {
                        @for some in DAYS { (choice(&some.to_string(), &t::so_many_days(some), &days.to_string())) }
                    }
                }
                div.field {
                    label for="person" { (t::PERSON) }
                    select #person name="person" {
                        (choice("", t::EVERYBODY, &wanted.person))
                        @for person in &listed { (choice(&person.id.to_string(), &person.name, &wanted.person)) }
                    }
                }
                div.field {
                    label for="what" { (t::WHAT) }
                    select #what name="what" {
                        (choice("", t::ONLY_ENTRIES, &wanted.what))
                        (choice("all", t::EVERYTHING, &wanted.what))
                    }
                }
                button type="submit" { (t::SHOW) }
            }
        }
        div.card {
            @if all.is_empty() { p.empty { (t::NOTHING_THEN) } }
            @else {
                div.scroll tabindex="0" role="region" aria-label=(t::REPORTS) {
                    table.report {
                        thead { tr {
                            th scope="col" { (t::TIME) } th scope="col" { (t::NAME) }
                            th scope="col" { (t::WHAT) } th scope="col" { (t::DETAIL) }
                            th scope="col" { (t::NUMBER) }
                        } }
                        tbody { @for one in all.iter().take(MAX_SHOWN_COUNT) { tr {
                            td.when { @if days > 1 { (times::date(one.at_ms)) " " } (times::seconds(one.at_ms)) }
                            td.whom { (one.title) }
                            td.kind { span class={ "pill " (one.tone.pill()) } { (one.label) } }
                            td.detail { (one.detail) }
                            td.number { (one.id) }
                        } } }
                    }
                }
            }
            @if all.len() > MAX_SHOWN_COUNT { p.hint { (t::only_first(MAX_SHOWN_COUNT)) } }
        }
    };
    layout::page(&app, &who, Place::Reports, t::REPORTS, body)
}

fn number(text: &str) -> String {
    text.parse::<i64>()
        .map_or_else(|_| String::new(), |number| number.to_string())
}

fn what(text: &str) -> &'static str {
    if text == "all" { "all" } else { "" }
}

pub(in crate::web) async fn csv(
    State(app): State<App>,
    who: Who,
    Query(wanted): Query<Wanted>,
) -> Response {
    let all = match wanted.fetch(&app, &who, MAX_CSV_COUNT).await {
        Ok((all, _)) => all,
        Err(failure) => {
            return layout::failed(Some(&who), StatusCode::BAD_GATEWAY, &failure.message);
        }
    };
    let mut text = line(t::CSV_COLUMNS.map(str::to_owned));
    for one in &all {
        let (id, name) = one.person.clone().unzip();
        text += &line([
            one.id.to_string(),
            times::rfc3339(one.at_ms),
            one.kind.clone(),
            one.reason.clone().unwrap_or_default(),
            id.map_or_else(String::new, |id| id.to_string()),
            name.unwrap_or_default(),
            one.detail.clone(),
        ]);
    }
    let file = format!("attachment; filename=\"doorward-{}.csv\"", wanted.day());
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, file),
    ];
    (headers, text).into_response()
}

/// A line (RFC 4180). What a spreadsheet would take for a formula is text.
fn line<const N: usize>(cells: [String; N]) -> String {
    let cell = |cell: String| {
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t']);
        let cell = if is_formula { format!("'{cell}") } else { cell };
        match cell.contains([',', '"', '\r', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell,
        }
    };
    cells.map(cell).join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula_and_stays_in_its_cell() {
        let cells = ["=1+1", "a,\"b\"", "plain"].map(str::to_owned);
        assert_eq!(line(cells), "'=1+1,\"a,\"\"b\"\"\",plain\r\n");
    }
}
