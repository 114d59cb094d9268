//! What is read is what can be sent back: the mapping of action lists, from both sides.

use std::collections::HashMap;

use aws_sdk_elasticloadbalancingv2::types as sdk;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ForwardActionConfig, TargetGroupTuple};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use shiftgate_model::{Actions, Forward, ForwardTarget, RouteAction, TargetGroupArn};

use super::actions::{read, write};

fn tuple(arn: &str, weight: Option<i32>) -> TargetGroupTuple {
    TargetGroupTuple::builder().target_group_arn(arn).set_weight(weight).build()
}

fn stickiness(enabled: Option<bool>, seconds: Option<i32>) -> sdk::TargetGroupStickinessConfig {
    sdk::TargetGroupStickinessConfig::builder().set_enabled(enabled).set_duration_seconds(seconds).build()
}

fn config(tuples: &[TargetGroupTuple]) -> ForwardActionConfig {
    ForwardActionConfig::builder().set_target_groups(Some(tuples.to_vec())).build()
}

fn held(tuples: &[TargetGroupTuple], stickiness: sdk::TargetGroupStickinessConfig) -> ForwardActionConfig {
    let groups = Some(tuples.to_vec());
    ForwardActionConfig::builder().set_target_groups(groups).target_group_stickiness_config(stickiness).build()
}

fn forward(alone: Option<&str>, config: Option<ForwardActionConfig>) -> Action {
    let alone = alone.map(str::to_owned);
    Action::builder().r#type(ActionTypeEnum::Forward).set_target_group_arn(alone).set_forward_config(config).build()
}

fn read_one(action: &Action) -> Forward {
    match read(std::slice::from_ref(action), &[]).0.as_slice() {
        [RouteAction::Forward(forward)] => forward.clone(),
        other => panic!("a forward was due: {other:?}"),
    }
}

fn refusal(actions: &Actions) -> String {
    write(actions).unwrap_err()
}

#[test]
fn every_echo_of_one_target_group_is_the_same_forward() {
    let with_stickiness = |stickiness| held(&[tuple("blue", Some(1))], stickiness);
    let echoes = [
        forward(Some("blue"), None),
        forward(Some("blue"), Some(ForwardActionConfig::builder().build())),
        forward(None, Some(config(&[tuple("blue", Some(1))]))),
        forward(None, Some(config(&[tuple("blue", None)]))),
        forward(Some(""), Some(config(&[tuple("blue", Some(999))]))),
        forward(Some("blue"), Some(config(&[tuple("blue", Some(1))]))),
        forward(Some("blue"), Some(with_stickiness(stickiness(Some(false), None)))),
        forward(None, Some(with_stickiness(stickiness(Some(false), Some(3_600))))),
        forward(None, Some(with_stickiness(stickiness(None, Some(3_600))))),
    ];
    let target = ForwardTarget { group: TargetGroupArn::new("blue"), weight: None };
    for echo in echoes {
        assert_eq!(read_one(&echo), Forward { order: None, targets: vec![target.clone()], stickiness_seconds: None }, "{echo:?}");
        let sent = write(&read(&[echo], &[])).unwrap();
        assert_eq!((sent[0].target_group_arn(), sent[0].forward_config()), (Some("blue"), None));
    }
}

#[test]
fn a_single_group_that_gets_nothing_or_holds_clients_is_sent_so() {
    let nothing = forward(None, Some(config(&[tuple("blue", Some(0))])));
    assert_eq!(read_one(&nothing).targets[0].weight, Some(0));
    assert_eq!(write(&read(std::slice::from_ref(&nothing), &[])).unwrap(), [nothing]);

    let held = forward(None, Some(held(&[tuple("blue", Some(5))], stickiness(Some(true), Some(60)))));
    assert_eq!((read_one(&held).targets[0].weight, read_one(&held).stickiness_seconds), (None, Some(60)));
    let sent = write(&read(&[held], &[])).unwrap();
    let sent = sent[0].forward_config().unwrap();
    assert_eq!(sent.target_groups(), [tuple("blue", None)]);
    assert_eq!(sent.target_group_stickiness_config(), Some(&stickiness(Some(true), Some(60))));
}

#[test]
fn what_cannot_be_held_is_written_down_and_never_sent() {
    let two = [tuple("blue", Some(1)), tuple("green", Some(1))];
    let sticky = |stickiness| held(&two, stickiness);
    let mut both = forward(Some("blue"), None);
    both.fixed_response_config = Some(sdk::FixedResponseActionConfig::builder().status_code("503").build());
    let redirect = Action::builder().r#type(ActionTypeEnum::Redirect).target_group_arn("blue").build();
    let cases = [
        (Action::builder().r#type(ActionTypeEnum::from("mirror")).order(1).build(), "an action of type `mirror`"),
        (Action::builder().build(), "an action of type ``"),
        (forward(None, None), "a forward without a target group"),
        (forward(Some("other"), Some(config(&two))), "a forward whose `TargetGroupArn` is not that of its `ForwardConfig`"),
        (forward(None, Some(config(&[tuple("", Some(1))]))), "a forward to a target group without an ARN"),
        (forward(None, Some(config(&[tuple("a", Some(-1)), tuple("b", Some(1))]))), "a weight that is no weight, of `a`"),
        (forward(None, Some(sticky(stickiness(Some(true), None)))), "a stickiness without a duration"),
        (forward(None, Some(sticky(stickiness(Some(true), Some(-5))))), "a stickiness without a duration"),
        (both, "does something else as well"),
        (redirect, "an action of type `redirect` that forwards as well"),
    ];
    for (action, what) in cases {
        let list = [action, forward(Some("blue"), None)];
        let actions = read(&list, &[]);
        // The rest is still readable, and the same reply reads the same.
        assert!(actions.forward().is_some(), "{what}");
        assert_eq!(read(&list, &[]), actions);
        let why = refusal(&actions);
        assert!(why.contains(what) && why.contains("could not send back"), "{what}: {why}");
        let kept: Actions = serde_json::from_value(serde_json::to_value(&actions).unwrap()).unwrap();
        assert_eq!(kept, actions);
    }
    let unknown = read(&[forward(Some("blue"), None)], &["`ForwardConfig.Mirror`".to_owned()]);
    assert!(refusal(&unknown).starts_with("the rule holds `ForwardConfig.Mirror`, which this program does not know"));
}

#[test]
fn a_record_that_this_program_does_not_understand_is_not_sent() {
    let list = |json: Value| Actions(vec![RouteAction::Other(json)]);
    for json in [
        json!({"Type": "mirror", "Order": 1}),
        json!({"Type": "forward", "Order": 1}),
        json!({"Order": 1}),
        json!({"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Novel": "x"}}),
        json!({"Type": "redirect", "Novel": {}}),
        json!({"Type": "redirect", "Order": "first"}),
        json!("redirect"),
        json!(null),
    ] {
        let why = refusal(&list(json.clone()));
        assert!(why.starts_with("the actions hold an action"), "{json}: {why}");
    }
    assert_eq!(refusal(&Actions(vec![])), "a rule without an action does nothing");
    let nowhere = Forward { order: None, targets: vec![], stickiness_seconds: None };
    assert_eq!(refusal(&Actions(vec![RouteAction::Forward(nowhere)])), "the actions hold a forward without a target group");
}

#[test]
fn a_client_secret_is_neither_kept_nor_asked_for_again() {
    let oidc = sdk::AuthenticateOidcActionConfig::builder().issuer("https://id").client_id("shop").client_secret("t0p-s3cret");
    let action = Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).authenticate_oidc_config(oidc.build()).build();
    let actions = read(&[action], &[]);
    assert!(!serde_json::to_string(&actions).unwrap().contains("s3cret"));
    let sent = write(&actions).unwrap();
    let sent = sent[0].authenticate_oidc_config().unwrap();
    assert_eq!((sent.issuer(), sent.client_secret(), sent.use_existing_client_secret()), (Some("https://id"), None, Some(true)));
}

#[test]
fn words_that_the_sdk_does_not_name_go_back_as_they_came() {
    let redirect =
        sdk::RedirectActionConfig::builder().status_code(sdk::RedirectActionStatusCodeEnum::from("HTTP_308")).query("");
    let action = Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(redirect.build()).build();
    let actions = read(std::slice::from_ref(&action), &[]);
    assert_eq!(
        serde_json::to_value(&actions).unwrap(),
        json!([{"other": {"Type": "redirect", "RedirectConfig": {"Query": "", "StatusCode": "HTTP_308"}}}])
    );
    assert_eq!(write(&actions).unwrap(), [action]);
}

/// Every field of the SDK's types, by its debug form, is one that this room carries; a newer SDK that brings another one fails
/// here and not at a customer's listener.
#[test]
fn every_field_of_the_sdk_is_carried() {
    let fields = |debug: String| {
        let inner = debug.split_once('{').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        let names: Vec<String> = inner.split(',').filter_map(|field| Some(field.split_once(':')?.0.trim().to_owned())).collect();
        names.join(" ")
    };
    assert_eq!(
        fields(format!("{:?}", Action::builder().build())),
        "type target_group_arn authenticate_oidc_config authenticate_cognito_config order redirect_config fixed_response_config forward_config jwt_validation_config"
    );
    assert_eq!(
        fields(format!("{:?}", sdk::AuthenticateOidcActionConfig::builder().build())),
        "issuer authorization_endpoint token_endpoint user_info_endpoint client_id client_secret session_cookie_name scope session_timeout authentication_request_extra_params on_unauthenticated_request use_existing_client_secret"
    );
    assert_eq!(
        fields(format!("{:?}", sdk::AuthenticateCognitoActionConfig::builder().build())),
        "user_pool_arn user_pool_client_id user_pool_domain session_cookie_name scope session_timeout authentication_request_extra_params on_unauthenticated_request"
    );
    assert_eq!(
        fields(format!("{:?}", sdk::JwtValidationActionConfig::builder().build())),
        "jwks_endpoint issuer additional_claims"
    );
    assert_eq!(fields(format!("{:?}", sdk::JwtValidationActionAdditionalClaim::builder().build())), "format name values");
    assert_eq!(
        fields(format!("{:?}", sdk::RedirectActionConfig::builder().build())),
        "protocol port host path query status_code"
    );
    assert_eq!(
        fields(format!("{:?}", sdk::FixedResponseActionConfig::builder().build())),
        "message_body status_code content_type"
    );
    assert_eq!(fields(format!("{:?}", ForwardActionConfig::builder().build())), "target_groups target_group_stickiness_config");
    assert_eq!(fields(format!("{:?}", TargetGroupTuple::builder().build())), "target_group_arn weight");
    assert_eq!(fields(format!("{:?}", stickiness(None, None))), "enabled duration_seconds");
}

fn text() -> impl Strategy<Value = Value> {
    "\\PC{0,12}".prop_map(Value::from)
}

/// An object of some of these fields.
fn some_of(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let optional = fields.into_iter().map(|(name, value)| proptest::option::of(value).prop_map(move |value| (name, value)));
    let pairs = optional.collect::<Vec<_>>();
    let object = |pairs: Vec<(&str, Option<Value>)>| {
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>()
    };
    pairs.prop_map(move |pairs| Value::Object(object(pairs))).boxed()
}

fn session() -> Vec<(&'static str, BoxedStrategy<Value>)> {
    let params = proptest::collection::btree_map("[a-z]{1,5}", "\\PC{0,5}", 1..4).prop_map(|map| json!(map));
    vec![
        ("SessionCookieName", text().boxed()),
        ("Scope", text().boxed()),
        ("SessionTimeout", any::<i64>().prop_map(Value::from).boxed()),
        ("AuthenticationRequestExtraParams", params.boxed()),
        ("OnUnauthenticatedRequest", prop_oneof![Just("deny"), Just("allow"), Just("a-new-word")].prop_map(Value::from).boxed()),
    ]
}

fn texts(names: &'static [&'static str]) -> Vec<(&'static str, BoxedStrategy<Value>)> {
    names.iter().map(|name| (*name, text().boxed())).collect()
}

/// What comes with a type: the name of its configuration, and the configuration.
fn other() -> impl Strategy<Value = RouteAction> {
    const OIDC: [&str; 5] = ["Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "ClientId"];
    const COGNITO: [&str; 3] = ["UserPoolArn", "UserPoolClientId", "UserPoolDomain"];
    const REDIRECT: [&str; 6] = ["Protocol", "Port", "Host", "Path", "Query", "StatusCode"];
    let claim = some_of(
        [texts(&["Format", "Name"]), vec![("Values", proptest::collection::vec(text(), 1..3).prop_map(Value::from).boxed())]]
            .concat(),
    );
    let claims = proptest::collection::vec(claim, 1..3).prop_map(Value::from).boxed();
    let configs = prop_oneof![
        some_of([texts(&OIDC), session()].concat()).prop_map(|c| ("authenticate-oidc", "AuthenticateOidcConfig", c)),
        some_of([texts(&COGNITO), session()].concat()).prop_map(|c| ("authenticate-cognito", "AuthenticateCognitoConfig", c)),
        some_of([texts(&["JwksEndpoint", "Issuer"]), vec![("AdditionalClaims", claims)]].concat()).prop_map(|c| (
            "jwt-validation",
            "JwtValidationConfig",
            c
        )),
        some_of(texts(&REDIRECT)).prop_map(|c| ("redirect", "RedirectConfig", c)),
        some_of(texts(&["MessageBody", "StatusCode", "ContentType"])).prop_map(|c| ("fixed-response", "FixedResponseConfig", c)),
    ];
    (configs, proptest::option::of(any::<i32>())).prop_map(|((kind, name, config), order)| {
        let mut action = json!({"Type": kind});
        if let Some(order) = order {
            action["Order"] = json!(order);
        }
        action[name] = config;
        RouteAction::Other(action)
    })
}

fn any_forward() -> impl Strategy<Value = RouteAction> {
    let targets = proptest::collection::vec(("[a-z]{1,8}", proptest::option::of(0..=999_u16)), 1..6);
    let stickiness_seconds = proptest::option::of(1..=604_800_u32);
    (proptest::option::of(any::<i32>()), targets, stickiness_seconds).prop_map(|(order, targets, stickiness_seconds)| {
        let alone = targets.len() == 1;
        // A weight that is the only one and not zero is left out by whoever reads it.
        let weight = |weight: Option<u16>| weight.filter(|weight| !alone || *weight == 0);
        let target = |(arn, given): (String, _)| ForwardTarget { group: TargetGroupArn::new(arn), weight: weight(given) };
        let targets = targets.into_iter().map(target).collect();
        RouteAction::Forward(Forward { order, targets, stickiness_seconds })
    })
}

proptest! {
    #[test]
    fn what_is_sent_is_read_back_the_same(list in proptest::collection::vec(prop_oneof![any_forward(), other()], 1..5)) {
        let actions = Actions(list);
        let sent = write(&actions).unwrap();
        prop_assert_eq!(sent.len(), actions.0.len());
        prop_assert_eq!(read(&sent, &[]), actions.clone());
        let kept: Actions = serde_json::from_str(&serde_json::to_string(&actions).unwrap()).unwrap();
        prop_assert_eq!(write(&kept).unwrap(), sent);
    }

    #[test]
    fn what_is_read_is_sent_back_in_the_same_order(orders in proptest::collection::vec(any::<i32>(), 1..5)) {
        let params = HashMap::from([("k".to_owned(), "v".to_owned())]);
        let cognito = sdk::AuthenticateCognitoActionConfig::builder().set_authentication_request_extra_params(Some(params)).build();
        let action = |order: &i32| {
            let login = Action::builder().r#type(ActionTypeEnum::AuthenticateCognito).order(*order);
            login.authenticate_cognito_config(cognito.clone()).build()
        };
        let list: Vec<Action> = orders.iter().map(action).collect();
        prop_assert_eq!(write(&read(&list, &[])).unwrap(), list);
    }
}
