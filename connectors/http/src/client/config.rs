//! The keys of connection and authentication, shared by all HTTP connectors that call a server.

use std::time::Duration;

use millrace_api::config::{self, Config, ConfigEnum, Secret};
use reqwest::header::{HeaderName, HeaderValue};

use super::headers;
use crate::refused::Refused;

/// How requests prove who sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum AuthType {
    /// Not at all.
    #[default]
    #[config(name = "NONE")]
    None,
    /// User and password.
    #[config(name = "BASIC")]
    Basic,
    /// A fixed token.
    #[config(name = "BEARER")]
    Bearer,
    /// A key in a header or in the query.
    #[config(name = "API_KEY")]
    ApiKey,
    /// A token that a token server gives for client id and secret.
    #[config(name = "OAUTH2")]
    OAuth2,
}

/// Where an API key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum ApiKeyLocation {
    /// A header.
    #[default]
    #[config(name = "HEADER")]
    Header,
    /// A parameter of the query.
    #[config(name = "QUERY")]
    Query,
}

/// How the token server is told who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum ClientAuthMode {
    /// By basic authentication.
    #[default]
    Header,
    /// By parameters of the form.
    Url,
}

/// Connection and authentication.
#[derive(Debug, Clone, Config)]
pub(crate) struct ClientConfig {
    /// How requests are authenticated: `NONE`, `BASIC` (`connection.user`, `connection.password`), `BEARER`
    /// (`bearer.token`), `API_KEY` (`api.key.*`) or `OAUTH2` (`oauth2.*`, client credentials).
    #[config(name = "auth.type", default = "NONE", importance = high, group = "Authentication")]
    pub(crate) auth_type: AuthType,
    /// The user of `auth.type=BASIC`.
    #[config(name = "connection.user", group = "Authentication")]
    pub(crate) user: Option<String>,
    /// The password of `auth.type=BASIC`.
    #[config(name = "connection.password", group = "Authentication")]
    pub(crate) password: Option<Secret>,
    /// The token of `auth.type=BEARER`.
    #[config(name = "bearer.token", group = "Authentication")]
    pub(crate) bearer_token: Option<Secret>,
    /// The header or query parameter that carries the key of `auth.type=API_KEY`.
    #[config(name = "api.key.name", group = "Authentication")]
    pub(crate) api_key_name: Option<String>,
    /// The key of `auth.type=API_KEY`.
    #[config(name = "api.key.value", group = "Authentication")]
    pub(crate) api_key_value: Option<Secret>,
    /// Where the key of `auth.type=API_KEY` goes: `HEADER` or `QUERY`.
    #[config(
        name = "api.key.location",
        default = "HEADER",
        group = "Authentication"
    )]
    pub(crate) api_key_location: ApiKeyLocation,
    /// The token server of `auth.type=OAUTH2`.
    #[config(name = "oauth2.token.url", validator = check_url, group = "Authentication")]
    pub(crate) oauth2_token_url: Option<String>,
    /// The client id of `auth.type=OAUTH2`.
    #[config(name = "oauth2.client.id", group = "Authentication")]
    pub(crate) oauth2_client_id: Option<String>,
    /// The client secret of `auth.type=OAUTH2`.
    #[config(name = "oauth2.client.secret", group = "Authentication")]
    pub(crate) oauth2_client_secret: Option<Secret>,
    /// The scope to ask for; none leaves it to the token server.
    #[config(name = "oauth2.client.scope", group = "Authentication")]
    pub(crate) oauth2_client_scope: Option<String>,
    /// How client id and secret reach the token server: `header` (basic authentication) or `url` (fields of the form).
    #[config(
        name = "oauth2.client.auth.mode",
        default = "header",
        group = "Authentication"
    )]
    pub(crate) oauth2_client_auth_mode: ClientAuthMode,
    /// Where the token is in the token server's answer.
    #[config(
        name = "oauth2.token.property",
        default = "access_token",
        non_empty,
        group = "Authentication"
    )]
    pub(crate) oauth2_token_property: String,
    /// Headers for the token server, `name:value`, separated by `oauth2.client.header.separator`.
    #[config(name = "oauth2.client.headers", default = "", group = "Authentication")]
    pub(crate) oauth2_client_headers: String,
    /// What separates the headers for the token server.
    #[config(name = "oauth2.client.header.separator", default = "|", non_empty, importance = low, group = "Authentication")]
    pub(crate) oauth2_client_header_separator: String,
    /// Milliseconds to wait for a connection.
    #[config(name = "http.connect.timeout.ms", default = 30_000, range(1..), group = "Connection")]
    pub(crate) connect_timeout_ms: i32,
    /// Milliseconds to wait for a whole answer.
    #[config(name = "http.request.timeout.ms", default = 30_000, range(1..), group = "Connection")]
    pub(crate) request_timeout_ms: i32,
    /// The host of an HTTP proxy.
    #[config(name = "http.proxy.host", group = "Connection")]
    pub(crate) proxy_host: Option<String>,
    /// The port of the HTTP proxy.
    #[config(name = "http.proxy.port", default = 0, range(0..=65_535), group = "Connection")]
    pub(crate) proxy_port: i32,
    /// The user that the proxy asks for.
    #[config(name = "http.proxy.user", group = "Connection")]
    pub(crate) proxy_user: Option<String>,
    /// The password that the proxy asks for.
    #[config(name = "http.proxy.password", group = "Connection")]
    pub(crate) proxy_password: Option<Secret>,
    /// A PEM file with the certificates of the authorities to trust; none trusts those of the system.
    #[config(name = "https.ssl.truststore.location", group = "TLS")]
    pub(crate) truststore_location: Option<String>,
    /// The same certificates as PEM text.
    #[config(name = "https.ssl.truststore.certificates", importance = low, group = "TLS")]
    pub(crate) truststore_certificates: Option<String>,
    /// The form of the truststore: `PEM`.
    #[config(name = "https.ssl.truststore.type", default = "PEM", validator = check_store_type, importance = low, group = "TLS")]
    #[expect(dead_code, reason = "checked where it is read")]
    truststore_type: String,
    /// A PEM file with the client's certificate chain and private key.
    #[config(name = "https.ssl.keystore.location", group = "TLS")]
    pub(crate) keystore_location: Option<String>,
    /// The client's certificate chain as PEM text.
    #[config(name = "https.ssl.keystore.certificate.chain", importance = low, group = "TLS")]
    pub(crate) keystore_certificate_chain: Option<String>,
    /// The client's private key as PEM text, not encrypted.
    #[config(name = "https.ssl.keystore.key", importance = low, group = "TLS")]
    pub(crate) keystore_key: Option<Secret>,
    /// The form of the keystore: `PEM`.
    #[config(name = "https.ssl.keystore.type", default = "PEM", validator = check_store_type, importance = low, group = "TLS")]
    #[expect(dead_code, reason = "checked where it is read")]
    keystore_type: String,
    /// `https` checks that the server's certificate is for its host; an empty value does not.
    #[config(name = "https.ssl.endpoint.identification.algorithm", default = "https", one_of_ignore_case("https", ""), importance = low, group = "TLS")]
    endpoint_identification_algorithm: String,
}

impl ClientConfig {
    /// The longest wait for a connection.
    pub(crate) fn connect_timeout(&self) -> Duration {
        millis(self.connect_timeout_ms)
    }

    /// The longest wait for a whole answer.
    pub(crate) fn request_timeout(&self) -> Duration {
        millis(self.request_timeout_ms)
    }

    /// Whether the server's certificate must be for its host.
    pub(crate) fn checks_hostnames(&self) -> bool {
        !self.endpoint_identification_algorithm.is_empty()
    }

    /// Whether authorities are named, rather than those of the system trusted.
    pub(crate) fn names_authorities(&self) -> bool {
        given(self.truststore_location.as_deref()) || given(self.truststore_certificates.as_deref())
    }

    /// Notes what is wrong with these keys together.
    pub(crate) fn contradictions(&self, refused: &mut Refused) {
        self.check_authentication(refused);
        if given(self.proxy_host.as_deref()) && self.proxy_port == 0 {
            let why = "http.proxy.host needs the proxy's port; set it to 1 to 65535";
            refused.add("http.proxy.port", "0", why);
        }
        if !self.checks_hostnames() && !self.names_authorities() {
            let why = "certificates of any host are accepted only from authorities that are named; set \
                       https.ssl.truststore.location, or leave this key out";
            refused.add("https.ssl.endpoint.identification.algorithm", "", why);
        }
        let chain = given(self.keystore_certificate_chain.as_deref());
        if chain != self.keystore_key.is_some() {
            let why = "certificate chain and key go together; set https.ssl.keystore.certificate.chain and \
                       https.ssl.keystore.key, or https.ssl.keystore.location alone";
            let (key, value) = match chain {
                true => ("https.ssl.keystore.key", "null"),
                false => ("https.ssl.keystore.certificate.chain", "null"),
            };
            refused.add(key, value, why);
        }
    }

    fn check_authentication(&self, refused: &mut Refused) {
        let mut need = |there: bool, key: &str, of: &str| {
            if !there {
                refused.missing(
                    key,
                    &format!("auth.type={of} needs it; set it, or choose another auth.type"),
                );
            }
        };
        let secret = |secret: &Option<Secret>| given(secret.as_ref().map(Secret::expose));
        match self.auth_type {
            AuthType::None => {}
            AuthType::Basic => need(given(self.user.as_deref()), "connection.user", "BASIC"),
            AuthType::Bearer => need(secret(&self.bearer_token), "bearer.token", "BEARER"),
            AuthType::ApiKey => {
                need(
                    given(self.api_key_name.as_deref()),
                    "api.key.name",
                    "API_KEY",
                );
                need(secret(&self.api_key_value), "api.key.value", "API_KEY");
            }
            AuthType::OAuth2 => {
                need(
                    given(self.oauth2_token_url.as_deref()),
                    "oauth2.token.url",
                    "OAUTH2",
                );
                need(
                    given(self.oauth2_client_id.as_deref()),
                    "oauth2.client.id",
                    "OAUTH2",
                );
                need(
                    secret(&self.oauth2_client_secret),
                    "oauth2.client.secret",
                    "OAUTH2",
                );
            }
        }
        self.check_header_texts(refused);
    }

    fn check_header_texts(&self, refused: &mut Refused) {
        let in_header =
            self.auth_type == AuthType::ApiKey && self.api_key_location == ApiKeyLocation::Header;
        if let Some(name) = self.api_key_name.as_deref().filter(|_| in_header)
            && HeaderName::from_bytes(name.as_bytes()).is_err()
        {
            refused.add(
                "api.key.name",
                name,
                "it is not the name of a header; use letters, digits and dashes",
            );
        }
        for (key, secret) in [
            ("bearer.token", &self.bearer_token),
            ("api.key.value", &self.api_key_value),
        ] {
            if secret
                .as_ref()
                .is_some_and(|secret| HeaderValue::from_str(secret.expose()).is_err())
            {
                refused.add(
                    key,
                    "[hidden]",
                    "it has characters that no header may have, such as line ends; remove them",
                );
            }
        }
        let (text, separator) = (
            &self.oauth2_client_headers,
            &self.oauth2_client_header_separator,
        );
        if let Err(why) = headers::read(text, separator) {
            refused.add("oauth2.client.headers", text, &why);
        }
    }
}

fn given(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

/// A count of milliseconds from a key whose range begins at 0 or above.
pub(crate) fn millis(count: i32) -> Duration {
    Duration::from_millis(u64::from(count.unsigned_abs()))
}

/// The check of a key that holds a URL without places.
fn check_url(_key: &str, value: &config::Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        Ok(_) => Err("it must begin with http:// or https://".to_owned()),
        Err(error) => Err(format!(
            "it is not a URL ({error}); write it as https://host:port/path"
        )),
    }
}

fn check_store_type(_key: &str, value: &config::Value) -> Result<(), String> {
    match value.as_str() {
        Some(text) if !text.eq_ignore_ascii_case("PEM") => Err(
            "only PEM is read; convert with 'keytool -importkeystore -deststoretype PKCS12' and 'openssl pkcs12 -nodes', \
             and name the PEM file"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::*;

    fn refused(pairs: &[(&str, &str)]) -> Vec<String> {
        let properties = properties(pairs);
        let mut refused = Refused::default();
        ClientConfig::parse(&properties)
            .unwrap()
            .contradictions(&mut refused);
        refused
            .into_pairs()
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    }

    #[test]
    fn each_authentication_says_what_it_needs() {
        for (pairs, keys) in [
            (&[][..], &[][..]),
            (&[("auth.type", "basic")], &["connection.user"]),
            (&[("auth.type", "BEARER")], &["bearer.token"]),
            (
                &[("auth.type", "API_KEY")],
                &["api.key.name", "api.key.value"],
            ),
            (
                &[("auth.type", "OAUTH2")],
                &[
                    "oauth2.token.url",
                    "oauth2.client.id",
                    "oauth2.client.secret",
                ],
            ),
            (
                &[("auth.type", "BEARER"), ("bearer.token", "a\nb")],
                &["bearer.token"],
            ),
            (
                &[
                    ("auth.type", "API_KEY"),
                    ("api.key.name", "a b"),
                    ("api.key.value", "x"),
                ],
                &["api.key.name"],
            ),
            (&[("http.proxy.host", "p")], &["http.proxy.port"]),
            (
                &[("oauth2.client.headers", "nocolon")],
                &["oauth2.client.headers"],
            ),
            (
                &[("https.ssl.endpoint.identification.algorithm", "")],
                &["https.ssl.endpoint.identification.algorithm"],
            ),
            (
                &[("https.ssl.keystore.certificate.chain", "x")],
                &["https.ssl.keystore.key"],
            ),
        ] {
            assert_eq!(refused(pairs), keys, "{pairs:?}");
        }
    }
}
