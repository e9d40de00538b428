//! What each network of a model set costs on this machine.
//!
//! Its owner can choose by that (`doorward bench`, `models.choose`), or have the quicker of
//! equally good ones chosen once and kept (`models.precision = "auto"`). The manifest says
//! which are equally good (`auto = true`): never embedders, of which another knows nobody's
//! templates.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use ort::environment::Environment;

use super::VisionError;
use super::manifest::{Entry, Manifest, Role};
use super::runtime::{self, Network};
use crate::config;
use crate::files::{self, Kind};

const TURNS: usize = 9;

/// A network of the set and its time.
#[derive(Debug, Serialize)]
pub(crate) struct Variant {
    /// What it is for.
    pub role: String,
    /// The manifest's id.
    pub id: String,
    /// Milliseconds for what a frame with one face takes of it, the median of nine runs.
    pub ms: f64,
    /// Whether it is the one in use.
    pub used: bool,
}

/// Times every network of the configured set, those of one role interleaved.
///
/// # Errors
/// [`VisionError`] if one cannot be loaded or run.
pub fn time(models: &config::Models) -> Result<Vec<Variant>, VisionError> {
    let manifest = Manifest::load(&models.dir)?;
    let environment = runtime::environment(&manifest, models)?;
    let chosen = chosen(&environment, &manifest, models, Keeping::Note)?;
    let mut all = Vec::new();
    for role in [Role::Pnet, Role::Rnet, Role::Onet, Role::Embedder] {
        let used = used(&manifest, role, &chosen)?;
        let entries: Vec<&Entry> = manifest
            .entries()
            .iter()
            .filter(|e| e.role == role)
            .collect();
        let times = interleaved(&environment, &manifest, &entries, models)?;
        all.extend(entries.iter().zip(times).map(|(entry, ms)| Variant {
            role: role.to_string(),
            id: entry.id.clone(),
            ms,
            used: used.contains(&entry.id.as_str()),
        }));
    }
    Ok(all)
}

/// The ids of a role's networks that are in use: one, or embedders that decide together.
fn used<'m>(
    manifest: &'m Manifest,
    role: Role,
    chosen: &[String],
) -> Result<Vec<&'m str>, VisionError> {
    Ok(match (role, manifest.ensemble(chosen)?) {
        (Role::Embedder, Some(ensemble)) => {
            ensemble.members.iter().map(|m| m.model.as_str()).collect()
        }
        _ => vec![manifest.pick(role, chosen)?.id.as_str()],
    })
}

/// The median time of each in milliseconds.
fn interleaved(
    environment: &Environment,
    manifest: &Manifest,
    entries: &[&Entry],
    models: &config::Models,
) -> Result<Vec<f64>, VisionError> {
    let mut networks = entries
        .iter()
        .map(|entry| {
            let network = Network::open(environment, manifest, entry, models)?;
            Ok((network, shape(entry), Vec::new()))
        })
        .collect::<Result<Vec<_>, VisionError>>()?;
    // The first turn warms up.
    for turn in 0..=TURNS {
        for (network, shape, took) in &mut networks {
            let pixels = vec![100.0; shape.iter().product()];
            let start = Instant::now();
            network.run(*shape, &pixels)?;
            if turn > 0 {
                took.push(start.elapsed().as_secs_f64() * 1000.0);
            }
        }
    }
    let median = |mut took: Vec<f64>| {
        took.sort_by(f64::total_cmp);
        took.get(TURNS / 2).copied().unwrap_or(f64::NAN)
    };
    Ok(networks
        .into_iter()
        .map(|(_, _, took)| median(took))
        .collect())
}

/// What becomes of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It is noted for the next start.
    Note,
    /// Nothing is written.
    Nothing,
}

/// A choice that was made before.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// What it holds for.
    made_for: String,
    choose: Vec<String>,
}

/// The ids to use in place of defaults: those of the configuration, and with
/// `models.precision = "auto"` the quickest of those that are equally good. That choice is
/// kept in `models.cache`, for this machine and model set, unless `keeping` leaves that be.
///
/// # Errors
/// [`VisionError`] if a network cannot be loaded or run.
pub fn chosen(
    environment: &Environment,
    manifest: &Manifest,
    models: &config::Models,
    keeping: Keeping,
) -> Result<Vec<String>, VisionError> {
    let mut all = models.choose.clone();
    if models.precision == config::Precision::Manifest {
        return Ok(all);
    }
    let made_for = made_for(
        manifest.set(),
        models,
        &runtime::cpu_name(),
        &runtime::cpu_features(),
    );
    // Whoever wrote the file, it chooses among equals only, and no embedder.
    let equal = |id: &String| {
        let mut entries = manifest.entries().iter();
        entries.any(|e| e.id == *id && e.auto && e.role != Role::Embedder)
    };
    let quickest = match kept(&models.cache) {
        Some(kept) if kept.made_for == made_for && kept.choose.iter().all(equal) => kept.choose,
        _ => {
            let mut quickest = Vec::new();
            for role in [Role::Pnet, Role::Rnet, Role::Onet] {
                let good = |e: &&Entry| e.role == role && e.auto;
                let entries: Vec<&Entry> = manifest.entries().iter().filter(good).collect();
                if entries.len() < 2 {
                    continue;
                }
                let times = interleaved(environment, manifest, &entries, models)?;
                let best = entries.iter().zip(&times).min_by(|a, b| a.1.total_cmp(b.1));
                for (entry, ms) in entries.iter().zip(&times) {
                    log::info!("{}: {ms:.2} ms on this machine", entry.id);
                }
                quickest.extend(best.map(|(entry, _)| entry.id.clone()));
            }
            if keeping == Keeping::Note {
                let choose = quickest.clone();
                keep(&models.cache, &Kept { made_for, choose });
            }
            quickest
        }
    };
    // What the configuration names for a role counts.
    let role = |id: &String| {
        manifest
            .entries()
            .iter()
            .find(|e| e.id == *id)
            .map(|e| e.role)
    };
    let named: Vec<_> = models.choose.iter().map(role).collect();
    all.extend(quickest.into_iter().filter(|id| !named.contains(&role(id))));
    Ok(all)
}

/// What a choice holds for, as it is written into the file beside it.
fn made_for(set: &str, models: &config::Models, cpu: &str, features: &[&str]) -> String {
    let (accelerator, threads) = (models.accelerator.name(), models.threads);
    let features = features.join(" ");
    format!("{set}, {accelerator}, {threads} threads, {cpu}, {features}")
}

fn kept(path: &Path) -> Option<Kept> {
    toml::from_str(&files::read_text(path, Kind::Note).ok()?).ok()
}

/// Without the file the choice is made again; who may not write it is not the daemon.
fn keep(path: &Path, kept: &Kept) {
    let written = toml::to_string(kept)
        .map_err(|e| e.to_string())
        .and_then(|text| files::replace(path, text.as_bytes(), 0o600).map_err(|e| e.to_string()));
    if let Err(error) = written {
        log::debug!(
            "the choice of networks is not kept in {}: {error}",
            path.display()
        );
    }
}

/// About what a 640x480 frame with one face asks of it.
fn shape(entry: &Entry) -> [usize; 4] {
    match entry.role {
        Role::Pnet => [1, 3, 73, 97],
        Role::Rnet => [16, 3, 24, 24],
        Role::Onet => [4, 3, 48, 48],
        Role::Embedder | Role::Pad => {
            let mut sides = entry.input.shape.iter().map(|n| (*n).max(1) as usize);
            std::array::from_fn(|_| sides.next().unwrap_or(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another text would have every door measure its networks again.
    #[test]
    fn what_a_choice_holds_for_is_spelt_out() {
        let models = config::Models {
            accelerator: config::Accelerator::Tensorrt,
            threads: 3,
            ..config::Models::default()
        };
        assert_eq!(
            made_for("set-1", &models, "A CPU", &["avx2", "fma"]),
            "set-1, tensorrt, 3 threads, A CPU, avx2 fma"
        );
    }
}
