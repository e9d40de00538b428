//! Who is on the whitelist, whatever their faces are like.

use super::standing::Standing;
use crate::person::PersonId;

/// Somebody on the whitelist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The person's number.
    pub id: PersonId,
    /// The person's name.
    pub name: String,
    /// Whether the person may pass at all.
    pub enabled: bool,
    /// What rules ask of the person.
    pub standing: Standing,
}

impl Listed {
    /// Somebody in no group, without limits.
    pub fn new(id: PersonId, name: impl Into<String>, enabled: bool) -> Self {
        Self {
            id,
            name: name.into(),
            enabled,
            standing: Standing::default(),
        }
    }
}

/// Everybody on the whitelist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// By number.
    people: Vec<Listed>,
}

impl Directory {
    /// Of a number given twice the last counts.
    pub fn new(people: impl IntoIterator<Item = Listed>) -> Self {
        let by_id: std::collections::BTreeMap<PersonId, Listed> =
            people.into_iter().map(|p| (p.id, p)).collect();
        Self {
            people: by_id.into_values().collect(),
        }
    }

    /// The person with this number; `None` if nobody has it.
    pub fn get(&self, id: PersonId) -> Option<&Listed> {
        let place = self.people.binary_search_by_key(&id, |p| p.id).ok()?;
        self.people.get(place)
    }

    /// A person's name, or the number of somebody who is not on the whitelist.
    pub(crate) fn name_of(&self, id: PersonId) -> String {
        self.get(id)
            .map_or_else(|| id.to_string(), |p| p.name.clone())
    }

    /// Whether the person is listed and may pass at all.
    pub(crate) fn is_enabled(&self, id: PersonId) -> bool {
        self.get(id).is_some_and(|p| p.enabled)
    }

    /// Everybody, by number.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Listed> {
        self.people.iter()
    }

    /// Everybody who may pass.
    pub(crate) fn enabled(&self) -> impl Iterator<Item = &Listed> {
        self.people.iter().filter(|person| person.enabled)
    }

    /// How many people there are.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether nobody is listed.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}
