//! What a step heeds while it works: an operator's orders, what goes on in the background, and that the cloud is as this run
//! left it.

use shiftgate_model::{ErrorClass, EventKind, StepError};

use super::{Cx, Stop, background};
use crate::orders::{Order, decision, open_orders};

/// Which orders a task heeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heeds {
    /// A step of the deployment: an abort, and the decision to roll back.
    All,
    /// A rollback, and the wait for the family's lock: an abort.
    Abort,
    /// A wrap-up: the deployment is over.
    Nothing,
}

impl Cx<'_> {
    /// Stops when an operator has ordered so, or a background verification has failed. Asked in each wait of a step; never
    /// between two writes that belong together.
    pub(crate) async fn heed(&self) -> Result<(), Stop> {
        self.orders().await?;
        match background::move_on(self).await? {
            None => Ok(()),
            Some(fallen) => Err(Stop::Background(Box::new(fallen))),
        }
    }

    /// Stops when an operator has ordered so.
    pub(super) async fn orders(&self) -> Result<(), Stop> {
        if self.heeds == Heeds::Nothing {
            return Ok(());
        }
        let record = self.ports.ledger.record(self.run).await?;
        let abort = open_orders(&record).into_iter().find(|open| open.order == Order::Abort).map(|open| open.reason);
        let rollback = || if self.heeds == Heeds::All { decision(&record) } else { None };
        match abort.or_else(rollback) {
            None => Ok(()),
            Some(reason) => Err(StepError::new(ErrorClass::Operator, reason).into()),
        }
    }

    /// Something is not as this run left it: the step stops, unless the operator who let the run go on has taken that for
    /// good.
    pub(super) async fn drifted(&self, drift: StepError) -> Result<(), Stop> {
        if !self.accepts_drift {
            return Err(drift.into());
        }
        self.say(EventKind::DriftAccepted { what: drift.message }).await?;
        Ok(())
    }
}
