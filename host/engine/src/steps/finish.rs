//! The end of a run: what is where, the ending on record, the lock given back.

use shiftgate_model::{Ending, EventKind, StoreError};
use shiftgate_workflow::Plan;

use super::{Cx, background, blue_green, whereabouts};
use crate::{Order, close_orders};

/// The first event of a run.
pub(crate) fn run_started(plan: &Plan) -> EventKind {
    EventKind::RunStarted {
        workflow: plan.workflow.clone(),
        strategy: plan.strategy.as_str().to_owned(),
        service: plan.service.clone(),
        environment: plan.environment.clone(),
        infrastructure: plan.infrastructure.name.clone(),
        artifact: plan.artifact.clone(),
    }
}

/// Says what is where, records the ending, gives the lock back. In this order: a crash between leaves a run that finishes
/// again, never a lock without a run.
pub(crate) async fn finish(cx: &Cx<'_>, ending: Ending, summary: String) -> Result<(), StoreError> {
    let ledger = cx.ports.ledger.as_ref();
    let resumes = cx.ports.events.read(cx.run, 0).await?.iter().filter(|event| event.kind == EventKind::RunResumed).count();
    if matches!(ending, Ending::Failed | Ending::Aborted | Ending::Stuck) {
        let routes = blue_green::whereabouts(cx).await?;
        for (index, what) in whereabouts::of_groups(cx).await?.into_iter().chain(routes).enumerate() {
            cx.say_once(&format!("finish/left/{index}/{resumes}"), EventKind::Left { what }).await?;
        }
    }
    background::call_off(cx, background::Later::after(ending), &format!("the run has ended: {ending}")).await?;
    let key = format!("ended/{ending}/{resumes}");
    cx.ports.events.append(cx.run, None, Some(&key), EventKind::RunEnded { ending, summary }).await?;
    let orders = [Order::Abort, Order::Rollback, Order::Retry];
    close_orders(ledger, cx.run, &orders, &format!("the run has ended: {ending}")).await?;
    cx.ports.runs.end(cx.run, ending, cx.ports.clock.now()).await?;
    cx.ports.locks.release(&cx.settings.account, &cx.plan.setup.family, cx.run).await
}
