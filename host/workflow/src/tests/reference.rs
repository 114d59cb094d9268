//! docs/workflow.md names everything that the parser knows.

use crate::read::ALL;

#[test]
fn every_field_is_in_the_reference() {
    let reference = include_str!("../../../../docs/workflow.md");
    let known = ALL.iter().flat_map(|fields| fields.keys.iter().map(move |key| (fields.what, *key)));
    let missing: Vec<_> = known.filter(|(_, key)| !reference.contains(&format!("`{key}`"))).collect();
    assert_eq!(missing, []);
}
