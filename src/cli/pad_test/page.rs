//! A run as one page for whoever is responsible for the door.

use std::fmt::{self, Write};

use super::Report;
use super::tell::{counts, limit, percent, rate, remarks, seconds};
use crate::cli::page::{head, html};
use crate::evidence::presentations::{Presentation, Response, Shown, Tally};

/// Tries that are listed; more are counted.
const MAX_ROWS: usize = 400;

/// One HTML page that needs nothing else.
pub(super) fn page(report: &Report) -> Result<String, fmt::Error> {
    let mut page = head("What this door takes for a person");
    write!(
        page,
        "<h1>What this door takes for a person</h1><p>Door {}, measured by doorward {} on {} with {}: {}.</p>",
        html(&report.door),
        env!("CARGO_PKG_VERSION"),
        html(report.at.as_deref().unwrap_or("an unknown day")),
        html(&report.source),
        match report.checks.is_empty() {
            true => "no check of <code>[liveness]</code> is on".into(),
            false => format!("checks {}", report.checks.join(", ")),
        }
    )?;
    cards(&mut page, report)?;
    kinds(&mut page, report)?;
    page.push_str("<h2>What may be claimed</h2><ul>");
    for remark in remarks(report) {
        write!(page, "<li>{}</li>", html(&remark))?;
    }
    page.push_str("</ul>");
    tries(&mut page, report)?;
    specialist(&mut page, report)?;
    page.push_str("</body></html>\n");
    Ok(page)
}

fn cards(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str("<dl class=\"cards\">");
    let mut card = |term: &str, tally: &Tally, meaning: &str| {
        let seen = tally.error_rate.as_ref();
        write!(
            page,
            "<div><dt>{term}</dt><dd class=\"figure\">{}</dd><dd>{}; {meaning}</dd></div>",
            seen.map_or("not measured".into(), |seen| percent(seen.rate)),
            rate(seen)
        )
    };
    if let Some(tally) = &report.summary.bona_fide {
        card(
            "People refused as attacks (BPCER)",
            tally,
            "people with their own faces whom the checks took for an artefact.",
        )?;
    }
    let worst = report.summary.worst_kind.as_ref();
    let worst = worst.and_then(|kind| report.summary.attacks.iter().find(|t| t.kind == *kind));
    if let Some(tally) = worst {
        card(
            &format!(
                "Attacks accepted, worst kind (APCER, {})",
                html(&tally.kind)
            ),
            tally,
            "artefacts that the checks took for a person.",
        )?;
    }
    page.push_str("</dl>");
    Ok(())
}

fn kinds(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str(
        "<h2>Kind by kind</h2><div class=\"scroll\"><table><tr><th>presented<th>tries<th>accepted\
         <th>refused<th>no response<th>error rate (95 % by Wilson)<th>exact upper limit\
         <th>to a response: median, longest<th>refused by<th>would have opened</tr>",
    );
    for tally in report
        .summary
        .bona_fide
        .iter()
        .chain(&report.summary.attacks)
    {
        let what = if tally.kind == "bona_fide" {
            "BPCER"
        } else {
            "APCER"
        };
        write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{what} {}<td>{}<td>{}, {}<td>{}<td>{}</tr>",
            html(&tally.kind),
            tally.tries,
            tally.accepted,
            tally.refused,
            tally.no_response,
            rate(tally.error_rate.as_ref()),
            limit(tally.error_rate.as_ref()),
            seconds(tally.median_ms),
            seconds(tally.longest_ms),
            html(&counts(&tally.refused_by)),
            tally.granted
        )?;
    }
    page.push_str(
        "</table></div><p class=\"soft\">Error rates are of the tries with a response. A try \
         without one opens no door: nobody was found, no face could be judged, or the checks came \
         to no end. Whether the door would have opened depends besides on who was recognised.</p>",
    );
    Ok(())
}

fn tries(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str(
        "<details><summary>Each try</summary><div class=\"scroll\"><table>\
         <tr><th>presented<th>clip or try<th>response<th>because<th>after</tr>",
    );
    // The wrong ones first.
    let is_wrong = |one: &&Presentation| {
        let right = match one.shown {
            Shown::BonaFide => Response::Accepted,
            Shown::Attack(_) => Response::Refused,
        };
        one.response != right
    };
    let (wrong, right): (Vec<&Presentation>, Vec<&Presentation>) =
        report.presentations.iter().partition(is_wrong);
    for one in wrong.iter().chain(&right).take(MAX_ROWS) {
        let measured = one.measured.map(|value| format!(" ({value:.4})"));
        write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}{}<td>{}</tr>",
            html(&one.shown.to_string()),
            html(&one.clip),
            one.response,
            html(one.because.as_deref().unwrap_or("")),
            measured.unwrap_or_default(),
            seconds(one.decided_after_ms)
        )?;
    }
    page.push_str("</table></div>");
    if let more @ 1.. = report.presentations.len().saturating_sub(MAX_ROWS) {
        write!(page, "<p>And {more} more; <code>--json</code> has all.</p>")?;
    }
    page.push_str("</details>");
    if report.left_out.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>What was left out</h2><ul>");
    for one in report.left_out.iter().take(MAX_ROWS) {
        write!(page, "<li>{}: {}</li>", html(&one.clip), html(&one.why))?;
    }
    page.push_str("</ul>");
    Ok(())
}

fn specialist(page: &mut String, report: &Report) -> fmt::Result {
    write!(
        page,
        "<h2>For specialists</h2><p>APCER, BPCER, APNRR and BPNRR as in ISO/IEC 30107-3; PAI species \
         are kinds of instruments. Intervals of 95 %, two-sided: Wilson's, and the upper end of \
         Clopper and Pearson's.</p>\
         <p>Configuration <code>{}</code>, SHA-256 <code>{}</code>. Model set {}, SHA-256 of its \
         manifest <code>{}</code>: {}.</p>",
        html(&report.config_file),
        report.config_sha256,
        html(&report.set),
        report.models_sha256,
        html(&report.networks.join(", "))
    )
}
