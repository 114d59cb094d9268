//! Conditions as users write them: what holds, what does not, and what is told of those that make no sense.

use serde_json::{Value, json};

use super::{Condition, Val};

fn holds(text: &str, result: &Value) -> Result<bool, String> {
    Condition::parse(text)?.holds(&Val::of(result))
}

#[test]
fn what_users_write_for_argo_rollouts_means_the_same() {
    let rows = [
        ("result[0] >= 0.95", json!([0.97]), true),
        ("result[0] < 0.05 && result[1] < 0.05", json!([0.01, 0.2]), false),
        ("len(result) == 0 || result[0] < 1", json!([]), true),
        ("result.status == 'ok' and result.data.errors <= 3", json!({"status": "ok", "data": {"errors": 3}}), true),
        ("all(result, # < 1)", json!([0.1, 0.2]), true),
        ("all(result, {# < 1})", json!([0.1, 2]), false),
        ("any(result, # > 1) || none(result, # > 0)", json!([0.5]), false),
        ("count(result, # > 1) == 2", json!([2, 3, 0]), true),
        ("default(result, 0) == 0", json!(null), true),
        ("default(result[0], 7) == 7", json!([]), true),
        ("asFloat(result) * 100 > 4.9 && asInt(result) == 0", json!("0.05"), true),
        ("result in ['a', \"b\"]", json!("b"), true),
        ("result contains 'deploy' && !(result contains 'error')", json!("deployed"), true),
        ("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 10 % 4 - 1 == 1", json!(0), true),
        ("-result < 0 and not (result < 0)", json!(1), true),
        ("max(result) - min(result) <= 2 && sum(result) == 6 && mean(result) == 2 && abs(-2) == 2", json!([1, 2, 3]), true),
        ("result[-1] == 3 && isNil(result[0])", json!([null, 3]), true),
        ("result != nil && result['a b'] == true", json!({"a b": true}), true),
        ("1e-3 < 0.01 || 2E+1 == 20", json!(0), true),
    ];
    for (text, result, expected) in rows {
        assert_eq!(holds(text, &result), Ok(expected), "{text} of {result}");
    }
}

#[test]
fn nan_and_infinity_are_seen() {
    let holds = |text: &str, value: f64| Condition::parse(text).unwrap().holds(&Val::Number(value)).unwrap();
    assert!(holds("isNaN(result)", f64::NAN));
    assert!(holds("isInf(result)", f64::NEG_INFINITY));
    assert!(!holds("result < 1 || result >= 1 || result == result", f64::NAN));
    assert!(holds("default(result, 3) == 3", f64::NAN));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let errors = [
        ("result <", json!(1)),
        ("result < 1 2", json!(1)),
        ("reslut < 1", json!(1)),
        ("length(result) < 1", json!(1)),
        ("result[0", json!(1)),
        ("'abc", json!(1)),
        ("1.2.3 < 1", json!(1)),
        ("result", json!(0.5)),
        ("result < 1", json!("a")),
        ("result.errors < 1", json!({"error": 1})),
        ("result[0] < 1", json!({})),
        ("# < 1", json!(1)),
        ("len(result, 1) == 1", json!([])),
        ("max(result) < 1", json!([])),
        ("asFloat(result) < 1", json!("soon")),
        ("!result", json!(1)),
        ("all(result, # < 1)", json!([])),
        ("none(result, # > 1)", json!([])),
    ]
    .map(|(text, result)| holds(text, &result).unwrap_err());
    insta::assert_snapshot!(errors.join("\n"), @r#"
`result <`: expected a value at the end
`result < 1 2`: expected an operator at `2`
`reslut < 1`: there is no `reslut`; a condition knows `result`
`length(result) < 1`: there is no function `length`; there are: len, isNaN, isInf, isNil, asFloat, asInt, default, abs, min, max, sum, mean, all, any, none, count, float, int, startsWith
`result[0`: expected `]` at the end
`'abc`: a text has no end
`1.2.3 < 1`: `1.2.3` is no number
`result` cannot be evaluated: it is 0.5, and neither true nor false
`result < 1` cannot be evaluated: expected a number, and found text
`result.errors < 1` cannot be evaluated: there is no field `errors`
`result[0] < 1` cannot be evaluated: an index asks for a list, and found an object
`# < 1` cannot be evaluated: `#` stands inside `all`, `any`, `none` or `count` only
`len(result, 1) == 1` cannot be evaluated: `len` takes 1 argument, and has 2
`max(result) < 1` cannot be evaluated: the list is empty
`asFloat(result) < 1` cannot be evaluated: "soon" is no number
`!result` cannot be evaluated: expected true or false, and found a number
`all(result, # < 1)` cannot be evaluated: `all` has nothing to look at: the list is empty
`none(result, # > 1)` cannot be evaluated: `none` has nothing to look at: the list is empty
"#);
}

#[test]
fn a_condition_cannot_go_on_for_ever() {
    let deep = format!("{}1{} == 1", "(".repeat(5_000), ")".repeat(5_000));
    assert!(holds(&deep, &json!(1)).unwrap_err().contains("is the most"));
    let deep = format!("{}1{} == 1", "(".repeat(500), ")".repeat(500));
    assert!(holds(&deep, &json!(1)).unwrap_err().ends_with("it nests deeper than 40"));
    assert!(holds(&"!".repeat(500), &json!(1)).unwrap_err().ends_with("it nests deeper than 40"));
    assert!(holds(&"-".repeat(500), &json!(1)).is_err());
    assert!(holds(&"[".repeat(500), &json!(1)).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_fall_over(text in "[ -~é#\\[\\]()]{0,60}") {
        let _ = holds(&text, &json!([1, {"a": null}]));
    }
}
