//! Actions that are no forward: every field that the SDK knows, as JSON in the names of AWS's own command line. Pure.
//!
//! The JSON is what the record of a run keeps, so it is read back strictly: a field that is not known here is an error, not
//! lost. The client secret of an OIDC action is never read; on the way back AWS is asked to keep the one that it has.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConditionalBehaviorEnum, AuthenticateCognitoActionConfig,
    AuthenticateOidcActionConditionalBehaviorEnum, AuthenticateOidcActionConfig, FixedResponseActionConfig,
    JwtValidationActionAdditionalClaim, JwtValidationActionAdditionalClaimFormatEnum, JwtValidationActionConfig,
    RedirectActionConfig, RedirectActionStatusCodeEnum,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value in the record's shape and in the SDK's.
trait Carried<Sdk>: Sized {
    /// None for an empty list or map: on the wire it is as good as absent.
    fn read(sdk: &Sdk) -> Option<Self>;
    fn write(self) -> Sdk;
}

/// A struct of optional fields that have the same names in the SDK's type.
macro_rules! carried {
    ($name:ident = $sdk:ident { $($field:ident: $kind:ty),+ $(,)? }) => {
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct $name {
            $(#[serde(default, skip_serializing_if = "Option::is_none")] $field: Option<$kind>),+
        }

        impl Carried<$sdk> for $name {
            fn read(sdk: &$sdk) -> Option<Self> {
                Some(Self { $($field: sdk.$field.as_ref().and_then(Carried::read)),+ })
            }

            fn write(self) -> $sdk {
                let mut sdk = $sdk::builder().build();
                $(sdk.$field = self.$field.map(Carried::write);)+
                sdk
            }
        }
    };
}

/// Words: a value that the SDK does not name is kept and sent back as it came.
macro_rules! words {
    ($($sdk:ident),+ $(,)?) => {
        $(impl Carried<$sdk> for String {
            fn read(sdk: &$sdk) -> Option<Self> {
                Some(sdk.as_str().to_owned())
            }

            fn write(self) -> $sdk {
                $sdk::from(self.as_str())
            }
        })+
    };
}

words!(
    ActionTypeEnum,
    AuthenticateCognitoActionConditionalBehaviorEnum,
    AuthenticateOidcActionConditionalBehaviorEnum,
    JwtValidationActionAdditionalClaimFormatEnum,
    RedirectActionStatusCodeEnum,
);

impl Carried<Self> for String {
    fn read(sdk: &Self) -> Option<Self> {
        Some(sdk.clone())
    }

    fn write(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl Carried<Self> for $number {
            fn read(sdk: &Self) -> Option<Self> {
                Some(*sdk)
            }

            fn write(self) -> Self {
                self
            }
        })+
    };
}

numbers!(i32, i64);

impl Carried<HashMap<String, String>> for BTreeMap<String, String> {
    fn read(sdk: &HashMap<String, String>) -> Option<Self> {
        Some(sdk.iter().map(|(key, value)| (key.clone(), value.clone())).collect()).filter(|map: &Self| !map.is_empty())
    }

    fn write(self) -> HashMap<String, String> {
        self.into_iter().collect()
    }
}

impl<Sdk, Item: Carried<Sdk>> Carried<Vec<Sdk>> for Vec<Item> {
    fn read(sdk: &Vec<Sdk>) -> Option<Self> {
        Some(sdk.iter().filter_map(Item::read).collect()).filter(|list: &Self| !list.is_empty())
    }

    fn write(self) -> Vec<Sdk> {
        self.into_iter().map(Item::write).collect()
    }
}

carried!(Oidc = AuthenticateOidcActionConfig {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    user_info_endpoint: String,
    client_id: String,
    session_cookie_name: String,
    scope: String,
    session_timeout: i64,
    authentication_request_extra_params: BTreeMap<String, String>,
    on_unauthenticated_request: String,
});
carried!(Cognito = AuthenticateCognitoActionConfig {
    user_pool_arn: String,
    user_pool_client_id: String,
    user_pool_domain: String,
    session_cookie_name: String,
    scope: String,
    session_timeout: i64,
    authentication_request_extra_params: BTreeMap<String, String>,
    on_unauthenticated_request: String,
});
carried!(Claim = JwtValidationActionAdditionalClaim { format: String, name: String, values: Vec<String> });
carried!(Jwt = JwtValidationActionConfig { jwks_endpoint: String, issuer: String, additional_claims: Vec<Claim> });
carried!(
    Redirect =
        RedirectActionConfig { protocol: String, port: String, host: String, path: String, query: String, status_code: String }
);
carried!(FixedResponse = FixedResponseActionConfig { message_body: String, status_code: String, content_type: String });
carried!(
    Other = Action {
        r#type: String,
        order: i32,
        authenticate_oidc_config: Oidc,
        authenticate_cognito_config: Cognito,
        jwt_validation_config: Jwt,
        redirect_config: Redirect,
        fixed_response_config: FixedResponse,
    }
);

/// The action of a reply, as JSON.
///
/// # Errors
/// Says what cannot be held, and so could not be sent back.
pub(super) fn read(action: &Action) -> Result<Value, String> {
    check(action)?;
    let other: Option<Other> = Carried::read(action);
    other.and_then(|other| serde_json::to_value(other).ok()).ok_or_else(|| "an action that is no JSON".to_owned())
}

/// The action to send.
///
/// # Errors
/// Says why it is none, or none that this program can send as it came.
pub(super) fn write(json: &Value) -> Result<Action, String> {
    let other = Other::deserialize(json).map_err(|why| format!("an action that this program does not know: {why}"))?;
    let mut action: Action = other.write();
    check(&action)?;
    if let Some(oidc) = &mut action.authenticate_oidc_config {
        oidc.use_existing_client_secret = Some(true);
    }
    Ok(action)
}

/// Whether all of an action is held: its type is known, and it has no part of a forward.
fn check(action: &Action) -> Result<(), String> {
    let kind = action.r#type().map_or("", ActionTypeEnum::as_str);
    if kind == ActionTypeEnum::Forward.as_str() || ActionTypeEnum::try_parse(kind).is_err() {
        return Err(format!("an action of type `{kind}`"));
    }
    let forwards = action.forward_config().is_some_and(|config| !config.target_groups().is_empty())
        || action.target_group_arn().is_some_and(|arn| !arn.is_empty());
    if forwards { Err(format!("an action of type `{kind}` that forwards as well")) } else { Ok(()) }
}
