//! The two ways into this room: [`plan`] for a run, [`check`] for a file that nobody runs yet.

use shiftgate_model::{PluginSource, StepId};

use crate::meaning::{Meaning, meaning};
use crate::read::{Node, Tree, parse};
use crate::session::Session;
use crate::source::{Sources, Span};
use crate::{Diagnostic, Diagnostics, Files, InputSpec, Inputs, Plan, Source, Strategy};

/// What a file without mistakes says of itself.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The workflow's name; none when it depends on an input that is not given.
    pub workflow: Option<String>,
    /// How the deployment goes.
    pub strategy: Option<Strategy>,
    /// Its inputs, in the order of the file.
    pub inputs: Vec<InputSpec>,
    /// The plugins that its steps use, each once.
    pub plugins: Vec<PluginSource>,
    /// The plan; none when a required input is not given.
    pub plan: Option<Plan>,
    /// What is probably not meant; none when there is nothing to say.
    pub warnings: Option<Diagnostics>,
    /// Where the configs of the plugin steps stand, for what their plugins say of them.
    pub configs: Configs,
}

/// The plan of a workflow file.
///
/// # Errors
/// [`Diagnostics`] with everything that is wrong, warnings included.
pub fn plan(source: &Source, files: &dyn Files, inputs: &Inputs) -> Result<Plan, Diagnostics> {
    let Summary { plan, configs, .. } = read(source, files, inputs, true)?;
    plan.ok_or_else(|| unexplained(configs.sources))
}

/// What can be said of a workflow file when only some of its inputs are given. A required input that is missing is no
/// mistake here, and everything that does not depend on it is checked.
///
/// # Errors
/// [`Diagnostics`] with everything that is wrong, warnings included.
pub fn check(source: &Source, files: &dyn Files, inputs: &Inputs) -> Result<Summary, Diagnostics> {
    read(source, files, inputs, false)
}

fn read(source: &Source, files: &dyn Files, inputs: &Inputs, complete: bool) -> Result<Summary, Diagnostics> {
    let mut session = Session::new(files);
    let found = match session.sources.add(source.clone()) {
        Ok(number) => {
            parse(&source.text, number, &mut session.found).and_then(|root| meaning(&mut session, &root, inputs, complete))
        }
        Err(refused) => {
            session.found.push(*refused);
            None
        }
    };
    let Session { sources, found: diagnostics, .. } = session;
    let diagnostics = Diagnostics::new(sources.clone(), diagnostics);
    match (diagnostics, found) {
        (Some(diagnostics), _) if diagnostics.has_errors() => Err(diagnostics),
        (_, None) => Err(unexplained(sources)),
        (warnings, Some(Meaning { plan, workflow, strategy, inputs, plugins, configs })) => {
            Ok(Summary { workflow, strategy, inputs, plugins, plan, warnings, configs: Configs { sources, places: configs } })
        }
    }
}

/// A plan that cannot be made has to say why; this says that it does not.
fn unexplained(sources: Sources) -> Diagnostics {
    let diagnostic = Diagnostic::error("internal", None, "this workflow cannot be planned, and shiftgate cannot say why");
    Diagnostics::just(sources, diagnostic.hint("this is a mistake in shiftgate: please report it with the file"))
}

/// Where the `with:` of each plugin step stands.
#[derive(Clone, Debug)]
pub struct Configs {
    sources: Sources,
    places: Vec<(StepId, Node)>,
}

/// What a plugin says of its config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The step that the config is of.
    pub step: StepId,
    /// A JSON pointer into the config: `/max`; empty for all of it.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl Configs {
    /// The problems with their places in the file; none when there are none.
    #[must_use]
    pub fn diagnostics(&self, problems: &[ConfigProblem]) -> Option<Diagnostics> {
        let list = problems.iter().map(|problem| {
            let place = self.places.iter().find(|(step, _)| *step == problem.step).map(|(_, node)| below(node, &problem.pointer));
            let what = if problem.pointer.is_empty() { String::new() } else { format!(" at `{}`", problem.pointer) };
            Diagnostic::error(
                "plugin-config",
                place,
                format!("the plugin of step `{}` refuses its config{what}: {}", problem.step, problem.message),
            )
        });
        Diagnostics::new(self.sources.clone(), list.collect())
    }
}

/// The value that a JSON pointer leads to, or the last one on its way.
fn below(node: &Node, pointer: &str) -> Span {
    let mut node = node;
    for part in pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")) {
        let next = match &node.tree {
            Tree::Map(entries) => entries.iter().find(|(key, _)| key.text == part).map(|(_, node)| node),
            Tree::List(items) => part.parse::<usize>().ok().and_then(|at| items.get(at)),
            Tree::Scalar(_) => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    node.place
}
