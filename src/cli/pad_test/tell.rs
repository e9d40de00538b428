//! A run's figures as text.

use super::Report;
use crate::cli::output::{safe, table};
use crate::evidence::presentations::Tally;
use crate::evidence::proportion::Proportion;
use crate::shown::counted;

/// Clips that are named; more are counted.
const MAX_NAMED: usize = 20;

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `5.0 % (1 of 20; 0.9 to 23.6 %)`
pub(super) fn rate(seen: Option<&Proportion>) -> String {
    match seen {
        None => "not measured".into(),
        Some(seen) => format!(
            "{} ({} of {}; {:.1} to {})",
            percent(seen.rate),
            seen.count,
            seen.of,
            100.0 * seen.low,
            percent(seen.high)
        ),
    }
}

/// `frozen_face 19, coupling 1`
pub(super) fn counts(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let each: Vec<String> = counts
        .iter()
        .map(|(what, n)| format!("{what} {n}"))
        .collect();
    match each.is_empty() {
        true => "-".into(),
        false => each.join(", "),
    }
}

pub(super) fn seconds(ms: Option<u64>) -> String {
    ms.map_or("-".into(), |ms| format!("{:.1} s", ms as f64 / 1000.0))
}

pub(super) fn limit(seen: Option<&Proportion>) -> String {
    seen.map_or("-".into(), |seen| percent(seen.exact_high))
}

/// What the checks being off, or what may be claimed, has to be said in words.
pub(super) fn remarks(report: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    if report.checks.is_empty() {
        remarks.push(
            "No check of [liveness] is on: every face that can be judged counts as a person's."
                .into(),
        );
    }
    if report.without_challenge {
        remarks.push(
            "The challenge took no part: these are the other checks alone, and whoever they accept still has to pass it."
                .into(),
        );
    }
    if report.without_infrared {
        remarks.push(
            "The infrared camera took no part: a clip has the first camera's pictures alone. --camera measures both."
                .into(),
        );
    }
    let all = report
        .summary
        .bona_fide
        .iter()
        .chain(&report.summary.attacks);
    let most = all.filter_map(|t| t.error_rate).max_by_key(|seen| seen.of);
    if let Some(none) = report
        .summary
        .attacks
        .iter()
        .filter_map(|tally| tally.error_rate)
        .find(|seen| seen.count == 0)
        .or(most.filter(|seen| seen.count == 0))
    {
        remarks.push(format!(
            "0 of {} does not mean never: up to {} may be (the exact upper limit of 95 % by Clopper and Pearson; Wilson's is {}).",
            none.of,
            percent(none.exact_high),
            percent(none.high)
        ));
    }
    let claims = &report.summary.claims;
    let shares: Vec<String> = claims
        .iter()
        .map(|claim| format!("{:.0} %", 100.0 * claim.at_most))
        .collect();
    let tries: Vec<String> = claims.iter().map(|claim| claim.tries.to_string()).collect();
    remarks.push(format!(
        "To claim that at most {} of a kind are accepted takes {} tries of it with none accepted.",
        either(&shares),
        either(&tries)
    ));
    if let Some(worst) = &report.summary.worst_kind {
        remarks.push(format!(
            "What counts is the worst kind, {worst}; kinds are not averaged."
        ));
    }
    remarks.push(
        "The figures hold for this door, these instruments and these people; they are no evaluation by ISO/IEC 30107-3, whose words they use."
            .into(),
    );
    remarks
}

/// `10 %, 5 % or 1 %`
fn either(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}

fn row(tally: &Tally, what: &str) -> Vec<String> {
    vec![
        tally.kind.clone(),
        tally.tries.to_string(),
        tally.accepted.to_string(),
        tally.refused.to_string(),
        tally.no_response.to_string(),
        format!("{what} {}", rate(tally.error_rate.as_ref())),
        limit(tally.error_rate.as_ref()),
        seconds(tally.median_ms),
        counts(&tally.refused_by),
    ]
}

pub(super) fn print(report: &Report) {
    let columns = [
        "presented",
        "tries",
        "accepted",
        "refused",
        "no response",
        "error rate (95 % by Wilson)",
        "exact limit",
        "median",
        "refused by",
    ];
    let bona_fide = report.summary.bona_fide.iter().map(|t| row(t, "BPCER"));
    let attacks = report.summary.attacks.iter().map(|t| row(t, "APCER"));
    table(&columns, bona_fide.chain(attacks));
    println!();
    let named = |tally: &Tally| match tally.kind.as_str() {
        "bona_fide" => "BPNRR".to_owned(),
        kind => format!("APNRR of {kind}"),
    };
    for tally in report
        .summary
        .bona_fide
        .iter()
        .chain(&report.summary.attacks)
    {
        if tally.no_response > 0 {
            println!(
                "{} {}: {}",
                named(tally),
                rate(tally.non_response_rate.as_ref()),
                counts(&tally.no_response_because)
            );
        }
        if tally.refused_before > 0 {
            println!(
                "{}: {} refused first and accepted later",
                tally.kind, tally.refused_before
            );
        }
        if tally.granted > 0 {
            println!(
                "{}: the door would have opened {}, for whoever was recognised besides",
                tally.kind,
                match tally.granted {
                    1 => "once".into(),
                    n => format!("{n} times"),
                }
            );
        }
    }
    for remark in remarks(report) {
        println!("{remark}");
    }
    println!(
        "checks {}; configuration {} (SHA-256 {}); models {} (SHA-256 {})",
        match report.checks.is_empty() {
            true => "none".into(),
            false => report.checks.join(", "),
        },
        report.config_file,
        report.config_sha256,
        report.set,
        report.models_sha256
    );
    let left_out = report.left_out.len();
    if left_out > 0 {
        eprintln!(
            "{} left out:",
            counted(left_out as u64, "clip was", "clips were")
        );
        for one in report.left_out.iter().take(MAX_NAMED) {
            eprintln!("  {}: {}", safe(&one.clip), safe(&one.why));
        }
        if left_out > MAX_NAMED {
            eprintln!("  and {} more; --json has all", left_out - MAX_NAMED);
        }
    }
}
