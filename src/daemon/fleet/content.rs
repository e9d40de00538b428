//! What a row says of a person or a template, as JSON with a version. What this version does not
//! know is not read: somebody could be let in by a part of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::embedding::ModelVersion;
use crate::fleet::{Kind, RowId, Sealing};
use crate::whitelist::{FleetHash, FleetPerson, FleetTemplate};

/// What is written, and all that is read.
const VERSION: u32 = 1;
/// The body of a removed person's row, where all that can be forgotten is to be.
pub(super) const ERASED: &[u8] = b"erased";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonBody {
    version: u32,
    person: FleetPerson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateBody {
    version: u32,
    /// The person's row, in Base64.
    of: String,
    model: ModelVersion,
    /// Little-endian f32, in Base64.
    vector: String,
    made_at_ms: i64,
}

/// The text of a person's row.
pub(super) fn of_person(person: &FleetPerson) -> Option<Zeroizing<String>> {
    let body = PersonBody {
        version: VERSION,
        person: person.clone(),
    };
    serde_json::to_string(&body).ok().map(Zeroizing::new)
}

/// The text of a template's row.
pub(super) fn of_template(of: RowId, template: &FleetTemplate) -> Option<Zeroizing<String>> {
    let body = TemplateBody {
        version: VERSION,
        of: STANDARD.encode(of.0),
        model: template.model.clone(),
        vector: STANDARD.encode(&*template.vector),
        made_at_ms: template.made_at_ms,
    };
    serde_json::to_string(&body).ok().map(Zeroizing::new)
}

/// Nothing if it is no person's.
pub(super) fn person(sealing: &Sealing, id: RowId, body: &[u8]) -> Option<FleetPerson> {
    let text = sealing.open(id, Kind::Person, body)?;
    let body: PersonBody = serde_json::from_slice(&text).ok()?;
    (body.version == VERSION).then_some(body.person)
}

/// Nothing if it is no template's; else whose it is.
pub(super) fn template(
    sealing: &Sealing,
    id: RowId,
    body: &[u8],
) -> Option<(RowId, FleetTemplate)> {
    let text = sealing.open(id, Kind::Template, body)?;
    let body: TemplateBody = serde_json::from_slice(&text).ok()?;
    let of = STANDARD.decode(&body.of).ok()?.try_into().ok()?;
    let template = FleetTemplate {
        model: body.model,
        vector: Zeroizing::new(STANDARD.decode(&body.vector).ok()?),
        made_at_ms: body.made_at_ms,
    };
    (body.version == VERSION).then_some((RowId(of), template))
}

/// What is kept of what was said of a person. The first byte tells whether as one who is let in.
pub(super) fn said_of_person(
    sealing: &Sealing,
    is_enabled: bool,
    person: &FleetPerson,
) -> FleetHash {
    let text = of_person(person).unwrap_or_default();
    let mut said = sealing.digest(&[b"person\0", text.as_bytes()].concat());
    said[0] = u8::from(is_enabled);
    said
}

/// Whether that said that somebody is let in.
pub(super) fn was_enabled(said: &FleetHash) -> bool {
    said[0] == 1
}

/// What is kept of what was said of a template.
pub(super) fn said_of_template(
    sealing: &Sealing,
    of: RowId,
    template: &FleetTemplate,
) -> FleetHash {
    let text = of_template(of, template).unwrap_or_default();
    let mut said = sealing.digest(&[b"template\0", text.as_bytes()].concat());
    said[0] = 1;
    said
}
