//! `setup:`: the family of the new group, how large it becomes, and what it is made from.

use shiftgate_model::{ElastigroupTemplate, Family, Millis, STAGE_SUFFIX, Sizing, StepId};

use super::failure::{Place, policy};
use super::infrastructure::{template, user_data};
use super::load_balancers::ReadRouting;
use super::names::Names;
use super::routes::Traffic;
use super::sizes;
use crate::expression::Scope;
use crate::plan::{Action, FailurePolicy, Routing, Setup, Step, Strategy};
use crate::read::{Node, SETUP, Table};
use crate::session::Session;

/// What the setup is read from. It belongs to the first phase, and sees that phase's variables.
pub(crate) struct Groups<'c, 'n> {
    pub(crate) service: Option<Table<'n>>,
    pub(crate) infra: Option<Table<'n>>,
    pub(crate) names: &'c Names,
    pub(crate) scope: &'c Scope,
    pub(crate) strategy: Strategy,
    /// Of a blue/green workflow.
    pub(crate) routing: Option<&'c ReadRouting>,
}

/// The setup, and its sizes by themselves: they are checked against the phases whatever else is wrong.
pub(crate) struct ReadSetup {
    pub(crate) setup: Option<(Setup, Step)>,
    pub(crate) sizing: Option<Sizing>,
}

pub(crate) fn setup(s: &mut Session<'_>, workflow: Option<Table<'_>>, groups: Groups<'_, '_>) -> ReadSetup {
    let Groups { service, infra, names, scope, strategy, routing } = groups;
    let user_data = user_data(s, service, scope);
    let template = template(s, infra, scope, user_data.present);
    if let (Some(template), Some(routing)) = (&template, routing) {
        not_steered(s, template, routing);
    }
    let nothing = ReadSetup { setup: None, sizing: None };
    let Some(workflow) = workflow else { return nothing };
    let Some(node) = workflow.get("setup") else {
        let hint = "write `setup: { instances: { min: 0, target: 4, max: 10 } }`";
        s.error_hint("missing-field", workflow.node.place, "`workflow` has no `setup`", "needs `setup`", hint);
        return nothing;
    };
    let Some(table) = s.table(node, &SETUP) else { return nothing };
    let family = family(s, table, names, scope);
    let sizing = table.need("instances", "`setup`", &mut s.found).and_then(|node| sizes::sizing(s, node, scope));
    let steady_state_timeout = s.duration_in(table, "steadyStateTimeout", scope.now(), Millis::minutes(20));
    only_where_it_means_something(s, table, strategy);
    let keep_old_groups = table.get("keepOldGroups").map_or(Some(3), |node| s.integer(node, scope.now(), 0..=100));
    let stage_suffix = table
        .get("stageSuffix")
        .map_or_else(|| Some(STAGE_SUFFIX.to_owned()), |node| stage_suffix(s, node, family.as_ref(), scope));
    let on_failure = table.get("onFailure").map(|node| policy(s, node, scope, Place::Forward));
    let routing_as_meant = routing.map(|routing| {
        Some(Routing { shape: routing.shape.clone()?, stage_suffix: stage_suffix?, assume_production: Vec::new() })
    });
    let setup = (|| {
        let step = step(routing.map(|routing| routing.traffic), sizes::known(on_failure)?);
        let user_data = if user_data.present { Some(user_data.text?) } else { None };
        let setup = Setup {
            family: family?,
            sizing: sizing?,
            template: template?,
            user_data,
            steady_state_timeout: steady_state_timeout?,
            keep_old_groups: keep_old_groups?,
            routing: sizes::known(routing_as_meant)?,
        };
        Some((setup, step))
    })();
    ReadSetup { setup, sizing }
}

fn step(traffic: Option<Traffic>, on_failure: Option<FailurePolicy>) -> Step {
    let title = match traffic {
        Some(Traffic::Shift) => "Elastigroup ALB Shift Setup",
        Some(Traffic::Swap) | None => "Elastigroup Setup",
    };
    Step { id: StepId::new("setup"), title: title.to_owned(), action: Action::Setup, on_failure }
}

/// The group name that the user gives, or the one that the three names make.
fn family(s: &mut Session<'_>, setup: Table<'_>, names: &Names, scope: &Scope) -> Option<Family> {
    let (family, place) = match setup.get("name") {
        Some(node) => (Family::new(&s.text(node, scope.now())?), node.place),
        None => {
            let family = Family::generated(names.service.as_ref()?, names.environment.as_ref()?, names.infrastructure.as_ref()?);
            (family, setup.node.place)
        }
    };
    family.map_err(|error| s.error("bad-name", place, error.to_string(), "no name for a group")).ok()
}

/// Revisions are for basic and canary, a stage is for blue/green.
fn only_where_it_means_something(s: &mut Session<'_>, setup: Table<'_>, strategy: Strategy) {
    let (field, why) = match strategy {
        Strategy::BlueGreen => ("keepOldGroups", "it has a production and a stage group, and no revisions to keep"),
        Strategy::Basic | Strategy::Canary => ("stageSuffix", "its groups are numbered revisions, and none is a stage"),
    };
    if let Some(key) = setup.key(field) {
        let message = format!("`{field}` has no meaning in a {} workflow: {why}", strategy.as_str());
        s.error_hint("meaningless-field", key.span, message, "no meaning here", "remove it");
    }
}

/// What the stage group's name ends in, as Spot carries it.
fn stage_suffix(s: &mut Session<'_>, node: &Node, family: Option<&Family>, scope: &Scope) -> Option<String> {
    let text = s.text(node, scope.now())?;
    let suffix =
        Family::new(&text).map_err(|error| s.error("bad-name", node.place, error.to_string(), "no end of a name")).ok()?;
    let number = suffix.as_str().strip_prefix("__").filter(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    if number.is_some() {
        let name = family.map_or("P", Family::as_str);
        let message =
            format!("the stage group would be called `{name}{}`, as a numbered revision of `{name}` is", suffix.as_str());
        s.error_hint("bad-name", node.place, message, "a revision's name", format!("the usual one is `{STAGE_SUFFIX}`"));
        return None;
    }
    Some(suffix.as_str().to_owned())
}

/// Spot writes the weights of an `itf` rule itself, so nobody else may.
fn not_steered(s: &mut Session<'_>, template: &ElastigroupTemplate, routing: &ReadRouting) {
    let steered = template.steered_rules();
    for (rule, place) in routing.rules.iter().filter(|(rule, _)| steered.contains(rule)) {
        let message =
            format!("Spot itself writes the weights of `{rule}`: the Elastigroup JSON names it in `launchSpecification.itf`");
        let hint = "remove the rule from `itf`, or route by another one";
        s.error_hint("steered-rule", *place, message, "steered by Spot", hint);
    }
}
