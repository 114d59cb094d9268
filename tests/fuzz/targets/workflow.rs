//! A workflow file is refused or planned, never a panic; a plan that is written to the record is the same when it is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shiftgate_workflow::{Files, Inputs, Plan, Source, check, elastigroup_example, plan};

/// Every file is an Elastigroup.
struct Shelf;

impl Files for Shelf {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(elastigroup_example())
    }

    fn resolve(&self, path: &str) -> String {
        format!("/{path}")
    }
}

fuzz_target!(|text: &str| {
    let source = Source { name: "workflow.yaml".to_owned(), text: text.to_owned() };
    // The seeds want these; one that a file does not name would be a mistake.
    let given = [("ami", "ami-0123"), ("prometheus", "http://127.0.0.1:9090")];
    let given = given.into_iter().filter(|(name, _)| text.contains(&format!("  {name}: {{")));
    let inputs: Inputs = given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if let Err(diagnostics) = check(&source, &Shelf, &Inputs::new()) {
        assert!(!diagnostics.render(false, 100).is_empty());
    }
    let Ok(plan) = plan(&source, &Shelf, &inputs) else { return };
    let written = serde_json::to_string(&plan).expect("a plan has JSON");
    assert_eq!(serde_json::from_str::<Plan>(&written).expect("what was written can be read"), plan);
});
