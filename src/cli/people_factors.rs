//! `doorward people pin`, `card` and `lost-card`: what people have besides their faces.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::clerk::Clerk;
use super::passphrase::Terminal;
use super::people::erase;
use super::people_look::find;
use super::{Exit, Format, Usage, print_json};
use crate::verbs::{CardWords, Code, PinWord, Reply, Verb, VerbError};
use crate::whitelist::{self, CardFormat, FactorsOf, Person, Pin as NewPin};

/// Longest line that is read as a PIN, in bytes.
const MAX_PIN_LINE: usize = 64;

/// A PIN is asked for twice without being shown, or taken from one line of standard input.
#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// Name, or number such as #3
    person: String,
    /// Take the PIN away, with the duress PIN; with --duress only that
    #[arg(long)]
    remove: bool,
    /// The PIN to be given when forced to: opens as usual and raises a silent event
    #[arg(long)]
    duress: bool,
    #[command(flatten)]
    output: Format,
}

impl Pin {
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        let person = find(clerk, &self.person)?;
        let (name, id, duress) = (&person.name, person.id, self.duress);
        let which = if duress { "duress PIN" } else { "PIN" };
        let person = id.to_string();
        if self.remove {
            clerk.does(Verb::RemovePin { person, duress }, None)?;
            let what = format!("the {which} of {name} ({id}) and its traces");
            let about = json!({ "person_id": id, "name": name });
            return erase(clerk, &what, self.output, about);
        }
        let pin = asked_pin(&format!("{which} of {name}"))?;
        let verb = Verb::SetPin {
            person,
            pin,
            duress,
        };
        clerk.does(verb, None)?;
        // What was before is overwritten; it is not worth a failure.
        let _ = clerk.erases();
        if self.output.json {
            print_json(&json!({ "person_id": id, "name": name, "duress": self.duress }))?;
        } else {
            println!("{name} ({id}) has a {which} now");
        }
        Ok(Exit::Done.into())
    }
}

/// Which card: as printed on it.
#[derive(Debug, Args)]
struct Which {
    /// The facility code that is printed before the number
    #[arg(long, value_name = "N")]
    facility: Option<u32>,
    /// How the card's bits are laid out: w26, w34, w37, or a format of your reader's
    #[arg(long, value_name = "NAME", value_parser = format)]
    format: Option<CardFormat>,
}

fn format(name: &str) -> Result<CardFormat, String> {
    CardFormat::new(name).ok_or_else(|| "no name of 1 to 16 of a to z, 0 to 9, _ and -".into())
}

impl Which {
    fn card(&self, number: u64) -> CardWords {
        CardWords {
            number,
            facility: self.facility,
            format: self.format.map(|format| format.as_str().to_owned()),
        }
    }
}

/// Whose card, and whether it was lost before.
fn of_card(reply: Reply) -> Result<(Person, whitelist::Card, bool), VerbError> {
    match reply {
        Reply::Card {
            person,
            card,
            was_lost,
        } => Ok((person, card, was_lost)),
        _ => Err(VerbError::other_reply()),
    }
}

/// A card that nobody has yet, or one to be taken away.
#[derive(Debug, Args)]
pub(crate) struct Card {
    /// Name, or number such as #3
    person: String,
    /// The number printed on the card
    #[arg(value_name = "NUMBER", required_unless_present = "remove")]
    number: Option<u64>,
    /// Take this card away
    #[arg(long, value_name = "NUMBER", conflicts_with = "number")]
    remove: Option<u64>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    output: Format,
}

impl Card {
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        let person = self.person;
        if let Some(number) = self.remove {
            let card = self.which.card(number);
            let reply = clerk.does(Verb::RemoveCard { person, card }, None)?;
            let (Person { name, id, .. }, card, _) = of_card(reply)?;
            let what = format!("card {card} of {name} ({id}) and its traces");
            let about = json!({ "person_id": id, "name": name, "card": card_json(&card) });
            return erase(clerk, &what, self.output, about);
        }
        let number = self.number.ok_or_else(|| Usage("which card?".into()))?;
        let card = self.which.card(number);
        let reply = match clerk.does(Verb::AddCard { person, card }, None) {
            Err(error) if error.code == Code::Malformed => {
                return Err(Usage(error.to_string()).into());
            }
            reply => reply?,
        };
        let (Person { name, id, .. }, card, _) = of_card(reply)?;
        if self.output.json {
            print_json(&json!({ "person_id": id, "name": name, "card": card_json(&card) }))?;
        } else {
            println!("{name} ({id}) has card {card} now");
        }
        Ok(Exit::Done.into())
    }
}

/// A card that opens nothing from now on; the person keeps the others.
#[derive(Debug, Args)]
pub(crate) struct LostCard {
    /// The number printed on the card
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    output: Format,
}

impl LostCard {
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        let card = self.which.card(self.number);
        let reply = clerk.does(Verb::LoseCard { card }, None)?;
        let (Person { name, id, .. }, card, was_lost) = of_card(reply)?;
        if self.output.json {
            print_json(&json!({ "person_id": id, "name": name, "card": card_json(&card) }))?;
        } else if was_lost {
            println!("card {card} of {name} ({id}) is lost already, and opens nothing");
        } else {
            println!("card {card} was {name}'s ({id}), and opens nothing any more");
        }
        Ok(Exit::Done.into())
    }
}

/// For `people show`.
pub(super) fn lines(factors: &FactorsOf) -> Vec<String> {
    let pin = match (factors.has_pin, factors.has_duress_pin) {
        (true, true) => Some("has a PIN and a duress PIN"),
        (true, false) => Some("has a PIN"),
        (false, _) => None,
    };
    let cards = factors.cards.iter().map(|kept| {
        let lost = if kept.lost { ", LOST" } else { "" };
        format!("has card {}{lost}", kept.card)
    });
    pin.map(str::to_owned).into_iter().chain(cards).collect()
}

/// For `people show --json`.
pub(super) fn as_json(factors: &FactorsOf) -> Value {
    let cards = factors.cards.iter().map(|kept| {
        let mut card = card_json(&kept.card);
        card["lost"] = kept.lost.into();
        card
    });
    json!({
        "pin": factors.has_pin,
        "duress_pin": factors.has_duress_pin,
        "cards": cards.collect::<Vec<_>>(),
    })
}

fn card_json(card: &whitelist::Card) -> Value {
    json!({
        "format": card.format().as_str(),
        "facility": card.facility(),
        "number": card.number(),
    })
}

/// Twice from a terminal, so that a slip of the finger locks nobody out; once from anything
/// else.
fn asked_pin(what: &str) -> anyhow::Result<PinWord> {
    if !std::io::stdin().is_terminal() {
        let line = read_line()?;
        if line.is_empty() {
            let why = "a PIN is read from the terminal, or from one line of standard input";
            return Err(Usage(why.into()).into());
        }
        NewPin::new(&line)?;
        return Ok(PinWord::new(&line));
    }
    let mut terminal = Terminal::open()?;
    let first = Zeroizing::new(terminal.ask(&format!("{what}: "))?);
    NewPin::new(&first)?;
    if *Zeroizing::new(terminal.ask(&format!("{what}, again: "))?) != *first {
        anyhow::bail!("the two are not the same; nothing was changed");
    }
    Ok(PinWord::new(&first))
}

/// Without a buffer that keeps it, and not more than a PIN has.
fn read_line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PIN_LINE));
    let mut byte = Zeroizing::new([0u8; 1]);
    while line.len() < MAX_PIN_LINE {
        if rustix::io::read(std::io::stdin(), &mut byte[..])? == 0 || byte[0] == b'\n' {
            break;
        }
        line.push(byte[0]);
    }
    let text = std::str::from_utf8(&line).map_err(|_| whitelist::PinError::NotDigits)?;
    Ok(Zeroizing::new(text.trim_end_matches('\r').to_owned()))
}
