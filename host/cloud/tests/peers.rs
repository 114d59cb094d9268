//! The ELB client against an account that others wrote: moto's server, which answers as AWS does without asking who calls.
//!
//! It needs a Python with `tests/peers/requirements.txt`, and runs where an environment variable says where that is; in CI a
//! missing variable is a failure. What moto does not do as AWS does (no propagation, no draining, no refusal of a default
//! rule) is the simulated account's part.

#[cfg(test)]
mod peers {
    use std::process::Stdio;

    use aws_sdk_elasticloadbalancingv2::Client;
    use aws_sdk_elasticloadbalancingv2::types::{
        Action, ActionTypeEnum, AuthenticateOidcActionConfig, ForwardActionConfig, ProtocolEnum, RuleCondition,
        TargetDescription, TargetGroupAttribute, TargetGroupStickinessConfig, TargetGroupTuple, TargetTypeEnum,
    };
    use secrecy::SecretString;
    use shiftgate_cloud::{Elb, ElbConfig};
    use shiftgate_model::{
        Actions, Draining, ForwardTarget, ListenerArn, Route, RouteAction, Routes, RuleArn, TargetGroupArn, TargetState,
    };
    use tokio::io::{AsyncBufReadExt, BufReader, Lines};
    use tokio::process::{Child, ChildStderr, Command};

    const PYTHON: &str = "SHIFTGATE_PEERS_PYTHON";
    const REGION: &str = "us-east-1";

    #[expect(clippy::disallowed_methods, reason = "where a peer's packages are is known to the environment only")]
    fn python() -> Option<String> {
        let place = std::env::var(PYTHON).ok().filter(|place| !place.is_empty());
        if place.is_none() {
            assert!(std::env::var("NEXTEST_PROFILE").as_deref() != Ok("ci"), "{PYTHON} is not set, and CI runs every peer");
            println!("skipped: {PYTHON} is not set; it names a python that has tests/peers/requirements.txt installed");
        }
        place
    }

    /// A server of its own, on a port that it chooses; ended with the test, also when that fails.
    struct Moto {
        child: Child,
        url: String,
    }

    impl Moto {
        async fn start(python: &str) -> Self {
            let mut command = Command::new(python);
            command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]).env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
            let mut child = command.spawn().expect("the peer starts");
            let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines();
            let url = address(&mut lines).await;
            // Its log of calls has to be read, or it stops when the pipe is full.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            Self { child, url }
        }

        async fn stop(mut self) {
            self.child.kill().await.expect("the peer ends");
        }

        async fn elb(&self) -> Elb {
            let secret = SecretString::from("secret".to_owned());
            let mut config = ElbConfig::new(REGION).with_static_credentials("AKIDTEST", secret);
            config.endpoint_url = Some(self.url.clone());
            Elb::new(config).await.expect("a client")
        }

        /// The SDK as AWS means it to be used, without anything of ours.
        fn sdk(&self) -> Client {
            use aws_sdk_elasticloadbalancingv2::config::{BehaviorVersion, Builder, Credentials, Region};
            let http = aws_smithy_http_client::Builder::new()
                .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                    aws_smithy_http_client::tls::rustls_provider::CryptoMode::AwsLc,
                ))
                .build_https();
            let keys = Credentials::new("AKIDTEST", "secret", None, None, "test");
            let config = Builder::new().behavior_version(BehaviorVersion::latest()).region(Region::new(REGION));
            Client::from_conf(config.endpoint_url(&self.url).credentials_provider(keys).http_client(http).build())
        }

        /// A call of EC2, for which this program has no client; the texts of every element of a name.
        async fn ec2(&self, form: &str, element: &str) -> Vec<String> {
            let http = reqwest::Client::builder().no_proxy().build().expect("a client");
            let scope =
                "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260801/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
            let call = http.post(&self.url).header("Authorization", scope);
            let call =
                call.header("Content-Type", "application/x-www-form-urlencoded").body(format!("Version=2016-11-15&{form}"));
            let body = call.send().await.expect("an answer").text().await.expect("a body");
            let (open, close) = (format!("<{element}>"), format!("</{element}>"));
            body.split(&open).skip(1).map(|rest| rest.split(&close).next().expect("an end").to_owned()).collect()
        }
    }

    async fn address(lines: &mut Lines<BufReader<ChildStderr>>) -> String {
        let mut said = Vec::new();
        while let Some(line) = lines.next_line().await.expect("its words") {
            if let Some((_, port)) = line.split_once("Running on http://127.0.0.1:") {
                return format!("http://127.0.0.1:{}", port.trim());
            }
            said.push(line);
        }
        panic!("moto ended before it served: {said:#?}");
    }

    /// What stands in moto: one load balancer, two target groups, listeners 80, 81 and 82.
    struct Shop {
        balancer: String,
        blue: TargetGroupArn,
        green: TargetGroupArn,
        vpc: String,
        listeners: Vec<ListenerArn>,
        rule: RuleArn,
        instances: Vec<String>,
    }

    fn tuple(group: &TargetGroupArn, weight: i32) -> TargetGroupTuple {
        TargetGroupTuple::builder().target_group_arn(group.as_str()).weight(weight).build()
    }

    fn weighted(blue: &TargetGroupArn, green: &TargetGroupArn, sticky: bool) -> Action {
        let mut config = ForwardActionConfig::builder().target_groups(tuple(blue, 100)).target_groups(tuple(green, 0));
        if sticky {
            let on = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(600).build();
            config = config.target_group_stickiness_config(on);
        }
        Action::builder().r#type(ActionTypeEnum::Forward).order(50).forward_config(config.build()).build()
    }

    fn only(group: &TargetGroupArn) -> Action {
        Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group.as_str()).build()
    }

    async fn shop(moto: &Moto) -> Shop {
        let sdk = moto.sdk();
        let subnets = moto.ec2("Action=DescribeSubnets", "subnetId").await;
        let vpc = moto.ec2("Action=DescribeVpcs", "vpcId").await.remove(0);
        let balancer = sdk.create_load_balancer().name("shop").set_subnets(Some(subnets)).send().await.expect("a balancer");
        let balancer = balancer.load_balancers()[0].load_balancer_arn().expect("its ARN").to_owned();
        let group = async |name: &str| {
            let call = sdk.create_target_group().name(name).protocol(ProtocolEnum::Http).port(80).vpc_id(&vpc);
            let made = call.target_type(TargetTypeEnum::Instance).send().await.expect("a target group");
            TargetGroupArn::new(made.target_groups()[0].target_group_arn().expect("its ARN"))
        };
        let (blue, green) = (group("web-blue").await, group("web-green").await);
        let mut listeners = Vec::new();
        for (port, action) in [(80, weighted(&blue, &green, false)), (81, only(&blue)), (82, only(&green))] {
            let call = sdk.create_listener().load_balancer_arn(&balancer).protocol(ProtocolEnum::Http).port(port);
            let made = call.default_actions(action).send().await.expect("a listener");
            listeners.push(ListenerArn::new(made.listeners()[0].listener_arn().expect("its ARN")));
        }
        let path = RuleCondition::builder().field("path-pattern").values("/api/*").build();
        let call = sdk.create_rule().listener_arn(listeners[0].as_str()).priority(10).conditions(path);
        let rule = call.actions(weighted(&blue, &green, true)).send().await.expect("a rule");
        let rule = RuleArn::new(rule.rules()[0].rule_arn().expect("its ARN"));
        let instances = moto.ec2("Action=RunInstances&ImageId=ami-12345678&MinCount=2&MaxCount=2", "instanceId").await;
        let targets = instances.iter().map(|id| TargetDescription::builder().id(id).build()).collect();
        sdk.register_targets().target_group_arn(blue.as_str()).set_targets(Some(targets)).send().await.expect("registered");
        Shop { balancer, blue, green, vpc, listeners, rule, instances }
    }

    impl Shop {
        fn targets(&self, blue: u16, green: u16) -> Vec<ForwardTarget> {
            let target = |group: &TargetGroupArn, weight| ForwardTarget { group: group.clone(), weight: Some(weight) };
            vec![target(&self.blue, blue), target(&self.green, green)]
        }
    }

    async fn default_route(elb: &Elb, listener: &ListenerArn) -> Route {
        let rules = elb.rules(listener).await.expect("rules");
        let rule = rules.into_iter().find(|rule| rule.default).expect("a default rule");
        Route { rule: rule.arn, listener: listener.clone(), default: true }
    }

    async fn read(elb: &Elb, route: &Route) -> Actions {
        elb.rule(&route.rule).await.expect("an answer").expect("a rule").actions
    }

    async fn write(elb: &Elb, route: &Route, wanted: &Actions) {
        elb.set_actions(route, wanted).await.expect("written");
        assert_eq!(read(elb, route).await, *wanted);
    }

    async fn reads_what_stands_there(moto: &Moto, shop: &Shop, elb: &Elb) {
        let balancer = elb.load_balancer("shop").await.expect("an answer").expect("a balancer");
        assert_eq!((balancer.arn.as_str(), balancer.vpc.as_str()), (shop.balancer.as_str(), shop.vpc.as_str()));
        assert!(balancer.application);
        assert_eq!(elb.load_balancer("nobody").await, Ok(None));

        let mut ports: Vec<_> = elb.listeners(&balancer.arn).await.expect("listeners").iter().map(|found| found.port).collect();
        ports.sort_unstable();
        assert_eq!(ports, [80, 81, 82]);
        let listener = elb.listener(&shop.listeners[1]).await.expect("an answer").expect("a listener");
        assert_eq!((listener.port, listener.load_balancer), (81, balancer.arn.clone()));
        let gone = |arn: &str| format!("{}0000", &arn[..arn.len() - 4]);
        assert_eq!(elb.listener(&ListenerArn::new(gone(shop.listeners[1].as_str()))).await, Ok(None));
        assert_eq!(elb.rule(&RuleArn::new(gone(shop.rule.as_str()))).await, Ok(None));

        let rules = elb.rules(&shop.listeners[0]).await.expect("rules");
        assert_eq!((rules.len(), rules.iter().filter(|rule| rule.default).count()), (2, 1));
        let groups = elb.target_groups(&[shop.green.clone(), shop.blue.clone()]).await.expect("target groups");
        let bound = groups.iter().all(|group| group.load_balancers == [balancer.arn.clone()] && group.target_type == "instance");
        assert!(groups.len() == 2 && bound, "{groups:?}");
        let some = [TargetGroupArn::new(gone(shop.blue.as_str())), shop.green.clone()];
        let found = elb.target_groups(&some).await.expect("target groups");
        assert_eq!(found.iter().map(|group| &group.arn).collect::<Vec<_>>(), [&shop.green]);

        let mut health = elb.target_health(&shop.blue).await.expect("health");
        health.sort_by(|a, b| a.target.cmp(&b.target));
        let mut instances = shop.instances.clone();
        instances.sort();
        assert_eq!(health.iter().map(|row| row.target.as_str()).collect::<Vec<_>>(), instances);
        assert!(health.iter().all(|row| row.state == TargetState::Healthy), "{health:?}");

        assert_eq!(elb.draining(&shop.blue).await, Ok(Draining { deregistration_delay: 300, stickiness: None }));
        let set = |key: &str, value: &str| TargetGroupAttribute::builder().key(key).value(value).build();
        let call = moto.sdk().modify_target_group_attributes().target_group_arn(shop.blue.as_str());
        let call =
            call.attributes(set("deregistration_delay.timeout_seconds", "30")).attributes(set("stickiness.enabled", "true"));
        let call = call.attributes(set("stickiness.type", "lb_cookie"));
        call.attributes(set("stickiness.lb_cookie.duration_seconds", "60")).send().await.expect("written");
        assert_eq!(elb.draining(&shop.blue).await, Ok(Draining { deregistration_delay: 30, stickiness: Some(60) }));
    }

    async fn shifts_step_by_step_and_back(moto: &Moto, shop: &Shop, elb: &Elb) {
        let other = Route { rule: shop.rule.clone(), listener: shop.listeners[0].clone(), default: false };
        for route in [default_route(elb, &shop.listeners[0]).await, other] {
            let original = read(elb, &route).await;
            let forward = original.forward().expect("a forward");
            assert_eq!(forward.targets, shop.targets(100, 0));
            assert_eq!((forward.order, forward.stickiness_seconds), (Some(50), if route.default { None } else { Some(600) }));
            for (blue, green) in [(90, 10), (50, 50), (0, 100)] {
                write(elb, &route, &original.with_targets(&shop.targets(blue, green))).await;
            }
            write(elb, &route, &original).await;
        }
        // Asked without anything of ours: the conditions of the rule, which were never sent, still stand.
        let rules = moto.sdk().describe_rules().rule_arns(shop.rule.as_str()).send().await.expect("rules");
        assert_eq!(rules.rules()[0].conditions()[0].values(), ["/api/*"]);
    }

    async fn swaps_listeners_and_back(shop: &Shop, elb: &Elb) {
        let (production, stage) = (default_route(elb, &shop.listeners[1]).await, default_route(elb, &shop.listeners[2]).await);
        let (blue, green) = (read(elb, &production).await, read(elb, &stage).await);
        assert_eq!((blue.to_string(), green.to_string()), ("web-blue".to_owned(), "web-green".to_owned()));
        let to = |actions: &Actions| actions.forward().expect("a forward").targets.clone();
        for (first, second) in [(&green, &blue), (&blue, &green)] {
            write(elb, &production, &blue.with_targets(&to(first))).await;
            write(elb, &stage, &green.with_targets(&to(second))).await;
            assert_eq!(read(elb, &production).await.to_string(), first.to_string());
        }
    }

    async fn keeps_a_login_before_the_forward(moto: &Moto, shop: &Shop, elb: &Elb) {
        let oidc = AuthenticateOidcActionConfig::builder()
            .issuer("https://id.example.com")
            .authorization_endpoint("https://id.example.com/authorize")
            .token_endpoint("https://id.example.com/token")
            .user_info_endpoint("https://id.example.com/me")
            .client_id("shop")
            .client_secret("t0p-s3cret")
            .session_timeout(3_600)
            .authentication_request_extra_params("prompt", "login");
        let login = Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).order(1).authenticate_oidc_config(oidc.build());
        // AWS wants HTTPS for a login; moto does not ask.
        let call = moto.sdk().create_listener().load_balancer_arn(&shop.balancer).protocol(ProtocolEnum::Http).port(443);
        let call = call.default_actions(login.build()).default_actions(weighted(&shop.blue, &shop.green, true));
        let made = call.send().await.expect("a listener");
        let listener = ListenerArn::new(made.listeners()[0].listener_arn().expect("its ARN"));
        let route = default_route(elb, &listener).await;
        let original = read(elb, &route).await;
        assert!(
            matches!(original.0.first(), Some(RouteAction::Other(login)) if login["AuthenticateOidcConfig"]["ClientId"] == "shop")
        );
        assert!(!format!("{original:?}").contains("t0p-s3cret"));
        write(elb, &route, &original.with_targets(&shop.targets(90, 10))).await;
        write(elb, &route, &original).await;
    }

    /// One server for all of it: it takes seconds to start.
    #[tokio::test]
    async fn the_client_works_on_an_account_that_others_wrote() {
        let Some(python) = python() else { return };
        let moto = Moto::start(&python).await;
        let (shop, elb) = (shop(&moto).await, moto.elb().await);
        reads_what_stands_there(&moto, &shop, &elb).await;
        shifts_step_by_step_and_back(&moto, &shop, &elb).await;
        swaps_listeners_and_back(&shop, &elb).await;
        keeps_a_login_before_the_forward(&moto, &shop, &elb).await;
        moto.stop().await;
    }
}
