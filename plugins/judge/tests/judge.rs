//! The tests of the judge from outside: published numbers (`kayenta`, `samples`), what holds for whatever samples there are (`properties`),
//! scores (`scores`), the words and the JSON of a judgement (`written`), and other programs' numbers (`peers`).

#[cfg(test)]
#[path = "judge/mod.rs"]
mod tests;
