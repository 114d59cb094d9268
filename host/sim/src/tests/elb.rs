//! The AWS API as a client sees it: the shapes of replies, credentials, pages, and the record of calls.

use super::*;
use crate::{AwsCall, AwsOutcome, listener_arn, load_balancer_arn, rule_arn, target_group_arn};

#[tokio::test]
async fn rules_have_the_shape_of_the_service() {
    let aws = Client::new(shop()).await;
    let reply = aws.elb("DescribeRules", &[("ListenerArn", &listener_arn("shop", 80))]).await;
    insta::assert_snapshot!(reply.body, @r#"
    <DescribeRulesResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
      <DescribeRulesResult>
        <Rules>
          <member>
            <RuleArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/shop/ba875cc3e1642f98/6841e591a415df81/2c1d8d59d0bcdce3</RuleArn>
            <Priority>10</Priority>
            <Conditions>
              <member>
                <Field>path-pattern</Field>
                <Values>
                  <member>/api/*</member>
                </Values>
                <PathPatternConfig>
                  <Values>
                    <member>/api/*</member>
                  </Values>
                </PathPatternConfig>
              </member>
            </Conditions>
            <Actions>
              <member>
                <Type>forward</Type>
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
            </Actions>
            <IsDefault>false</IsDefault>
          </member>
          <member>
            <RuleArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/shop/ba875cc3e1642f98/6841e591a415df81/f6613598d7d845d7</RuleArn>
            <Priority>default</Priority>
            <Conditions/>
            <Actions>
              <member>
                <Type>forward</Type>
                <TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418</TargetGroupArn>
                <ForwardConfig>
                  <TargetGroups>
                    <member>
                      <TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418</TargetGroupArn>
                      <Weight>1</Weight>
                    </member>
                  </TargetGroups>
                  <TargetGroupStickinessConfig>
                    <Enabled>false</Enabled>
                  </TargetGroupStickinessConfig>
                </ForwardConfig>
              </member>
            </Actions>
            <IsDefault>true</IsDefault>
          </member>
        </Rules>
      </DescribeRulesResult>
      <ResponseMetadata>
        <RequestId>e220a839-7b1d-4daf-ae78-9e6aa1b965f4</RequestId>
      </ResponseMetadata>
    </DescribeRulesResponse>
    "#);
}

#[tokio::test]
async fn load_balancers_and_listeners_have_the_shape_of_the_service() {
    let aws = Client::new(shop()).await;
    let balancers = aws.elb("DescribeLoadBalancers", &[("Names.member.1", "shop")]).await;
    insta::assert_snapshot!(balancers.body, @r#"
    <DescribeLoadBalancersResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
      <DescribeLoadBalancersResult>
        <LoadBalancers>
          <member>
            <LoadBalancerArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/ba875cc3e1642f98</LoadBalancerArn>
            <DNSName>shop-ba875cc3e1642f98.us-east-1.elb.amazonaws.com</DNSName>
            <CanonicalHostedZoneId>Z35SXDOTRQ7X7K</CanonicalHostedZoneId>
            <CreatedTime>2026-01-01T00:00:00.000Z</CreatedTime>
            <LoadBalancerName>shop</LoadBalancerName>
            <Scheme>internet-facing</Scheme>
            <VpcId>vpc-1</VpcId>
            <State>
              <Code>active</Code>
            </State>
            <Type>application</Type>
            <AvailabilityZones>
              <member>
                <ZoneName>us-east-1a</ZoneName>
                <SubnetId>subnet-us-east-1a</SubnetId>
              </member>
              <member>
                <ZoneName>us-east-1b</ZoneName>
                <SubnetId>subnet-us-east-1b</SubnetId>
              </member>
            </AvailabilityZones>
            <SecurityGroups>
              <member>sg-1</member>
            </SecurityGroups>
            <IpAddressType>ipv4</IpAddressType>
          </member>
        </LoadBalancers>
      </DescribeLoadBalancersResult>
      <ResponseMetadata>
        <RequestId>e220a839-7b1d-4daf-ae78-9e6aa1b965f4</RequestId>
      </ResponseMetadata>
    </DescribeLoadBalancersResponse>
    "#);
    let listeners = aws.elb("DescribeListeners", &[("LoadBalancerArn", balancers.text("LoadBalancerArn"))]).await;
    insta::assert_snapshot!(listeners.body, @r#"
    <DescribeListenersResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
      <DescribeListenersResult>
        <Listeners>
          <member>
            <ListenerArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shop/ba875cc3e1642f98/6841e591a415df81</ListenerArn>
            <LoadBalancerArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/ba875cc3e1642f98</LoadBalancerArn>
            <Port>80</Port>
            <Protocol>HTTP</Protocol>
            <DefaultActions>
              <member>
                <Type>forward</Type>
                <TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418</TargetGroupArn>
                <ForwardConfig>
                  <TargetGroups>
                    <member>
                      <TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418</TargetGroupArn>
                      <Weight>1</Weight>
                    </member>
                  </TargetGroups>
                  <TargetGroupStickinessConfig>
                    <Enabled>false</Enabled>
                  </TargetGroupStickinessConfig>
                </ForwardConfig>
              </member>
            </DefaultActions>
          </member>
        </Listeners>
      </DescribeListenersResult>
      <ResponseMetadata>
        <RequestId>06c45d18-8009-454f-b88b-b8a8724c81ec</RequestId>
      </ResponseMetadata>
    </DescribeListenersResponse>
    "#);
}

#[tokio::test]
async fn target_groups_and_their_attributes_have_the_shape_of_the_service() {
    let aws = Client::new(shop()).await;
    let groups = aws.elb("DescribeTargetGroups", &[("Names.member.1", "web-green")]).await;
    insta::assert_snapshot!(groups.body, @r#"
    <DescribeTargetGroupsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
      <DescribeTargetGroupsResult>
        <TargetGroups>
          <member>
            <TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-green/977b42e0bb070e0d</TargetGroupArn>
            <TargetGroupName>web-green</TargetGroupName>
            <Protocol>HTTP</Protocol>
            <Port>80</Port>
            <VpcId>vpc-1</VpcId>
            <HealthCheckProtocol>HTTP</HealthCheckProtocol>
            <HealthCheckPort>traffic-port</HealthCheckPort>
            <HealthCheckEnabled>true</HealthCheckEnabled>
            <HealthCheckIntervalSeconds>30</HealthCheckIntervalSeconds>
            <HealthCheckTimeoutSeconds>5</HealthCheckTimeoutSeconds>
            <HealthyThresholdCount>5</HealthyThresholdCount>
            <UnhealthyThresholdCount>2</UnhealthyThresholdCount>
            <HealthCheckPath>/</HealthCheckPath>
            <Matcher>
              <HttpCode>200</HttpCode>
            </Matcher>
            <LoadBalancerArns>
              <member>arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/ba875cc3e1642f98</member>
            </LoadBalancerArns>
            <TargetType>instance</TargetType>
            <ProtocolVersion>HTTP1</ProtocolVersion>
            <IpAddressType>ipv4</IpAddressType>
          </member>
        </TargetGroups>
      </DescribeTargetGroupsResult>
      <ResponseMetadata>
        <RequestId>e220a839-7b1d-4daf-ae78-9e6aa1b965f4</RequestId>
      </ResponseMetadata>
    </DescribeTargetGroupsResponse>
    "#);
    let arn = target_group_arn("web-green");
    insta::assert_snapshot!(aws.elb("DescribeTargetGroupAttributes", &[("TargetGroupArn", &arn)]).await.body, @r#"
    <DescribeTargetGroupAttributesResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
      <DescribeTargetGroupAttributesResult>
        <Attributes>
          <member>
            <Key>deregistration_delay.timeout_seconds</Key>
            <Value>1</Value>
          </member>
          <member>
            <Key>stickiness.enabled</Key>
            <Value>false</Value>
          </member>
          <member>
            <Key>stickiness.type</Key>
            <Value>lb_cookie</Value>
          </member>
          <member>
            <Key>stickiness.lb_cookie.duration_seconds</Key>
            <Value>86400</Value>
          </member>
          <member>
            <Key>slow_start.duration_seconds</Key>
            <Value>0</Value>
          </member>
          <member>
            <Key>load_balancing.algorithm.type</Key>
            <Value>round_robin</Value>
          </member>
        </Attributes>
      </DescribeTargetGroupAttributesResult>
      <ResponseMetadata>
        <RequestId>06c45d18-8009-454f-b88b-b8a8724c81ec</RequestId>
      </ResponseMetadata>
    </DescribeTargetGroupAttributesResponse>
    "#);
    insta::assert_snapshot!(aws.elb("DescribeTags", &[("ResourceArns.member.1", &arn)]).await.body, @r#"
    <DescribeTagsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
      <DescribeTagsResult>
        <TagDescriptions>
          <member>
            <ResourceArn>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-green/977b42e0bb070e0d</ResourceArn>
            <Tags/>
          </member>
        </TagDescriptions>
      </DescribeTagsResult>
      <ResponseMetadata>
        <RequestId>1b39896a-51a8-449b-93cb-9f0c747ea2ea</RequestId>
      </ResponseMetadata>
    </DescribeTagsResponse>
    "#);
}

#[tokio::test]
async fn a_target_group_is_looked_up_by_load_balancer_arn_and_name() {
    let aws = Client::new(shop()).await;
    let names = async |fields: &[(&str, &str)]| aws.elb("DescribeTargetGroups", fields).await.all("TargetGroupName").join(" ");
    assert_eq!(names(&[]).await, "web-blue web-green web-spare");
    assert_eq!(names(&[("LoadBalancerArn", &load_balancer_arn("shop"))]).await, "web-blue web-green");
    assert_eq!(names(&[("TargetGroupArns.member.1", &target_group_arn("web-spare"))]).await, "web-spare");
    let spare = aws.elb("DescribeTargetGroups", &[("Names.member.1", "web-spare")]).await;
    assert!(spare.body.contains("<LoadBalancerArns/>"));
}

#[tokio::test]
async fn a_rule_and_a_listener_are_written_and_read_back_at_once() {
    let aws = Client::new(shop()).await;
    let (rule, listener) = (rule_arn("shop", 80, Some(10)), listener_arn("shop", 80));
    let shift = forward("Actions", &[("web-blue", 50), ("web-green", 50)]);
    let written = aws.elb("ModifyRule", &with(&[("RuleArn", &rule)], &shift)).await;
    assert_eq!((written.status, written.all("Weight"), written.text("Priority")), (200, vec!["50", "50"], "10"));
    let read = aws.elb("DescribeRules", &[("RuleArns.member.1", &rule)]).await;
    assert_eq!((read.all("Weight"), read.all("RuleArn").len()), (vec!["50", "50"], 1));
    assert_eq!(read.text("Enabled"), "false", "stickiness that is not sent back is lost");
    assert!(read.body.contains("path-pattern"), "conditions that are not sent stay");

    let shift = forward("DefaultActions", &[("web-blue", 0), ("web-green", 1)]);
    let written = aws.elb("ModifyListener", &with(&[("ListenerArn", &listener)], &shift)).await;
    assert_eq!((written.status, written.text("Port"), written.all("Weight")), (200, "80", vec!["0", "1"]));
    let weights: Vec<_> = aws.sim.routes()[0].listeners[0].rules.iter().map(|rule| rule.weights.clone()).collect();
    let weight = |name: &str, weight: u32| (name.to_owned(), weight);
    assert_eq!(weights, [[weight("web-blue", 50), weight("web-green", 50)], [weight("web-blue", 0), weight("web-green", 1)]]);
    let outcome = |call: AwsCall| (call.action, call.subject, call.outcome);
    assert_eq!(
        aws.sim.aws_calls().into_iter().map(outcome).collect::<Vec<_>>(),
        [
            ("ModifyRule".to_owned(), rule.clone(), AwsOutcome::Done),
            ("DescribeRules".to_owned(), rule, AwsOutcome::Done),
            ("ModifyListener".to_owned(), listener, AwsOutcome::Done),
        ]
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let aws = Client::new(shop()).await;
    let first = aws.elb("DescribeTargetGroups", &[("PageSize", "2")]).await;
    assert_eq!(first.all("TargetGroupName"), ["web-blue", "web-green"]);
    let rest = aws.elb("DescribeTargetGroups", &[("PageSize", "2"), ("Marker", first.text("NextMarker"))]).await;
    assert_eq!((rest.all("TargetGroupName"), rest.text("NextMarker")), (vec!["web-spare"], ""));
    let listener = listener_arn("shop", 80);
    let rules = aws.elb("DescribeRules", &[("ListenerArn", &listener), ("PageSize", "1")]).await;
    let last = aws.elb("DescribeRules", &[("ListenerArn", &listener), ("Marker", rules.text("NextMarker"))]).await;
    assert_eq!((rules.text("Priority"), last.text("Priority")), ("10", "default"));
    let wrong = aws.elb("DescribeRules", &[("ListenerArn", &listener), ("PageSize", "401")]).await;
    assert_eq!(wrong.error(), "400 ValidationError: The page size must be between 1 and 400, inclusive");
    let wrong = aws.elb("DescribeTargetGroups", &[("Marker", rules.text("NextMarker"))]).await;
    assert_eq!(wrong.text("Code"), "ValidationError");
}

#[tokio::test]
async fn a_request_is_signed_for_the_service() {
    let aws = Client::new(shop()).await;
    let mut errors = Vec::new();
    for header in [
        "",
        "Bearer token",
        "AWS4-HMAC-SHA256 Credential=AKID/20260801/us-east-1/elasticloadbalancing/aws4_request",
        "AWS4-HMAC-SHA256 Credential=AKID/20260801/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0",
    ] {
        let request = aws.http.post(aws.sim.aws_url()).header("authorization", header);
        let reply = request.body("Action=DescribeLoadBalancers&Version=2015-12-01").send().await.unwrap();
        let reply = AwsReply { status: reply.status().as_u16(), body: reply.text().await.unwrap() };
        errors.push(reply.error());
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    403 MissingAuthenticationToken: Missing Authentication Token
    403 MissingAuthenticationToken: Missing Authentication Token
    403 IncompleteSignature: Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters
    403 SignatureDoesNotMatch: Credential should be scoped to correct service: 'elasticloadbalancing'.
    ");
    assert_eq!(aws.sim.aws_calls()[0].outcome, AwsOutcome::Refused("MissingAuthenticationToken".to_owned()));
}
