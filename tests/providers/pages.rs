//! The pages of the providers: what each shows is a workflow, whose plugin takes its config.

use std::fs;
use std::sync::Arc;

use serde_json::Value;
use shiftgate_model::{Call, Grants, Outcome};
use shiftgate_store::SystemClock;
use shiftgate_workflow::{Files, Inputs, Source};

use super::call;
use crate::program::root;

const PAGES: [&str; 4] = ["prometheus", "elasticsearch", "appdynamics", "http-json"];
const WORKFLOW: &str = "tests/cases/basic/workflow.yaml";

/// Every file is the Elastigroup of the cases.
struct Shelf;

impl Files for Shelf {
    fn read(&self, _: &str) -> Result<String, String> {
        fs::read_to_string(root().join("tests/cases/elastigroup.json")).map_err(|error| error.to_string())
    }

    fn resolve(&self, path: &str) -> String {
        format!("/{path}")
    }
}

/// The configs of the verifications that a page shows first, in a workflow around them.
fn shown(page: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join("docs/providers").join(format!("{page}.md"))).expect("a page");
    let block = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let (top, phase) = block.split_once("# in a phase\n").expect("two parts");
    let steps: String = phase.lines().map(|line| format!("  {line}\n")).collect();
    let workflow = fs::read_to_string(root().join(WORKFLOW)).expect("a workflow");
    assert!(workflow.contains("deploy: 2\n"), "{WORKFLOW} has another shape");
    let text = format!("{}\n{top}", workflow.replace("deploy: 2\n", &format!("deploy: 2\n{steps}")));
    let inputs: Inputs = [("ami".to_owned(), "ami-0green".to_owned())].into();
    let plan = shiftgate_workflow::plan(&Source { name: format!("{page}.md"), text }, &Shelf, &inputs);
    let plan = plan.unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(false, 100)));
    let steps = plan.phases.iter().flat_map(|phase| &phase.steps);
    let actions = steps.map(|step| serde_json::to_value(&step.action).expect("an action has JSON"));
    actions.filter_map(|mut action| Some(action.get_mut("verify")?["with"].take())).collect()
}

#[tokio::test]
async fn every_page_shows_a_workflow_whose_plugin_takes_its_config() {
    let validated = async |page: &str, config: Value| {
        call(page, Arc::new(SystemClock), Grants::default(), Call::Validate, config).await.expect("an answer")
    };
    for page in PAGES {
        let configs = shown(page);
        assert_eq!(configs.len(), 1, "{page}");
        for mut config in configs {
            let found = validated(page, config.clone()).await;
            assert!(matches!(found, Outcome::Accepted), "{page}: {found:?}");
            config["nonsense"] = Value::from(1);
            let found = validated(page, config).await;
            assert!(matches!(found, Outcome::ConfigRefused(_)), "{page}: {found:?}");
        }
    }
}
