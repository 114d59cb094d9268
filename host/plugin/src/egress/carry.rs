//! Secrets on their way: put into a request as it leaves, taken out of what comes back.
//!
//! A guest writes a placeholder where the secret is to stand. Only toward the destinations that the secret is granted for is it
//! replaced, after the request as the guest wrote it was decided on. No grant and no policy holds a placeholder, so the segments
//! that they begin with stay; what results has to have the same origin, and a path that is read in one way. What an answer echoes,
//! however it spells it (`echo`), becomes the placeholder again, so that no guest, log or record ever holds the secret.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use shiftgate_model::{Auth, Outcome, Report, SecretRef, Verdict, placeholders, secret_placeholder};

use super::echo::Masks;
use super::{Failure, Hop};
use crate::grants::{Rights, Target};
use crate::vault::{Signer, Unsigned, Vault};

/// A shorter secret could not be told from other text.
const SHORTEST: usize = 6;
/// How long a secret is waited for that is only to be masked.
const SOON: Duration = Duration::from_secs(5);
/// What stands for a credential that has no placeholder.
const MASK: &str = "***";

/// The secrets that one call has sent, and may have been told.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    known: Vec<Known>,
    masks: Masks,
    /// Whether every secret that may be echoed was looked for.
    asked: bool,
}

#[derive(Debug)]
struct Known {
    at: SecretRef,
    value: SecretString,
}

/// Where in a request a secret is to stand, and so how it is written there.
#[derive(Clone, Copy)]
enum Place {
    Path,
    Query,
    Header,
    Json,
    Form,
    Text,
}

impl Carried {
    /// Fetches a secret, once a call.
    async fn fetch(&mut self, vault: &dyn Vault, at: &SecretRef, shown: &str) -> Result<&str, Failure> {
        let place = match self.known.iter().position(|known| known.at == *at) {
            Some(place) => place,
            None => {
                let value = vault.secret(at).await.map_err(Failure::NotGranted)?;
                if value.expose_secret().len() < SHORTEST {
                    let text = format!("the secret in {at} has fewer than {SHORTEST} characters, and could not be masked");
                    return Err(Failure::NotGranted(text));
                }
                self.masks.learn(value.expose_secret(), shown);
                self.known.push(Known { at: at.clone(), value });
                self.known.len() - 1
            }
        };
        Ok(self.known.get(place).map(|known| known.value.expose_secret()).unwrap_or_default())
    }

    /// Learns every secret that the plugin is granted, once a call: an answer may echo one that an earlier call has sent. One that is not
    /// to be had soon was hardly sent from here, and holds nobody up.
    pub(super) async fn learn_all(&mut self, rights: &Rights, vault: &dyn Vault) {
        if std::mem::replace(&mut self.asked, true) {
            return;
        }
        for (name, at) in rights.secrets() {
            let shown = name.map_or_else(|| MASK.to_owned(), secret_placeholder);
            match tokio::time::timeout(SOON, self.fetch(vault, at, &shown)).await {
                Ok(Ok(_)) => {}
                Ok(Err(failure)) => tracing::debug!(secret = %at, %failure, "what is not to be had is not masked"),
                Err(_) => tracing::debug!(secret = %at, "what is not to be had soon is not masked"),
            }
        }
    }

    /// The bytes with every spelling of every secret replaced.
    pub(crate) fn mask_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.masks.is_empty() { bytes } else { self.masks.mask(bytes) }
    }

    /// The text with every spelling of every secret replaced.
    pub(crate) fn mask(&self, text: String) -> String {
        if self.masks.is_empty() {
            return text;
        }
        String::from_utf8(self.mask_bytes(text.into_bytes())).unwrap_or_else(|_| MASK.to_owned())
    }

    /// An outcome in which no text and no saved byte holds a secret.
    pub(crate) fn mask_outcome(&self, outcome: Outcome) -> Outcome {
        if self.masks.is_empty() {
            return outcome;
        }
        let masked = serde_json::to_value(&outcome).ok().map(|value| self.mask_json(value));
        // A secret that is a word of the contract itself: nothing of the answer gets through then.
        let mut outcome = masked.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_else(unmaskable);
        let state = match &mut outcome {
            Outcome::Wait(suspension) => Some(&mut suspension.state),
            Outcome::Counted(progress) => progress.next.as_mut().map(|next| &mut next.state),
            Outcome::Accepted | Outcome::ConfigRefused(_) | Outcome::Reported(_) | Outcome::Received(_) => None,
        };
        if let Some(state) = state {
            state.bytes = self.mask_bytes(std::mem::take(&mut state.bytes));
        }
        outcome
    }

    fn mask_json(&self, value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.mask(text)),
            Value::Array(items) => items.into_iter().map(|item| self.mask_json(item)).collect(),
            Value::Object(fields) => fields.into_iter().map(|(name, value)| (self.mask(name), self.mask_json(value))).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    /// Masks what a failure says.
    pub(crate) fn mask_failure(&self, failure: Failure) -> Failure {
        match failure {
            Failure::NotGranted(text) => Failure::NotGranted(self.mask(text)),
            Failure::AddressBlocked(text) => Failure::AddressBlocked(self.mask(text)),
            Failure::Dns(text) => Failure::Dns(self.mask(text)),
            Failure::Connect(text) => Failure::Connect(self.mask(text)),
            Failure::Tls(text) => Failure::Tls(self.mask(text)),
            Failure::Protocol(text) => Failure::Protocol(self.mask(text)),
            Failure::Timeout | Failure::TooLarge | Failure::TooManyRedirects | Failure::Quota => failure,
        }
    }
}

/// Stands for an answer that cannot be read any more once a secret was taken out of it.
fn unmaskable() -> Outcome {
    let summary =
        "a secret of this plugin is a word that every answer holds, and its answer cannot be told without it".to_owned();
    let (findings, metrics, evidence, outputs) = Default::default();
    Outcome::Reported(Report { verdict: Verdict::Inconclusive, summary, findings, metrics, evidence, outputs })
}

/// What a hop becomes as it leaves: with secrets in their places.
pub(super) struct Outgoing {
    pub(super) target: Target,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Replaces the placeholders of a hop that was decided on.
pub(super) async fn filled(rights: &Rights, vault: &dyn Vault, carried: &mut Carried, hop: &Hop) -> Result<Outgoing, Failure> {
    let mut out = Outgoing { target: hop.target.clone(), headers: hop.headers.clone(), body: hop.body.clone() };
    let names = named(hop);
    if names.is_empty() {
        return Ok(out);
    }
    let mut url = hop.target.url().to_string();
    for name in names {
        // A placeholder of a secret that is not granted is a text like any other.
        let Some(secret) = rights.secret(&name) else { continue };
        if !secret.may_reach(&hop.target) {
            let text = format!(
                "the secret `{name}` may not go to {origin}; this line of the plugin's grants would let it:\nsecrets: {{ {name}: [\"{origin}\"] }}",
                origin = hop.target.origin()
            );
            return Err(Failure::NotGranted(text));
        }
        let placeholder = secret_placeholder(&name);
        let value = carried.fetch(vault, &secret.at, &placeholder).await?.to_owned();
        url = in_url(&url, &placeholder, &value);
        in_headers(&mut out.headers, &placeholder, &value)?;
        out.body = replace(out.body, placeholder.as_bytes(), written(&value, body_place(&hop.headers)).as_bytes());
    }
    out.target = Target::parse(hop.target.method(), &url).map_err(|_| {
        Failure::NotGranted("a secret would make of the URL what servers read in two ways; it holds dots or slashes".to_owned())
    })?;
    if out.target.origin() != hop.target.origin() {
        return Err(Failure::NotGranted("a secret stands in the host of the URL, and may only stand behind it".to_owned()));
    }
    Ok(out)
}

/// The names of the placeholders in a hop, each once.
fn named(hop: &Hop) -> Vec<String> {
    let headers = hop.headers.values().filter_map(|value| value.to_str().ok());
    let body = std::str::from_utf8(&hop.body).ok();
    let texts = std::iter::once(hop.target.url().as_str()).chain(headers).chain(body);
    let mut names: Vec<String> = texts.flat_map(placeholders).map(ToOwned::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn in_url(url: &str, placeholder: &str, value: &str) -> String {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let path = path.replace(placeholder, &written(value, Place::Path));
    match query {
        Some(query) => format!("{path}?{}", query.replace(placeholder, &written(value, Place::Query))),
        None => path,
    }
}

fn in_headers(headers: &mut HeaderMap, placeholder: &str, value: &str) -> Result<(), Failure> {
    for (name, held) in headers.iter_mut() {
        let Some(text) = held.to_str().ok().filter(|text| text.contains(placeholder)) else { continue };
        *held = sensitive(&text.replace(placeholder, &written(value, Place::Header)), name)?;
    }
    Ok(())
}

fn sensitive(text: &str, name: &HeaderName) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Failure::NotGranted(format!("the secret for the header `{name}` holds a line break or a control character"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn body_place(headers: &HeaderMap) -> Place {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    if kind.contains("json") {
        Place::Json
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        Place::Form
    } else {
        Place::Text
    }
}

/// A secret as it is written in a place of a request.
fn written(value: &str, place: Place) -> String {
    match place {
        Place::Header | Place::Text => value.to_owned(),
        Place::Path => percent_encoded(value, b"-._~/!$&'()*+,;=:@"),
        Place::Query | Place::Form => percent_encoded(value, b"-._~"),
        Place::Json => json_escaped(value),
    }
}

fn json_escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

fn percent_encoded(value: &str, plain: &[u8]) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Adds to a request what proves who sends it.
pub(super) async fn prove(
    auth: &Auth,
    vault: &dyn Vault,
    signer: &dyn Signer,
    carried: &mut Carried,
    out: &mut Outgoing,
) -> Result<(), Failure> {
    let (name, value) = match auth {
        Auth::Bearer { secret } => (AUTHORIZATION, format!("Bearer {}", carried.fetch(vault, secret, MASK).await?)),
        Auth::Basic { user, secret } => {
            let pair = format!("{user}:{}", carried.fetch(vault, secret, MASK).await?);
            let encoded = STANDARD.encode(pair);
            carried.masks.learn(&encoded, MASK);
            (AUTHORIZATION, format!("Basic {encoded}"))
        }
        Auth::Header { name, secret } => {
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                Failure::NotGranted(format!("the grant's `auth` names `{}`, which is no header", name.escape_debug()))
            })?;
            (header, carried.fetch(vault, secret, MASK).await?.to_owned())
        }
        Auth::Sigv4 { service, region, profile } => {
            return sign((service, region, profile.as_deref()), signer, carried, out).await;
        }
    };
    let value = sensitive(&value, &name)?;
    out.headers.insert(name, value);
    Ok(())
}

/// Adds a signature for a service of AWS, in a region, by a profile.
async fn sign(
    for_aws: (&str, &str, Option<&str>),
    signer: &dyn Signer,
    carried: &mut Carried,
    out: &mut Outgoing,
) -> Result<(), Failure> {
    let (service, region, profile) = for_aws;
    // A guest's own attempt at a signature would only get in the way.
    out.headers.remove(AUTHORIZATION);
    let headers = out.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let (method, url) = (out.target.method(), out.target.url().as_str());
    let request = Unsigned { method, url, headers, body: &out.body, service, region, profile };
    for (name, value) in signer.sign(&request).await.map_err(Failure::NotGranted)? {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| Failure::Protocol(error.to_string()))?;
        // A signed request is good for some minutes, in whoever's hands.
        for part in value.split("Signature=").filter(|part| name != "x-amz-date" && part.len() >= SHORTEST) {
            carried.masks.learn_once(part, MASK);
        }
        let value = sensitive(&value, &name)?;
        out.headers.insert(name, value);
    }
    Ok(())
}

fn replace(bytes: Vec<u8>, what: &[u8], with: &[u8]) -> Vec<u8> {
    let first = bytes.windows(what.len().max(1)).position(|window| window == what);
    let Some(first) = first else { return bytes };
    let mut replaced = bytes.get(..first).unwrap_or_default().to_vec();
    let mut rest = bytes.get(first..).unwrap_or_default();
    while !rest.is_empty() {
        match rest.strip_prefix(what) {
            Some(after) => {
                replaced.extend_from_slice(with);
                rest = after;
            }
            None => {
                replaced.extend(rest.first());
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A password that is a word of the contract: the other secrets of the answer do not get out for that.
    #[test]
    fn an_answer_that_cannot_be_told_without_a_secret_is_not_told() {
        let mut carried = Carried::default();
        carried.masks.learn("summary", MASK);
        carried.masks.learn("s3cr3t", MASK);
        let (findings, metrics, evidence, outputs) = Default::default();
        let report = Report { verdict: Verdict::Pass, summary: "a s3cr3t".to_owned(), findings, metrics, evidence, outputs };
        let told = carried.mask_outcome(Outcome::Reported(report));
        let Outcome::Reported(report) = told else { panic!("{told:?}") };
        assert_eq!(report.verdict, Verdict::Inconclusive);
        assert!(report.summary.contains("is a word that every answer holds"), "{}", report.summary);
    }

    #[test]
    fn a_secret_is_written_as_its_place_needs() {
        let secret = "T0/B0/x\"y z";
        let at = |place| written(secret, place);
        assert_eq!(at(Place::Path), "T0/B0/x%22y%20z");
        assert_eq!(at(Place::Query), "T0%2FB0%2Fx%22y%20z");
        assert_eq!(at(Place::Json), "T0/B0/x\\\"y z");
        assert_eq!(at(Place::Header), secret);
    }
}
