//! Where something sealed belongs: a column, and what names its row. It is bound to that.

/// The associated data of what is sealed: each part with its kind and its length, so that no
/// two places have the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Vec<u8>);

impl Place {
    /// `what` is a column, such as `templates.vector`.
    pub fn new(what: &str) -> Self {
        Self(Vec::new()).with(b't', what.as_bytes())
    }

    /// The number of a row or person.
    #[must_use]
    pub fn number(self, number: i64) -> Self {
        self.with(b'i', &number.to_le_bytes())
    }

    /// Such as a model version.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.with(b't', text.as_bytes())
    }

    #[must_use]
    pub fn blob(self, bytes: &[u8]) -> Self {
        self.with(b'b', bytes)
    }

    /// That something is not there, as NULL in a row.
    #[must_use]
    pub fn nothing(self) -> Self {
        self.with(b'n', &[])
    }

    fn with(mut self, kind: u8, bytes: &[u8]) -> Self {
        self.0.push(kind);
        self.0
            .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
