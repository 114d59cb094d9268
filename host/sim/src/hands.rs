//! What a test looks at and changes on load balancers, target groups and the AWS API. The control endpoint is the same set
//! of calls for another process; both go through `elb/view.rs`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::data_plane::{Traffic, key};
use crate::elb::refusal::Refusal;
use crate::elb::view;
use crate::{AwsCall, LoadBalancerView, Sim, SimError, TargetState};

impl From<Refusal> for SimError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { message: refusal.message }
    }
}

impl Sim {
    /// Every load balancer with its listeners and rules as the API shows them now, by name, port and priority.
    #[must_use]
    pub fn routes(&self) -> Vec<LoadBalancerView> {
        view::routes(&self.account.lock().elb)
    }

    /// The targets of every target group: by the group's name, instance ids in order with what health checks find now.
    #[must_use]
    pub fn targets(&self) -> BTreeMap<String, Vec<(String, TargetState)>> {
        let mut account = self.account.lock();
        let now = account.now();
        account.settle(now);
        view::all_targets(&account, now)
    }

    /// Writes the actions of a rule as another hand at the console would, of a default rule too. `actions` is AWS's list or
    /// the short form of a world file.
    ///
    /// # Errors
    /// [`SimError::Refused`] when there is no such rule, or the API would refuse the list.
    pub fn set_actions(&self, rule_arn: &str, actions: &Value) -> Result<(), SimError> {
        Ok(view::set_actions(&mut self.account.lock(), rule_arn, actions)?)
    }

    /// Finds every target of a group `initial`, `healthy`, `unhealthy` or `unavailable`, whatever its instance says, until it
    /// is called with none. Targets that drain or are not in use stay so.
    ///
    /// # Errors
    /// [`SimError::Refused`] when there is no target group of that name, or no such state.
    pub fn set_target_health(&self, target_group: &str, state: Option<&str>) -> Result<(), SimError> {
        Ok(view::set_target_health(&mut self.account.lock(), target_group, state)?)
    }

    /// The base URL of a load balancer's listener: requests to it are routed by its rules. None when there is no such
    /// listener.
    #[must_use]
    pub fn data_plane_url(&self, load_balancer: &str, port: u16) -> Option<String> {
        self.data_plane.get(&key(load_balancer, port)).map(|address| format!("http://{address}"))
    }

    /// The base URL of every listener, by `<load balancer>:<port>`.
    #[must_use]
    pub fn data_plane_urls(&self) -> BTreeMap<String, String> {
        self.data_plane.iter().map(|(key, address)| (key.clone(), format!("http://{address}"))).collect()
    }

    /// The requests of every listener since the start or the last reset, by `<load balancer>:<port>`.
    #[must_use]
    pub fn traffic(&self) -> BTreeMap<String, Traffic> {
        view::traffic(&self.account.lock())
    }

    /// Counts requests from nothing again.
    pub fn reset_traffic(&self) {
        self.account.lock().flow.traffic.clear();
    }

    /// The calls on the AWS API so far, oldest first.
    #[must_use]
    pub fn aws_calls(&self) -> Vec<AwsCall> {
        self.account.lock().elb.calls.all()
    }
}
