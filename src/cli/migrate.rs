//! `doorward people migrate`: templates for another network, from the photos that were kept.

use std::process::ExitCode;

use serde_json::json;

use super::clerk::Clerk;
use super::{Exit, Format, print_json, table};
use crate::config::Config;
use crate::database::Database;
use crate::enrol;
use crate::shown::counted;
use crate::vision::Vision;

pub(super) fn run(config: &Config, format: Format) -> anyhow::Result<ExitCode> {
    let database = Database::open_existing(&config.whitelist.database)?;
    let clerk = Clerk::new(config);
    let mut vision = Vision::open(&config.models, &config.vision)?;
    let outcomes = enrol::migrate(&database, &mut vision, |verb| clerk.does(verb, None))?;
    let model = vision.version();
    let again = outcomes.iter().filter(|o| !o.ready).count();
    let code = if again > 0 { Exit::No } else { Exit::Done }.into();
    if format.json {
        let people: Vec<_> = outcomes
            .iter()
            .map(|o| json!({ "person_id": o.person, "name": o.name, "made": o.made, "failed": o.failed, "must_come_again": !o.ready }))
            .collect();
        print_json(&json!({ "model": model, "people": people }))?;
        return Ok(code);
    }
    println!("Templates for {model}:");
    let rows = outcomes.iter().map(|o| {
        let mut what = match (o.ready, o.made) {
            (true, 0) => "was ready".to_owned(),
            (true, made) => format!("{made} made anew"),
            (false, _) => "MUST BE ENROLLED AGAIN: there is no photo to make any from".into(),
        };
        if o.failed > 0 {
            what += &format!(
                "; {} no usable face to it",
                counted(o.failed, "kept photo shows", "kept photos show")
            );
        }
        vec![o.name.clone(), what]
    });
    table(&["who", "templates"], rows);
    if again > 0 {
        println!("{again} of {} must come again.", outcomes.len());
    }
    Ok(code)
}
