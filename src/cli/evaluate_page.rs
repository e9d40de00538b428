//! An evaluation as a page for whoever is responsible for the door; figures for a specialist
//! are at its end.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::evaluate_curves::{curves, tradeoff};
use super::evaluate_text::rate;
use super::page::{head, html};
use crate::evidence::groups::WithinGroups;
use crate::evidence::left_out::{LeftOut, Reason};
use crate::evidence::named::AtDoor;
use crate::evidence::report::Report;
use crate::shown::counted;

/// Rows of a table of photos; more are counted.
const MAX_ROWS: usize = 200;

/// One HTML page that needs nothing else.
pub(super) fn page(report: &Report) -> Result<String, fmt::Error> {
    let mut page = head("How well this door recognises people");
    write!(
        page,
        "<h1>How well this door recognises people</h1>\
         <p>Measured by doorward {} on {} people with {} photos: {}.</p>",
        env!("CARGO_PKG_VERSION"),
        report.people,
        report.photos,
        html(&report.who)
    )?;
    cards(&mut page, report)?;
    if let Some(used) = report.scorings.last() {
        curves(&mut page, used, report.door.as_ref())?;
    }
    if let Some(door) = &report.door {
        missed(&mut page, door)?;
        mistaken(&mut page, door)?;
    }
    if let Some(within) = &report.groups {
        groups(&mut page, within)?;
    }
    left_out(&mut page, &report.left_out)?;
    specialist(&mut page, report)?;
    page.push_str("</body></html>\n");
    Ok(page)
}

fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.1} %", 100.0 * share)
    } else {
        "not measurable".into()
    }
}

fn one_in(rate: f64, pairs: usize) -> String {
    if pairs == 0 {
        "not measurable".into()
    } else if rate > 0.0 {
        format!("1 in {:.0}", 1.0 / rate)
    } else {
        format!("none of {pairs}")
    }
}

fn card(page: &mut String, term: &str, figure: &str, meaning: &str) -> fmt::Result {
    write!(
        page,
        "<div><dt>{term}</dt><dd class=\"figure\">{figure}</dd><dd>{meaning}</dd></div>"
    )
}

fn cards(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str("<dl class=\"cards\">");
    if let Some(door) = &report.door {
        door_cards(page, door)?;
    }
    card(
        page,
        "Photos that cannot be used (failure to enrol)",
        &format!("{} of {}", report.failed_to_enrol, report.photos),
        "In these no face was found that could be used.",
    )?;
    page.push_str("</dl>");
    match (&report.door, &report.no_door) {
        (None, Some(why)) => write!(
            page,
            "<p class=\"warning\">The door has no threshold, so it lets nobody in: {}.</p>",
            html(why)
        ),
        (Some(door), _) if door.impostor < 10_000 || door.genuine < 100 => page.write_str(
            "<p class=\"warning\">These are few photos: the figures can be far off. \
             Some fifty people with three photos each say more.</p>",
        ),
        _ => Ok(()),
    }
}

fn door_cards(page: &mut String, door: &AtDoor) -> fmt::Result {
    card(
        page,
        "The right person is missed",
        &format!(
            "{} of {} ({})",
            door.missed.len(),
            door.tries,
            percent(door.missed.len() as f64 / door.tries as f64)
        ),
        "Each photo was compared with the other photos of its person, as if they were on the \
         list; on this many the door would not have recognised the person.",
    )?;
    card(
        page,
        "Somebody is taken for another",
        &door.mistaken.len().to_string(),
        "On this many photos a person looks enough like somebody else here to be let in \
         under that name.",
    )?;
    card(
        page,
        "False match rate",
        &one_in(door.fmr, door.impostor),
        &format!(
            "Of {} pairs of photos of two different people, this share passes for one person.",
            door.impostor
        ),
    )?;
    card(
        page,
        "False non-match rate",
        &percent(door.fnmr),
        &format!(
            "Of {} pairs of photos of the same person, this share does not pass for one \
             person; at the door several photos and frames count together and miss fewer.",
            door.genuine
        ),
    )?;
    card(
        page,
        "The door's threshold",
        &format!("{:.3}", door.door.threshold),
        &format!(
            "A face passes from this score on, {}, with {} people {}.",
            html(&door.door.from),
            door.door.comparisons,
            if door.door.listed {
                "on the list"
            } else {
                "as in these photos (no list could be read here)"
            }
        ),
    )
}

fn more(page: &mut String, all: usize) -> fmt::Result {
    match all.saturating_sub(MAX_ROWS) {
        0 => Ok(()),
        more => write!(page, "<p>And {more} more; <code>--json</code> has all.</p>"),
    }
}

fn missed(page: &mut String, door: &AtDoor) -> fmt::Result {
    page.push_str("<h2>Who is missed</h2>");
    if door.missed.is_empty() {
        page.push_str("<p>Nobody whose photos could be compared.</p>");
    } else {
        let mut people: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for missed in door.missed.iter().take(MAX_ROWS) {
            let photo = format!("{} ({:.3})", html(&missed.photo), missed.score);
            people.entry(&missed.person).or_default().push(photo);
        }
        page.push_str(
            "<p>Look first whether each photo shows that person. If it does, more photos of the \
             person, taken at the door, help most.</p>\
             <table><tr><th>person<th>photos that do not reach the threshold (score)</tr>",
        );
        for (person, photos) in people {
            write!(
                page,
                "<tr><td>{}<td>{}</tr>",
                html(person),
                photos.join("<br>")
            )?;
        }
        page.push_str("</table>");
        more(page, door.missed.len())?;
    }
    if door.people_with_one_photo > 0 {
        write!(
            page,
            "<p class=\"soft\">{} one photo only: of them it cannot be told.</p>",
            counted(door.people_with_one_photo, "person has", "people have")
        )?;
    }
    Ok(())
}

fn mistaken(page: &mut String, door: &AtDoor) -> fmt::Result {
    page.push_str("<h2>Who is taken for somebody else</h2>");
    if door.mistaken.is_empty() {
        page.push_str("<p>Nobody here.</p>");
        return Ok(());
    }
    page.push_str("<table><tr><th>person<th>taken for<th>photo (score)</tr>");
    for mistaken in door.mistaken.iter().take(MAX_ROWS) {
        write!(
            page,
            "<tr><td>{}<td>{}<td>{} ({:.3})</tr>",
            html(&mistaken.person),
            html(&mistaken.taken_for),
            html(&mistaken.photo),
            mistaken.score
        )?;
    }
    page.push_str("</table>");
    more(page, door.mistaken.len())
}

fn groups(page: &mut String, within: &WithinGroups) -> fmt::Result {
    page.push_str(
        "<h2>Within groups of people</h2><p>An average hides who is mistaken for whom: most \
         people resemble each other little, and those of one family or origin far more. Each \
         row counts only pairs of two people of one group.</p>",
    );
    page.push_str("<div class=\"scroll\"><table><tr><th>group<th>people<th>pairs");
    for at in &within.thresholds {
        write!(
            page,
            "<th>false matches, {} ({:.3})",
            html(&at.name),
            at.threshold
        )?;
    }
    page.push_str("</tr><tr><td>all pairs<td><td>");
    for at in &within.thresholds {
        write!(page, "<td>{}", rate(at.fmr))?;
    }
    page.push_str("</tr>");
    for group in &within.groups {
        write!(
            page,
            "<tr><td>{}<td>{}<td>{}",
            html(&group.name),
            group.people,
            group.pairs
        )?;
        for seen in &group.at {
            write!(
                page,
                "<td>{} ({} pairs)",
                rate(seen.fmr.unwrap_or(f64::NAN)),
                seen.matches
            )?;
            if let Some(doubt) = seen.warning {
                write!(page, " <b class=\"warning\">{doubt}</b>")?;
            }
        }
        page.push_str("</tr>");
    }
    write!(
        page,
        "</table></div><p>{} no group: their pairs are in no row.</p>",
        counted(within.without.len(), "person has", "people have")
    )?;
    if !within.unknown.is_empty() {
        write!(
            page,
            "<p>{} no photos here.</p>",
            counted(
                within.unknown.len(),
                "person of the list has",
                "people of the list have"
            )
        )?;
    }
    Ok(())
}

fn left_out(page: &mut String, left_out: &[LeftOut]) -> fmt::Result {
    if left_out.is_empty() {
        return Ok(());
    }
    let mut counts: BTreeMap<Reason, usize> = BTreeMap::new();
    for entry in left_out {
        *counts.entry(entry.reason).or_default() += 1;
    }
    page.push_str("<h2>What was left out</h2><ul>");
    for (reason, count) in counts {
        write!(page, "<li>{count} {reason}</li>")?;
    }
    page.push_str("</ul>");
    let own = || left_out.iter().filter(|e| !e.reason.is_of_the_system());
    if own().next().is_some() {
        page.push_str("<details><summary>Each of them</summary><ul>");
        for entry in own().take(MAX_ROWS) {
            write!(page, "<li>{} {}</li>", html(&entry.path), html(&entry.why))?;
        }
        page.push_str("</ul>");
        more(page, own().count())?;
        page.push_str("</details>");
    }
    Ok(())
}

fn specialist(page: &mut String, report: &Report) -> fmt::Result {
    write!(
        page,
        "<h2>For specialists</h2><p>Model version <code>{}</code>. FMR, FNMR, FPIR and FNIR as in \
         ISO/IEC 19795-1; TAR is 1 - FNMR; intervals by drawing people with replacement.</p>",
        html(&report.model)
    )?;
    for scoring in &report.scorings {
        write!(page, "<h3>Scored by {}</h3>", scoring.name)?;
        // The door's score is told by the last one.
        let is_used = report
            .scorings
            .last()
            .is_some_and(|s| s.name == scoring.name);
        let door = report.door.as_ref().filter(|_| is_used);
        tradeoff(page, scoring, door)?;
        page.push_str(
            "<div class=\"scroll\"><table class=\"numbers\"><tr><th>photos<th>frames<th>FMR<th>score<th>TAR<th>95 %</tr>",
        );
        for v in &scoring.verification {
            for at in &v.at {
                write!(
                    page,
                    "<tr><td>{}<td>{}<td>{:.0e}<td>{:.3}<td>{:.4}<td>{:.4} to {:.4}</tr>",
                    v.photos, v.frames, at.fmr, at.threshold, at.tar, at.low, at.high
                )?;
            }
        }
        page.push_str("</table></div>");
        for v in scoring
            .verification
            .iter()
            .filter(|v| v.equal_error_rate.is_finite())
        {
            write!(
                page,
                "<p>Equal error rate, {} photo(s) against {} frame(s): {:.4} ({} genuine, {} impostor).</p>",
                v.photos, v.frames, v.equal_error_rate, v.genuine, v.impostor
            )?;
        }
        if scoring.identification.is_empty() {
            continue;
        }
        page.push_str("<div class=\"scroll\"><table class=\"numbers\"><tr><th>people<th>photos<th>frames<th>FPIR<th>FNIR</tr>");
        for i in &scoring.identification {
            write!(
                page,
                "<tr><td>{}<td>{}<td>{}<td>{:.4}<td>{:.4}</tr>",
                i.people, i.photos, i.frames, i.fpir, i.fnir
            )?;
        }
        page.push_str("</table></div>");
    }
    let seen = || report.promises.iter().filter(|p| p.seen.is_finite());
    if seen().next().is_some() {
        page.push_str("<h3>False match rate promised by the calibration in use, and seen here</h3><div class=\"scroll\"><table class=\"numbers\"><tr><th>score<th>promised<th>seen</tr>");
        for p in seen() {
            write!(
                page,
                "<tr><td>{:.3}<td>{}<td>{}</tr>",
                p.threshold,
                rate(p.promised),
                rate(p.seen)
            )?;
        }
        page.push_str("</table></div>");
    }
    Ok(())
}
