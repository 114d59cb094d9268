//! How many messages there are: in the whole window, or in each step of it.
//!
//! Pure but for the search. No message is a number too, 0; no index is no data.

use analysis::answer::{Answer, Asked, Data, Point};
use analysis::goal::Goal;
use analysis::scope::{Scope, Window};
use analysis::terms::Metric;
use shiftgate_sdk::prelude::*;

use crate::config::{Query, Samples, Settings};
use crate::query;
use crate::search::{Bucket, search};

/// Asks.
///
/// # Errors
/// As [`search`].
pub fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope, window: &Window) -> Result<Asked> {
    let asked = &metric.query;
    let index = scope.fill(asked.index.as_deref().unwrap_or_default())?;
    let steps = match asked.samples {
        Some(Samples::Step) => true,
        Some(Samples::Window) => false,
        None => matches!(metric.goal, Goal::Compare(_)),
    };
    let histogram = steps.then(|| query::histogram(asked, window));
    let body = query::counted(query::matching(asked, scope, window)?, histogram);
    let searched = search(cx, settings, asked, &index, &body)?;
    let answer = match searched.found {
        Err(answer) => answer,
        Ok(found) if !steps => Answer::Data(Data::number(window.to, found.total as f64)),
        Ok(found) => match found.buckets {
            Some(buckets) => samples(asked, &buckets, window),
            None => Answer::Error(format!("{}: the answer has no counts of each step", settings.url)),
        },
    };
    Ok(Asked::new(answer, body.to_string(), searched.raw))
}

/// The counts of whole steps: what is left at the end is shorter than the others, and would look quieter.
fn samples(asked: &Query, buckets: &[Bucket], window: &Window) -> Answer {
    let point = |bucket: &Bucket| Point { at: query::moment(asked, bucket.key), value: bucket.doc_count as f64 };
    let whole = |point: &Point| point.at >= window.from && point.at + window.step <= window.to;
    let points: Vec<Point> = buckets.iter().map(point).filter(whole).collect();
    if points.is_empty() {
        return Answer::NoData(format!("{} is shorter than one `step` of {}", window.length(), window.step));
    }
    Answer::Data(Data::series(points))
}
