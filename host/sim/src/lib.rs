//! A simulated AWS account for shiftgate: Spot's Elastigroup API, a metric surface in Prometheus's query API, and the
//! port where AWS's own API will be, all on loopback.
//!
//! Instances take time to launch, to become healthy and to drain; they fail their checks by AMI, get interrupted and
//! run short. Calls can be made to fail, to be slow, and to lose their reply after the effect. Everything is a function
//! of tokio's clock and of the calls that came in: no task ticks, and a paused clock drives it.
//!
//! The crate imports no other room and shares no type with the client in `cloud`, so that a wrong idea there cannot
//! agree with itself. Start with [`Sim::start`]; [`World`] is what a file can say.
//!
//! ```no_run
//! # async fn example() -> Result<(), shiftgate_sim::SimError> {
//! use shiftgate_sim::{Ports, Sim, World};
//!
//! let sim = Sim::start(World::default(), Ports::default()).await?;
//! let url = sim.spot_url(); // http://127.0.0.1:<port>
//! # drop(url);
//! sim.stop().await;
//! # Ok(())
//! # }
//! ```

mod account;
mod aws;
mod calls;
mod control;
mod data_plane;
mod elb;
mod envelope;
mod exposition;
mod faults;
mod fleet;
mod group;
mod hands;
mod instance;
mod metrics;
mod promql;
mod query_api;
mod roll;
mod routes;
mod server;
mod spot;
#[cfg(test)]
mod tests;
mod wire;
mod world;

pub use account::{Edit, GroupView, InstanceCount};
pub use calls::Call;
pub use data_plane::Traffic;
pub use elb::calls::{AwsCall, AwsOutcome};
pub use elb::targets::TargetState;
pub use elb::view::{ListenerView, LoadBalancerView, RuleView};
pub use elb::{
    ListenerSeed, LoadBalancerSeed, LoadBalancerState, Protocol, RuleSeed, Scheme, TargetGroupSeed, TargetType, forward,
    listener_arn, load_balancer_arn, rule_arn, target_group_arn,
};
pub use faults::{Fault, FaultKind, Limited};
pub use server::{Ports, Sim, SimError};
pub use world::{GroupSeed, HealthPlan, Image, Latencies, Numbers, Quirks, RateLimit, Shortage, World};
