//! Colours, where standard output is a terminal that has them: what was granted is green,
//! what was refused is red, what needs a look is yellow, what failed is red and bold.

use std::sync::OnceLock;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

use super::output;

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    // On a terminal, unless NO_COLOR or CLICOLOR=0 says otherwise.
    #[default]
    Auto,
    Always,
    Never,
}

static IS_WANTED: OnceLock<bool> = OnceLock::new();

/// To be called once, before anything is printed.
pub(super) fn settle(colour: Colour) {
    let choice = match colour {
        Colour::Always => ColorChoice::Always,
        Colour::Never => ColorChoice::Never,
        Colour::Auto => AutoStream::choice(&std::io::stdout()),
    };
    // Programs read JSON.
    let _ = IS_WANTED.set(choice != ColorChoice::Never && !output::json_is_asked());
}

/// What something is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hue {
    Good,
    Refused,
    Unclear,
    Fault,
}

impl Hue {
    fn style(self) -> Style {
        let style = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Good => style(AnsiColor::Green),
            Self::Refused => style(AnsiColor::Red),
            Self::Unclear => style(AnsiColor::Yellow),
            Self::Fault => style(AnsiColor::Red).bold(),
        }
    }
}

/// Text that is safe to show, in a colour if there are any.
pub(super) fn painted(text: &str, hue: Option<Hue>) -> String {
    match hue {
        Some(hue) if IS_WANTED.get() == Some(&true) && !text.is_empty() => {
            let style = hue.style();
            format!("{style}{text}{style:#}")
        }
        _ => text.to_owned(),
    }
}
