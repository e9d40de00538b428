//! What each network of a model set costs on this machine, so that its owner can choose.
//!
//! The choice is not made by a clock at start: which O-Net runs moves boxes by a third of a
//! pixel, and another embedder knows nobody's templates. What decides who is let in
//! should not depend on how busy a board was when it booted.

use std::time::Instant;

use serde::Serialize;

use super::VisionError;
use super::manifest::{Entry, Manifest, Role};
use super::runtime::{self, Network};
use crate::config;

const TURNS: usize = 9;

/// A network of the set and its time.
#[derive(Debug, Serialize)]
pub struct Variant {
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
    let environment = runtime::environment(&models.runtime)?;
    let mut all = Vec::new();
    for role in [Role::Pnet, Role::Rnet, Role::Onet, Role::Embedder] {
        let used = manifest.pick(role, &models.choose)?.id.clone();
        let entries = manifest.entries().iter().filter(|e| e.role == role);
        let mut networks = entries
            .map(|entry| {
                let network = Network::open(&environment, &manifest, entry, models)?;
                Ok((entry, network, shape(entry), Vec::new()))
            })
            .collect::<Result<Vec<_>, VisionError>>()?;
        // The first turn warms up.
        for turn in 0..=TURNS {
            for (_, network, shape, took) in &mut networks {
                let pixels = vec![100.0; shape.iter().product()];
                let start = Instant::now();
                network.run(*shape, &pixels)?;
                if turn > 0 {
                    took.push(start.elapsed().as_secs_f64() * 1000.0);
                }
            }
        }
        for (entry, _, _, mut took) in networks {
            took.sort_by(f64::total_cmp);
            all.push(Variant {
                role: role.to_string(),
                id: entry.id.clone(),
                ms: took.get(TURNS / 2).copied().unwrap_or(f64::NAN),
                used: entry.id == used,
            });
        }
    }
    Ok(all)
}

/// About what a 640x480 frame with one face asks of it.
fn shape(entry: &Entry) -> [usize; 4] {
    match entry.role {
        Role::Pnet => [1, 3, 73, 97],
        Role::Rnet => [16, 3, 24, 24],
        Role::Onet => [4, 3, 48, 48],
        Role::Embedder => {
            let mut sides = entry.input.shape.iter().map(|n| (*n).max(1) as usize);
            std::array::from_fn(|_| sides.next().unwrap_or(1))
        }
    }
}
