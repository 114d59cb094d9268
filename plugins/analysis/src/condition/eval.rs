//! Expression to value. What makes no sense is an error in words, never a guess.

use super::Val;
use super::parse::{Expression, Operator};

/// The functions that there are.
pub(super) const FUNCTIONS: [&str; 19] = [
    "len",
    "isNaN",
    "isInf",
    "isNil",
    "asFloat",
    "asInt",
    "default",
    "abs",
    "min",
    "max",
    "sum",
    "mean",
    "all",
    "any",
    "none",
    "count",
    "float",
    "int",
    "startsWith",
];

/// The value of an expression.
pub(super) fn evaluate(expression: &Expression, result: &Val, item: Option<&Val>) -> Result<Val, String> {
    let of = |inner: &Expression| evaluate(inner, result, item);
    match expression {
        Expression::Literal(value) => Ok(value.clone()),
        Expression::List(items) => items.iter().map(of).collect::<Result<_, _>>().map(Val::List),
        Expression::Result => Ok(result.clone()),
        Expression::Item => item.cloned().ok_or_else(|| "`#` stands inside `all`, `any`, `none` or `count` only".to_owned()),
        Expression::Field(inner, name) => field(&of(inner)?, name),
        Expression::Index(inner, index) => at(&of(inner)?, &of(index)?),
        Expression::Call(name, arguments) => call(name, arguments, result, item),
        Expression::Not(inner) => Ok(Val::Bool(!truth(&of(inner)?)?)),
        Expression::Minus(inner) => Ok(Val::Number(-number(&of(inner)?)?)),
        Expression::Binary(Operator::And, left, right) => Ok(Val::Bool(truth(&of(left)?)? && truth(&of(right)?)?)),
        Expression::Binary(Operator::Or, left, right) => Ok(Val::Bool(truth(&of(left)?)? || truth(&of(right)?)?)),
        Expression::Binary(operator, left, right) => binary(*operator, &of(left)?, &of(right)?),
    }
}

fn truth(value: &Val) -> Result<bool, String> {
    match value {
        Val::Bool(truth) => Ok(*truth),
        other => Err(format!("expected true or false, and found {}", other.kind())),
    }
}

fn number(value: &Val) -> Result<f64, String> {
    match value {
        Val::Number(number) => Ok(*number),
        other => Err(format!("expected a number, and found {}", other.kind())),
    }
}

fn list(value: &Val) -> Result<&[Val], String> {
    match value {
        Val::List(items) => Ok(items),
        other => Err(format!("expected a list, and found {}", other.kind())),
    }
}

fn field(value: &Val, name: &str) -> Result<Val, String> {
    match value {
        Val::Map(fields) => match fields.iter().find(|(known, _)| known == name) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(format!("there is no field `{name}`")),
        },
        other => Err(format!("`.{name}` asks for an object, and found {}", other.kind())),
    }
}

fn at(value: &Val, index: &Val) -> Result<Val, String> {
    match (value, index) {
        (Val::Map(_), Val::Text(name)) => field(value, name),
        (Val::List(items), Val::Number(index)) => {
            let from = if *index < 0.0 { *index + items.len() as f64 } else { *index };
            let found = if from.fract() == 0.0 && from >= 0.0 { items.get(from as usize) } else { None };
            found.cloned().ok_or_else(|| format!("there is no item {index}; the list has {}", items.len()))
        }
        (other, _) => Err(format!("an index asks for a list, and found {}", other.kind())),
    }
}

fn binary(operator: Operator, left: &Val, right: &Val) -> Result<Val, String> {
    let numbers = || Ok::<_, String>((number(left)?, number(right)?));
    let compared = |holds: fn(f64, f64) -> bool| numbers().map(|(left, right)| Val::Bool(holds(left, right)));
    let computed = |compute: fn(f64, f64) -> f64| numbers().map(|(left, right)| Val::Number(compute(left, right)));
    match operator {
        Operator::Equal => Ok(Val::Bool(left == right)),
        Operator::Unequal => Ok(Val::Bool(left != right)),
        Operator::Less => compared(|left, right| left < right),
        Operator::LessOrEqual => compared(|left, right| left <= right),
        Operator::Greater => compared(|left, right| left > right),
        Operator::GreaterOrEqual => compared(|left, right| left >= right),
        Operator::Plus => match (left, right) {
            (Val::Text(left), Val::Text(right)) => Ok(Val::Text(format!("{left}{right}"))),
            _ => computed(|left, right| left + right),
        },
        Operator::Minus => computed(|left, right| left - right),
        Operator::Times => computed(|left, right| left * right),
        Operator::Over => computed(|left, right| left / right),
        Operator::Modulo => computed(|left, right| left % right),
        Operator::In => has(right, left),
        Operator::Contains => has(left, right),
        // Both are decided before their second half is looked at.
        Operator::And => Ok(Val::Bool(truth(left)? && truth(right)?)),
        Operator::Or => Ok(Val::Bool(truth(left)? || truth(right)?)),
    }
}

fn has(whole: &Val, part: &Val) -> Result<Val, String> {
    match (whole, part) {
        (Val::List(items), part) => Ok(Val::Bool(items.contains(part))),
        (Val::Text(text), Val::Text(part)) => Ok(Val::Bool(text.contains(part.as_str()))),
        (Val::Map(fields), Val::Text(name)) => Ok(Val::Bool(fields.iter().any(|(known, _)| known == name))),
        (other, _) => Err(format!("nothing is in {}", other.kind())),
    }
}

fn call(name: &str, arguments: &[Expression], result: &Val, item: Option<&Val>) -> Result<Val, String> {
    let value = |index: usize| match arguments.get(index) {
        Some(argument) => evaluate(argument, result, item),
        // Their number is checked below, before any of them is asked for.
        None => Ok(Val::Nil),
    };
    let wanted = match name {
        "default" | "all" | "any" | "none" | "count" | "startsWith" => 2,
        _ => 1,
    };
    if arguments.len() != wanted {
        return Err(format!(
            "`{name}` takes {wanted} argument{}, and has {}",
            if wanted == 1 { "" } else { "s" },
            arguments.len()
        ));
    }
    match name {
        "len" => match value(0)? {
            Val::List(items) => Ok(Val::Number(items.len() as f64)),
            Val::Text(text) => Ok(Val::Number(text.chars().count() as f64)),
            Val::Map(fields) => Ok(Val::Number(fields.len() as f64)),
            Val::Nil => Ok(Val::Number(0.0)),
            other => Err(format!("`len` wants a list, and found {}", other.kind())),
        },
        "isNil" => Ok(Val::Bool(value(0)? == Val::Nil)),
        "isNaN" => Ok(Val::Bool(number(&value(0)?)?.is_nan())),
        "isInf" => Ok(Val::Bool(number(&value(0)?)?.is_infinite())),
        "asFloat" | "float" => as_number(&value(0)?).map(Val::Number),
        "asInt" | "int" => as_number(&value(0)?).map(|number| Val::Number(number.trunc())),
        "abs" => Ok(Val::Number(number(&value(0)?)?.abs())),
        // What cannot be found stands as its default, as what is not there does.
        "default" => match value(0) {
            Ok(found) if found != Val::Nil && !matches!(found, Val::Number(number) if number.is_nan()) => Ok(found),
            Ok(_) | Err(_) => value(1),
        },
        "startsWith" => match (value(0)?, value(1)?) {
            (Val::Text(text), Val::Text(start)) => Ok(Val::Bool(text.starts_with(&start))),
            (other, _) => Err(format!("`startsWith` wants text, and found {}", other.kind())),
        },
        "min" => folded(&value(0)?, f64::min),
        "max" => folded(&value(0)?, f64::max),
        "sum" => Ok(Val::Number(numbers(&value(0)?)?.iter().sum())),
        "mean" => {
            let numbers = numbers(&value(0)?)?;
            Ok(Val::Number(numbers.iter().sum::<f64>() / numbers.len() as f64))
        }
        _ => each(name, &value(0)?, arguments.get(1), result),
    }
}

/// `all`, `any`, `none` and `count`: how many items a condition holds of.
fn each(name: &str, items: &Val, condition: Option<&Expression>, result: &Val) -> Result<Val, String> {
    let items = list(items)?;
    // Of nothing, everything is true; but no data is no reason to pass.
    if items.is_empty() && matches!(name, "all" | "none") {
        return Err(format!("`{name}` has nothing to look at: the list is empty"));
    }
    let mut count = 0;
    for item in items {
        let held = condition.map_or(Ok(Val::Nil), |condition| evaluate(condition, result, Some(item)))?;
        count += usize::from(truth(&held)?);
    }
    Ok(match name {
        "all" => Val::Bool(count == items.len()),
        "any" => Val::Bool(count > 0),
        "none" => Val::Bool(count == 0),
        _ => Val::Number(count as f64),
    })
}

fn numbers(value: &Val) -> Result<Vec<f64>, String> {
    list(value)?.iter().map(number).collect()
}

fn folded(value: &Val, fold: fn(f64, f64) -> f64) -> Result<Val, String> {
    let numbers = numbers(value)?;
    numbers.into_iter().reduce(fold).map(Val::Number).ok_or_else(|| "the list is empty".to_owned())
}

fn as_number(value: &Val) -> Result<f64, String> {
    match value {
        Val::Number(number) => Ok(*number),
        Val::Text(text) => text.trim().parse().map_err(|_| format!("{value} is no number")),
        Val::Bool(truth) => Ok(f64::from(u8::from(*truth))),
        other => Err(format!("{} is no number", other.kind())),
    }
}
