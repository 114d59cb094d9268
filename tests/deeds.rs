//! What somebody else does to the account while a run goes on, or between two commands: words of `case.json`.

use serde::Deserialize;
use serde_json::Value;
use shiftgate_sim::{Edit, Numbers, Sim};

use crate::program::Bench;

/// One deed.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deed {
    /// Another command of the program, to its end; it has to succeed.
    Command(Vec<String>),
    /// The process is killed, and this command goes on.
    Kill(Vec<String>),
    /// A listener's default rule is given other actions.
    Rule(Rule),
    /// Health checks find every target of a group so, until `null` takes it back.
    Targets { group: String, state: Option<String> },
    /// A group is given another capacity.
    Capacity { group: String, capacity: Numbers },
}

/// A default rule, and what it is to do: AWS's list, or the short form of a world file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    load_balancer: String,
    port: u16,
    actions: Value,
}

impl Deed {
    pub(crate) async fn done(&self, bench: &Bench) {
        match self {
            Self::Command(args) => {
                let done = bench.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
                assert_eq!(done.exit, 0, "{args:?}: {}{}", done.stdout, done.stderr);
            }
            Self::Kill(_) => panic!("a process is killed while its output is read, not between two commands"),
            Self::Rule(rule) => rule.give(&bench.sim),
            Self::Targets { group, state } => {
                bench.sim.set_target_health(group, state.as_deref()).expect("the target group is there");
            }
            Self::Capacity { group, capacity } => {
                let edit = Edit { capacity: Some(*capacity), name: None };
                bench.sim.edit(group, &edit).expect("the group is there");
            }
        }
    }
}

impl Rule {
    fn give(&self, sim: &Sim) {
        let arn = shiftgate_sim::rule_arn(&self.load_balancer, self.port, None);
        sim.set_actions(&arn, &self.actions).expect("the rule takes the actions");
    }
}
