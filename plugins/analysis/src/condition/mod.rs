//! Conditions: expressions over `result` that are true or false of a measurement, in the words that Argo Rollouts' users know
//! (`result[0] < 0.05`, `len(result) > 0 && all(result, # < 1)`).
//!
//! Pure and bounded: text has a length, nesting a depth, and nothing loops but over the answer itself. `parse` reads, `value`
//! computes.

mod eval;
mod parse;
mod value;

pub use value::Val;

/// A condition that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition<'a> {
    text: &'a str,
    expression: parse::Expression,
}

impl<'a> Condition<'a> {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let expression = parse::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
        Ok(Self { text, expression })
    }

    /// Whether it says what to do about NaN and infinity.
    pub fn speaks_of_gaps(&self) -> bool {
        self.expression.calls(&["isNaN", "isInf", "default"])
    }

    /// Whether it is true of `result`.
    ///
    /// # Errors
    /// It cannot be evaluated, or is neither true nor false; why.
    pub fn holds(&self, result: &Val) -> Result<bool, String> {
        let told = eval::evaluate(&self.expression, result, None);
        let told = told.and_then(|value| match value {
            Val::Bool(holds) => Ok(holds),
            other => Err(format!("it is {other}, and neither true nor false")),
        });
        told.map_err(|error| format!("`{}` cannot be evaluated: {error}", self.text))
    }
}

#[cfg(test)]
mod tests;
