//! The ARNs of listeners and rules, as far as a file alone shows that they are wrong.

use shiftgate_model::{ListenerArn, RuleArn};

use crate::expression::Scope;
use crate::read::Node;
use crate::session::Session;

/// What AWS's ELB calls the things that routes are made of, and what a person calls them.
const KINDS: [(&str, &str); 4] = [
    ("listener", "a listener"),
    ("listener-rule", "a rule"),
    ("targetgroup", "a target group"),
    ("loadbalancer", "a load balancer"),
];

/// An ARN of a listener or a rule, cut into its parts.
struct Elb<'t> {
    region: &'t str,
    kind: &'t str,
    /// Behind the kind: `app`, the load balancer's name and id, the listener's id, the rule's id.
    path: Vec<&'t str>,
}

impl<'t> Elb<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let [arn, partition, service, region, account, resource] = parts.as_slice() else { return None };
        let mut path = resource.split('/');
        let kind = path.next()?;
        let path: Vec<_> = path.collect();
        let whole = path.iter().chain([region, account]).all(|part| !part.is_empty() && !part.contains(char::is_whitespace));
        let elb = *arn == "arn" && partition.starts_with("aws") && *service == "elasticloadbalancing";
        (whole && elb).then_some(Self { region, kind, path })
    }
}

/// What an ARN is to be, and to fit.
#[derive(Clone, Copy)]
struct Wanted<'c> {
    kind: &'static str,
    /// How many parts its path has.
    parts: usize,
    example: &'static str,
    region: Option<&'c String>,
}

/// The ARN of a listener, in the region of the infrastructure.
pub(crate) fn listener(s: &mut Session<'_>, node: &Node, scope: &Scope, region: Option<&String>) -> Option<ListenerArn> {
    let example = "listeners look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/NAME/ID/ID`";
    arn(s, node, scope, Wanted { kind: "listener", parts: 4, example, region }).map(ListenerArn::new)
}

/// The ARN of a rule, in the region of the infrastructure.
pub(crate) fn rule(s: &mut Session<'_>, node: &Node, scope: &Scope, region: Option<&String>) -> Option<RuleArn> {
    let example = "rules look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/NAME/ID/ID/ID`";
    arn(s, node, scope, Wanted { kind: "listener-rule", parts: 5, example, region }).map(RuleArn::new)
}

fn arn(s: &mut Session<'_>, node: &Node, scope: &Scope, wanted: Wanted<'_>) -> Option<String> {
    let text = s.text(node, scope.now())?;
    let noun = |kind: &str| KINDS.iter().find(|(name, _)| *name == kind).map(|(_, noun)| *noun);
    let expected = noun(wanted.kind).unwrap_or_default();
    let why = match Elb::parse(&text) {
        Some(arn) if arn.kind == wanted.kind => match arn.path.as_slice() {
            ["app", rest @ ..] if rest.len() + 1 == wanted.parts => {
                return in_region(s, node, arn.region, wanted.region).then_some(text);
            }
            ["net" | "gwy", ..] => {
                not_an_application(s, node);
                return None;
            }
            _ => "it does not lead to the end".to_owned(),
        },
        Some(arn) => match noun(arn.kind) {
            Some(noun) => format!("it is that of {noun}"),
            None => format!("it is of no kind called `{}`", arn.kind),
        },
        None => "it is not one of ELB's".to_owned(),
    };
    let message = format!("{} is not the ARN of {expected}: {why}", node.called());
    s.error_hint("malformed-arn", node.place, message, format!("{expected} is expected"), wanted.example);
    None
}

fn not_an_application(s: &mut Session<'_>, node: &Node) {
    let message = format!("{} is of a network or gateway load balancer, which has no rules to route by", node.called());
    let hint = "blue/green needs an application load balancer";
    s.error_hint("not-in-this-release", node.place, message, "not an application load balancer", hint);
}

fn in_region(s: &mut Session<'_>, node: &Node, found: &str, region: Option<&String>) -> bool {
    let Some(region) = region.filter(|region| *region != found) else { return true };
    let message = format!("{} is in `{found}`, and the infrastructure in `{region}`", node.called());
    s.error_hint("wrong-region", node.place, message, "another region", "a group and its load balancers share a region");
    false
}

/// The name of the load balancer that a listener or a rule belongs to.
pub(crate) fn load_balancer(arn: &str) -> Option<&str> {
    arn.split('/').nth(2)
}

/// Whether a rule is one of a listener.
pub(crate) fn rule_of(rule: &RuleArn, listener: &ListenerArn) -> bool {
    rule.as_str().rsplit_once('/').is_some_and(|(of, _)| of.replacen(":listener-rule/", ":listener/", 1) == listener.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTENER: &str =
        "arn:aws-cn:elasticloadbalancing:cn-north-1:123456789012:listener/app/web-alb/50dc6c495c0c9188/f2f7dc8efc522ab2";

    #[test]
    fn a_rule_knows_its_listener_and_both_know_their_load_balancer() {
        let rule = RuleArn::new(format!("{}/9683b2d02a6cabee", LISTENER.replace(":listener/", ":listener-rule/")));
        assert!(rule_of(&rule, &ListenerArn::new(LISTENER)));
        assert!(!rule_of(&rule, &ListenerArn::new(LISTENER.replace("f2f7", "0000"))));
        assert_eq!((load_balancer(LISTENER), load_balancer(rule.as_str())), (Some("web-alb"), Some("web-alb")));
    }

    #[test]
    fn only_elb_has_such_arns() {
        let kind = |text: &str| Elb::parse(text).map(|arn| (arn.kind.to_owned(), arn.region.to_owned(), arn.path.len()));
        assert_eq!(kind(LISTENER), Some(("listener".to_owned(), "cn-north-1".to_owned(), 4)));
        for other in [
            "",
            "web-alb",
            "arn:aws:s3:::bucket/key",
            &LISTENER.replace("123456789012", ""),
            &format!("{LISTENER}/"),
            "a:b:c:d:e:f",
        ] {
            assert_eq!(kind(other), None, "{other}");
        }
    }
}
