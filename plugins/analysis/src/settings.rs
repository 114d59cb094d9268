//! What every provider's config has beside its own fields: one number or several, their terms, and the score. One macro writes the
//! structs, so that all providers take the same words.

use shiftgate_sdk::prelude::{Config, Problem};

use crate::score::Score;
use crate::terms::Metric;

/// What the loop takes from a provider's config; [`settings!`](crate::settings!) implements it.
pub trait Numbers: Config {
    /// What is asked for one number.
    type Query: Clone;

    /// The numbers, with everything that holds for each; one at least.
    fn numbers(&self) -> Vec<Metric<Self::Query>>;

    /// How single verdicts become one; none where each of them counts.
    fn score(&self) -> Option<&Score>;
}

/// What is wrong with the field `url`, which is to be `what`.
#[must_use]
pub fn url_problem(url: &str, what: &str) -> Option<Problem> {
    let absolute = url.starts_with("http://") || url.starts_with("https://");
    (!absolute).then(|| Problem::at("/url", format!("expected {what}")))
}

/// Declares a provider's `Settings` and `Query`, and `Entry`, one of several numbers.
///
/// `Settings` gets the fields `query` and `terms` (both flattened), `metrics` and `score`, the function `problems_of_metrics`, and
/// implements [`Numbers`]. Every field of `Query` is an `Option`: one of `metrics` takes what it does not say from beside.
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct Settings { $($(#[$meta:meta])* pub $field:ident: $type:ty,)* }
        $(#[$about_query:meta])*
        pub struct Query { $($(#[$query_meta:meta])* pub $query_field:ident: Option<$query_type:ty>,)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, ::shiftgate_sdk::prelude::Config)]
        pub struct Settings {
            $($(#[$meta])* pub $field: $type,)*
            /// What is asked.
            #[config(flatten)]
            pub query: Query,
            /// What it has to be.
            #[config(flatten)]
            pub terms: $crate::terms::Terms,
            /// Several numbers, each with a name of its own. What stands beside this holds for each that says nothing else.
            #[config(default)]
            pub metrics: Vec<Entry>,
            /// How the verdicts of several numbers become one. Without it each counts, and the first that fails ends the whole.
            pub score: Option<$crate::score::Score>,
        }

        $(#[$about_query])*
        #[derive(Clone, Debug, Default, PartialEq, ::shiftgate_sdk::prelude::Config)]
        pub struct Query { $($(#[$query_meta])* pub $query_field: Option<$query_type>,)* }

        /// One of several numbers.
        #[derive(Clone, Debug, ::shiftgate_sdk::prelude::Config)]
        pub struct Entry {
            /// What is asked.
            #[config(flatten)]
            pub query: Query,
            /// What it has to be.
            #[config(flatten)]
            pub terms: $crate::terms::Terms,
        }

        impl Query {
            /// This, and where it says nothing, the outer one.
            fn over(&self, outer: &Self) -> Self {
                Self { $($query_field: self.$query_field.clone().or_else(|| outer.$query_field.clone()),)* }
            }
        }

        impl $crate::Numbers for Settings {
            type Query = Query;

            fn numbers(&self) -> Vec<$crate::terms::Metric<Query>> {
                if self.metrics.is_empty() {
                    return vec![self.terms.metric(self.query.clone())];
                }
                let metric = |entry: &Entry| entry.terms.over(&self.terms).metric(entry.query.over(&self.query));
                self.metrics.iter().map(metric).collect()
            }

            fn score(&self) -> Option<&$crate::score::Score> {
                self.score.as_ref()
            }
        }

        impl Settings {
            /// What is wrong with the numbers, beyond what the schema says: their terms, and what `of_query` says of each query at
            /// its place in the config.
            pub fn problems_of_metrics(
                &self,
                of_query: impl Fn(&$crate::terms::Metric<Query>, &str) -> Vec<::shiftgate_sdk::prelude::Problem>,
            ) -> Vec<::shiftgate_sdk::prelude::Problem> {
                let inner: Vec<_> = self.metrics.iter().map(|entry| entry.terms.clone()).collect();
                let mut problems = $crate::course::problems(&self.terms, &inner, self.score.as_ref());
                for (index, metric) in $crate::Numbers::numbers(self).iter().enumerate() {
                    let place = if self.metrics.is_empty() { String::new() } else { format!("/metrics/{index}") };
                    problems.extend(of_query(metric, &place));
                }
                problems
            }
        }
    };
}
