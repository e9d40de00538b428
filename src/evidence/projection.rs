//! Learning a projection: a linear layer on top of frozen embeddings, by triplet loss with
//! semi-hard negatives (Schroff, Kalenichenko, Philbin 2015, section 3).

use std::collections::BTreeMap;

use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use crate::embedding::{Embedding, dot};

/// By how much a stranger has to be further away than another photo of the person, in
/// squared distance of unit vectors; as in the paper.
const MARGIN: f64 = 0.2;
/// How often triplets are chosen anew, and steps of the optimiser in between.
const ROUNDS: usize = 4;
const STEPS: u64 = 12;
/// Pairs of one person's photos that count at most: who has hundreds is not all there is.
const PAIRS_EACH: usize = 30;

/// Anchor, positive and negative, as places in the list of embeddings.
type Triplet = [usize; 3];

/// Learns a matrix of the embeddings' size, row by row. It starts from doing nothing, and
/// `tether` holds it there: the higher, the less it may change.
///
/// # Errors
/// The optimiser's words.
pub(crate) fn train(faces: &[(usize, &Embedding)], tether: f64) -> Result<Vec<f64>, Error> {
    let size = faces.first().map_or(0, |(_, e)| e.as_slice().len());
    let mut projection: Vec<f64> = (0..size * size)
        .map(|i| f64::from(u8::from(i / size.max(1) == i % size.max(1))))
        .collect();
    for _ in 0..ROUNDS {
        let turned: Vec<Vec<f32>> = faces
            .iter()
            .map(|(_, e)| {
                let (y, _) = turn(&projection, e.as_slice());
                y.iter().map(|v| *v as f32).collect()
            })
            .collect();
        let triplets = mine(faces, &turned);
        if triplets.is_empty() {
            break;
        }
        let problem = Problem {
            faces: faces.iter().map(|(_, e)| e.as_slice()).collect(),
            triplets,
            tether,
            size,
        };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7);
        let result = Executor::new(problem, solver)
            .configure(|state| state.param(projection.clone()).max_iters(STEPS))
            .run()?;
        match result.state().get_best_param() {
            Some(best) => projection.clone_from(best),
            None => break,
        }
    }
    Ok(projection)
}

/// For each pair of photos of one person the nearest stranger who is further away than the
/// pair, but by less than the margin.
fn mine(faces: &[(usize, &Embedding)], turned: &[Vec<f32>]) -> Vec<Triplet> {
    let mut by_person: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, (person, _)) in faces.iter().enumerate() {
        by_person.entry(*person).or_default().push(i);
    }
    let mut triplets = Vec::new();
    for (person, own) in &by_person {
        let pairs = own
            .iter()
            .enumerate()
            .flat_map(|(n, a)| own.iter().skip(n + 1).map(move |p| (*a, *p)));
        for (a, p) in pairs.take(PAIRS_EACH) {
            let (Some(anchor), Some(positive)) = (turned.get(a), turned.get(p)) else {
                continue;
            };
            let near = dot(anchor, positive);
            let least = near - (MARGIN / 2.0) as f32;
            let negative = turned
                .iter()
                .zip(faces)
                .enumerate()
                .filter(|(_, (_, (other, _)))| other != person)
                .map(|(n, (t, _))| (n, dot(anchor, t)))
                .filter(|(_, cosine)| *cosine < near && *cosine > least)
                .max_by(|x, y| x.1.total_cmp(&y.1));
            if let Some((n, _)) = negative {
                triplets.push([a, p, n]);
            }
        }
    }
    triplets
}

/// The turned embedding at unit length, and its length before.
fn turn(projection: &[f64], x: &[f32]) -> (Vec<f64>, f64) {
    let z: Vec<f64> = projection
        .chunks_exact(x.len().max(1))
        .map(|row| row.iter().zip(x).map(|(w, x)| w * f64::from(*x)).sum())
        .collect();
    let length = z.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-9);
    (z.iter().map(|v| v / length).collect(), length)
}

struct Problem<'a> {
    faces: Vec<&'a [f32]>,
    triplets: Vec<Triplet>,
    tether: f64,
    size: usize,
}

impl Problem<'_> {
    /// Loss, and the gradient if it is asked for.
    fn evaluate(&self, projection: &[f64], gradient: Option<&mut Vec<f64>>) -> f64 {
        let turned: Vec<(Vec<f64>, f64)> = self.faces.iter().map(|x| turn(projection, x)).collect();
        // By what each turned embedding should move; filled for those in a triplet.
        let mut pulls: Vec<Vec<f64>> = vec![Vec::new(); self.faces.len()];
        let share = 1.0 / self.triplets.len().max(1) as f64;
        let mut loss = 0.0;
        for [a, p, n] in &self.triplets {
            let (Some((ya, _)), Some((yp, _)), Some((yn, _))) =
                (turned.get(*a), turned.get(*p), turned.get(*n))
            else {
                continue;
            };
            let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(a, b)| a * b).sum::<f64>();
            // Squared distances of unit vectors are 2 - 2 cosines.
            let over = 2.0 * (product(ya, yn) - product(ya, yp)) + MARGIN;
            if over <= 0.0 {
                continue;
            }
            loss += over * share;
            if gradient.is_some() {
                let by = 2.0 * share;
                let away: Vec<f64> = yn.iter().zip(yp).map(|(n, p)| by * (n - p)).collect();
                let minus: Vec<f64> = ya.iter().map(|v| -by * v).collect();
                let plus: Vec<f64> = ya.iter().map(|v| by * v).collect();
                for (at, pull) in [(*a, away), (*p, minus), (*n, plus)] {
                    if let Some(sum) = pulls.get_mut(at) {
                        sum.resize(self.size, 0.0);
                        for (s, v) in sum.iter_mut().zip(pull) {
                            *s += v;
                        }
                    }
                }
            }
        }
        for (i, value) in projection.iter().enumerate() {
            let start = f64::from(u8::from(i / self.size == i % self.size));
            loss += self.tether * (value - start).powi(2);
        }
        if let Some(gradient) = gradient {
            gradient.clear();
            gradient.extend(projection.iter().enumerate().map(|(i, value)| {
                let start = f64::from(u8::from(i / self.size == i % self.size));
                2.0 * self.tether * (value - start)
            }));
            for ((pull, (y, length)), x) in pulls.iter().zip(&turned).zip(&self.faces) {
                if pull.is_empty() {
                    continue;
                }
                // Through the scaling to unit length: what points along y changes nothing.
                let along: f64 = pull.iter().zip(y).map(|(g, y)| g * y).sum();
                for ((row, g), y) in gradient.chunks_exact_mut(self.size).zip(pull).zip(y) {
                    let by = (g - along * y) / length;
                    for (w, x) in row.iter_mut().zip(*x) {
                        *w += by * f64::from(*x);
                    }
                }
            }
        }
        loss
    }
}

impl CostFunction for Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, projection: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.evaluate(projection, None))
    }
}

impl Gradient for Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, projection: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let mut gradient = Vec::with_capacity(projection.len());
        self.evaluate(projection, Some(&mut gradient));
        Ok(gradient)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Faces of `people` people whose first coordinates say who they are and whose last,
    /// larger ones say nothing.
    fn noisy(people: usize, photos: usize, seed: u64) -> Vec<(usize, Embedding)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut all = Vec::new();
        for person in 0..people {
            let own: Vec<f32> = (0..4).map(|_| random.f32() - 0.5).collect();
            for _ in 0..photos {
                let noise = (0..4).map(|_| (random.f32() - 0.5) * 1.5);
                let values = own.iter().copied().chain(noise).collect();
                all.push((
                    person,
                    Embedding::new(&crate::embedding::ModelVersion::new("m"), values).unwrap(),
                ));
            }
        }
        all
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let faces = noisy(6, 3, 1);
        let faces: Vec<(usize, &Embedding)> = faces.iter().map(|(p, e)| (*p, e)).collect();
        let turned: Vec<Vec<f32>> = faces.iter().map(|(_, e)| e.as_slice().to_vec()).collect();
        let problem = Problem {
            faces: faces.iter().map(|(_, e)| e.as_slice()).collect(),
            triplets: mine(&faces, &turned),
            tether: 0.01,
            size: 8,
        };
        assert!(!problem.triplets.is_empty());
        let mut random = fastrand::Rng::with_seed(2);
        let projection: Vec<f64> = (0..64).map(|_| random.f64() - 0.5).collect();
        let gradient = problem.gradient(&projection).unwrap();
        for i in 0..64 {
            let moved = |by: f64| {
                let mut projection = projection.clone();
                projection[i] += by;
                problem.cost(&projection).unwrap()
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!(
                (slope - gradient[i]).abs() < 1e-4,
                "{i}: {slope} {}",
                gradient[i]
            );
        }
    }

    #[test]
    fn what_says_nothing_of_a_person_is_turned_away_from() {
        let faces = noisy(60, 4, 3);
        let faces: Vec<(usize, &Embedding)> = faces.iter().map(|(p, e)| (*p, e)).collect();
        let projection = train(&faces, 1e-3).unwrap();
        let weight = |columns: std::ops::Range<usize>| -> f64 {
            projection
                .chunks_exact(8)
                .flat_map(|row| row[columns.clone()].iter())
                .map(|w| w * w)
                .sum()
        };
        assert!(
            weight(0..4) > 2.0 * weight(4..8),
            "{} {}",
            weight(0..4),
            weight(4..8)
        );
    }
}
