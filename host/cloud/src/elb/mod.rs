//! The ELBv2 client: each method of the port [`Routes`] is one call and a view of its answer; lists are read page by page.
//!
//! Retries, timeouts, signing and credentials are the SDK's, set up in `connect`. It holds no state of a deployment and decides
//! nothing about one. The next modules are `actions` (what is read is what can be sent back) and `failure`.

mod actions;
mod config;
mod connect;
mod failure;
mod forward;
mod other;
mod unknown;
mod view;
mod whole;

#[cfg(test)]
mod mapping_tests;
#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod reply_tests;
#[cfg(test)]
mod world_tests;

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::config::http::HttpResponse;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_elasticloadbalancingv2::operation::describe_rules::builders::DescribeRulesFluentBuilder;
use shiftgate_model::{
    Actions, CloudError, Draining, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, Origin, Route, Routes, Rule, RuleArn,
    TargetGroup, TargetGroupArn, TargetHealth,
};

pub(crate) use connect::{chain, http_client};

pub use config::{AwsKeys, ElbConfig, ElbRetry, ElbTimeouts};
use failure::{Call, refused};
use unknown::Reader;

use crate::redact::Redactor;

/// The most target groups that are asked for in one call.
const MOST_TARGET_GROUPS: usize = 20;
/// The most pages of one list.
const MOST_PAGES: usize = 1_000;

/// A client of ELBv2 in one account and region. Clones share connections and credentials, so one a process is enough.
#[derive(Clone)]
pub struct Elb {
    client: Client,
    redactor: Redactor,
    region: String,
    profile: Option<String>,
}

impl fmt::Debug for Elb {
    /// Where it calls; never with what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elb").field("region", &self.region).field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl Elb {
    /// Sets a client up; nothing is called yet, and credentials are looked for at the first call.
    ///
    /// # Errors
    /// `Refused` for a region, an address or a name that no call can be made with.
    pub async fn new(config: ElbConfig) -> Result<Self, CloudError> {
        let client = connect::client(&config).await?;
        let redactor = config.keys.map_or(Redactor::blind(), |keys| Redactor::new(keys.secret_access_key));
        Ok(Self { client, redactor, region: config.region, profile: config.profile })
    }

    /// The same client, with another number of attempts a call (the first included) and its credentials shared.
    #[must_use]
    pub fn trying(&self, attempts: u32) -> Self {
        let config = self.client.config();
        let retry = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard).with_max_attempts(attempts.max(1));
        Self { client: Client::from_conf(config.to_builder().retry_config(retry).build()), ..self.clone() }
    }

    fn failed<E>(&self, call: Call<'_>, error: &SdkError<E, HttpResponse>) -> CloudError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        call.failed(error, self.profile.as_deref(), &self.redactor)
    }

    /// One page of rules, with what its text holds beside, and the marker of the next page.
    async fn page_of_rules(
        &self,
        call: Call<'_>,
        request: DescribeRulesFluentBuilder,
    ) -> Result<(Vec<Rule>, Option<String>), CloudError> {
        let reader = Reader::default();
        let reply = request.customize().interceptor(reader.clone()).send().await.map_err(|why| self.failed(call, &why))?;
        let unknown = reader.take();
        let rules: Result<_, _> = reply.rules().iter().map(|rule| view::rule(rule, &unknown)).collect();
        Ok((rules.map_err(|why| call.unreadable(why))?, reply.next_marker().map(str::to_owned)))
    }

    /// Rules by one call.
    ///
    /// Errors: `Remote` when one of them does not exist.
    async fn rules_at_once(&self, rules: &[RuleArn]) -> Result<Vec<Rule>, CloudError> {
        // Without an ARN the call would be about nothing, and AWS refuses it.
        let Some(first) = rules.first() else { return Ok(Vec::new()) };
        let call = Call { operation: "DescribeRules", subject: Some(first.as_str()) };
        let arns = rules.iter().map(|rule| rule.as_str().to_owned()).collect();
        let (mut found, _) = self.page_of_rules(call, self.client.describe_rules().set_rule_arns(Some(arns))).await?;
        found.retain(|found| rules.contains(&found.arn));
        Ok(found)
    }

    /// Target groups by one call, or its pages.
    ///
    /// Errors: `Remote` when one of them does not exist.
    async fn target_groups_at_once(&self, arns: &[&str]) -> Result<Vec<TargetGroup>, CloudError> {
        // Without an ARN the call would be about every target group of the region: no group, no call.
        let Some(first) = arns.first() else { return Ok(Vec::new()) };
        let call = Call { operation: "DescribeTargetGroups", subject: Some(first) };
        let request = self.client.describe_target_groups();
        let request = request.set_target_group_arns(Some(arns.iter().map(|arn| (*arn).to_owned()).collect()));
        let found: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
        let found = found.map_err(|why| self.failed(call, &why))?;
        found.iter().map(view::target_group).collect::<Result<_, _>>().map_err(|why| call.unreadable(why))
    }
}

#[async_trait]
impl Routes for Elb {
    async fn load_balancer(&self, name: &str) -> Result<Option<LoadBalancer>, CloudError> {
        let call = Call { operation: "DescribeLoadBalancers", subject: Some(name) };
        let reply = match self.client.describe_load_balancers().names(name).send().await {
            Ok(reply) => reply,
            Err(why) if why.code() == Some("LoadBalancerNotFound") => return Ok(None),
            Err(why) => return Err(self.failed(call, &why)),
        };
        let found = reply.load_balancers().iter().find(|found| found.load_balancer_name() == Some(name));
        found.map(view::load_balancer).transpose().map_err(|why| call.unreadable(why))
    }

    async fn listeners(&self, load_balancer: &LoadBalancerArn) -> Result<Vec<Listener>, CloudError> {
        let call = Call { operation: "DescribeListeners", subject: Some(load_balancer.as_str()) };
        let request = self.client.describe_listeners().load_balancer_arn(load_balancer.as_str());
        let found: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
        let found = found.map_err(|why| self.failed(call, &why))?;
        found.iter().map(view::listener).collect::<Result<_, _>>().map_err(|why| call.unreadable(why))
    }

    async fn listener(&self, listener: &ListenerArn) -> Result<Option<Listener>, CloudError> {
        let call = Call { operation: "DescribeListeners", subject: Some(listener.as_str()) };
        let reply = match self.client.describe_listeners().listener_arns(listener.as_str()).send().await {
            Ok(reply) => reply,
            Err(why) if matches!(why.code(), Some("ListenerNotFound" | "LoadBalancerNotFound")) => return Ok(None),
            Err(why) => return Err(self.failed(call, &why)),
        };
        let found = reply.listeners().iter().find(|found| found.listener_arn() == Some(listener.as_str()));
        found.map(view::listener).transpose().map_err(|why| call.unreadable(why))
    }

    async fn rules(&self, listener: &ListenerArn) -> Result<Vec<Rule>, CloudError> {
        let call = Call { operation: "DescribeRules", subject: Some(listener.as_str()) };
        let request = self.client.describe_rules().listener_arn(listener.as_str());
        let (mut rules, mut next) = self.page_of_rules(call, request.clone()).await?;
        for _ in 1..MOST_PAGES {
            let Some(marker) = next.filter(|marker| !marker.is_empty()) else { return Ok(rules) };
            let (page, following) = self.page_of_rules(call, request.clone().marker(marker)).await?;
            rules.extend(page);
            next = following;
        }
        Err(call.unreadable(format!("its list of rules does not end after {MOST_PAGES} pages")))
    }

    async fn rules_by_arn(&self, rules: &[RuleArn]) -> Result<Vec<Rule>, CloudError> {
        match self.rules_at_once(rules).await {
            // One that is missing hides all the others.
            Err(error) if is_missing(&error) && rules.len() > 1 => {
                let mut found = Vec::with_capacity(rules.len());
                for rule in rules {
                    found.extend(self.rule(rule).await?);
                }
                Ok(found)
            }
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            found => found,
        }
    }

    async fn set_actions(&self, route: &Route, actions: &Actions) -> Result<(), CloudError> {
        // Only the actions are sent: conditions, transforms, certificates and ports that are not named stay as they are.
        if route.default {
            let call = Call { operation: "ModifyListener", subject: Some(route.listener.as_str()) };
            let actions = actions::write(actions).map_err(|why| refused(call.operation, call.subject, why))?;
            let request = self.client.modify_listener().listener_arn(route.listener.as_str());
            request.set_default_actions(Some(actions)).send().await.map_err(|why| self.failed(call, &why))?;
        } else {
            let call = Call { operation: "ModifyRule", subject: Some(route.rule.as_str()) };
            let actions = actions::write(actions).map_err(|why| refused(call.operation, call.subject, why))?;
            let request = self.client.modify_rule().rule_arn(route.rule.as_str());
            request.set_actions(Some(actions)).send().await.map_err(|why| self.failed(call, &why))?;
        }
        Ok(())
    }

    async fn target_groups(&self, groups: &[TargetGroupArn]) -> Result<Vec<TargetGroup>, CloudError> {
        let mut arns: Vec<&str> = groups.iter().map(TargetGroupArn::as_str).collect();
        arns.sort_unstable();
        arns.dedup();
        let mut read = Vec::with_capacity(arns.len());
        for batch in arns.chunks(MOST_TARGET_GROUPS) {
            match self.target_groups_at_once(batch).await {
                // One that is missing hides all the others.
                Err(error) if is_missing(&error) => {
                    for arn in batch.iter().filter(|_| batch.len() > 1) {
                        read.extend(self.target_groups(&[TargetGroupArn::new(*arn)]).await?);
                    }
                }
                found => read.extend(found?),
            }
        }
        Ok(read)
    }

    async fn draining(&self, group: &TargetGroupArn) -> Result<Draining, CloudError> {
        let call = Call { operation: "DescribeTargetGroupAttributes", subject: Some(group.as_str()) };
        let request = self.client.describe_target_group_attributes().target_group_arn(group.as_str());
        let reply = request.send().await.map_err(|why| self.failed(call, &why))?;
        view::draining(reply.attributes()).map_err(|why| call.unreadable(why))
    }

    async fn target_health(&self, group: &TargetGroupArn) -> Result<Vec<TargetHealth>, CloudError> {
        let call = Call { operation: "DescribeTargetHealth", subject: Some(group.as_str()) };
        let request = self.client.describe_target_health().target_group_arn(group.as_str());
        let reply = request.send().await.map_err(|why| self.failed(call, &why))?;
        let rows = reply.target_health_descriptions().iter().map(view::target_health);
        rows.collect::<Result<_, _>>().map_err(|why| call.unreadable(why))
    }
}

/// Whether AWS says that a thing is not there.
fn is_missing(error: &CloudError) -> bool {
    let Origin::Remote { code: Some(code), .. } = &error.origin else { return false };
    matches!(code.as_str(), "RuleNotFound" | "ListenerNotFound" | "TargetGroupNotFound")
}
