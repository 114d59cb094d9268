//! ARNs of the simulated account: functions of names, ports and priorities, so that a fixture can write them down before
//! the account exists. Nothing here looks anything up.

use crate::fleet::scramble;

const PREFIX: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012";

/// 16 hex digits, always the same for the same text.
pub(crate) fn digest(text: &str) -> String {
    format!("{:016x}", text.bytes().fold(0_u64, |hash, byte| scramble(hash ^ u64::from(byte))))
}

/// The ARN of the target group of that name: `arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/<name>/<16 hex>`.
#[must_use]
pub fn target_group_arn(name: &str) -> String {
    format!("{PREFIX}:targetgroup/{name}/{}", digest(&format!("targetgroup/{name}")))
}

fn balancer_path(name: &str) -> String {
    format!("app/{name}/{}", digest(&format!("loadbalancer/{name}")))
}

/// The ARN of the load balancer of that name: `...:loadbalancer/app/<name>/<16 hex>`.
#[must_use]
pub fn load_balancer_arn(name: &str) -> String {
    format!("{PREFIX}:loadbalancer/{}", balancer_path(name))
}

/// The ARN of a load balancer's listener: `...:listener/app/<name>/<16 hex>/<16 hex>`.
#[must_use]
pub fn listener_arn(load_balancer: &str, port: u16) -> String {
    format!("{PREFIX}:listener/{}/{}", balancer_path(load_balancer), digest(&format!("listener/{load_balancer}/{port}")))
}

/// The ARN of a listener's rule, by its priority; none is the default rule: `...:listener-rule/app/<name>/<16 hex>/<16 hex>/<16 hex>`.
#[must_use]
pub fn rule_arn(load_balancer: &str, port: u16, priority: Option<u32>) -> String {
    let listener = digest(&format!("listener/{load_balancer}/{port}"));
    let priority = priority.map_or_else(|| "default".to_owned(), |priority| priority.to_string());
    let rule = digest(&format!("rule/{load_balancer}/{port}/{priority}"));
    format!("{PREFIX}:listener-rule/{}/{listener}/{rule}", balancer_path(load_balancer))
}

/// Whether a text has the form of an ARN of that kind (`targetgroup`, `loadbalancer`, `listener`, `listener-rule`).
pub(crate) fn is_arn(text: &str, kind: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let head = (parts.next(), parts.next().is_some(), parts.next(), parts.next().is_some(), parts.next().is_some());
    let resource = parts.next().and_then(|resource| resource.split_once('/'));
    head == (Some("arn"), true, Some("elasticloadbalancing"), true, true) && resource.is_some_and(|(found, _)| found == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_a_function_of_names() {
        insta::assert_snapshot!(
            [
                target_group_arn("web-blue"),
                load_balancer_arn("web"),
                listener_arn("web", 443),
                rule_arn("web", 443, Some(10)),
                rule_arn("web", 443, None),
            ]
            .join("\n"),
            @"
        arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418
        arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/d9e2c0874b313827
        arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/d9e2c0874b313827/9368e1b9a266a77c
        arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web/d9e2c0874b313827/9368e1b9a266a77c/2e03a38b0546a1d4
        arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web/d9e2c0874b313827/9368e1b9a266a77c/96b1e957f15fad04
        "
        );
        assert_ne!(target_group_arn("a"), target_group_arn("b"));
        assert!(is_arn(&target_group_arn("web"), "targetgroup"));
        assert!(!is_arn(&target_group_arn("web"), "listener"));
        assert!(!is_arn("web", "targetgroup"));
    }
}
