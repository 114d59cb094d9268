//! A part of PromQL over the simulated metrics: selectors, `rate` and `increase`, five aggregations, and arithmetic
//! between vectors and numbers. What is outside of it is refused by name, never computed wrongly.
//!
//! Parsing is the `promql-parser` crate's; `query_api.rs` is the HTTP surface.

use std::collections::BTreeMap;
use std::time::Duration;

use promql_parser::parser::token::{T_ADD, T_AVG, T_COUNT, T_DIV, T_MAX, T_MIN, T_MUL, T_SUB, T_SUM, TokenId};
use promql_parser::parser::{
    AggregateExpr, BinModifier, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, Offset, VectorMatchCardinality,
    VectorSelector,
};

use crate::metrics::{Labels, Scrape, Select};

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// It cannot be parsed, or asks for what is not simulated. Status 400.
    BadData(String),
    /// It can be parsed, and has no meaning over these series. Status 422.
    Execution(String),
}

/// One value of a vector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The metric's name; gone after any computation.
    pub(crate) name: Option<&'static str>,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// What a query comes to at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    Vector(Vec<Sample>),
}

/// A longer query, or one with more parentheses and operators, is refused: each of them may be a level of recursion.
const LONGEST: usize = 4 * 1024;
const MOST_OPERATORS: usize = 256;

/// Parses a query.
pub(crate) fn parse(query: &str) -> Result<Expr, QueryError> {
    if query.len() > LONGEST {
        return Err(QueryError::BadData(format!("the query is longer than {LONGEST} bytes")));
    }
    if query.chars().filter(|character| "(+-*/".contains(*character)).count() > MOST_OPERATORS {
        return Err(QueryError::BadData(format!("the query has more than {MOST_OPERATORS} parentheses and operators")));
    }
    let failed = |error| QueryError::BadData(format!("invalid parameter \"query\": parse error: {error}"));
    promql_parser::parser::parse(query).map_err(failed)
}

fn unsupported<T>(what: impl std::fmt::Display) -> Result<T, QueryError> {
    Err(QueryError::BadData(format!("the simulated metrics do not support {what}")))
}

/// Computes a query at a time of day, in seconds since 1970.
pub(crate) fn evaluate(expression: &Expr, scrape: &Scrape, time: f64) -> Result<Value, QueryError> {
    match expression {
        Expr::NumberLiteral(number) => Ok(Value::Scalar(number.val)),
        Expr::Paren(paren) => evaluate(&paren.expr, scrape, time),
        Expr::Unary(unary) => Ok(match evaluate(&unary.expr, scrape, time)? {
            Value::Scalar(number) => Value::Scalar(-number),
            Value::Vector(vector) => map(vector, |value| -value),
        }),
        Expr::VectorSelector(selector) => select(selector, scrape, time),
        Expr::Call(call) => function(call, scrape, time),
        Expr::Aggregate(aggregate) => aggregation(aggregate, scrape, time),
        Expr::Binary(binary) => arithmetic(binary, scrape, time),
        Expr::MatrixSelector(_) => unsupported("a range selector outside of rate() and increase()"),
        Expr::Subquery(_) => unsupported("a subquery"),
        Expr::StringLiteral(_) => unsupported("a string"),
        Expr::Extension(_) => unsupported("an extension"),
    }
}

/// A vector with every value changed; what is computed has no metric name.
fn map(vector: Vec<Sample>, change: impl Fn(f64) -> f64) -> Value {
    let change = |sample: Sample| Sample { name: None, value: change(sample.value), ..sample };
    Value::Vector(vector.into_iter().map(change).collect())
}

fn selection(selector: &VectorSelector, time: f64) -> Result<(Select, f64), QueryError> {
    if selector.at.is_some() {
        return unsupported("the `@` modifier");
    }
    if !selector.matchers.or_matchers.is_empty() {
        return unsupported("`or` between matchers");
    }
    let time = match &selector.offset {
        None => time,
        Some(Offset::Pos(offset)) => time - offset.as_secs_f64(),
        Some(Offset::Neg(offset)) => time + offset.as_secs_f64(),
    };
    Ok((Select { name: selector.name.clone(), matchers: selector.matchers.matchers.clone() }, time))
}

fn select(selector: &VectorSelector, scrape: &Scrape, time: f64) -> Result<Value, QueryError> {
    let (select, time) = selection(selector, time)?;
    let found = scrape.values(&select, time);
    let sample = |(metric, labels, value): (crate::metrics::Metric, &Labels, f64)| Sample {
        name: Some(metric.name()),
        labels: labels.clone(),
        value,
    };
    Ok(Value::Vector(found.map(sample).collect()))
}

fn function(call: &Call, scrape: &Scrape, time: f64) -> Result<Value, QueryError> {
    let per_second = match call.func.name {
        "rate" => true,
        "increase" => false,
        other => return unsupported(format!("the function {other}()")),
    };
    let argument = call.args.args.first().map(|argument| &**argument);
    let Some(Expr::MatrixSelector(MatrixSelector { vs, range })) = argument else {
        return unsupported(format!("{}() of anything but a range selector", call.func.name));
    };
    let (select, time) = selection(vs, time)?;
    let mut samples: Vec<Sample> = Vec::new();
    for (labels, gain) in scrape.gains(&select, time, *range) {
        if samples.iter().any(|sample| sample.labels == *labels) {
            return Err(QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned()));
        }
        let value = if per_second { gain.per_second } else { gain.by };
        samples.push(Sample { name: None, labels: labels.clone(), value });
    }
    Ok(Value::Vector(samples))
}

fn aggregation(aggregate: &AggregateExpr, scrape: &Scrape, time: f64) -> Result<Value, QueryError> {
    let operator = aggregate.op.id();
    if ![T_SUM, T_AVG, T_MAX, T_MIN, T_COUNT].contains(&operator) {
        return unsupported(format!("the aggregation {}()", aggregate.op));
    }
    let Value::Vector(vector) = evaluate(&aggregate.expr, scrape, time)? else {
        return Err(QueryError::BadData("expected type instant vector in aggregation expression, got scalar".to_owned()));
    };
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for sample in vector {
        groups.entry(grouped(&sample.labels, aggregate.modifier.as_ref())).or_default().push(sample.value);
    }
    let sample = |(labels, values): (Labels, Vec<f64>)| Sample { name: None, labels, value: fold(operator, &values) };
    Ok(Value::Vector(groups.into_iter().map(sample).collect()))
}

fn grouped(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    let keep = |key: &String| match modifier {
        None => false,
        Some(LabelModifier::Include(by)) => by.labels.contains(key),
        Some(LabelModifier::Exclude(without)) => !without.labels.contains(key),
    };
    labels.iter().filter(|(key, _)| keep(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn fold(operator: TokenId, values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let count = values.iter().map(|_| 1.0).sum::<f64>();
    match operator {
        T_SUM => sum,
        T_AVG => sum / count,
        T_MAX => values.iter().copied().fold(f64::NAN, f64::max),
        T_MIN => values.iter().copied().fold(f64::NAN, f64::min),
        _ => count,
    }
}

fn arithmetic(binary: &BinaryExpr, scrape: &Scrape, time: f64) -> Result<Value, QueryError> {
    let compute: fn(f64, f64) -> f64 = match binary.op.id() {
        T_ADD => |a, b| a + b,
        T_SUB => |a, b| a - b,
        T_MUL => |a, b| a * b,
        T_DIV => |a, b| a / b,
        _ => return unsupported(format!("the operator `{}`", binary.op)),
    };
    Ok(match (evaluate(&binary.lhs, scrape, time)?, evaluate(&binary.rhs, scrape, time)?) {
        (Value::Scalar(a), Value::Scalar(b)) => Value::Scalar(compute(a, b)),
        (Value::Vector(vector), Value::Scalar(b)) => map(vector, |a| compute(a, b)),
        (Value::Scalar(a), Value::Vector(vector)) => map(vector, |b| compute(a, b)),
        (Value::Vector(left), Value::Vector(right)) => joined(left, right, binary.modifier.as_ref(), compute)?,
    })
}

/// Pairs the series of two vectors by their labels, one to one.
fn joined(
    left: Vec<Sample>,
    right: Vec<Sample>,
    modifier: Option<&BinModifier>,
    compute: fn(f64, f64) -> f64,
) -> Result<Value, QueryError> {
    if modifier.is_some_and(|modifier| modifier.card != VectorMatchCardinality::OneToOne) {
        return unsupported("group_left, group_right and set operators");
    }
    if modifier.is_some_and(|modifier| modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some()) {
        return unsupported("filling in missing series");
    }
    let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
    let key = |labels: &Labels| matching.map_or_else(|| labels.clone(), |matching| grouped(labels, Some(matching)));
    let mut by_key: BTreeMap<Labels, f64> = BTreeMap::new();
    for sample in right {
        insert_once(&mut by_key, key(&sample.labels), sample.value, "right")?;
    }
    let mut result: BTreeMap<Labels, f64> = BTreeMap::new();
    for sample in left {
        let key = key(&sample.labels);
        if let Some(other) = by_key.get(&key) {
            insert_once(&mut result, key, compute(sample.value, *other), "left")?;
        }
    }
    Ok(Value::Vector(result.into_iter().map(|(labels, value)| Sample { name: None, labels, value }).collect()))
}

fn insert_once(into: &mut BTreeMap<Labels, f64>, key: Labels, value: f64, side: &str) -> Result<(), QueryError> {
    if into.contains_key(&key) {
        let message = format!("found duplicate series for the match group {key:?} on the {side} hand-side of the operation");
        return Err(QueryError::Execution(message));
    }
    into.insert(key, value);
    Ok(())
}

/// The step of a range query or another length of time: seconds, or `15s`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => promql_parser::util::parse_duration(text).ok(),
    }
}
