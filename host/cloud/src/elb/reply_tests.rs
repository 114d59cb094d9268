//! Replies in the shape of AWS's own, served from a socket: what a well-behaved simulated account does not send.

use shiftgate_model::{
    Actions, CloudError, Draining, ErrorClass, Forward, ForwardTarget, LoadBalancerArn, Origin, Retry, Route, RouteAction,
    Routes, TargetGroupArn, TargetState,
};

use super::replies::{
    BLUE, GREEN, LISTENER, RULE, SECRET, Server, default_rule, listener, refusal, reply, rule, rules, weighted,
};

fn forward(order: Option<i32>, targets: &[(&str, Option<u16>)], stickiness_seconds: Option<u32>) -> RouteAction {
    let target = |(arn, weight): &(&str, Option<u16>)| ForwardTarget { group: TargetGroupArn::new(*arn), weight: *weight };
    RouteAction::Forward(Forward { order, targets: targets.iter().map(target).collect(), stickiness_seconds })
}

#[tokio::test]
async fn rules_are_read_page_by_page() {
    let pages = [rules(&weighted(), "<NextMarker>a+b=</NextMarker>"), rules(&default_rule(), "<NextMarker/>")];
    let server = Server::new(pages).await;
    let rules = server.elb().await.rules(&listener()).await.unwrap();
    assert_eq!(rules.iter().map(|rule| rule.default).collect::<Vec<_>>(), [false, true]);
    assert_eq!(rules[0].actions, Actions(vec![forward(Some(1), &[(BLUE, Some(90)), (GREEN, Some(10))], Some(600))]));
    assert_eq!(rules[1].actions, Actions(vec![forward(Some(1), &[(BLUE, None)], None)]));
    assert!(server.forms()[1].contains("Marker=a%2Bb%3D"), "{:?}", server.forms());
}

#[tokio::test]
async fn only_the_actions_are_written() {
    let server = Server::new([reply("ModifyListener", "<Listeners/>"), reply("ModifyRule", "<Rules/>")]).await;
    let elb = server.elb().await;
    let actions = Actions(vec![forward(Some(1), &[(BLUE, Some(90)), (GREEN, Some(10))], Some(600))]);
    for default in [true, false] {
        elb.set_actions(&Route { rule: rule(), listener: listener(), default }, &actions).await.unwrap();
    }
    let forms: Vec<String> = server.forms().iter().map(|form| form.replace("%3A", ":").replace("%2F", "/")).collect();
    let action = |list: &str| {
        format!(
            "{list}.member.1.Type=forward&{list}.member.1.Order=1&{list}.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn={BLUE}&{list}.member.1.ForwardConfig.TargetGroups.member.1.Weight=90&{list}.member.1.ForwardConfig.TargetGroups.member.2.TargetGroupArn={GREEN}&{list}.member.1.ForwardConfig.TargetGroups.member.2.Weight=10&{list}.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled=true&{list}.member.1.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds=600"
        )
    };
    assert_eq!(
        forms,
        [
            format!("Action=ModifyListener&Version=2015-12-01&ListenerArn={LISTENER}&{}", action("DefaultActions")),
            format!("Action=ModifyRule&Version=2015-12-01&RuleArn={RULE}&{}", action("Actions")),
        ]
    );
    let calls = server.calls.lock().unwrap();
    let head = &calls[0].0;
    assert!(head.contains("Credential=AKIDREPLY/") && head.contains("/eu-west-1/elasticloadbalancing/aws4_request"), "{head}");
    assert!(head.contains(concat!("app/shiftgate-", env!("CARGO_PKG_VERSION"))), "{head}");
    assert!(!format!("{calls:?}").contains(SECRET));
}

#[tokio::test]
async fn a_young_element_of_an_action_is_found_wherever_it_stands() {
    let young = weighted()
        .replace("<Weight>90</Weight>", "<Weight>90</Weight><Zone>a</Zone>")
        .replace("<Order>1</Order>", "<Order>1</Order><MirrorConfig><Share>5</Share></MirrorConfig><Empty/><Blank> </Blank>");
    let server = Server::new([rules(&young, "")]).await;
    let elb = server.elb().await;
    let read = elb.rule(&rule()).await.unwrap().unwrap();
    assert_eq!(read.actions.forward().map(|forward| forward.targets.len()), Some(2));
    let route = Route { rule: rule(), listener: listener(), default: false };
    let error = elb.set_actions(&route, &read.actions).await.unwrap_err();
    insta::assert_snapshot!(error, @"ELB ModifyRule for `arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/aaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbb/cccccccccccccccc`: the rule holds `ForwardConfig.TargetGroups.Zone` and `MirrorConfig`, which this program does not know and could not send back; change the rule's weights by hand");
    assert_eq!(server.forms().len(), 1);
}

#[tokio::test]
async fn many_target_groups_are_asked_for_in_batches() {
    let arns: Vec<TargetGroupArn> = (100..121).map(|n| TargetGroupArn::new(format!("arn:targetgroup/g{n}/x"))).collect();
    let group = |arn: &TargetGroupArn| {
        format!(
            "<member><TargetGroupArn>{arn}</TargetGroupArn><TargetGroupName>{}</TargetGroupName><LoadBalancerArns><member>arn:lb</member></LoadBalancerArns><TargetType>ip</TargetType></member>",
            arn.name()
        )
    };
    let page = |arns: &[TargetGroupArn]| {
        let groups: Vec<String> = arns.iter().map(group).collect();
        reply("DescribeTargetGroups", &format!("<TargetGroups>{}</TargetGroups>", groups.concat()))
    };
    let server = Server::new([page(&arns[..20]), page(&arns[20..])]).await;
    let groups = server.elb().await.target_groups(&arns).await.unwrap();
    assert_eq!(groups.iter().map(|group| group.arn.clone()).collect::<Vec<_>>(), arns);
    assert_eq!((groups[0].target_type.as_str(), groups[0].vpc.as_str()), ("ip", ""));
    assert_eq!(groups[0].load_balancers, [LoadBalancerArn::new("arn:lb")]);
    assert!(server.forms()[0].contains("TargetGroupArns.member.20=") && !server.forms()[0].contains("member.21="));
}

#[tokio::test]
async fn target_health_is_read_word_by_word() {
    let row = |id: &str, health: &str| {
        format!("<member><Target><Id>{id}</Id><Port>80</Port></Target><TargetHealth>{health}</TargetHealth></member>")
    };
    let words = ["initial", "healthy", "unhealthy", "unhealthy.draining", "unused", "draining", "unavailable", "resting"];
    let all: String = words.iter().map(|word| row("i-1", &format!("<State>{word}</State>"))).collect();
    let list =
        |list: &str| reply("DescribeTargetHealth", &format!("<TargetHealthDescriptions>{list}</TargetHealthDescriptions>"));
    let rows = Server::new([list(&all)]).await.elb().await.target_health(&TargetGroupArn::new(BLUE)).await.unwrap();
    use TargetState::{Draining, Healthy, Initial, Other, Unavailable, Unhealthy, Unused};
    let states: Vec<TargetState> = rows.into_iter().map(|row| row.state).collect();
    let wanted = [Initial, Healthy, Unhealthy, Unhealthy, Unused, Draining, Unavailable, Other("resting".to_owned())];
    assert_eq!(states, wanted);
    let slow = row("i-2", "<State>unhealthy</State><Reason>Target.Timeout</Reason><Description>x</Description>");
    let rows = Server::new([list(&slow)]).await.elb().await.target_health(&TargetGroupArn::new(BLUE)).await.unwrap();
    assert_eq!((rows[0].target.as_str(), rows[0].reason.as_deref()), ("i-2", Some("Target.Timeout")));
    let error =
        Server::new([list(&row("i-3", ""))]).await.elb().await.target_health(&TargetGroupArn::new(BLUE)).await.unwrap_err();
    assert!(matches!(&error.origin, Origin::Decode(why) if why == "a target without a state"), "{error}");
}

async fn draining(attributes: &[(&str, &str)]) -> Result<Draining, CloudError> {
    let member = |(key, value): &(&str, &str)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let list: String = attributes.iter().map(member).collect();
    let reply = reply("DescribeTargetGroupAttributes", &format!("<Attributes>{list}</Attributes>"));
    Server::new([reply]).await.elb().await.draining(&TargetGroupArn::new(BLUE)).await
}

#[tokio::test]
async fn waits_of_a_target_group_have_aws_defaults() {
    let of = |deregistration_delay, stickiness| Ok(Draining { deregistration_delay, stickiness });
    let (on, kind) = (("stickiness.enabled", "true"), "stickiness.type");
    let (lb, app) = ("stickiness.lb_cookie.duration_seconds", "stickiness.app_cookie.duration_seconds");
    assert_eq!(draining(&[]).await, of(300, None));
    assert_eq!(
        draining(&[("deregistration_delay.timeout_seconds", "0"), ("stickiness.enabled", "false"), (lb, "60")]).await,
        of(0, None)
    );
    assert_eq!(draining(&[on, (kind, "lb_cookie"), (lb, "60"), (app, "70")]).await, of(300, Some(60)));
    assert_eq!(draining(&[on, (kind, "app_cookie"), (lb, "60"), (app, "70")]).await, of(300, Some(70)));
    assert_eq!(draining(&[on, (kind, "source_ip")]).await, of(300, Some(86_400)));
    let error = draining(&[("deregistration_delay.timeout_seconds", "soon")]).await.unwrap_err();
    assert!(matches!(&error.origin, Origin::Decode(why) if why.contains("is `soon`, and not a number of seconds")), "{error}");
}

#[tokio::test]
async fn what_is_gone_is_none_and_what_is_about_another_is_not_taken() {
    for code in ["RuleNotFound", "ListenerNotFound"] {
        let server = Server::new([refusal(400, code, "gone")]).await;
        assert_eq!(server.elb().await.rule(&rule()).await, Ok(None), "{code}");
    }
    assert_eq!(Server::new([rules(&default_rule(), "")]).await.elb().await.rule(&rule()).await, Ok(None));
    assert_eq!(Server::new([rules("", "")]).await.elb().await.rule(&rule()).await, Ok(None));
    let error = Server::new([refusal(400, "ListenerNotFound", "gone")]).await.elb().await.rules(&listener()).await.unwrap_err();
    assert_eq!((error.class(), error.retry), (ErrorClass::Application, Retry::Never));
}
