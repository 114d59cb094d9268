//! Where a request goes: the rule that holds, the target group by weight or by the client's cookie, the instance by turns.
//!
//! Follows the rules as the data plane has them, which is `propagation` behind the API. Decides and counts; `mod.rs` waits
//! and answers.

use std::time::Duration;

use serde_json::Value;

use super::sticky::{self, Presented};
use crate::account::Account;
use crate::elb::actions::{in_order, kind, number};
use crate::elb::conditions::{Asked, hold};
use crate::elb::forward::Forward;
use crate::elb::targets::{self, TargetState};
use crate::elb::{Listener, Version};
use crate::instance::Moment;

/// A request as far as it matters.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) asked: Asked<'a>,
    pub(super) query: &'a str,
    pub(super) sticky: Option<Presented>,
}

/// What happens to a request.
#[derive(Debug)]
pub(super) enum Decision {
    /// The load balancer answers by itself.
    Fixed { status: u16, content_type: String, body: String },
    /// The client is sent elsewhere.
    Redirect { status: u16, location: String },
    /// An instance answers.
    Target(Ticket),
    /// There is nobody to answer: no target, no weight.
    Unavailable,
}

/// A request on its way to an instance.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) instance: String,
    /// The target group's name.
    pub(super) target_group: String,
    pub(super) ami: String,
    pub(super) latency: Duration,
    /// Whether the answer is an error.
    fails: bool,
    /// Cookies for the client.
    pub(super) cookies: Vec<String>,
}

/// How an instance's answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Served,
    Failed,
    /// The instance was gone before.
    Gone,
}

impl Account {
    /// Decides where a request goes, and counts it.
    pub(super) fn dispatch(&mut self, balancer: usize, listener: usize, incoming: &Incoming<'_>, now: Moment) -> Decision {
        let decision = self.choose(balancer, listener, incoming, now);
        let Some((name, port)) = self.gate(balancer, listener) else { return Decision::Unavailable };
        let traffic = self.flow.traffic.entry(super::key(&name, port)).or_default();
        traffic.requests += 1;
        match &decision {
            Decision::Target(ticket) => *traffic.target_groups.entry(ticket.target_group.clone()).or_default() += 1,
            Decision::Fixed { status, .. } => traffic.balancer_5xx += u64::from(*status >= 500),
            Decision::Unavailable => traffic.balancer_5xx += 1,
            Decision::Redirect { .. } => {}
        }
        decision
    }

    fn gate(&self, balancer: usize, listener: usize) -> Option<(String, u16)> {
        let balancer = self.elb.balancers.get(balancer)?;
        Some((balancer.name.clone(), balancer.listeners.get(listener)?.port))
    }

    /// Ends a request that went to an instance, when its answer is due.
    pub(super) fn finish(&mut self, balancer: usize, listener: usize, ticket: &Ticket) -> Ending {
        let here = self.instances().any(|instance| instance.id == ticket.instance);
        let ending = match (here, ticket.fails) {
            (false, _) => Ending::Gone,
            (true, true) => Ending::Failed,
            (true, false) => Ending::Served,
        };
        if let Some((name, port)) = self.gate(balancer, listener) {
            let traffic = self.flow.traffic.entry(super::key(&name, port)).or_default();
            traffic.balancer_5xx += u64::from(ending == Ending::Gone);
            traffic.instance_5xx += u64::from(ending == Ending::Failed);
        }
        if !here {
            self.flow.forget(&ticket.instance);
        }
        ending
    }

    fn choose(&mut self, balancer: usize, listener: usize, incoming: &Incoming<'_>, now: Moment) -> Decision {
        let found = self.elb.balancers.get(balancer).and_then(|balancer| balancer.listeners.get(listener));
        let Some(found) = found else { return Decision::Unavailable };
        let Some((rule, version)) = holding(found, incoming.asked, now) else { return Decision::Unavailable };
        let last = in_order(&version.actions).pop();
        match last.map(|action| (kind(action), action)) {
            Some(("fixed-response", action)) => fixed(action.get("FixedResponseConfig")),
            Some(("redirect", action)) => redirect(action.get("RedirectConfig"), found, incoming),
            Some(("forward", _)) => {
                let (rule, number) = (rule.to_owned(), version.number);
                let Some(forward) = Forward::of(&version.actions) else { return Decision::Unavailable };
                self.forward(&rule, number, &forward, incoming.sticky.as_ref(), now)
            }
            _ => Decision::Unavailable,
        }
    }

    /// The target group by cookie or weight, and one of its targets. There is no second choice: a group without targets is
    /// a 503, whatever the others have.
    fn forward(&mut self, rule: &str, number: u64, forward: &Forward, held: Option<&Presented>, now: Moment) -> Decision {
        let held = held.and_then(|held| Some(held.group(forward, now, forward.sticky?)?.to_owned()));
        let chosen = held.clone().or_else(|| self.flow.by_weight(rule, number, &forward.weights));
        let Some(group) = chosen.and_then(|arn| self.elb.group(&arn)) else { return Decision::Unavailable };
        let targets = targets::of(self, group, now);
        let healthy: Vec<_> = targets.iter().filter(|(_, finding)| finding.state == TargetState::Healthy).collect();
        // Where no target is healthy, every one that does not drain is asked: the group fails open.
        let open: Vec<_> = targets.iter().filter(|(_, finding)| finding.state != TargetState::Draining).collect();
        let candidates = if healthy.is_empty() { open } else { healthy };
        let (arn, name) = (group.arn.clone(), group.name.clone());
        let turn = self.flow.turn(&arn);
        let nth = usize::try_from(turn).ok().and_then(|turn| turn.checked_rem(candidates.len()));
        let Some((instance, _)) = nth.and_then(|nth| candidates.get(nth)) else { return Decision::Unavailable };
        let (id, ami, image) = (instance.id.clone(), instance.ami.clone(), instance.life.image.clone());
        let cookies = match forward.sticky {
            Some(duration) if held.is_none() => sticky::cookies(&arn, now, duration),
            _ => Vec::new(),
        };
        self.flow.took(&arn);
        let fails = self.flow.fails(&id, image.errors);
        let latency = Duration::try_from_secs_f64(image.latency_ms / 1_000.0).unwrap_or_default();
        Decision::Target(Ticket { instance: id, target_group: name, ami, latency, fails, cookies })
    }
}

/// The first rule that holds, with the version of it that the data plane follows.
fn holding<'a>(listener: &'a Listener, asked: Asked<'_>, now: Moment) -> Option<(&'a str, &'a Version)> {
    let live = listener.rules.iter().filter_map(|rule| Some((rule.arn.as_str(), rule.live(now)?)));
    let mut live = live.filter(|(_, version)| hold(&version.conditions, asked));
    live.next()
}

fn text<'a>(config: Option<&'a Value>, field: &str) -> Option<&'a str> {
    config.and_then(|config| config.get(field)).and_then(Value::as_str)
}

fn fixed(config: Option<&Value>) -> Decision {
    let status = number(config.and_then(|config| config.get("StatusCode")));
    Decision::Fixed {
        status: status.and_then(|status| u16::try_from(status).ok()).unwrap_or(503),
        content_type: text(config, "ContentType").unwrap_or("text/plain").to_owned(),
        body: text(config, "MessageBody").unwrap_or_default().to_owned(),
    }
}

/// The location with what was asked for in the places of `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}`.
fn redirect(config: Option<&Value>, listener: &Listener, incoming: &Incoming<'_>) -> Decision {
    let protocol = listener.protocol.to_string();
    let put = |template: &str| {
        template
            .replace("#{protocol}", &protocol)
            .replace("#{host}", incoming.asked.host)
            .replace("#{port}", &listener.port.to_string())
            .replace("#{path}", incoming.asked.path.trim_start_matches('/'))
            .replace("#{query}", incoming.query)
    };
    let part = |field: &str, default: &str| put(text(config, field).unwrap_or(default));
    let (protocol, host) = (part("Protocol", "#{protocol}").to_ascii_lowercase(), part("Host", "#{host}"));
    let (port, path, query) = (part("Port", "#{port}"), part("Path", "/#{path}"), part("Query", "#{query}"));
    let joint = if query.is_empty() { "" } else { "?" };
    let status = if text(config, "StatusCode") == Some("HTTP_301") { 301 } else { 302 };
    Decision::Redirect { status, location: format!("{protocol}://{host}:{port}{path}{joint}{query}") }
}
