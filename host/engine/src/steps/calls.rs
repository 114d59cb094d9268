//! One call of a plugin: made, kept as evidence where it is a verification's, and told. What its answer amounts to is decided by
//! whoever called: `plugin`, and `background` for what goes on beside the steps.

use serde_json::Value;
use shiftgate_model::{
    Call, CallKey, Called, ErrorClass, EventKind, Evidence, Outcome, PluginCall, PluginError, PluginKind, PluginReply,
    PluginSource, StepError, StoreError,
};

use super::{Cx, Stop};

/// One call of a plugin for the step of `cx`: what a verification leaves is kept, and what the plugin said is told.
pub(super) async fn call(cx: &Cx<'_>, plugin: &PluginSource, mut call: PluginCall) -> Result<PluginReply, Stop> {
    let kind = call.kind;
    if kind == PluginKind::Verification
        && let Some(baseline) = baseline(cx, call.run.attempt).await?
    {
        call.run.attributes.insert("baseline".to_owned(), baseline);
    }
    let reply = cx.ports.plugins.call(plugin, &call).await;
    let reply = match kind {
        PluginKind::Verification => keep(cx, &plugin.name, call, reply).await?,
        PluginKind::Approval | PluginKind::WrapUp => reply,
    };
    let reply = reply.map_err(step_error)?;
    report(cx, &plugin.name, kind, &reply).await?;
    Ok(reply)
}

/// What an attempt compares with, the same in all of its calls, whatever is pinned or ends meanwhile.
async fn baseline(cx: &Cx<'_>, attempt: u32) -> Result<Option<Value>, Stop> {
    // A pin is called `baseline` among the effects of a run.
    let name = format!("compares with {} {attempt}", cx.fence);
    cx.fact(&name, || async { Ok(cx.ports.evidence.baseline(cx.run, cx.step).await?.map(|found| found.attribute())) }).await
}

/// Keeps what a call of a verification left, also when it failed; nothing when the plugin was not called at all.
async fn keep(
    cx: &Cx<'_>,
    plugin: &str,
    call: PluginCall,
    reply: Result<PluginReply, PluginError>,
) -> Result<Result<PluginReply, PluginError>, StoreError> {
    let key = CallKey { step: call.run.step.clone(), fence: cx.fence, attempt: call.run.attempt, call: number(&call.action) };
    let stands = match evidence(&key, plugin, call, &reply) {
        Some(evidence) => cx.ports.evidence.keep(cx.run, &evidence).await?,
        None => None,
    };
    // A report that was kept before a crash is the one that counts, also when the call fails the second time.
    match (reply, stands) {
        (Ok(reply), Some(report)) => Ok(Ok(PluginReply { outcome: Outcome::Reported(report), ..reply })),
        (Ok(reply), None) => Ok(Ok(reply)),
        (Err(error), _) => Ok(cx.ports.evidence.standing(cx.run, &key).await?.and_then(reported).ok_or(error)),
    }
}

/// What a call that was kept before had answered; what the plugin logged then is told already, or gone.
fn reported(kept: Evidence) -> Option<PluginReply> {
    let Evidence { digest, at: began, report, .. } = kept;
    let outcome = Outcome::Reported(report?);
    Some(PluginReply { outcome, log: Vec::new(), progress: None, digest, began, exchanges: Vec::new(), left_out: 0 })
}

async fn report(cx: &Cx<'_>, plugin: &str, kind: PluginKind, reply: &PluginReply) -> Result<(), StoreError> {
    let loaded = EventKind::PluginLoaded { plugin: plugin.to_owned(), kind, digest: reply.digest.0.clone() };
    cx.say_once(&format!("plugin/{plugin}/{}", reply.digest.0), loaded).await?;
    for line in &reply.log {
        cx.say(EventKind::PluginLogged { level: line.level, message: line.message.clone() }).await?;
    }
    if let Some(message) = &reply.progress {
        cx.say(EventKind::PluginProgress { message: message.clone() }).await?;
    }
    Ok(())
}

/// The number of a call in its attempt, 1 for the first: the saved state says how many there were before it.
fn number(action: &Call) -> u32 {
    let before = match action {
        Call::Poll { state, .. } | Call::Cancel { state } => state.seal.as_ref().map_or(0, |seal| seal.polls),
        Call::Validate | Call::Start { .. } => 0,
    };
    before.saturating_add(1)
}

/// What a call left; none when there was none.
fn evidence(key: &CallKey, plugin: &str, call: PluginCall, reply: &Result<PluginReply, PluginError>) -> Option<Evidence> {
    let (called, report, error) = match reply {
        Ok(PluginReply { outcome, digest, began, exchanges, left_out, .. }) => {
            let report = if let Outcome::Reported(report) = outcome { Some(report.clone()) } else { None };
            let called = Called { digest: digest.clone(), began: *began, exchanges: exchanges.clone(), left_out: *left_out };
            (called, report, None)
        }
        Err(error) => (Called::clone(error.called.as_deref()?), None, Some(error.message.clone())),
    };
    let Called { digest, began, exchanges, left_out } = called;
    let PluginCall { config, run, action, .. } = call;
    Some(Evidence {
        step: key.step.clone(),
        fence: key.fence,
        attempt: key.attempt,
        call: key.call,
        at: began,
        plugin: plugin.to_owned(),
        digest,
        config,
        run,
        action,
        exchanges,
        left_out,
        report,
        error,
    })
}

/// What a call that failed means for its step.
pub(super) fn step_error(error: PluginError) -> StepError {
    let class = if error.retryable { ErrorClass::Connectivity } else { ErrorClass::Application };
    StepError { class, message: error.to_string(), hint: error.hint }
}
