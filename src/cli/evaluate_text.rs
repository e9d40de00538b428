//! The figures of an evaluation as text, and what is said of what was left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::evidence::fit::CrossCheck;
use crate::evidence::groups::WithinGroups;
use crate::evidence::left_out::{LeftOut, Reason};
use crate::evidence::named::AtDoor;
use crate::evidence::report::Report;
use crate::shown::{Escaping, Quoted, counted};

/// Entries that are told one by one; more are counted.
const MAX_TOLD: usize = 10;
/// Photos that are told one by one; more are counted.
const MAX_PHOTOS: usize = 20;

/// What was left out: each entry, or counts by reason where they are many.
pub(super) fn left_out(left_out: &[LeftOut], all_of_them: &str) -> String {
    let mut counts: BTreeMap<Reason, Vec<&LeftOut>> = BTreeMap::new();
    for entry in left_out {
        counts.entry(entry.reason).or_default().push(entry);
    }
    let system = |reason: &Reason| reason.is_of_the_system();
    let own: usize = counts
        .iter()
        .filter(|(reason, _)| !system(reason))
        .map(|(_, entries)| entries.len())
        .sum();
    let mut text = String::new();
    let mut line = |line: String| {
        // Into a string it cannot fail.
        let _ = writeln!(text, "  {line}");
    };
    for (reason, entries) in &counts {
        if system(reason) {
            line(format!("{} {reason}", entries.len()));
        } else if own <= MAX_TOLD {
            for entry in entries {
                line(format!("{} {}", Quoted(&entry.path), escaped(&entry.why)));
            }
        } else if let [first, ..] = entries.as_slice() {
            let first = Quoted(&first.path);
            line(format!("{} {reason}, such as {first}", entries.len()));
        }
    }
    if own > MAX_TOLD {
        line(all_of_them.to_owned());
    }
    if text.is_empty() {
        return text;
    }
    format!("left out:\n{text}")
}

/// Text from outside without what moves a terminal's cursor.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::new();
    let _ = Escaping(&mut safe).write_str(text);
    safe
}

/// A rate, or that there is none.
pub(super) fn rate(rate: f64) -> String {
    if rate == 0.0 {
        "0".into()
    } else if rate.is_finite() {
        format!("{rate:.1e}")
    } else {
        "none".into()
    }
}

fn print_door(door: &AtDoor) {
    println!(
        "\nat the door's threshold, score {:.3} ({}, {} {})",
        door.door.threshold,
        door.door.from,
        counted(door.door.comparisons, "person", "people"),
        if door.door.listed {
            "on the whitelist"
        } else {
            "as in these photos"
        }
    );
    println!(
        "  one photo against one: false match rate {} of {}, false non-match rate {} of {}",
        rate(door.fmr),
        counted(door.impostor, "impostor pair", "impostor pairs"),
        rate(door.fnmr),
        counted(door.genuine, "genuine pair", "genuine pairs")
    );
    println!(
        "  missed with a template of the person's other photos: {} of {} of {} ({} one photo, of whom it cannot be told)",
        door.missed.len(),
        counted(door.tries, "photo", "photos"),
        counted(door.people_tried, "person", "people"),
        counted(
            door.people_with_one_photo,
            "more person has",
            "more people have"
        )
    );
    for missed in door.missed.iter().take(MAX_PHOTOS) {
        println!(
            "    {}  score {:.3}  {}",
            Quoted(&missed.person),
            missed.score,
            Quoted(&missed.photo)
        );
    }
    more(door.missed.len());
    println!(
        "  taken for somebody else: {}",
        counted(door.mistaken.len(), "photo", "photos")
    );
    for mistaken in door.mistaken.iter().take(MAX_PHOTOS) {
        println!(
            "    {} for {}  score {:.3}  {}",
            Quoted(&mistaken.person),
            Quoted(&mistaken.taken_for),
            mistaken.score,
            Quoted(&mistaken.photo)
        );
    }
    more(door.mistaken.len());
}

fn more(photos: usize) {
    if photos > MAX_PHOTOS {
        println!("    and {} more: see --json", photos - MAX_PHOTOS);
    }
}

fn print_groups(groups: &WithinGroups) {
    println!("\nfalse match rates within groups, one photo against one");
    for at in &groups.thresholds {
        println!(
            "  {}: score {:.3}, {} over all pairs",
            at.name,
            at.threshold,
            rate(at.fmr)
        );
    }
    for group in &groups.groups {
        println!(
            "  {}: {}, {}",
            Quoted(&group.name),
            counted(group.people, "person", "people"),
            counted(group.pairs, "pair", "pairs")
        );
        for (within, at) in group.at.iter().zip(&groups.thresholds) {
            println!(
                "    {}: {} ({} of {} pairs){}",
                at.name,
                rate(within.fmr.unwrap_or(f64::NAN)),
                within.matches,
                group.pairs,
                match within.warning {
                    Some(doubt) => format!("  WARNING: {doubt}"),
                    None => String::new(),
                }
            );
        }
    }
    println!(
        "  {} no group: their pairs are in none of these",
        counted(groups.without.len(), "person has", "people have")
    );
    if let [first, ..] = groups.unknown.as_slice() {
        println!(
            "  {} no photos here, such as {}: a name has to be that of the folder",
            counted(
                groups.unknown.len(),
                "person of the list has",
                "people of the list have"
            ),
            Quoted(first)
        );
    }
}

fn print_beside(one: &Report, other: &Report) {
    println!("\nside by side, cosine{:>30}{:>28}", one.model, other.model);
    let row = |what: &str, a: f64, b: f64| {
        println!("  {what:<34}{a:>14.4}{b:>28.4}   ({:+.4})", a - b);
    };
    if let (Some((a, _)), Some((b, _))) = (&one.accuracy, &other.accuracy) {
        row("accuracy on the list of pairs", *a, *b);
    }
    let first = |r: &Report| {
        r.scorings.first().map_or(Vec::new(), |s| {
            s.verification
                .iter()
                .map(|v| (v.photos, v.frames, v.at.clone()))
                .collect()
        })
    };
    for ((photos, frames, a), (_, _, b)) in first(one).iter().zip(first(other)) {
        for (a, b) in a.iter().zip(b) {
            row(
                &format!("TAR at {:.0e}, {photos} photo(s) {frames} frame(s)", a.fmr),
                a.tar,
                b.tar,
            );
        }
    }
}

pub(super) fn print(report: &Report) {
    println!("{} on {}", report.model, report.who);
    println!(
        "{}, {}; no face in {} of them (failure to enrol {:.2} %), {} unreadable",
        counted(report.people, "person", "people"),
        counted(report.photos, "photo", "photos"),
        report.failed_to_enrol,
        100.0 * report.failed_to_enrol as f64 / report.photos.max(1) as f64,
        report.unreadable
    );
    print!(
        "{}",
        left_out(&report.left_out, "the whole list is in what --json prints")
    );
    match (&report.door, &report.no_door) {
        (Some(door), _) => print_door(door),
        (None, Some(why)) => println!("no threshold of the door: {}", escaped(why)),
        (None, None) => {}
    }
    if let Some(groups) = &report.groups {
        print_groups(groups);
    }
    if let Some((mean, folds)) = &report.accuracy {
        let folds: Vec<String> = folds.iter().map(|a| format!("{a:.4}")).collect();
        println!(
            "accuracy on the list of pairs, everybody, cosine: {mean:.4} ({})",
            folds.join(" ")
        );
    }
    for scoring in &report.scorings {
        println!("\n{}", scoring.name);
        for v in &scoring.verification {
            println!(
                "  {} photo(s) against {} frame(s): {} genuine, {} impostor, equal error rate {}",
                v.photos,
                v.frames,
                v.genuine,
                v.impostor,
                if v.equal_error_rate.is_finite() {
                    format!("{:.4}", v.equal_error_rate)
                } else {
                    "none".into()
                }
            );
            for at in &v.at {
                println!(
                    "    FMR {:.0e}  score {:.3}  TAR {:.4}  (95 %: {:.4} to {:.4}){}",
                    at.fmr,
                    at.threshold,
                    at.tar,
                    at.low,
                    at.high,
                    if at.impostors_over < 10 {
                        "  few impostors"
                    } else {
                        ""
                    }
                );
            }
        }
        if !scoring.identification.is_empty() {
            println!("  people  photos  frames    FPIR   score    FNIR");
        }
        for i in &scoring.identification {
            println!(
                "  {:>6}  {:>6}  {:>6}  {:.4}  {:.3}  {:.4}",
                i.people, i.photos, i.frames, i.fpir, i.threshold, i.fnir
            );
        }
    }
    let finite = |check: &CrossCheck| check.seen.iter().all(|seen| seen.is_finite());
    if report.held_out.iter().any(finite) {
        println!(
            "\nfalse match rate promised by a calibration of half of the people, and seen on the other half"
        );
        for check in report.held_out.iter().filter(|check| finite(check)) {
            let [a, b] = check.seen;
            println!(
                "  promised {:.0e}  seen {a:.1e} and {b:.1e}  ({:.2} and {:.2} times)",
                check.promised,
                a / check.promised,
                b / check.promised
            );
        }
    }
    if let Some(other) = &report.against {
        print_beside(report, other);
    }
    if report.promises.iter().any(|p| p.seen.is_finite()) {
        println!("\nfalse match rate promised by the calibration in use, and seen here");
        for p in &report.promises {
            println!(
                "  score {:.3}  promised {:.1e}  seen {:.1e}  ({:.2} times)",
                p.threshold,
                p.promised,
                p.seen,
                p.seen / p.promised
            );
        }
    }
}
