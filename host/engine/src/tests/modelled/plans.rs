//! From a recipe of the model to a plan, and to the world that it meets: what serves, and bystanders that are nobody's
//! business. Next: `watched`.

use std::collections::BTreeMap;
use std::sync::Arc;

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::super::blue_green::{self, shift_plan, shift_to, swap_plan};
use super::super::world::World;
use super::super::{FULL, approval, plan, plugin, step};
use super::model::{Extra, Kind, Recipe, Says};

/// Groups that the run has no business with: another family's, and one of the family that carries no tag.
pub(super) const BYSTANDERS: [(&str, &str, Capacity, Option<&str>); 2] =
    [("b-1", "webshop__1", FULL, Some("earlier")), ("b-2", "web__00", Capacity::ZERO, None)];

/// An empty revision of an earlier run.
pub(super) const EARLIER: &str = "sig-0";

pub(super) fn balancers(recipe: &Recipe) -> &'static [&'static str] {
    match (recipe.kind.is_blue_green(), recipe.two) {
        (false, _) => &[],
        (true, false) => &["one"],
        (true, true) => &["one", "two"],
    }
}

/// The steps' ids with what their verifications say.
pub(super) type Script = BTreeMap<String, Says>;

pub(super) fn prepare(recipe: &Recipe) -> (Arc<World>, Script) {
    let mut script = Script::new();
    let mut extra = |id: &str, extra: Option<Extra>| match extra {
        None => Vec::new(),
        Some(Extra::Approve) => vec![approve(id, recipe)],
        Some(Extra::Verify(says)) => {
            script.insert(id.to_owned(), says);
            vec![step(id, Action::Verify(plugin("errors")))]
        }
    };
    let (before, behind, undo) =
        (extra("before", recipe.before), extra("behind", recipe.behind), extra("rollback/undo", recipe.undo));
    let mut plan = match recipe.kind {
        Kind::Basic => phased(recipe, &[100], before, behind),
        Kind::Canary => phased(recipe, &[25, 50, 100], before, behind),
        Kind::Swap => {
            let mut plan = swap_plan(balancers(recipe), recipe.downsize, behind);
            plan.phases[0].steps.extend(before);
            plan
        }
        Kind::Shift => {
            let first = vec![shift_to(1, 10, false)];
            let steps = first.into_iter().chain(before).chain([shift_to(2, 100, recipe.downsize)]).chain(behind);
            shift_plan(balancers(recipe), steps.collect())
        }
    };
    plan.rollback = undo;
    plan.on_failure = FailurePolicy { default: recipe.on_failure, by_class: BTreeMap::new() };
    let wrap_ups = (1..=recipe.wrap_ups.len()).map(|n| step(&format!("wrap-up/{n}"), Action::WrapUp(plugin("chat"))));
    plan.wrap_up = wrap_ups.collect();
    let failing = (1..).zip(&recipe.wrap_ups).filter(|(_, succeeds)| !**succeeds);
    script.extend(failing.map(|(n, _)| (format!("wrap-up/{n}"), Says::Fail)));
    (world(recipe, plan), script)
}

fn phased(recipe: &Recipe, percents: &[u8], before: Vec<Step>, behind: Vec<Step>) -> Plan {
    let mut plan = plan(Vec::new());
    let deploy = |percent: &u8| {
        let deploy = Deploy { amount: Amount::Percent(*percent), downsize_old: None, order: recipe.order, timeout: None };
        step(&format!("deploy-{percent}"), Action::Deploy(deploy))
    };
    let mut steps: Vec<Step> = std::iter::once(step("setup", Action::Setup)).chain(percents.iter().map(deploy)).collect();
    let last = steps.pop();
    steps.extend(before);
    plan.phases = vec![
        Phase { name: "Canary".into(), steps },
        Phase { name: "Primary".into(), steps: last.into_iter().chain(behind).collect() },
    ];
    plan
}

fn approve(id: &str, recipe: &Recipe) -> Step {
    let mut step = approval(Millis::minutes(120));
    step.id = StepId::new(id);
    if let Action::Approve(approve) = &mut step.action {
        (approve.on_reject, approve.on_expiry) = (recipe.refused, recipe.refused);
    }
    step
}

fn world(recipe: &Recipe, plan: Plan) -> Arc<World> {
    let world = if recipe.kind.is_blue_green() {
        blue_green::world(plan, balancers(recipe))
    } else {
        let world = World::new(plan);
        world.add("sig-1", "web__4", FULL, None);
        world.add(EARLIER, "web__3", Capacity::ZERO, Some("earlier"));
        world
    };
    if recipe.first {
        world.state().groups.remove("sig-1");
    }
    for (id, name, capacity, run) in BYSTANDERS {
        world.add(id, name, capacity, run);
    }
    world
}
