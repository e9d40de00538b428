//! Presentations one after the other before the door's own camera, asked for in the terminal.

use std::io::BufRead as _;
use std::time::Duration;

use anyhow::Context as _;

use super::stand::Stand;
use crate::camera::FrameSource;
use crate::evidence::presentations::{KINDS, Presentation, Response, Shown};

/// What is asked for, and how.
pub(super) struct Plan {
    /// Who or what, and how often.
    pub(super) shown: Vec<(Shown, u32)>,
    /// How long each is looked at, unless it is accepted before.
    pub(super) longest: Duration,
    /// From Enter until it is looked at, in seconds.
    pub(super) countdown: u64,
}

/// What somebody at the terminal wants.
enum Answer {
    Ready,
    Skip,
    End,
}

/// Asks for each try and watches it; fewer where somebody ends it.
///
/// # Errors
/// The camera or a network fails, or the terminal.
pub(super) fn run(
    stand: &mut Stand,
    source: &mut dyn FrameSource,
    plan: &Plan,
    tell: &dyn Fn(&str),
) -> anyhow::Result<Vec<Presentation>> {
    let mut all = Vec::new();
    for (shown, tries) in &plan.shown {
        tell(&format!("{}: {}.", shown, what(shown)));
        for n in 1..=*tries {
            tell(&format!(
                "{shown}, try {n} of {tries}: press Enter when you are ready (s skips it, q ends the test)"
            ));
            match answer()? {
                Answer::Ready => {}
                Answer::Skip => continue,
                Answer::End => return Ok(all),
            }
            for left in (1..=plan.countdown).rev() {
                tell(&left.to_string());
                stand.pass(source, Duration::from_secs(1))?;
            }
            tell("now");
            let name = format!("{shown} {n}");
            let one = stand.watch(source, plan.longest, (shown, name))?;
            tell(&said(&one));
            all.push(one);
        }
    }
    Ok(all)
}

fn what(shown: &Shown) -> String {
    match shown {
        Shown::BonaFide => "walk up to the door as people do, with nothing before your face".into(),
        Shown::Attack(kind) => {
            let known = KINDS.iter().find(|(name, _)| name == kind);
            let what = known.map_or("an instrument of your own", |(_, what)| *what);
            format!("present {what}; keep your own face out of view")
        }
    }
}

/// The end of what is typed ends the test.
fn answer() -> anyhow::Result<Answer> {
    let mut line = String::new();
    let read = std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read what is typed")?;
    Ok(match (read, line.trim()) {
        (0, _) | (_, "q" | "Q") => Answer::End,
        (_, "s" | "S") => Answer::Skip,
        _ => Answer::Ready,
    })
}

fn said(one: &Presentation) -> String {
    let seconds = one.decided_after_ms.unwrap_or_default() as f64 / 1000.0;
    match (one.response, one.because.as_deref()) {
        (Response::Accepted, _) => format!("accepted as a person after {seconds:.1} s"),
        (Response::Refused, Some(check)) => format!("refused by {check} after {seconds:.1} s"),
        (Response::Refused, None) => format!("refused after {seconds:.1} s"),
        (Response::None, Some(why)) => format!("no response: {why}"),
        (Response::None, None) => "no response".into(),
    }
}
