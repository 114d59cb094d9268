//! A scenario: what a plugin is given, what the world does meanwhile, and what has to come of it. One YAML file each.
//!
//! The shape of the file is the shape of these types: a field that is not here is a mistake with a place. `read.rs` reads files and
//! tells of mistakes, `network.rs` is the world's part, `expect.rs` holds what happened against what was expected, `told.rs` has the
//! words for it.

mod expect;
mod network;
mod read;
mod told;

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;
use shiftgate_model::{
    AmiId, Capacity, Ending, Grants, GroupFacts, GroupId, GroupName, HttpGrant, InstanceId, Millis, PluginKind, StepId,
    TargetGroupArn, WeighedGroup,
};
use shiftgate_plugin::Manifest;

pub use expect::Mismatch;
pub(crate) use expect::{Expect, compare};
pub(crate) use network::{Answer, Route, Said, length};
pub use read::{read_all, read_named};
pub(crate) use told::{broken_promises, told};

use crate::AuthorError;
use crate::drive::{Step, grants_for, plain_run};

/// One scenario, as it stands in its file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scenario {
    /// What is tested, in words; the file's name where it is left out.
    #[serde(default)]
    pub(crate) name: String,
    /// The step's `with:`.
    #[serde(default = "nothing")]
    pub(crate) config: Value,
    /// Facts of the run that matter here.
    #[serde(default)]
    pub(crate) run: Facts,
    /// How the run ended; for a wrap-up.
    #[serde(default)]
    pub(crate) ending: Option<Spanned<Ended>>,
    /// What the workflow grants; all that the manifest asks for where it is left out.
    #[serde(default)]
    pub(crate) grants: Granted,
    /// Who answers requests.
    #[serde(default)]
    pub(crate) http: Vec<Route>,
    /// Signals that come meanwhile.
    #[serde(default)]
    pub(crate) signals: Vec<Signal>,
    /// When to stop looking at a step that still waits, from its start.
    #[serde(default, deserialize_with = "network::some_length")]
    pub(crate) until: Option<Millis>,
    /// What has to come of it.
    pub(crate) expect: Expect,
    /// Where it was read.
    #[serde(skip)]
    pub(crate) file: PathBuf,
    /// The line of `ending` as it is shown in a message.
    #[serde(skip)]
    pub(crate) ending_line: Option<String>,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Facts of a run; what is left out is as in an ordinary canary.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Facts {
    step: Option<String>,
    attempt: Option<u32>,
    workflow: Option<String>,
    phase: Option<String>,
    service: Option<String>,
    environment: Option<String>,
    infrastructure: Option<String>,
    strategy: Option<String>,
    ami: Option<String>,
    new_group: Option<Group>,
    old_group: Option<Group>,
    target_groups: Option<Vec<Weighed>>,
    dry_run: bool,
    /// How long the step may take.
    #[serde(deserialize_with = "network::some_length")]
    timeout: Option<Millis>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    id: String,
    name: String,
    min: u32,
    target: u32,
    max: u32,
    #[serde(default)]
    instances: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weighed {
    arn: String,
    weight: u16,
}

/// How a run ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ended {
    /// `succeeded`, `failed`, `rolled_back`, `aborted`, `stuck`.
    how: Ending,
    /// One sentence.
    #[serde(default)]
    text: String,
}

/// What a workflow grants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum Granted {
    /// All that the manifest asks for.
    #[default]
    All,
    /// Nothing.
    None,
    /// These.
    Some(Vec<HttpGrant>),
}

impl TryFrom<Value> for Granted {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::String(word) if word == "all" => Ok(Self::All),
            Value::String(word) if word == "none" => Ok(Self::None),
            Value::Array(list) => list.iter().map(grant).collect::<Result<_, _>>().map(Self::Some),
            _ => {
                Err("`grants` is `all`, `none`, or a list as in a workflow: `[ { url: \"https://…\", methods: [GET] } ]`"
                    .to_owned())
            }
        }
    }
}

/// A grant as a workflow writes it; `methods` is GET and `addresses` none where they are left out.
fn grant(value: &Value) -> Result<HttpGrant, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Typed {
        url: String,
        #[serde(default)]
        methods: Option<Vec<String>>,
        #[serde(default)]
        addresses: Vec<String>,
    }
    let Typed { url, methods, addresses } = Typed::deserialize(value).map_err(|error| format!("a grant: {error}"))?;
    let methods = methods.unwrap_or_else(|| vec!["GET".to_owned()]);
    if methods.is_empty() {
        return Err("a grant without methods grants nothing; leave `methods` out for GET, or leave the grant out".to_owned());
    }
    let methods = methods.iter().map(|text| network::method(text)).collect::<Result<_, _>>()?;
    Ok(HttpGrant { url, methods, addresses, auth: None })
}

/// A signal that comes from outside.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signal {
    /// When, from the step's start.
    #[serde(deserialize_with = "length")]
    pub(crate) at: Millis,
    /// Its name.
    pub(crate) name: String,
    /// Its payload.
    #[serde(default)]
    pub(crate) payload: Value,
}

impl Scenario {
    /// What is tested, in words.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its config, if the plugin does its job with it here.
    #[must_use]
    pub fn good_config(&self) -> Option<&Value> {
        self.expect.is_good().then_some(&self.config)
    }

    /// A scenario that expects nothing, for a plugin that has none.
    pub(crate) fn of_config(config: Value) -> Self {
        Self {
            name: String::new(),
            config,
            run: Facts::default(),
            ending: None,
            grants: Granted::All,
            http: Vec::new(),
            signals: Vec::new(),
            until: None,
            expect: Expect::default(),
            file: PathBuf::new(),
            ending_line: None,
        }
    }

    /// The step that it plays.
    pub(crate) fn step(&self, manifest: &Manifest) -> Step {
        let mut step =
            Step { kind: manifest.kind, config: self.config.clone(), run: plain_run(crate::stage::BEGIN), ending: None };
        self.run.tell(&mut step);
        step.ending = self.ending.as_ref().map(|ended| (ended.value.how, ended.value.text.clone()));
        step
    }

    /// Whether it can be one of a plugin of that kind.
    ///
    /// # Errors
    /// [`AuthorError::BadScenario`] for an `ending` that the plugin would never hear of.
    pub(crate) fn expect_kind(&self, kind: PluginKind) -> Result<(), AuthorError> {
        let Some(ending) = self.ending.as_ref().filter(|_| kind != PluginKind::WrapUp) else { return Ok(()) };
        let (file, at) = (self.file.display(), ending.referenced);
        Err(AuthorError::BadScenario {
            place: format!("{file}:{}:{}", at.line(), at.column()),
            message: format!("`ending` is for a wrap-up, and this plugin is of the kind {kind}"),
            line: self.ending_line.clone(),
            hint: Some("take `ending` out: only a wrap-up hears how the run ended".to_owned()),
        })
    }

    /// What its workflow grants.
    pub(crate) fn granted(&self, manifest: &Manifest) -> Grants {
        match &self.grants {
            Granted::All => grants_for(manifest, &self.config, |_| true),
            Granted::None => Grants::default(),
            Granted::Some(http) => Grants::of(http.clone()),
        }
    }
}

impl Facts {
    fn tell(&self, step: &mut Step) {
        let run = &mut step.run;
        let text = |to: &mut String, from: &Option<String>| {
            if let Some(text) = from {
                to.clone_from(text);
            }
        };
        text(&mut run.workflow, &self.workflow);
        text(&mut run.phase, &self.phase);
        text(&mut run.service, &self.service);
        text(&mut run.environment, &self.environment);
        text(&mut run.infrastructure, &self.infrastructure);
        text(&mut run.strategy, &self.strategy);
        if let Some(id) = &self.step {
            run.step = StepId::new(id.as_str());
            run.idempotency_key = format!("{}/{id}", run.run);
        }
        if let Some(ami) = &self.ami {
            run.artifact = AmiId::new(ami.as_str());
        }
        if let Some(attempt) = self.attempt {
            run.attempt = attempt;
        }
        run.new_group = self.new_group.as_ref().map(group).or_else(|| run.new_group.take());
        run.old_group = self.old_group.as_ref().map(group).or_else(|| run.old_group.take());
        if let Some(groups) = &self.target_groups {
            let weighed = |group: &Weighed| WeighedGroup { group: TargetGroupArn::new(group.arn.as_str()), weight: group.weight };
            run.target_groups = groups.iter().map(weighed).collect();
        }
        run.dry_run = self.dry_run;
        run.deadline = self.timeout.map(|timeout| run.started_at.plus(timeout));
    }
}

fn group(group: &Group) -> GroupFacts {
    GroupFacts {
        id: GroupId::new(group.id.as_str()),
        name: GroupName::new(group.name.as_str()),
        capacity: Capacity { minimum: group.min, target: group.target, maximum: group.max },
        instances: group.instances.iter().map(|id| InstanceId::new(id.as_str())).collect(),
    }
}
