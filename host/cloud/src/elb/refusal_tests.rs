//! Calls that do not succeed: refusals, servers in between, nobody there, no credentials; and what an operator reads then.

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_elasticloadbalancingv2::Client;
use secrecy::SecretString;
use shiftgate_model::{CloudError, ErrorClass, Origin, Retry, Routes};

use super::replies::{SECRET, Server, refusal, rule, rules, weighted};
use super::{Elb, ElbConfig, connect};
use crate::redact::Redactor;

async fn rule_error(replies: Vec<(u16, String)>) -> CloudError {
    Server::new(replies).await.elb().await.rule(&rule()).await.unwrap_err()
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let denied =
        rule_error(vec![refusal(403, "AccessDenied", "User: arn:aws:iam::123456789012:user/ci is not authorized")]).await;
    assert_eq!(denied.class(), ErrorClass::Authentication);
    insta::assert_snapshot!(denied, @"ELB DescribeRules for `arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/aaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbb/cccccccccccccccc`: HTTP 403 AccessDenied: User: arn:aws:iam::123456789012:user/ci is not authorized (the credentials may not do this: allow `elasticloadbalancing:DescribeRules`)");
    let expired = rule_error(vec![refusal(403, "ExpiredToken", "The security token included in the request is expired")]).await;
    assert!(
        matches!(&expired.origin, Origin::NoCredentials(why) if why.starts_with("the AWS credentials have expired (The sec"))
    );
    let echo = format!("no signature {SECRET} and {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let wrong = rule_error(vec![refusal(403, "SignatureDoesNotMatch", &echo)]).await;
    let words = format!("{wrong} {wrong:?}");
    assert!(
        words.contains("AWS does not take these credentials") && !words.contains(SECRET) && !words.contains("wJalr"),
        "{words}"
    );
    assert_eq!([expired.class(), wrong.class()], [ErrorClass::Authentication; 2]);
    let invalid = rule_error(vec![refusal(400, "ValidationError", "'x' is not a valid rule ARN")]).await;
    assert_eq!((invalid.class(), invalid.retry), (ErrorClass::Application, Retry::Never));
    assert!(invalid.to_string().ends_with("HTTP 400 ValidationError: 'x' is not a valid rule ARN"), "{invalid}");
}

#[tokio::test]
async fn troubles_in_between_are_tried_again_and_told() {
    let found = || rules(&weighted(), "");
    for trouble in [
        refusal(400, "ThrottlingException", "Rate exceeded"),
        refusal(400, "Throttling", "Rate exceeded"),
        (502, "<html/>".to_owned()),
    ] {
        let server = Server::new([trouble, found()]).await;
        assert!(server.elb().await.rule(&rule()).await.unwrap().is_some());
    }
    let proxy = rule_error(vec![(502, "<html>proxy</html>".to_owned()), (502, String::new())]).await;
    assert!(matches!(&proxy.origin, Origin::Remote { status: 502, message, .. } if message == "Bad Gateway"), "{proxy:?}");
    assert_eq!((proxy.class(), proxy.retry), (ErrorClass::Connectivity, Retry::Backoff));
    let limited = || refusal(503, "RequestLimitExceeded", "slow down");
    assert_eq!(rule_error(vec![limited(), limited()]).await.class(), ErrorClass::Connectivity);
    let moved = rule_error(vec![(307, String::new())]).await;
    assert!(moved.to_string().ends_with("(redirects are not followed: is the AWS endpoint right?)"), "{moved}");
    let cut = (200, "<DescribeRulesResponse><DescribeRules".to_owned());
    let cut = rule_error(vec![cut.clone(), cut]).await;
    assert!(matches!(cut.origin, Origin::Decode(_)), "{cut:?}");
}

#[tokio::test]
async fn nobody_there_is_said_as_it_is() {
    let server = Server::new([]).await;
    let elb = server.elb().await;
    drop(server);
    let error = elb.rule(&rule()).await.unwrap_err();
    assert!(matches!(&error.origin, Origin::Transport(why) if why.contains("refused")), "{error:?}");
    assert!(!error.to_string().contains("dispatch failure"), "{error}");
    assert_eq!((error.class(), error.retry), (ErrorClass::Connectivity, Retry::Backoff));
}

/// Finds none, in the way that it is told.
#[derive(Debug)]
struct Finds(fn() -> CredentialsError);

impl ProvideCredentials for Finds {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err((self.0)()))
    }
}

async fn credentials_error(finds: fn() -> CredentialsError) -> CloudError {
    let server = Server::new([]).await;
    let client = connect::client(&server.config()).await.unwrap();
    let client = Client::from_conf(client.config().to_builder().credentials_provider(Finds(finds)).build());
    let elb = Elb { client, redactor: Redactor::blind(), region: String::new(), profile: None };
    let error = elb.rule(&rule()).await.unwrap_err();
    assert_eq!((error.class(), error.retry, server.forms().len()), (ErrorClass::Authentication, Retry::Never, 0));
    error
}

#[tokio::test]
async fn missing_credentials_say_what_to_set() {
    let none = credentials_error(CredentialsError::not_loaded_no_source).await;
    insta::assert_snapshot!(none, @"ELB DescribeRules for `arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/aaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbb/cccccccccccccccc`: there are no AWS credentials: neither in the environment, nor in a profile, a web identity, a container's role or an instance's role; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached");
    let process = credentials_error(|| {
        CredentialsError::provider_error("the process said SecretAccessKey=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY and failed")
    });
    let process = process.await.to_string();
    assert!(process.contains("the AWS credentials cannot be read: ") && process.contains("and failed"), "{process}");
    assert!(!process.contains("wJalr"), "{process}");
    let sso = credentials_error(|| CredentialsError::invalid_configuration("feature `sso` must be enabled")).await.to_string();
    assert!(sso.contains("credential_process = aws configure export-credentials"), "{sso}");

    let server = Server::new([]).await;
    let config = ElbConfig { keys: None, profile: Some("nobody-has-this-profile".to_owned()), ..server.config() };
    let error = Elb::new(config).await.unwrap().rule(&rule()).await.unwrap_err();
    assert!(
        error.to_string().contains("profile `nobody-has-this-profile` of AWS's shared files gives no credentials: "),
        "{error}"
    );
    assert_eq!(error.class(), ErrorClass::Authentication);
}

#[tokio::test]
async fn a_client_that_could_make_no_call_is_not_set_up() {
    let refused = async |change: fn(&mut ElbConfig)| {
        let mut config = ElbConfig::new("eu-west-1").with_static_credentials("AKID", SecretString::from(SECRET.to_owned()));
        change(&mut config);
        let error = Elb::new(config).await.unwrap_err();
        assert!(matches!(error.origin, Origin::Refused(_)), "{error:?}");
        error.to_string()
    };
    assert_eq!(refused(|c| c.region = " ".to_owned()).await, "ELB Connect: the AWS region is empty");
    assert!(refused(|c| c.user_agent = "two words".to_owned()).await.contains("`two words`"));
    for url in ["ftp://host/", "https://user:pw@host/", "https://host/?a=b", "host", "data:text"] {
        let config = ElbConfig { endpoint_url: Some(url.to_owned()), ..ElbConfig::new("eu-west-1") };
        let error = Elb::new(config).await.unwrap_err();
        assert!(matches!(&error.origin, Origin::Refused(why) if !why.contains("pw")), "{url}");
    }
}
