//! Finds in the text of a DescribeRules reply what the SDK leaves out of the actions that it returns.
//!
//! The SDK skips elements that are younger than it. Actions are replaced as a whole, so a skipped element would be lost by the
//! next write; here it is found and named. Elements outside of actions are none of this module's business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_elasticloadbalancingv2::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_elasticloadbalancingv2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

/// What an action may hold, without the `member` and `entry` of lists.
const KNOWN: [&str; 43] = [
    "Type",
    "Order",
    "TargetGroupArn",
    "ForwardConfig.TargetGroups.TargetGroupArn",
    "ForwardConfig.TargetGroups.Weight",
    "ForwardConfig.TargetGroupStickinessConfig.Enabled",
    "ForwardConfig.TargetGroupStickinessConfig.DurationSeconds",
    "AuthenticateOidcConfig.Issuer",
    "AuthenticateOidcConfig.AuthorizationEndpoint",
    "AuthenticateOidcConfig.TokenEndpoint",
    "AuthenticateOidcConfig.UserInfoEndpoint",
    "AuthenticateOidcConfig.ClientId",
    "AuthenticateOidcConfig.ClientSecret",
    "AuthenticateOidcConfig.UseExistingClientSecret",
    "AuthenticateOidcConfig.SessionCookieName",
    "AuthenticateOidcConfig.Scope",
    "AuthenticateOidcConfig.SessionTimeout",
    "AuthenticateOidcConfig.AuthenticationRequestExtraParams.key",
    "AuthenticateOidcConfig.AuthenticationRequestExtraParams.value",
    "AuthenticateOidcConfig.OnUnauthenticatedRequest",
    "AuthenticateCognitoConfig.UserPoolArn",
    "AuthenticateCognitoConfig.UserPoolClientId",
    "AuthenticateCognitoConfig.UserPoolDomain",
    "AuthenticateCognitoConfig.SessionCookieName",
    "AuthenticateCognitoConfig.Scope",
    "AuthenticateCognitoConfig.SessionTimeout",
    "AuthenticateCognitoConfig.AuthenticationRequestExtraParams.key",
    "AuthenticateCognitoConfig.AuthenticationRequestExtraParams.value",
    "AuthenticateCognitoConfig.OnUnauthenticatedRequest",
    "JwtValidationConfig.JwksEndpoint",
    "JwtValidationConfig.Issuer",
    "JwtValidationConfig.AdditionalClaims.Format",
    "JwtValidationConfig.AdditionalClaims.Name",
    "JwtValidationConfig.AdditionalClaims.Values",
    "RedirectConfig.Protocol",
    "RedirectConfig.Port",
    "RedirectConfig.Host",
    "RedirectConfig.Path",
    "RedirectConfig.Query",
    "RedirectConfig.StatusCode",
    "FixedResponseConfig.MessageBody",
    "FixedResponseConfig.StatusCode",
    "FixedResponseConfig.ContentType",
];

/// What was found, by the rule's ARN.
pub(super) type Found = HashMap<String, Vec<String>>;

/// Reads the text of every reply of the call that it is put into.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    found: Arc<Mutex<Found>>,
}

impl Reader {
    /// What the last reply held.
    pub(super) fn take(&self) -> Found {
        std::mem::take(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[dyn_dispatch_hint]
impl Intercept for Reader {
    fn name(&self) -> &'static str {
        "UnknownElements"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = search(&String::from_utf8_lossy(body));
        Ok(())
    }
}

/// Every element of a rule's actions that says something and is not known. A text that is no DescribeRules reply has none: the
/// SDK refuses it.
fn search(body: &str) -> Found {
    let mut document = Document::new(body);
    let mut found = Found::new();
    let Ok(mut reply) = document.root_element() else { return found };
    while let Some(mut result) = reply.next_tag() {
        while let Some(mut rules) = result.next_tag() {
            if rules.start_el().local() == "Rules" {
                while let Some(mut rule) = rules.next_tag() {
                    let (arn, unknown) = search_rule(&mut rule);
                    if !unknown.is_empty() {
                        found.insert(arn, unknown);
                    }
                }
            }
        }
    }
    found
}

fn search_rule(rule: &mut ScopedDecoder<'_, '_>) -> (String, Vec<String>) {
    let (mut arn, mut unknown) = (String::new(), Vec::new());
    while let Some(mut part) = rule.next_tag() {
        match part.start_el().local() {
            "RuleArn" => arn = try_data(&mut part).unwrap_or_default().into_owned(),
            "Actions" => search_action(&mut part, "", &mut unknown),
            _ => {}
        }
    }
    unknown.sort();
    unknown.dedup();
    (arn, unknown)
}

fn search_action(element: &mut ScopedDecoder<'_, '_>, at: &str, unknown: &mut Vec<String>) {
    while let Some(mut part) = element.next_tag() {
        let path = match (at, part.start_el().local()) {
            (at, "member" | "entry") => at.to_owned(),
            ("", name) => name.to_owned(),
            (at, name) => format!("{at}.{name}"),
        };
        if KNOWN.contains(&path.as_str()) {
            continue;
        }
        let inside = format!("{path}.");
        if path.is_empty() || KNOWN.iter().any(|known| known.starts_with(&inside)) {
            search_action(&mut part, &path, unknown);
        } else if says_something(&mut part) {
            unknown.push(format!("`{path}`"));
        }
    }
}

/// Whether an element has text or elements in it.
fn says_something(element: &mut ScopedDecoder<'_, '_>) -> bool {
    let empty = try_data(element).is_ok_and(|text| text.trim().is_empty());
    !empty || element.next_tag().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element with these texts in it, each in an element of its own.
    fn of(name: &str, fields: &str) -> String {
        let fields: String = fields.split(' ').map(|field| format!("<{field}>x</{field}>")).collect();
        format!("<{name}>{fields}</{name}>")
    }

    fn found(actions: &str) -> Vec<String> {
        let rule = format!(
            "<member><Actions>{actions}</Actions><Conditions><Novel>x</Novel></Conditions><RuleArn>arn</RuleArn></member>"
        );
        let reply = format!("<R xmlns=\"u\"><DescribeRulesResult><Rules>{rule}</Rules></DescribeRulesResult></R>");
        let found = search(&reply);
        assert!(found.keys().all(|arn| arn == "arn"), "{found:?}");
        found.into_values().flatten().collect()
    }

    /// The names of AWS's API reference, read 2026-11; written down a second time on purpose.
    #[test]
    fn every_documented_element_is_known() {
        let params = of("AuthenticationRequestExtraParams", "entry").replace(">x<", "><key>k</key><value>v</value><");
        let session = "SessionCookieName Scope SessionTimeout OnUnauthenticatedRequest";
        let oidc = "Issuer AuthorizationEndpoint TokenEndpoint UserInfoEndpoint ClientId ClientSecret UseExistingClientSecret";
        let claims = "<AdditionalClaims><member><Format>f</Format><Name>n</Name><Values><member>v</member></Values></member></AdditionalClaims>";
        let groups = format!("<TargetGroups>{}</TargetGroups>", of("member", "TargetGroupArn Weight"));
        let all = [
            of("member", "Type Order TargetGroupArn"),
            of("AuthenticateOidcConfig", &format!("{oidc} {session}"))
                .replace("</Authenticate", &format!("{params}</Authenticate")),
            of("AuthenticateCognitoConfig", &format!("UserPoolArn UserPoolClientId UserPoolDomain {session}"))
                .replace("</Authenticate", &format!("{params}</Authenticate")),
            of("JwtValidationConfig", "JwksEndpoint Issuer").replace("</Jwt", &format!("{claims}</Jwt")),
            of("RedirectConfig", "Protocol Port Host Path Query StatusCode"),
            of("FixedResponseConfig", "MessageBody StatusCode ContentType"),
            format!("<ForwardConfig>{groups}{}</ForwardConfig>", of("TargetGroupStickinessConfig", "Enabled DurationSeconds")),
        ];
        assert_eq!(found(&format!("<member>{}</member>", all.concat())), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_known_is_named_where_it_stands_and_once() {
        let action = "<member><Novel a=\"b\"><Deep/></Novel><Order>1</Order><RedirectConfig><Port>1<!-- c --></Port><Speed>9</Speed></RedirectConfig></member>";
        assert_eq!(found(action), ["`Novel`", "`RedirectConfig.Speed`"]);
        assert_eq!(found(&format!("{action}{action}")), ["`Novel`", "`RedirectConfig.Speed`"]);
        assert_eq!(found("<member><Novel/><Empty></Empty><Blank> \n </Blank></member>"), Vec::<String>::new());
    }

    #[test]
    fn a_text_that_is_no_reply_holds_nothing() {
        for text in
            ["", "<", "<html>", "<a><b></a>", "plain", "<R><Rules><member>", "<R><X><Rules><member><Actions><member><Novel>"]
        {
            assert!(search(text).is_empty() || text.contains("Novel"), "{text}");
        }
    }
}
