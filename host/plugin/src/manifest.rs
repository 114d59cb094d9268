//! The manifest: what a plugin says of itself and asks for, in a custom section of its file. A request, never a permission.
//!
//! Reads and checks JSON; knows no component and grants nothing. `schema/` compiles its config schema, `grants/` turns
//! its requests into rules.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use shiftgate_model::{HttpGrant, PluginKind};

use crate::grants::{Pattern, Target};

/// Longer manifests are refused.
const LIMIT: usize = 256 << 10;

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name: lower-case letters, digits and dashes.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Its kind.
    pub kind: PluginKind,
    /// The version of the contract that it is built for: `0.1.0`.
    pub contract: String,
    /// One sentence.
    #[serde(default)]
    pub summary: String,
    /// SPDX expression; empty when it gives none.
    #[serde(default)]
    pub license: String,
    /// Where its source is; empty when it gives none.
    #[serde(default)]
    pub source: String,
    /// JSON Schema (2020-12) of its config.
    #[serde(default)]
    pub config: SchemaText,
    /// Versions of the state that it saves over a wait; none when it never waits.
    #[serde(default)]
    pub state: Option<StateVersions>,
    /// What it asks for.
    #[serde(default)]
    pub requests: Requests,
    /// Limits that it would like; shown, not granted.
    #[serde(default)]
    pub limits: Map<String, Value>,
}

/// A JSON Schema as it was written. It is the most of a manifest, and few loads need more of it than its text.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct SchemaText(Box<RawValue>);

impl SchemaText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The JSON.
    ///
    /// # Errors
    /// What of it is no value, such as a number that is too large.
    pub fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

/// The schema that takes every config.
impl Default for SchemaText {
    fn default() -> Self {
        Self(RawValue::TRUE.to_owned())
    }
}

impl PartialEq for SchemaText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// Written as JSON, not as text, so that it is indented with what is around it.
impl Serialize for SchemaText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // A schema that is no value (a number beyond numbers) is shown as it stands there.
        self.value().unwrap_or_else(|_| Value::from(self.as_str())).serialize(to)
    }
}

/// Versions of saved state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateVersions {
    /// The version that it writes.
    pub writes: u32,
    /// The versions that it can go on from.
    pub reads: Vec<u32>,
}

/// What a plugin asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Requests that it wants to send.
    #[serde(default)]
    pub http: Vec<HttpRequest>,
    /// Secrets that it wants to have sent.
    #[serde(default)]
    pub secrets: Vec<SecretRequest>,
}

/// A destination that a plugin wants to reach: fixed, or named by the step's config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// A fixed destination, written as in a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// JSON pointer into the config; the value there is a URL (or a list of them), and its origin and path are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_config: Option<String>,
    /// Methods, upper case.
    pub methods: Vec<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A secret that a plugin wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRequest {
    /// Its name.
    pub name: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

impl Manifest {
    /// Reads a manifest and checks all that can be checked without its component.
    ///
    /// # Errors
    /// What is wrong, with the place in the JSON.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LIMIT {
            return Err(format!(
                "it has {}, more than {}",
                crate::budgets::bytes(bytes.len() as u64),
                crate::budgets::bytes(LIMIT as u64)
            ));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if self.name.is_empty() || self.name.len() > 64 || !plain(&self.name) {
            return Err("`name` has to be 1 to 64 lower-case letters, digits and dashes".to_owned());
        }
        let dotted = |b: u8| b.is_ascii_alphanumeric() || b".+-".contains(&b);
        if self.version.is_empty() || self.version.len() > 64 || !self.version.bytes().all(dotted) {
            return Err("`version` has to be 1 to 64 letters, digits, dots, dashes and plus signs".to_owned());
        }
        for (index, request) in self.requests.http.iter().enumerate() {
            request.check().map_err(|reason| format!("/requests/http/{index}: {reason}"))?;
        }
        Ok(())
    }
}

impl HttpRequest {
    fn check(&self) -> Result<(), String> {
        match (&self.url, &self.from_config) {
            (Some(url), None) => Pattern::parse(url).map(drop).map_err(|error| error.to_string())?,
            (None, Some(pointer)) if pointer.is_empty() || pointer.starts_with('/') => {}
            (None, Some(_)) => return Err("`from_config` has to be a JSON pointer such as `/url`".to_owned()),
            (Some(_), Some(_)) | (None, None) => return Err("either `url` or `from_config` has to be there".to_owned()),
        }
        if self.methods.is_empty() {
            return Err("`methods` names none".to_owned());
        }
        match self.methods.iter().find(|method| !crate::grants::is_method(method)) {
            Some(method) => Err(format!("`{}` is not a method in upper case", method.escape_debug())),
            None => Ok(()),
        }
    }

    /// Grants of all that it asks for under `config`, at whatever address; none where the config names no URL. For a test or a
    /// trial: a workflow's grants are written by who trusts the plugin.
    #[must_use]
    pub fn grants(&self, config: &Value) -> Vec<HttpGrant> {
        let grant = |pattern: Pattern| HttpGrant {
            url: pattern.to_string(),
            methods: self.methods.clone(),
            addresses: vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
            auth: None,
        };
        self.patterns(config).into_iter().map(grant).collect()
    }

    /// Whether it asks for this request under `config`.
    #[must_use]
    pub fn covers(&self, config: &Value, method: &str, url: &str) -> bool {
        let asked = self.methods.iter().any(|asked| asked == method);
        asked && Target::parse(method, url).is_ok_and(|target| self.patterns(config).iter().any(|rule| rule.covers(&target)))
    }

    /// The rules that it asks for under `config`; none where the config names no URL.
    pub(crate) fn patterns(&self, config: &Value) -> Vec<Pattern> {
        if let Some(url) = &self.url {
            return Pattern::parse(url).into_iter().collect();
        }
        let value = self.from_config.as_deref().and_then(|pointer| config.pointer(pointer));
        match value {
            Some(Value::String(url)) => Pattern::of_url(url).into_iter().collect(),
            Some(Value::Array(urls)) => {
                urls.iter().filter_map(Value::as_str).filter_map(|url| Pattern::of_url(url).ok()).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<Manifest, String> {
        Manifest::parse(value.to_string().as_bytes())
    }

    #[test]
    fn the_least_manifest_is_enough() {
        let manifest =
            parse(&json!({ "name": "errors", "version": "1.0.0", "kind": "verification", "contract": "0.1.0" })).unwrap();
        assert_eq!(manifest.config.value().unwrap(), Value::Bool(true));
        assert_eq!(manifest.requests, Requests::default());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let with_http = |http: Value| json!({ "name": "errors", "version": "1.0.0", "kind": "verification", "contract": "0.1.0", "requests": { "http": [http] } });
        let wrong = [
            json!({ "name": "Errors!", "version": "1", "kind": "verification", "contract": "0.1.0" }),
            json!({ "name": "errors", "version": "1", "kind": "judge", "contract": "0.1.0" }),
            json!({ "name": "errors", "kind": "approval", "contract": "0.1.0" }),
            with_http(json!({ "methods": ["GET"] })),
            with_http(json!({ "url": "https://a.example", "from_config": "/url", "methods": ["GET"] })),
            with_http(json!({ "from_config": "url", "methods": ["GET"] })),
            with_http(json!({ "url": "https://a.example/?q=1", "methods": ["GET"] })),
            with_http(json!({ "url": "https://a.example", "methods": ["get"] })),
        ];
        let told: Vec<String> = wrong.iter().map(|value| parse(value).unwrap_err()).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
`name` has to be 1 to 64 lower-case letters, digits and dashes
unknown variant `judge`, expected one of `verification`, `approval`, `wrap-up` at line 1 column 45
missing field `version` at line 1 column 54
/requests/http/0: either `url` or `from_config` has to be there
/requests/http/0: either `url` or `from_config` has to be there
/requests/http/0: `from_config` has to be a JSON pointer such as `/url`
/requests/http/0: it has a query or a fragment; a grant ends with the path
/requests/http/0: `get` is not a method in upper case
");
    }

    #[test]
    fn what_is_asked_for_can_be_granted_whole_and_recognised() {
        let manifest = json!({ "name": "errors", "version": "1", "kind": "verification", "contract": "0.1.0",
            "requests": { "http": [{ "from_config": "/url", "methods": ["GET"] }] } });
        let manifest = parse(&manifest).unwrap();
        let request = manifest.requests.http.first().unwrap();
        let config = json!({ "url": "http://10.0.0.7:9090/api?x=1" });
        let grants = request.grants(&config);
        assert_eq!(grants.iter().map(|grant| grant.url.as_str()).collect::<Vec<_>>(), ["http://10.0.0.7:9090/api"]);
        assert!(request.covers(&config, "GET", "http://10.0.0.7:9090/api/v1?y=2"));
        assert!(!request.covers(&config, "POST", "http://10.0.0.7:9090/api/v1"));
        assert!(!request.covers(&config, "GET", "http://10.0.0.7:9090/"));
        assert!(request.grants(&json!({})).is_empty());
    }

    #[test]
    fn a_destination_may_come_from_the_config() {
        let request = HttpRequest {
            url: None,
            from_config: Some("/url".to_owned()),
            methods: vec!["GET".to_owned()],
            reason: String::new(),
        };
        let shown = |config: Value| request.patterns(&config).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(json!({ "url": "http://prometheus:9090/?x=1" })), ["http://prometheus:9090"]);
        assert_eq!(shown(json!({ "url": ["https://a.example/x", "no"] })), ["https://a.example/x"]);
        assert!(shown(json!({ "url": "http://user:pw@host/" })).is_empty());
        assert!(shown(json!({})).is_empty());
    }
}
