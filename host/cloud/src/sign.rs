//! Signs requests of plugins for AWS services (Signature Version 4), with the credentials that AWS's own chain finds.
//!
//! The plugin host asks; the plugin never sees a key. The SDK's own signer does the arithmetic.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::Region;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use tokio::sync::Mutex;

use crate::elb::{chain, http_client};
use crate::redact::Redactor;

/// Credentials without an end of their own are looked for again after this long.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// Credentials are looked for again this long before they end.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A signer with the operator's credentials, which it looks for at the first request.
#[derive(Default)]
pub struct AwsSigner {
    /// The credentials of each profile, and until when they are used.
    found: Mutex<BTreeMap<Option<String>, (Credentials, SystemTime)>>,
}

impl fmt::Debug for AwsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSigner").finish_non_exhaustive()
    }
}

/// A request that is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct ToSign<'a> {
    /// Upper case.
    pub method: &'a str,
    /// Absolute, as it is sent.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// The service's signing name: `monitoring`.
    pub service: &'a str,
    /// The region.
    pub region: &'a str,
    /// The profile of AWS's shared files whose credentials sign; none leaves it to AWS's own chain.
    pub profile: Option<&'a str>,
}

impl AwsSigner {
    /// The headers that make a request the operator's: name, value.
    ///
    /// # Errors
    /// There are no credentials, or the request cannot be signed; without anything of a key.
    pub async fn sign(&self, request: &ToSign<'_>, now: SystemTime) -> Result<Vec<(String, String)>, String> {
        let credentials = self.credentials(request.profile, request.region, now).await?;
        signed(request, credentials, now)
    }

    async fn credentials(&self, profile: Option<&str>, region: &str, now: SystemTime) -> Result<Credentials, String> {
        let mut found = self.found.lock().await;
        if let Some((credentials, until)) = found.get(&profile.map(str::to_owned))
            && now < *until
        {
            return Ok(credentials.clone());
        }
        let config = chain(profile, Region::new(region.to_owned()), &http_client(true)).load().await;
        let provider = config.credentials_provider().ok_or("AWS's own chain has no credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| {
            let why = Redactor::blind().clean(&error.to_string());
            match profile {
                Some(profile) => format!("profile `{profile}` of AWS's shared files gives no credentials: {why}"),
                None => format!("AWS's own chain (environment, files, container, instance) finds no credentials: {why}"),
            }
        })?;
        let until = credentials.expiry().map_or_else(|| now.checked_add(FRESH), |end| end.checked_sub(MARGIN)).unwrap_or(now);
        found.insert(profile.map(str::to_owned), (credentials.clone(), until));
        Ok(credentials)
    }
}

fn signed(request: &ToSign<'_>, credentials: Credentials, now: SystemTime) -> Result<Vec<(String, String)>, String> {
    let cannot = |why: String| format!("a request for `{}` cannot be signed: {why}", request.service);
    let identity = credentials.into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(request.region)
        .name(request.service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| cannot(error.to_string()))?;
    let headers = request.headers.iter().copied();
    let signable = SignableRequest::new(request.method, request.url, headers, SignableBody::Bytes(request.body));
    let signable = signable.map_err(|error| cannot(error.to_string()))?;
    let (instructions, _) = sign(signable, &parameters.into()).map_err(|error| cannot(error.to_string()))?.into_parts();
    let (headers, _) = instructions.into_parts();
    Ok(headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation of Signature Version 4: `get-vanilla` of its test suite.
    #[test]
    fn the_signature_is_aws_own() {
        let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None, "test");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let request = ToSign {
            method: "GET",
            url: "https://example.amazonaws.com/",
            headers: &[],
            body: b"",
            service: "service",
            region: "us-east-1",
            profile: None,
        };
        let headers = signed(&request, credentials, now).unwrap();
        let of = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(of("x-amz-date"), Some("20150830T123600Z"));
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        assert_eq!(of("authorization"), Some(expected));
    }

    #[tokio::test]
    async fn its_debug_form_shows_no_key() {
        assert_eq!(format!("{:?}", AwsSigner::default()), "AwsSigner { .. }");
    }
}
