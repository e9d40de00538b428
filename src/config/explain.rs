//! What is wrong with a line that is not TOML, in words for somebody who does not know TOML.

use super::syntax::has_list;

/// Written instead of plain quotes.
const TYPOGRAPHIC_QUOTES: [char; 8] = ['“', '”', '„', '‟', '‘', '’', '«', '»'];
/// What begins a comment elsewhere.
const FOREIGN_COMMENTS: [&str; 3] = ["//", ";", "--"];
/// What stands for nothing elsewhere.
const NOTHINGS: [&str; 5] = ["null", "none", "nil", "undefined", "~"];

/// What is wrong with line `number` of a text. Of `reason`, the parser's, only
/// one kind is told apart: its words are for programmers.
pub(super) fn explain(text: &str, number: usize, reason: &str) -> String {
    let line = text.lines().nth(number.saturating_sub(1));
    let line = line.unwrap_or_default().trim();
    if reason.starts_with("duplicate key") {
        return twice(text, number, line);
    }
    if let Some(message) = not_ours(line).or_else(|| characters(line)) {
        return message;
    }
    if line.starts_with('[') {
        return "a section is written in brackets, such as [camera], on a line of its own".into();
    }
    if let Some((key, value)) = line.split_once(':')
        && is_bare(key.trim())
    {
        let (key, value) = (key.trim(), value.trim().trim_start_matches("= "));
        return format!("a key and its value are joined by =: write {key} = {value}");
    }
    match line.split_once('=') {
        Some((key, value)) => pair(key.trim(), value.trim(), line),
        None => no_pair(line),
    }
}

/// A line of another kind of file.
fn not_ours(line: &str) -> Option<String> {
    if ["<<<<<<<", "=======", ">>>>>>>"]
        .iter()
        .any(|mark| line.starts_with(mark))
    {
        return Some("a mark that a merge left: keep one of the two versions, and remove the lines with <<<<<<<, ======= and >>>>>>>".into());
    }
    if FOREIGN_COMMENTS.iter().any(|mark| line.starts_with(mark)) || line.starts_with("/*") {
        return Some("a comment begins with #: write one in front of the line".into());
    }
    if line.starts_with('{') || line.starts_with('}') {
        return Some("this is JSON: a section is written [camera] on a line of its own, and below it a line each, such as fps = 15".into());
    }
    if line.starts_with('<') {
        return Some("this is no configuration but a web page or XML: `/usr/share/doc/doorward` and `man doorward.toml` show how one looks".into());
    }
    let command = ["export ", "set ", "let "];
    let rest = command.iter().find_map(|word| line.strip_prefix(word))?;
    Some(format!("a line begins with its key: write {}", rest.trim()))
}

/// Characters that look like others.
fn characters(line: &str) -> Option<String> {
    if line.contains(TYPOGRAPHIC_QUOTES) {
        let plain = line.replace(TYPOGRAPHIC_QUOTES, "\"");
        return Some(format!(
            "these quotes are not the plain ones: write {plain}"
        ));
    }
    let code = line.split('#').next().unwrap_or_default();
    let outside = outside_quotes(code);
    let is_space = |c: char| c != ' ' && c != '\t' && (c.is_whitespace() || is_invisible(c));
    if let Some(space) = outside.chars().find(|c| is_space(*c)) {
        let plain: String = line
            .chars()
            .filter(|c| !is_invisible(*c))
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .collect();
        return Some(format!(
            "a character that only looks like a space or like nothing (U+{:04X}): type the line anew, {}",
            u32::from(space),
            plain.trim()
        ));
    }
    let alike = [
        ('−', '-'),
        ('–', '-'),
        ('—', '-'),
        ('＝', '='),
        ('，', ','),
        ('．', '.'),
    ];
    let (wrong, right) = alike.iter().find(|(wrong, _)| outside.contains(*wrong))?;
    Some(format!(
        "{wrong} is not {right}: type {right} from the keyboard"
    ))
}

/// Zero-width characters that come with text copied from web pages.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'
    )
}

/// What of a line is not in quotes.
fn outside_quotes(line: &str) -> String {
    line.split('"').step_by(2).collect()
}

/// A line without `=`.
fn no_pair(line: &str) -> String {
    if is_bare(line) {
        return format!("{line} has no value: write {line} = and the value, or remove it");
    }
    if let Some((key, value)) = line.split_once([' ', '\t'])
        && is_bare(key)
        && !value.trim().is_empty()
        && value.split_whitespace().count() == 1
    {
        let value = value.trim();
        return format!("a key and its value are joined by =: write {key} = {value}");
    }
    not_toml()
}

/// A line with `=`.
fn pair(key: &str, value: &str, line: &str) -> String {
    let written = value.split('#').next().unwrap_or_default().trim_end();
    if key.is_empty() {
        return "a key is missing in front of the =".into();
    }
    if !is_bare(key) && !key.starts_with(['"', '\'']) {
        return match key
            .split_whitespace()
            .next_back()
            .filter(|word| is_bare(word))
        {
            Some(_) if key.split_whitespace().all(is_bare) => {
                let joined = key.split_whitespace().collect::<Vec<_>>().join("_");
                format!("a key has no spaces in it: write {joined} = {value}")
            }
            _ => format!(
                "{key} is no key: keys are made of a to z and _, as `man doorward.toml` has them"
            ),
        };
    }
    for mark in FOREIGN_COMMENTS {
        if let Some((value, _)) = outside_comment(value, mark) {
            return format!("a comment begins with #, not {mark}: write {key} = {value} #…");
        }
    }
    if written.is_empty() {
        return format!("{key} has no value: write one after the =, or remove the line");
    }
    if let Some(rest) = written.strip_prefix(['=', ':']) {
        return format!("one = is enough: write {key} = {}", rest.trim());
    }
    if has_list(line) && !written.ends_with(']') {
        return format!("the list of {key} is not closed: write ] at its end");
    }
    if has_list(line) {
        return format!(
            "the list of {key} is not one: its items are divided by commas, such as [1, 2], and text in it has quotes"
        );
    }
    if written.starts_with("\"\"\"") || written.starts_with("\'\'\'") {
        return format!("the quotes after {key} = are not closed: write \" on both sides");
    }
    number(key, written)
        .or_else(|| word(key, written))
        .unwrap_or_else(not_toml)
}

/// A value in front of what begins a comment elsewhere; an address has a mark in it too.
fn outside_comment<'v>(value: &'v str, mark: &str) -> Option<(&'v str, &'v str)> {
    let (value, comment) = value.split_once(mark)?;
    let is_address = value.ends_with(':');
    let value = value.trim_end();
    (!value.is_empty() && !is_address).then_some((value, comment))
}

/// Values with digits in front.
fn number(key: &str, value: &str) -> Option<String> {
    let digits = |c: char| c.is_ascii_digit();
    let is = |allowed: &str| value.chars().all(|c| digits(c) || allowed.contains(c));
    if !value.starts_with(|c: char| digits(c) || "+-.".contains(c)) {
        return None;
    }
    let commas = value.matches(',').count();
    if is(", .") && (commas > 1 || value.contains(", ")) {
        return Some(format!(
            "a list is written in brackets: write {key} = [{value}]"
        ));
    }
    if let Some(number) = value.strip_suffix([',', ';']) {
        let number = number.trim();
        return Some(format!(
            "nothing stands between a value and the end of its line: write {key} = {number}"
        ));
    }
    if is(",") && commas == 1 {
        let point = value.replace(',', ".");
        return Some(format!(
            "a decimal point is needed, not a comma: write {key} = {point}"
        ));
    }
    if value.starts_with('0') && is("") {
        let bare = value.trim_start_matches('0');
        let bare = if bare.is_empty() { "0" } else { bare };
        return Some(format!(
            "a number has no zeros in front: write {key} = {bare}"
        ));
    }
    if is(".") && value.matches('.').count() == 1 {
        let (whole, rest) = value.split_once('.')?;
        let or_zero = |part: &str| {
            if part.is_empty() {
                "0".to_owned()
            } else {
                part.to_owned()
            }
        };
        return Some(format!(
            "a digit is needed on both sides of the point: write {key} = {}.{}",
            or_zero(whole),
            or_zero(rest)
        ));
    }
    if value.starts_with(digits) && is(" ") {
        let joined = value.replace(' ', "");
        return Some(format!(
            "a number has no spaces in it: write {key} = {joined}"
        ));
    }
    let unit = value
        .trim_start_matches(|c: char| digits(c) || c == '.')
        .trim();
    if value.starts_with(digits)
        && !unit.is_empty()
        && unit.chars().all(|c| c.is_alphabetic() || c == '%')
    {
        return Some(format!(
            "a number stands without its unit: take {unit} away and give {key} in the unit that `man doorward.toml` names"
        ));
    }
    value.starts_with(digits).then(|| {
        format!("{value} is no number: write one alone, or text in quotes, {key} = \"{value}\"")
    })
}

/// Values that are words.
fn word(key: &str, value: &str) -> Option<String> {
    let small = value.to_lowercase();
    if matches!(&*small, "yes" | "no" | "on" | "off") {
        return Some(format!("{value} is not known: write true or false"));
    }
    if matches!(&*small, "true" | "false") {
        return Some(format!("small letters are needed: write {key} = {small}"));
    }
    if NOTHINGS.contains(&&*small) {
        return Some(format!(
            "{value} is no value: remove the line, and {key} is as by default"
        ));
    }
    if value.starts_with('(') {
        return Some(format!(
            "a list is written in brackets, [ and ]: write {key} = [{}]",
            value.trim_matches(['(', ')'])
        ));
    }
    for quote in ['"', '\''] {
        let Some(inside) = value.strip_prefix(quote) else {
            continue;
        };
        if !inside.contains(quote) {
            return Some(match inside.strip_suffix(['"', '\'']) {
                Some(text) => {
                    format!("the quotes are not the same on both sides: write {key} = \"{text}\"")
                }
                None => format!("the quotes are not closed: write {key} = {value}{quote}"),
            });
        }
        if quote == '"' && inside.contains('\\') {
            return Some(format!(
                "a backslash has a meaning of its own between these quotes: write {key} = '{}'",
                inside.trim_end_matches('"')
            ));
        }
        return Some(format!(
            "{key} has more than one text after the =: write one, in one pair of quotes"
        ));
    }
    value
        .starts_with(|c: char| c.is_alphabetic() || "/.~$%_".contains(c))
        .then(|| {
            let text = value.trim_end_matches(['"', '\'', ',']);
            format!("text needs quotes: write {key} = \"{text}\"")
        })
}

fn not_toml() -> String {
    "not a line of a configuration: a section is written [camera], a key and its value fps = 15, a comment # so".into()
}

/// What stands there for the second time, and where it stood first.
fn twice(text: &str, number: usize, line: &str) -> String {
    let is_header = line.starts_with('[');
    let name = |line: &str| {
        let end = if is_header { ']' } else { '=' };
        line.split(end).next().unwrap_or_default().trim().to_owned()
    };
    let written = name(line);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let above = lines.get(..number.saturating_sub(1)).unwrap_or_default();
    // A key's twin is in the same section, and in no other.
    let first = above
        .iter()
        .enumerate()
        .rev()
        .take_while(|(_, line)| is_header || !line.starts_with('['))
        .find(|(_, line)| !line.starts_with('#') && name(line) == written);
    let at = first.map_or("above".into(), |(n, _)| format!("in line {}", n + 1));
    if is_header {
        let below = "move the keys below it there, and remove this line";
        return format!("the section {written}] stands {at} already: {below}");
    }
    format!("{written} is set {at} already: remove one of the two lines")
}

fn is_bare(key: &str) -> bool {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !key.is_empty() && key.chars().all(bare)
}
