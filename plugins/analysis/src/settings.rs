//! What every provider's config has beside its own fields: one number or several, their terms, and the score. One macro writes the
//! structs, so that all providers take the same words.

/// Declares a provider's `Settings` and `Query`, and [`Entry`](crate#settings), one of several numbers.
///
/// `Settings` gets the fields `query` and `terms` (both flattened), `metrics` and `score`, and the functions `metrics` and
/// `problems_of_metrics`. Every field of `Query` is an `Option`: one of `metrics` takes what it does not say from beside.
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

        impl Settings {
            /// The numbers, with everything that holds for each.
            pub fn metrics(&self) -> Vec<$crate::terms::Metric<Query>> {
                if self.metrics.is_empty() {
                    return vec![self.terms.metric(self.query.clone())];
                }
                let metric = |entry: &Entry| entry.terms.over(&self.terms).metric(entry.query.over(&self.query));
                self.metrics.iter().map(metric).collect()
            }

            /// What is wrong with the numbers, beyond what the schema says: their terms, and what `of_query` says of each query at
            /// its place in the config.
            pub fn problems_of_metrics(
                &self,
                of_query: impl Fn(&$crate::terms::Metric<Query>, &str) -> Vec<::shiftgate_sdk::prelude::Problem>,
            ) -> Vec<::shiftgate_sdk::prelude::Problem> {
                let inner: Vec<_> = self.metrics.iter().map(|entry| entry.terms.clone()).collect();
                let mut problems = $crate::course::problems(&self.terms, &inner, self.score.as_ref());
                for (index, metric) in self.metrics().iter().enumerate() {
                    let place = if self.metrics.is_empty() { String::new() } else { format!("/metrics/{index}") };
                    problems.extend(of_query(metric, &place));
                }
                problems
            }
        }
    };
}
