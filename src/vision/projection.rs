//! A small learnt layer on top of an embedder: what `doorward train` makes.

/// A square matrix that turns an embedding before it is scaled to unit length again.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    size: usize,
    rows: Vec<f32>,
}

impl Projection {
    /// From a file's bytes: `size` rows of `size` little-endian `f32`. `None` if there are
    /// more or less of them, or one is not finite.
    pub fn from_bytes(bytes: &[u8], size: usize) -> Option<Self> {
        let (values, rest) = bytes.as_chunks::<4>();
        let rows: Vec<f32> = values.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let fits = rest.is_empty() && size > 0 && rows.len() == size.checked_mul(size)?;
        (fits && rows.iter().all(|v| v.is_finite())).then_some(Self { size, rows })
    }

    /// What [`Projection::from_bytes`] reads.
    pub fn to_bytes(rows: &[f64]) -> Vec<u8> {
        rows.iter()
            .flat_map(|v| (*v as f32).to_le_bytes())
            .collect()
    }

    /// Turns an embedding of its size.
    pub(crate) fn apply(&self, embedding: &[f32]) -> Vec<f32> {
        self.rows
            .chunks_exact(self.size)
            .map(|row| crate::embedding::dot(row, embedding))
            .collect()
    }
}
