//! Two results side by side.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use crate::cli::{Format, print_json, table};
use crate::files::{self, Kind};

pub fn run(a: &Path, b: &Path, format: Format) -> anyhow::Result<ExitCode> {
    let (before, after) = (read(a)?, read(b)?);
    if format.json {
        let figures = before.iter().filter_map(|(name, x)| {
            let y = after.get(name)?;
            Some(json!({ "figure": name, "before": x, "after": y, "ratio": y / x }))
        });
        print_json(&json!({ "figures": figures.collect::<Vec<_>>() }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = before.iter().filter_map(|(name, x)| {
        let y = after.get(name)?;
        Some(vec![
            name.clone(),
            format!("{x:.3}"),
            format!("{y:.3}"),
            format!("{:.2}", y / x),
        ])
    });
    table(&["figure", "before", "after", "after / before"], rows);
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<BTreeMap<String, f64>> {
    let place = || path.display().to_string();
    let text = files::read_text(path, Kind::List).with_context(place)?;
    let value: Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is no result of `doorward bench --json`", place()))?;
    let mut numbers = BTreeMap::new();
    collect(&value, "", &mut numbers);
    Ok(numbers)
}

/// Every number, called by the way to it. A pair of a name and something is that thing.
fn collect(value: &Value, name: &str, into: &mut BTreeMap<String, f64>) {
    let below = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}.{key}")
        }
    };
    match value {
        Value::Number(n) => {
            into.extend(n.as_f64().map(|n| (name.to_owned(), n)));
        }
        Value::Object(fields) => {
            for (key, inner) in fields {
                collect(inner, &below(key), into);
            }
        }
        Value::Array(items) => match &items[..] {
            [Value::String(key), inner] => collect(inner, &below(key), into),
            items => {
                for (i, inner) in items.iter().enumerate() {
                    // Stages are told by their names, not by their place.
                    match inner {
                        Value::Array(_) => collect(inner, name, into),
                        _ => collect(inner, &below(&i.to_string()), into),
                    }
                }
            }
        },
        _ => {}
    }
}
