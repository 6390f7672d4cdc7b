//! ApiVersions (18): generated from the table of APIs. Every version is answered, an unknown one in version 0.

use millrace_wire::codec::Decoder;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse, Request};

use crate::apis;
use crate::call::{Answer, CallError, Ctx};

pub(crate) async fn answer(
    ctx: &Ctx<'_>,
    version: i16,
    body: Decoder,
) -> Result<Answer, CallError> {
    if !ApiVersionsRequest::VERSIONS.contains(&version) {
        let response = response(ErrorCode::UNSUPPORTED_VERSION);
        return Ok(Answer::Reply(
            ctx.encode::<ApiVersionsRequest>(0, &response)?,
        ));
    }
    let request: ApiVersionsRequest = apis::decode(version, body)?;
    let named = version < 3
        || (is_software_name(&request.client_software_name)
            && is_software_name(&request.client_software_version));
    let response = if named {
        response(ErrorCode::NONE)
    } else {
        ApiVersionsResponse {
            error_code: ErrorCode::INVALID_REQUEST,
            ..Default::default()
        }
    };
    Ok(Answer::Reply(
        ctx.encode::<ApiVersionsRequest>(version, &response)?,
    ))
}

fn response(error_code: ErrorCode) -> ApiVersionsResponse {
    let api_keys = apis::ADVERTISED
        .iter()
        .map(|(key, versions)| ApiVersion {
            api_key: *key as i16,
            min_version: *versions.start(),
            max_version: *versions.end(),
        })
        .collect();
    ApiVersionsResponse {
        error_code,
        api_keys,
        ..Default::default()
    }
}

/// Letters, digits, dots and dashes, with a letter or digit at both ends.
fn is_software_name(name: &str) -> bool {
    let ends = [name.chars().next(), name.chars().next_back()];
    ends.iter()
        .all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()))
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::is_software_name;

    #[test]
    fn software_names() {
        let table = [
            ("librdkafka", true),
            ("2.15.0-rc1", true),
            ("a", true),
            ("", false),
            ("-x", false),
            ("x.", false),
            ("a b", false),
        ];
        for (name, expected) in table {
            assert_eq!(is_software_name(name), expected, "{name}");
        }
    }
}
