//! Answers and their bodies: JSON, Connect's error body, or the HTML of a server that did not understand the request.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::json::to_bytes;
use crate::herder::{HerderError, Kind};

/// An answer before it is written out.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Vec<u8>,
    content_type: Option<HeaderValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The URL of the worker that has to answer in place of this one.
    pub(super) elsewhere: Option<String>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error_code: u16,
    message: &'a str,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Answer {
    /// A body as JSON.
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match to_bytes(body) {
            Ok(body) => Self {
                status,
                body,
                content_type: Some(JSON),
                headers: Vec::new(),
                elsewhere: None,
            },
            Err(error) => Self::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("cannot write the answer: {error}"),
            ),
        }
    }

    /// 200 with a body as JSON.
    pub(super) fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// A status without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: Vec::new(),
            content_type: None,
            headers: Vec::new(),
            elsewhere: None,
        }
    }

    /// Connect's error body.
    pub(super) fn error(status: StatusCode, message: &str) -> Self {
        let body = to_bytes(&ErrorBody {
            error_code: status.as_u16(),
            message,
        })
        .unwrap_or_default();
        Self {
            status,
            body,
            content_type: Some(JSON),
            headers: Vec::new(),
            elsewhere: None,
        }
    }

    /// The error that a framework gives before any resource is reached: it has no Content-Type.
    pub(super) fn framework_error(status: StatusCode) -> Self {
        Self {
            content_type: None,
            ..Self::resource_error(status)
        }
    }

    /// The same error from within a resource.
    pub(super) fn resource_error(status: StatusCode) -> Self {
        Self::error(
            status,
            &format!(
                "HTTP {} {}",
                status.as_u16(),
                status.canonical_reason().unwrap_or_default()
            ),
        )
    }

    /// A page of HTML: the request itself was not understood.
    pub(super) fn html(status: StatusCode, why: &str) -> Self {
        let title = format!(
            "{} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        );
        let body = format!(
            "<html><head><title>{title}</title></head><body><h2>{title}</h2><p>{why}</p></body></html>\n"
        );
        let content_type = Some(HeaderValue::from_static("text/html;charset=iso-8859-1"));
        Self {
            status,
            body: body.into_bytes(),
            content_type,
            headers: Vec::new(),
            elsewhere: None,
        }
    }

    /// Plain text.
    pub(super) fn text(status: StatusCode, text: String) -> Self {
        let content_type = Some(HeaderValue::from_static("text/plain"));
        Self {
            status,
            body: text.into_bytes(),
            content_type,
            headers: Vec::new(),
            elsewhere: None,
        }
    }

    /// 200 with text of a media type.
    pub(super) fn text_of_type(text: String, content_type: &'static str) -> Self {
        Self {
            content_type: Some(HeaderValue::from_static(content_type)),
            ..Self::text(StatusCode::OK, text)
        }
    }

    /// What another worker has answered.
    pub(super) fn of_other(status: StatusCode, body: Vec<u8>, is_json: bool) -> Self {
        Self {
            body,
            content_type: is_json.then_some(JSON),
            ..Self::empty(status)
        }
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Gives the JSON body the parameters that the request's Accept header asked for.
    pub(super) fn echo_parameters(mut self, parameters: &str) -> Self {
        if self.content_type == Some(JSON) && !parameters.is_empty() {
            self.content_type = HeaderValue::from_str(&format!("application/json;{parameters}"))
                .ok()
                .or(Some(JSON));
        }
        self
    }

    /// The answer as it is written out.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        if let Some(content_type) = self.content_type {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type);
        }
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

impl From<HerderError> for Answer {
    fn from(error: HerderError) -> Self {
        let status = match error.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Elsewhere => {
                return Self {
                    elsewhere: Some(error.message),
                    ..Self::empty(StatusCode::CONFLICT)
                };
            }
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::error(status, &error.message)
    }
}
