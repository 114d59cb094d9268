//! The words of shiftgate, and the ports that its engine asks for.
//!
//! Ids, capacities, instance arithmetic, names, events, errors, and the traits [`Groups`], [`PluginRunner`], [`Ledger`],
//! [`Locks`] and [`Events`]. Pure: no tokio, no files, no sockets, no clock and no randomness; time comes in as a
//! [`Timestamp`]. The rooms that implement the ports are `cloud`, `plugin` and `store`; the next room to read is `workflow`.

mod capacity;
mod error;
mod event;
mod group;
mod ids;
mod instances;
mod naming;
mod plugin;
mod ports;
mod template;
mod time;

pub use capacity::{Capacity, CapacityError};
pub use error::{CloudError, ErrorClass, Origin, Retry, Service, StepError, StoreError};
pub use event::{Ending, Event, EventKind, Level};
pub use group::{Created, Deleted, Group, GroupSpec, Health, InstanceHealth, Marker, RUN_TAG, STEP_TAG};
pub use ids::{AccountId, AmiId, EffectToken, GroupId, GroupName, InstanceId, RunId, StepId};
pub use instances::{Amount, AmountError, DownsizeOrder, Sizing};
pub use naming::{Family, NameError};
pub use plugin::{
    ActionState, Ballot, Call, Digest, Finding, Grants, GroupFacts, HttpGrant, LogLine, Metric, Outcome, PluginCall, PluginKind,
    PluginReply, PluginSource, Progress, Receipt, ReceiptAction, Report, RunInfo, Suspension, Tally, Verdict, Vote, Wake,
};
pub use ports::{Acquired, Clock, Effect, EffectRecord, Events, Groups, Ledger, Locks, PluginError, PluginRunner};
pub use template::{ElastigroupTemplate, TemplateError};
pub use time::{Millis, Timestamp};
