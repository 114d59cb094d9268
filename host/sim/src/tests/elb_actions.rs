//! Action lists that are kept whole: what comes in comes out, but for what the service itself adds or hides.

use super::*;
use crate::{listener_arn, rule_arn, target_group_arn};

/// A list with an action of each kind that can stand before a forward, and fields that nobody knows.
fn guarded(secret: Value) -> Value {
    let mut oidc = json!({
        "Issuer": "https://idp.example/?a=1&b=<2>", "AuthorizationEndpoint": "https://idp.example/a", "ClientId": "c",
        "Scope": "openid email", "SessionTimeout": 3_600, "OnUnauthenticatedRequest": "authenticate",
        "AuthenticationRequestExtraParams": {"entry": [{"key": "prompt", "value": "login"}]},
    });
    oidc.as_object_mut().unwrap().extend(secret.as_object().cloned().unwrap());
    json!([
        {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": oidc},
        {"Type": "authenticate-cognito", "Order": 2, "AuthenticateCognitoConfig": {"UserPoolArn": "arn:p", "UserPoolClientId": "u"}},
        {"Type": "jwt-validation", "Order": 3, "JwtValidationConfig": {
            "JwksEndpoint": "https://idp.example/jwks", "Issuer": "i", "AdditionalClaims": [{"Name": "n", "Values": ["a", "b"]}],
        }},
        {"Type": "forward", "Order": 4, "NovelConfig": {"Deep": {"List": ["x"]}}, "ForwardConfig": {
            "TargetGroups": [
                {"TargetGroupArn": target_group_arn("web-blue"), "Weight": 90},
                {"TargetGroupArn": target_group_arn("web-green"), "Weight": 10},
            ],
            "TargetGroupStickinessConfig": {"Enabled": true, "DurationSeconds": 600},
        }},
    ])
}

async fn shown(aws: &Client) -> String {
    let rule = rule_arn("shop", 80, Some(10));
    let reply = aws.elb("DescribeRules", &[("RuleArns.member.1", &rule)]).await;
    reply.text("Actions").to_owned()
}

#[tokio::test]
async fn a_list_with_authentication_comes_back_byte_for_byte() {
    let aws = Client::new(shop()).await;
    let rule = rule_arn("shop", 80, Some(10));
    let written =
        aws.elb("ModifyRule", &with(&[("RuleArn", &rule)], &flat("Actions", &guarded(json!({"ClientSecret": "s3"}))))).await;
    assert_eq!(written.status, 200, "{written:?}");
    assert_eq!(json!(aws.sim.routes()[0].listeners[0].rules[0].actions), guarded(json!({})));
    let first = shown(&aws).await;
    assert!(!first.contains("s3") && !first.contains("ClientSecret"));
    insta::assert_snapshot!(first, @"
    <member>
      <Type>authenticate-oidc</Type>
      <Order>1</Order>
      <AuthenticateOidcConfig>
        <Issuer>https://idp.example/?a=1&amp;b=&lt;2&gt;</Issuer>
        <AuthorizationEndpoint>https://idp.example/a</AuthorizationEndpoint>
        <ClientId>c</ClientId>
        <Scope>openid email</Scope>
        <SessionTimeout>3600</SessionTimeout>
        <OnUnauthenticatedRequest>authenticate</OnUnauthenticatedRequest>
        <AuthenticationRequestExtraParams>
          <entry>
            <key>prompt</key>
            <value>login</value>
          </entry>
        </AuthenticationRequestExtraParams>
      </AuthenticateOidcConfig>
    </member>
    <member>
      <Type>authenticate-cognito</Type>
      <Order>2</Order>
      <AuthenticateCognitoConfig>
        <UserPoolArn>arn:p</UserPoolArn>
        <UserPoolClientId>u</UserPoolClientId>
      </AuthenticateCognitoConfig>
    </member>
    <member>
      <Type>jwt-validation</Type>
      <Order>3</Order>
      <JwtValidationConfig>
        <JwksEndpoint>https://idp.example/jwks</JwksEndpoint>
        <Issuer>i</Issuer>
        <AdditionalClaims>
          <member>
            <Name>n</Name>
            <Values>
              <member>a</member>
              <member>b</member>
            </Values>
          </member>
        </AdditionalClaims>
      </JwtValidationConfig>
    </member>
    <member>
      <Type>forward</Type>
      <Order>4</Order>
      <NovelConfig>
        <Deep>
          <List>
            <member>x</member>
          </List>
        </Deep>
      </NovelConfig>
      <ForwardConfig>
        <TargetGroups>
          <member>
            <TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418</TargetGroupArn>
            <Weight>90</Weight>
          </member>
          <member>
            <TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-green/977b42e0bb070e0d</TargetGroupArn>
            <Weight>10</Weight>
          </member>
        </TargetGroups>
        <TargetGroupStickinessConfig>
          <Enabled>true</Enabled>
          <DurationSeconds>600</DurationSeconds>
        </TargetGroupStickinessConfig>
      </ForwardConfig>
    </member>
    ");
    // What was read is sent back, with the secret that the rule has.
    let again = flat("Actions", &guarded(json!({"UseExistingClientSecret": true})));
    assert_eq!(aws.elb("ModifyRule", &with(&[("RuleArn", &rule)], &again)).await.status, 200);
    assert_eq!(shown(&aws).await, first);
}

#[tokio::test]
async fn a_forward_to_one_group_is_echoed_in_both_forms() {
    let aws = Client::new(shop()).await;
    let (rule, blue) = (rule_arn("shop", 80, Some(10)), target_group_arn("web-blue"));
    let config = json!({"TargetGroups": [{"TargetGroupArn": blue}]});
    let mut seen = Vec::new();
    for action in [
        json!({"Type": "forward", "TargetGroupArn": blue}),
        json!({"Type": "forward", "ForwardConfig": config}),
        json!({"Type": "forward", "TargetGroupArn": blue, "ForwardConfig": config}),
    ] {
        let reply = aws.elb("ModifyRule", &with(&[("RuleArn", &rule)], &flat("Actions", &json!([action])))).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        seen.push(shown(&aws).await);
    }
    assert!(seen.iter().all(|list| *list == seen[0]), "{seen:?}");
    let both = json!([{"Type": "forward", "TargetGroupArn": blue, "ForwardConfig": {
        "TargetGroups": [{"TargetGroupArn": blue, "Weight": 1}], "TargetGroupStickinessConfig": {"Enabled": false}}}]);
    assert_eq!(json!(aws.sim.routes()[0].listeners[0].rules[0].actions), both);
}

#[tokio::test]
async fn conditions_are_written_with_or_without_actions() {
    let aws = Client::new(shop()).await;
    let rule = rule_arn("shop", 80, Some(10));
    let host = [
        ("RuleArn", rule.as_str()),
        ("Conditions.member.1.Field", "host-header"),
        ("Conditions.member.1.HostHeaderConfig.Values.member.1", "*.example.com"),
    ];
    let reply = aws.elb("ModifyRule", &host).await;
    assert_eq!((reply.status, reply.text("Field"), reply.all("Weight")), (200, "host-header", vec!["90", "10"]));
}

#[tokio::test]
async fn the_console_writes_any_rule() {
    let aws = Client::new(shop()).await;
    let default = rule_arn("shop", 80, None);
    aws.sim
        .set_actions(&default, &json!({"forward": [{"group": "web-green", "weight": 3}, {"group": "web-blue", "weight": 7}]}))
        .unwrap();
    let rule = &aws.sim.routes()[0].listeners[0].rules[1];
    assert_eq!((rule.arn.as_str(), &*rule.weights), (&*default, &[("web-green".to_owned(), 3), ("web-blue".to_owned(), 7)][..]));
    let listener = aws.elb("DescribeListeners", &[("ListenerArns.member.1", &listener_arn("shop", 80))]).await;
    assert_eq!(listener.all("Weight"), ["3", "7"]);
    aws.sim.set_actions(&default, &json!([{"Type": "forward", "TargetGroupArn": "web-blue"}])).unwrap();
    assert_eq!(aws.sim.routes()[0].listeners[0].rules[1].weights, [("web-blue".to_owned(), 1)]);
    for (rule, actions) in
        [("arn:none", json!([])), (&*default, json!([])), (&*default, json!({"forward": [{"group": "no", "weight": 1}]}))]
    {
        assert!(matches!(aws.sim.set_actions(rule, &actions), Err(crate::SimError::Refused { .. })));
    }
}
