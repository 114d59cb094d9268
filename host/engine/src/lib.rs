//! The interpreter: runs a [`Plan`](shiftgate_workflow::Plan) against the [`Durable`] trait, and the native steps.
//!
//! Two columns. Who decides: [`deploy`], sequential and deterministic, without clock, I/O or tokio; each effect is
//! `d.act`, each wait `d.wait`. Who acts: [`Activities`], one [`Task`] at a time, through the ports of
//! `model`: intent on paper, look, call, outcome on paper, event. [`rehearse`] runs a plan over a copy of the
//! cloud, to say what a run would do. [`Sim`] runs the interpreter on tokio's clock, so that
//! tests run hours in milliseconds; `store` runs it durably.

mod activities;
mod approval;
mod components;
mod durable;
mod facts;
mod interpreter;
mod orders;
mod pace;
mod poller;
mod rehearsal;
mod sim;
mod steps;
mod task;

pub use activities::{Activities, Ports, Settings, WhenBusy};
pub use approval::{Decision, count};
pub use durable::{Durable, DurableError, Heard, ORDERS, Runs};
pub use facts::Facts;
pub use interpreter::{INTERPRETER, INTERPRETER_VERSION, deploy};
pub use orders::{OPERATOR, OpenOrder, Order, close_orders, decide_rollback, give_order, open_orders, rollback_decided};
pub use pace::Pace;
pub use rehearsal::{PlannedCall, PlannedStep, Rehearsal, RehearsalError, rehearse};
pub use sim::Sim;
pub use steps::has_ended;
pub use task::{Asked, Beside, Kept, Next, StepState, Task, TaskReply, Waking, goes_back, step_of};

#[cfg(test)]
mod tests;
