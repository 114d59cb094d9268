//! Calls of the AWS API that go wrong: what the client sees, and whether the effect happened.

use super::*;
use crate::{AwsOutcome, rule_arn};

/// A shift to 50 and 50 that meets a fault: the reply, the weight of blue afterwards, and what the record says.
async fn shift_with(kind: FaultKind) -> (reqwest::Result<AwsReply>, u32, AwsOutcome) {
    let aws = Client::new(shop()).await;
    aws.sim.inject(Fault::aws("ModifyRule", kind)).unwrap();
    let (rule, shift) = (rule_arn("shop", 80, Some(10)), forward("Actions", &[("web-blue", 50), ("web-green", 50)]));
    let reply = aws.try_elb("ModifyRule", &with(&[("RuleArn", &rule)], &shift)).await;
    let weight = aws.sim.routes()[0].listeners[0].rules[0].weights[0].1;
    let outcome = aws.sim.aws_calls().remove(0).outcome;
    assert_eq!(aws.elb("ModifyRule", &with(&[("RuleArn", &rule)], &shift)).await.status, 200);
    (reply, weight, outcome)
}

#[tokio::test]
async fn a_failed_or_throttled_call_has_had_no_effect() {
    let refused = |code: &str| AwsOutcome::Refused(code.to_owned());
    for (kind, error, code) in [
        (
            FaultKind::Status(503),
            "503 ServiceUnavailable: The request has failed due to a temporary failure of the server.",
            "ServiceUnavailable",
        ),
        (
            FaultKind::Status(500),
            "500 InternalFailure: The request processing has failed because of an unknown error, exception or failure.",
            "InternalFailure",
        ),
        (FaultKind::Throttled400, "400 ThrottlingException: Rate exceeded", "ThrottlingException"),
        (FaultKind::Status(429), "429 TooManyRequestsException: Rate exceeded", "TooManyRequestsException"),
        (FaultKind::ExpiredToken, "403 ExpiredToken: The security token included in the request is expired", "ExpiredToken"),
    ] {
        let (reply, weight, outcome) = shift_with(kind).await;
        assert_eq!((reply.unwrap().error().as_str(), weight, outcome), (error, 90, refused(code)));
    }
}

#[tokio::test]
async fn a_lost_reply_and_garbage_have_had_their_effect_and_a_reset_has_not() {
    let (reply, weight, outcome) = shift_with(FaultKind::ReplyLost).await;
    assert_eq!((reply.is_err(), weight, outcome), (true, 50, AwsOutcome::ReplyLost));
    let (reply, weight, outcome) = shift_with(FaultKind::Reset).await;
    assert_eq!((reply.is_err(), weight, outcome), (true, 90, AwsOutcome::Reset));
    for kind in [FaultKind::Garbage, FaultKind::Truncated] {
        let (reply, weight, outcome) = shift_with(kind).await;
        assert_eq!((reply.unwrap().status, weight, outcome), (200, 50, AwsOutcome::Garbage));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_has_its_effect_at_once() {
    let before = tokio::time::Instant::now();
    let (reply, weight, outcome) = shift_with(FaultKind::SlowMs(5_000)).await;
    assert_eq!((reply.unwrap().status, weight, outcome), (200, 50, AwsOutcome::Done));
    assert!(before.elapsed().as_millis() >= 5_000);
}

#[tokio::test]
async fn a_fault_hits_the_actions_that_it_names() {
    let world: World = serde_json::from_value(json!({"faults": [
        {"aws": "DescribeTargetGroups", "after": 1, "times": 2, "kind": {"status": 500}},
        {"aws": "*", "nth": 5, "kind": "throttled_400"},
        {"method": "*", "kind": {"status": 503}},
    ]}))
    .unwrap();
    let aws = Client::new(world).await;
    let mut statuses = Vec::new();
    for action in
        ["DescribeTargetGroups", "DescribeTargetGroups", "DescribeLoadBalancers", "DescribeTargetGroups", "DescribeLoadBalancers"]
    {
        statuses.push(aws.elb(action, &[]).await.status);
    }
    assert_eq!(statuses, [200, 500, 200, 500, 400]);
    assert_eq!(aws.get("/aws/ec2/group").await.status, 503, "a fault of the Spot API is met there alone");
    let mut errors = Vec::new();
    for fault in [
        Fault::aws("ModifyRules", FaultKind::Reset),
        Fault::aws("ModifyRule", FaultKind::EmptyItems),
        Fault::aws("ModifyRule", FaultKind::Status(200)),
        Fault { route: "/aws/ec2/group".into(), ..Fault::aws("*", FaultKind::Reset) },
    ] {
        errors.push(aws.sim.inject(fault).unwrap_err().to_string());
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    the simulated world is not possible: fault: there is no AWS action `ModifyRules`
    the simulated world is not possible: fault: that kind is of the Spot API only
    the simulated world is not possible: fault: `status` is 400 to 599
    the simulated world is not possible: fault: `aws` stands alone, without `method` and `route`
    ");
}
