//! Any file is a plan, or says why it is none: no panic, no silence, no place outside of the text.

use proptest::prelude::*;

use super::{Memory, inputs, source};
use crate::{Diagnostics, check, plan};

const FILES: [&str; 7] = [
    include_str!("../../../../docs/examples/canary.yaml"),
    include_str!("../../../../docs/examples/basic.yaml"),
    include_str!("../../../../docs/examples/swap.yaml"),
    include_str!("../../../../docs/examples/shift.yaml"),
    include_str!("rich_blue_green.yaml"),
    include_str!("../templates/canary.yaml"),
    include_str!("rich.yaml"),
];

const WORDS: [&str; 24] = [
    "",
    "0",
    "-1",
    "4294967296",
    "1.5",
    "100%",
    "true",
    "null",
    "~",
    "[]",
    "{}",
    "''",
    "${",
    "${x}",
    "${input.ami}",
    "${secrets.t}",
    "${run.id}",
    "${input}",
    "&a",
    "*a",
    "\t",
    "ä",
    "- ",
    "\n",
];

/// The text with some words replaced.
fn mutated(text: &str, changes: &[(prop::sample::Index, usize)]) -> String {
    let mut words: Vec<&str> = text.split_inclusive([' ', '\n', ',', ':']).collect();
    for (at, word) in changes {
        let at = at.index(words.len());
        words[at] = WORDS[*word];
    }
    words.concat()
}

fn every_place_is_in_its_text(found: &Diagnostics) -> bool {
    found.list().iter().all(|d| {
        let text = found.sources().get(d.source).map(|source| source.text.as_str()).unwrap_or_default();
        d.code != "internal"
            && d.span.iter().chain(d.related.iter().map(|(span, _)| span)).all(|span| text.get(span.clone()).is_some())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_changed_file_plans_or_says_why_not(file in 0..FILES.len(), changes in prop::collection::vec((any::<prop::sample::Index>(), 0..WORDS.len()), 0..4)) {
        let text = mutated(FILES[file], &changes);
        let (source, files) = (source(&text), Memory::example());
        if let Err(found) = plan(&source, &files, &inputs(&[("ami", "ami-1")])) {
            prop_assert!(found.has_errors() && every_place_is_in_its_text(&found), "{found}\n{text}");
            prop_assert!(!found.render(false, 80).is_empty());
        }
        match check(&source, &files, &inputs(&[])) {
            Ok(summary) => prop_assert!(summary.plan.is_some() || summary.inputs.iter().any(|input| input.default.is_none()), "{text}"),
            Err(found) => prop_assert!(found.has_errors() && every_place_is_in_its_text(&found), "{found}\n{text}"),
        }
    }

    #[test]
    fn any_text_says_why_it_is_no_workflow(text in "\\PC*") {
        let found = check(&source(&text), &Memory::example(), &inputs(&[])).unwrap_err();
        prop_assert!(every_place_is_in_its_text(&found), "{found}");
    }
}
