//! The words of shiftgate, and the ports that its engine asks for.
//!
//! Ids, capacities, instance arithmetic, names, events, errors, and the traits [`Groups`], [`Routes`], [`PluginRunner`],
//! [`Ledger`], [`Locks`], [`Events`], [`EvidenceLog`] and [`Parking`]. Pure: no tokio, no files, no sockets, no clock and no
//! randomness; time comes in as a [`Timestamp`]. The rooms that implement the ports are `cloud`, `plugin` and `store`; the next
//! room to read is `workflow`.

mod background;
mod capacity;
mod error;
mod event;
mod evidence;
mod grants;
mod group;
mod ids;
mod instances;
mod line;
mod naming;
mod plugin;
mod ports;
mod routes;
mod run_info;
mod state;
mod tally;
mod template;
mod time;
mod visible;

pub use background::{Parked, Stage};
pub use capacity::{Capacity, CapacityError};
pub use error::{CloudError, ErrorClass, Origin, Retry, Service, StepError, StoreError};
pub use event::{Ending, Event, EventKind, Level};
pub use evidence::{Answered, Baseline, CallKey, Called, Evidence, Exchange};
pub use grants::{Auth, Grants, HttpGrant, Limit, Limits, SecretGrant, SecretRef, Unit, placeholders, secret_placeholder, size};
pub use group::{Created, Deleted, Group, GroupSpec, Health, InstanceHealth, Marker, RUN_TAG, STEP_TAG};
pub use ids::{
    AccountId, AmiId, EffectToken, GroupId, GroupName, InstanceId, ListenerArn, LoadBalancerArn, RuleArn, RunId, StepId,
    TargetGroupArn,
};
pub use instances::{Amount, AmountError, DownsizeOrder, Sizing};
pub use naming::{Family, NameError, STAGE_SUFFIX};
pub use plugin::{
    Call, Digest, Finding, LogLine, Metric, Outcome, PluginCall, PluginKind, PluginReply, PluginSource, Receipt, ReceiptAction,
    Report, Suspension, Verdict, Wake,
};
pub use ports::{
    Acquired, Clock, Effect, EffectRecord, Events, EvidenceLog, Groups, Hold, Holding, Ledger, Locks, Parking, PluginError,
    PluginRunner, Routes,
};
pub use routes::{
    Actions, Draining, Forward, ForwardTarget, Listener, LoadBalancer, Route, RouteAction, Rule, TargetGroup, TargetHealth,
    TargetState, Weight, WeightError,
};
pub use run_info::{GroupFacts, RunInfo, WeighedGroup};
pub use state::{ActionState, Seal};
pub use tally::{Ballot, Progress, Tally, Vote};
pub use template::{ElastigroupTemplate, TemplateError, steered_rules};
pub use time::{Millis, Timestamp};
pub use visible::{is_hidden, printable};
