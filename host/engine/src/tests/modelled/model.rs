//! The rules as a model: which deployment is asked for, what the world has to be at each ending, and which endings the rules
//! allow after what has happened. It knows nothing of the interpreter, of steps or of time. Next: `machine`, which plays
//! sequences against the real thing, and `invariants`, which hold after every one of its transitions.

use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use shiftgate_model::*;
use shiftgate_workflow::*;

use super::super::FULL;

/// How the deployment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Basic,
    /// 25 %, 50 %, 100 %.
    Canary,
    /// Production and stage exchanged.
    Swap,
    /// 10 %, 100 %.
    Shift,
}

impl Kind {
    pub(super) const fn is_blue_green(self) -> bool {
        matches!(self, Self::Swap | Self::Shift)
    }
}

/// What a verification says whenever it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Pass,
    /// It waits a minute first.
    PassLater,
    Fail,
    Inconclusive,
}

/// A step beside those that deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    Approve,
    Verify(Says),
}

/// A deployment that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) kind: Kind,
    /// Two load balancers, not one.
    pub(super) two: bool,
    /// Nothing is deployed yet.
    pub(super) first: bool,
    pub(super) order: DownsizeOrder,
    /// The old group is emptied behind the routes.
    pub(super) downsize: bool,
    /// The step before the last that deploys.
    pub(super) before: Option<Extra>,
    /// The step behind the last that deploys.
    pub(super) behind: Option<Extra>,
    /// The step of the `rollback:` section.
    pub(super) undo: Option<Extra>,
    pub(super) on_failure: FailureAction,
    /// What an approval's silence, and its no, lead to.
    pub(super) refused: FailureAction,
    /// One wrap-up each, and whether it succeeds.
    pub(super) wrap_ups: Vec<bool>,
}

pub(super) fn recipes() -> BoxedStrategy<Recipe> {
    let kind = prop_oneof![Just(Kind::Basic), Just(Kind::Canary), Just(Kind::Swap), Just(Kind::Shift)];
    let says =
        prop_oneof![4 => Just(Says::Pass), 1 => Just(Says::PassLater), 2 => Just(Says::Fail), 1 => Just(Says::Inconclusive)];
    let extra = prop_oneof![Just(Extra::Approve), says.prop_map(Extra::Verify)].boxed();
    let some = || proptest::option::weighted(0.5, extra.clone());
    let order = prop_oneof![3 => Just(DownsizeOrder::NewFirst), 1 => Just(DownsizeOrder::OldFirst)];
    let last = || prop_oneof![Just(Final::Rollback), Just(Final::Abort), Just(Final::Fail), Just(Final::Ignore)];
    let on_failure = prop_oneof![
        4 => Just(FailureAction::Rollback),
        2 => Just(FailureAction::Abort),
        1 => Just(FailureAction::Fail),
        1 => Just(FailureAction::Ignore),
        2 => (1..3_u32, last()).prop_map(|(count, then)| FailureAction::Retry {
            count, backoff: Millis::seconds(30), ask: None, then
        }),
        2 => last().prop_map(|then| FailureAction::Ask { timeout: Millis::minutes(60), then }),
    ];
    let refused = prop_oneof![Just(FailureAction::Rollback), Just(FailureAction::Abort), Just(FailureAction::Fail)];
    let flags = (proptest::bool::weighted(0.3), proptest::bool::weighted(0.1), any::<bool>());
    let steps = (some(), some(), proptest::option::weighted(0.2, extra));
    let wrap_ups = proptest::collection::vec(proptest::bool::weighted(0.8), 0..3);
    (kind, flags, order, steps, on_failure, refused, wrap_ups)
        .prop_map(|(kind, (two, first, downsize), order, (before, behind, undo), on_failure, refused, wrap_ups)| Recipe {
            kind,
            two,
            first,
            order,
            downsize,
            before,
            behind,
            undo,
            on_failure,
            refused,
            wrap_ups,
        })
        .boxed()
}

/// What has been done to a run so far, as far as it matters for how it may end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Troubles {
    /// A call goes wrong, or instances do.
    pub(super) faults: bool,
    /// Another hand, or another run, has changed something of the family.
    pub(super) others: bool,
    /// Somebody has voted no, or time enough has passed for a vote, a wait or an answer to expire.
    pub(super) refusals: bool,
    pub(super) aborts: bool,
    pub(super) rollbacks: bool,
}

/// The reference: the deployment, and what has been done to it.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) recipe: Recipe,
    /// No other hand and no other run is about.
    pub(super) alone: bool,
    /// No call and no instance goes wrong.
    pub(super) reliable: bool,
    /// Seconds.
    pub(super) passed: u32,
    pub(super) troubles: Troubles,
}

/// A group as the rules have it: its name and its capacity.
pub(super) type Expected = Option<(GroupName, Capacity)>;

/// The world as the rules have it after an ending that they determine. Basic and canary have no rules of load balancers.
#[derive(Debug, PartialEq)]
pub(super) struct Rules {
    pub(super) old: Expected,
    pub(super) new: Expected,
    /// Weights of the new target group, and of the old one, in the production rule; on the stage rule the same.
    pub(super) production: Option<(u16, u16)>,
    pub(super) stage: Option<(u16, u16)>,
}

impl Recipe {
    fn names(&self) -> (GroupName, GroupName) {
        match (self.kind.is_blue_green(), self.first) {
            (true, _) => (GroupName::new("web"), GroupName::new("web__STAGE__Harness")),
            // Revision 3 is an empty one that an earlier run left.
            (false, true) => (GroupName::new("web__3"), GroupName::new("web__4")),
            (false, false) => (GroupName::new("web__4"), GroupName::new("web__5")),
        }
    }

    fn old(&self, name: GroupName, capacity: Capacity) -> Expected {
        (!self.first).then_some((name, capacity))
    }

    /// Section 8: the old group is as it was; the new one is gone, or, behind load balancers, the empty stage group.
    pub(super) fn rolled_back(&self) -> Rules {
        let (old, new) = self.names();
        Rules {
            old: self.old(old, FULL),
            new: self.kind.is_blue_green().then_some((new, Capacity::ZERO)),
            production: self.weights(false),
            stage: if self.kind == Kind::Swap { Some((1, 0)) } else { None },
        }
    }

    /// Sections 3 and 7: the new group has everything, and behind load balancers the production name; the old one nothing,
    /// or what it had where the workflow leaves it.
    pub(super) fn deployed(&self) -> Rules {
        let (old, new) = self.names();
        let left = if self.kind.is_blue_green() && !self.downsize { FULL } else { Capacity::ZERO };
        let (old, new) = if self.kind.is_blue_green() { (new, old) } else { (old, new) };
        Rules {
            old: self.old(old, left),
            new: Some((new, FULL)),
            production: self.weights(true),
            stage: if self.kind == Kind::Swap { Some((0, 1)) } else { None },
        }
    }

    fn weights(&self, moved: bool) -> Option<(u16, u16)> {
        let all = match self.kind {
            Kind::Basic | Kind::Canary => return None,
            Kind::Swap => 1,
            Kind::Shift => 100,
        };
        Some(if moved { (all, 0) } else { (0, all) })
    }

    fn steps(&self) -> impl Iterator<Item = Extra> {
        [self.before, self.behind].into_iter().flatten()
    }

    /// Whether a verification may say no, or not know.
    fn doubtful(&self) -> bool {
        self.steps().any(|extra| matches!(extra, Extra::Verify(Says::Fail | Says::Inconclusive)))
    }

    /// Whether the rollback's own step may stop it.
    fn undo_may_fail(&self) -> bool {
        !matches!(self.undo, None | Some(Extra::Verify(Says::Pass | Says::PassLater)))
    }

    /// Whether a failure may lead there.
    fn leads_to(&self, wanted: Final) -> bool {
        let last = |action: FailureAction| match action {
            FailureAction::Rollback => Final::Rollback,
            FailureAction::Abort => Final::Abort,
            FailureAction::Fail => Final::Fail,
            FailureAction::Ignore => Final::Ignore,
            FailureAction::Retry { then, .. } | FailureAction::Ask { then, .. } => then,
        };
        last(self.on_failure) == wanted || last(self.refused) == wanted
    }
}

impl Model {
    /// Whether the rules allow that ending after what has happened. `decided`: a rollback is on record.
    pub(super) fn allows(&self, ending: Ending, decided: bool) -> bool {
        let Troubles { faults, others, refusals, aborts, rollbacks } = self.troubles;
        let Recipe { on_failure, .. } = self.recipe;
        let approves = self.recipe.steps().any(|extra| extra == Extra::Approve);
        let fails = faults || others || self.recipe.doubtful() || (refusals && approves);
        match ending {
            // What nobody ordered otherwise, and what did not fail; or a failure that a person or the strategy passes over.
            Ending::Succeeded => !decided || rollbacks,
            Ending::RolledBack => decided,
            // Setup recorded nothing; or the strategy says so.
            Ending::Failed => (fails && self.recipe.leads_to(Final::Fail)) || (decided && (rollbacks || faults)) || others,
            // Drift aborts, and so does an approval, or what cannot tell, that may not be passed over.
            Ending::Aborted => {
                aborts
                    || others
                    || (fails
                        && (self.recipe.leads_to(Final::Abort)
                            || on_failure == FailureAction::Ignore
                            || matches!(on_failure, FailureAction::Ask { .. } | FailureAction::Retry { .. })))
            }
            Ending::Stuck => decided && (faults || others || self.recipe.undo_may_fail()),
        }
    }
}
