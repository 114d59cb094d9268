//! Checks over all phases: they grow, they stay within the setup, and they end with the whole deployment.

use shiftgate_model::{Amount, Capacity, Sizing};

use super::sizes::ReadDeploy;
use crate::Diagnostic;
use crate::plan::Strategy;
use crate::session::Session;

/// Checks the amounts of the phases that could be read. `sizing` is none when it is a mistake or not known.
pub(crate) fn progress(s: &mut Session<'_>, strategy: Strategy, deploys: &[&ReadDeploy], sizing: Option<Sizing>) {
    let full = match sizing {
        Some(Sizing::Fixed(capacity)) => Some(capacity),
        Some(Sizing::SameAsRunning) | None => None,
    };
    for read in deploys {
        within_setup(s, read, full);
    }
    let known: Vec<_> = deploys.iter().filter(|read| read.amount.is_some()).collect();
    for (earlier, later) in known.iter().zip(known.iter().skip(1)) {
        grows(s, earlier, later, full);
    }
    if let Some(last) = deploys.last() {
        ends_whole(s, strategy, last, sizing);
    }
}

/// Whether an amount is the whole; none when that is known only when the setup looks.
fn is_final(amount: Amount, full: Option<Capacity>) -> Option<bool> {
    match (amount, full) {
        (Amount::Percent(percent), _) => Some(percent == 100),
        (Amount::Count(_), Some(full)) => Some(amount.is_final(full)),
        (Amount::Count(_), None) => None,
    }
}

fn within_setup(s: &mut Session<'_>, read: &ReadDeploy, full: Option<Capacity>) {
    let Some(amount) = read.amount else { return };
    if let (Amount::Count(count), Some(full)) = (amount, full)
        && count > full.maximum
    {
        let message = format!("this deploys {count} instances, and the setup's `max` is {}", full.maximum);
        s.error_hint(
            "out-of-range",
            read.amount_at,
            message,
            format!("at most {}", full.maximum),
            "deploy fewer, or raise `max` in `setup.instances`",
        );
    }
    if let Some(at) = read.downsize_at
        && is_final(amount, full) == Some(true)
    {
        let message = "`downsizeOld` has no meaning where the whole is deployed: nothing stays of the old group then";
        s.error_hint("meaningless-field", at, message, "no meaning here", "remove it");
    }
}

fn grows(s: &mut Session<'_>, earlier: &ReadDeploy, later: &ReadDeploy, full: Option<Capacity>) {
    let (Some(before), Some(after)) = (earlier.amount, later.amount) else { return };
    let shrinks = match (before, after, full) {
        (Amount::Percent(before), Amount::Percent(after), _) => after <= before,
        (Amount::Count(before), Amount::Count(after), _) => after <= before,
        (_, _, Some(full)) => {
            let ended = is_final(before, Some(full)) == Some(true);
            after.instances(full) <= before.instances(full) && (ended || is_final(after, Some(full)) != Some(true))
        }
        (_, _, None) => is_final(before, None) == Some(true),
    };
    if shrinks {
        let diagnostic = Diagnostic::error(
            "phases-do-not-grow",
            Some(later.amount_at),
            format!("this phase deploys {after}, and the one before it {before}"),
        );
        s.found.push(
            diagnostic
                .label("not more")
                .related(earlier.amount_at, "deployed before")
                .hint("amounts are totals, not increments: each phase needs more than the one before it"),
        );
    } else if let Some(full) = full.filter(|full| after.instances(*full) == before.instances(*full))
        && is_final(after, Some(full)) == Some(false)
    {
        let message = format!("{after} of {} is as many instances as {before}: {}", full.target, after.instances(full));
        s.warn("phase-adds-nothing", later.amount_at, message, "the phase verifies the same instances once more");
    }
}

fn ends_whole(s: &mut Session<'_>, strategy: Strategy, last: &ReadDeploy, sizing: Option<Sizing>) {
    let (Some(amount), at) = (last.amount, last.amount_at) else { return };
    let full = match sizing {
        Some(Sizing::Fixed(capacity)) => Some(capacity),
        Some(Sizing::SameAsRunning) => None,
        None if matches!(amount, Amount::Count(_)) => return,
        None => None,
    };
    match (is_final(amount, full), strategy) {
        (Some(true), _) => {}
        (Some(false), Strategy::Canary) => {
            let message = format!("the last phase deploys {amount}, so the deployment never ends");
            s.error_hint("never-complete", at, message, "100% is expected", "let the last phase deploy 100%");
        }
        (None, Strategy::Canary) => {
            let message = format!("the last phase deploys {amount}, and how many run is known only when the setup looks");
            s.error_hint(
                "never-complete",
                at,
                message,
                "100% is expected",
                "with `same-as-running`, let the last phase deploy 100%",
            );
        }
        (Some(false), Strategy::Basic) => {
            let message = format!("this deploys {amount}, so the old group keeps the rest");
            s.warn("not-the-whole", at, message, "write `deploy: 100%` to replace the old group");
        }
        (Some(false), Strategy::BlueGreen) => {
            let message = format!("this deploys {amount}, so production has less than the setup's target after the swap");
            s.warn("not-the-whole", at, message, "write `deploy: 100%`, or leave it out");
        }
        (None, Strategy::Basic | Strategy::BlueGreen) => {}
    }
}
