//! Forms and uploads: read within bounds, and only with the token of the session that they
//! were made for.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::guard::Who;
use super::texts as t;
use super::{layout, secret};
use crate::ipc::MAX_PHOTOS_COUNT;

/// The longest form without photos.
const MAX_FORM_BYTES: usize = 32 * 1024;
/// The longest field of any form.
const MAX_FIELD_BYTES: usize = 4 * 1024;
/// Fields of a form.
const MAX_FIELDS_COUNT: usize = 32;
/// Of one photo.
pub(super) const MAX_PHOTO_BYTES: usize = 8 << 20;
/// Of a whole upload.
pub(super) const MAX_UPLOAD_BYTES: usize = 32 << 20;
/// The name of the field with the token.
pub(super) const TOKEN: &str = "token";

/// What was filled in.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Without spaces around it; empty if it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// As it was sent.
    pub(super) fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    fn push(&mut self, name: &str, value: String) -> Result<(), StatusCode> {
        if self.0.len() >= MAX_FIELDS_COUNT || value.len() > MAX_FIELD_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        self.0.push((name.to_owned(), value));
        Ok(())
    }

    /// Of `a=b&c=d`.
    pub(super) fn parse(text: &[u8]) -> Result<Self, StatusCode> {
        let mut fields = Self::default();
        let parts = text
            .split(|byte| *byte == b'&')
            .filter(|part| !part.is_empty());
        for part in parts {
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let name = decoded(halves.next().unwrap_or_default())?;
            let value = decoded(halves.next().unwrap_or_default())?;
            fields.push(&name, value)?;
        }
        Ok(fields)
    }
}

/// Percent signs and plus signs taken for what they stand for.
fn decoded(text: &[u8]) -> Result<String, StatusCode> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match (*first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                    return Err(StatusCode::BAD_REQUEST);
                };
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = after;
            }
            (b'%', _) => return Err(StatusCode::BAD_REQUEST),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| StatusCode::BAD_REQUEST)
}

fn refused(who: Option<&Who>, status: StatusCode) -> Response {
    let said = match status {
        StatusCode::FORBIDDEN => t::FORGED,
        StatusCode::PAYLOAD_TOO_LARGE => t::TOO_LARGE,
        _ => t::BAD_FORM,
    };
    layout::failed(who, status, said)
}

/// A form without a session: the one that logs in.
pub(super) struct Loose(pub Fields);

impl<S: Send + Sync> FromRequest<S> for Loose {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let who = request.extensions().get::<Who>().cloned();
        let fields = read(request).await;
        fields
            .map(Self)
            .map_err(|status| refused(who.as_ref(), status))
    }
}

async fn read(request: Request) -> Result<Fields, StatusCode> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_form = kind.is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    if !is_form {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let body = to_bytes(request.into_body(), MAX_FORM_BYTES).await;
    Fields::parse(&body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?)
}

/// A form of somebody who is logged in, with the session's token in it.
pub(super) struct Posted {
    pub who: Who,
    pub fields: Fields,
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let Some(who) = request.extensions().get::<Who>().cloned() else {
            return Err(refused(None, StatusCode::FORBIDDEN));
        };
        let fields = match read(request).await {
            Ok(fields) => fields,
            Err(status) => return Err(refused(Some(&who), status)),
        };
        if !secret::is_same(fields.raw(TOKEN), &who.csrf) {
            return Err(refused(Some(&who), StatusCode::FORBIDDEN));
        }
        Ok(Self { who, fields })
    }
}

/// A photo as it was sent.
pub(super) struct Photo {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// A form with photos. The token comes first in it: nothing of a forged upload is kept.
pub(super) struct Uploaded {
    pub who: Who,
    pub fields: Fields,
    pub photos: Vec<Photo>,
}

impl<S: Send + Sync> FromRequest<S> for Uploaded {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let Some(who) = request.extensions().get::<Who>().cloned() else {
            return Err(refused(None, StatusCode::FORBIDDEN));
        };
        let parts = Multipart::from_request(request, state).await;
        let uploaded = match parts {
            Ok(parts) => gather(parts, &who).await,
            Err(_) => Err(StatusCode::BAD_REQUEST),
        };
        match uploaded {
            Ok((fields, photos)) => Ok(Self {
                who,
                fields,
                photos,
            }),
            Err(status) => Err(refused(Some(&who), status)),
        }
    }
}

async fn gather(mut parts: Multipart, who: &Who) -> Result<(Fields, Vec<Photo>), StatusCode> {
    let (mut fields, mut photos) = (Fields::default(), Vec::new());
    let mut is_ours = false;
    let mut total = 0;
    while let Some(mut part) = parts.next_field().await.map_err(|error| error.status())? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(str::to_owned);
        if !is_ours && name != TOKEN {
            return Err(StatusCode::FORBIDDEN);
        }
        let most = if file.is_some() {
            MAX_PHOTO_BYTES
        } else {
            MAX_FIELD_BYTES
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| error.status())? {
            total += chunk.len();
            if bytes.len() + chunk.len() > most || total > MAX_UPLOAD_BYTES {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            bytes.extend_from_slice(&chunk);
        }
        match file {
            // A field for files that was left empty.
            Some(_) if bytes.is_empty() => {}
            Some(_) if photos.len() >= MAX_PHOTOS_COUNT => {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            Some(name) => photos.push(Photo { name, bytes }),
            None => {
                let value = String::from_utf8(bytes).map_err(|_| StatusCode::BAD_REQUEST)?;
                if name == TOKEN {
                    is_ours = secret::is_same(&value, &who.csrf);
                    if !is_ours {
                        return Err(StatusCode::FORBIDDEN);
                    }
                }
                fields.push(&name, value)?;
            }
        }
    }
    match is_ours {
        true => Ok((fields, photos)),
        false => Err(StatusCode::FORBIDDEN),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let fields = Fields::parse(b"name=Ada+L%C3%B6ve%26lace&empty=&a=b=c").unwrap();
        assert_eq!(fields.text("name"), "Ada L\u{f6}ve&lace");
        assert_eq!((fields.text("empty"), fields.text("none")), ("", ""));
        assert_eq!(fields.text("a"), "b=c");
        for wrong in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%ff"] {
            assert!(Fields::parse(wrong).is_err());
        }
        let many = vec!["a=b"; MAX_FIELDS_COUNT + 1].join("&");
        assert!(Fields::parse(many.as_bytes()).is_err());
        let long = format!("a={}", "b".repeat(MAX_FIELD_BYTES + 1));
        assert!(Fields::parse(long.as_bytes()).is_err());
    }
}
