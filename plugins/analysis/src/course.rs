//! A whole verification: which metrics are due, what they have come to, and whether that is the end.
//!
//! Every metric keeps its own time; one wake asks all that are due. Between wakes the step is suspended, and [`Course`] is its
//! state. `record` decides for one metric, `report` tells the end of all.

use serde::{Deserialize, Serialize};
use shiftgate_sdk::prelude::{Context, Duration, Problem, Report, Result, Step, StepError, Timestamp, Verdict};

use crate::answer::{Answer, Asked, Data};
use crate::goal::{Goal, Judged};
use crate::record::{Brought, End, METRICS, Measurement, Query, Record, Series};
use crate::scope::{Scope, Side, Window};
use crate::score::{Score, critical};
use crate::settings::Numbers;
use crate::terms::{Metric, Terms};
use crate::{compare, report};

/// What a provider is asked for one number.
pub type QueryOf<P> = <<P as Provider>::Settings as Numbers>::Query;

/// Where numbers come from: a plugin's own part.
pub trait Provider {
    /// The step's `with:`.
    type Settings: Numbers;

    /// What it is called in messages: `Prometheus`.
    const NAME: &'static str;

    /// The numbers that are measured; those that the config names, where a provider knows nothing more of them.
    fn metrics(settings: &Self::Settings) -> Vec<Metric<QueryOf<Self>>> {
        settings.numbers()
    }

    /// What the schema cannot say, beyond what [`problems`] says.
    fn problems(settings: &Self::Settings) -> Vec<Problem>;

    /// Asks for one side of one number.
    ///
    /// # Errors
    /// [`StepError`] for what no later query can mend.
    fn ask(cx: &Context<'_>, settings: &Self::Settings, metric: &Metric<QueryOf<Self>>, scope: &Scope) -> Result<Asked>;

    /// How far back a measurement looks that says nothing of it; none asks for the moment.
    const RANGE: Option<Duration>;
}

/// What is remembered between wakes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    records: Vec<Record>,
}

/// What is wrong with the metrics of a config: `outer` is what stands beside `metrics`, and `inner` is in it.
pub fn problems(outer: &Terms, inner: &[Terms], score: Option<&Score>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if inner.is_empty() {
        problems.extend(outer.problems(""));
    }
    for (index, terms) in inner.iter().enumerate() {
        let place = format!("/metrics/{index}");
        problems.extend(terms.over(outer).problems(&place));
        let named = |terms: &Terms| terms.name.clone();
        match named(terms) {
            None => problems.push(Problem::at(format!("{place}/name"), "one of several metrics needs a name of its own")),
            name if inner.iter().take(index).any(|other| named(other) == name) => {
                problems.push(Problem::at(format!("{place}/name"), "another metric has that name"));
            }
            Some(_) => {}
        }
    }
    if inner.len() > METRICS {
        problems.push(Problem::at("/metrics", format!("these are {}; {METRICS} is the most of one verification", inner.len())));
    }
    if let Some(score) = score {
        let groups = inner.iter().chain([outer]).filter_map(|terms| terms.group.as_deref());
        problems.extend(score.problems(&groups.collect::<Vec<_>>()));
    }
    problems
}

/// Begins: waits for the first metric, or measures at once.
///
/// # Errors
/// A config that makes no sense, or as [`poll`].
pub fn start<P: Provider>(cx: &Context<'_>, settings: &P::Settings) -> Result<Step<Report, Course>> {
    if let Some(problem) = P::problems(settings).first() {
        return Err(StepError::never("bad-config", format!("{}: {}", problem.pointer, problem.message)));
    }
    let metrics = P::metrics(settings);
    let needed = metrics.iter().map(|metric| metric.initial_delay + metric.interval * u64::from(metric.count.saturating_sub(1)));
    let needed = needed.max().unwrap_or(Duration::ZERO);
    if let Some(deadline) = cx.run().deadline.filter(|deadline| *deadline < cx.now() + needed) {
        cx.warn(format!("the measurements need {needed}, and the step has {}", deadline.since(cx.now())));
    }
    let records = metrics.iter().map(|metric| Record::new(cx.now() + metric.initial_delay)).collect();
    go_on::<P>(cx, settings, &metrics, Course { records })
}

/// Goes on after a wait.
///
/// # Errors
/// What no later query can mend, and too many queries that went wrong.
pub fn poll<P: Provider>(cx: &Context<'_>, settings: &P::Settings, course: Course) -> Result<Step<Report, Course>> {
    go_on::<P>(cx, settings, &P::metrics(settings), course)
}

fn go_on<P: Provider>(
    cx: &Context<'_>,
    settings: &P::Settings,
    metrics: &[Metric<QueryOf<P>>],
    mut course: Course,
) -> Result<Step<Report, Course>> {
    let now = cx.now();
    for (metric, record) in metrics.iter().zip(&mut course.records) {
        if record.end.is_none() && record.due <= now {
            let (judged, brought) = match measure::<P>(cx, settings, metric) {
                Ok(measured) => measured,
                // What changes nothing does not end the step either.
                Err(error) if metric.dry_run => {
                    record.end = Some(End { verdict: None, reason: format!("{}: {}", error.code, error.message) });
                    continue;
                }
                Err(error) => return Err(error),
            };
            record.add(now, judged, brought, metric, metrics.len());
            tell(cx, record, metric, metrics.len());
            record.decide(now, metric);
        }
    }
    let score = settings.score();
    if let Some(verdict) = over(metrics, &course.records, score)? {
        return Ok(report::report(P::NAME, metrics, &course.records, score, verdict).into());
    }
    let due = course.records.iter().filter(|record| record.end.is_none()).map(|record| record.due).min().unwrap_or(now);
    Ok(Step::wait(course).after(due.since(now)))
}

/// Asks all sides of one metric and judges what comes.
fn measure<P: Provider>(cx: &Context<'_>, settings: &P::Settings, metric: &Metric<QueryOf<P>>) -> Result<(Judged, Brought)> {
    let now = cx.now();
    let Goal::Compare(compare) = &metric.goal else {
        let scope = Scope::canary(cx.run(), Side::Value, window::<P>(metric, now), now);
        let mut brought = Brought::default();
        let answer = side::<P>(cx, settings, metric, &scope, &mut brought)?;
        return Ok((one_sided(answer, &metric.goal), brought));
    };
    let window = compared_window(cx, metric, now);
    let mut brought = Brought::default();
    let baseline = match Scope::baseline(cx.run(), compare.against(), window, now) {
        Ok(scope) => scope,
        Err(why) => return Ok((Judged::undecided(why), brought)),
    };
    let canary = side::<P>(cx, settings, metric, &Scope::canary(cx.run(), Side::Canary, Some(window), now), &mut brought)?;
    let baseline = side::<P>(cx, settings, metric, &baseline, &mut brought)?;
    let (canary, baseline) = match (canary, baseline) {
        (Answer::Error(why), _) | (_, Answer::Error(why)) => return Ok((Judged::Error(why), brought)),
        (canary, baseline) => (samples(canary), samples(baseline)),
    };
    let (judged, judgement) = compare::judge(compare, metric, &baseline, &canary);
    brought.judgement = judgement;
    Ok((judged, brought))
}

fn one_sided(answer: Answer, goal: &Goal) -> Judged {
    match answer {
        Answer::Data(data) => goal.judge(&data),
        Answer::NoData(why) => Judged::undecided(why),
        Answer::Error(why) => Judged::Error(why),
    }
}

fn samples(answer: Answer) -> Vec<f64> {
    match answer {
        Answer::Data(Data { points, .. }) => points.into_iter().map(|point| point.value).collect(),
        Answer::NoData(_) | Answer::Error(_) => Vec::new(),
    }
}

/// Asks one side, and keeps what a person may want to see of it.
fn side<P: Provider>(
    cx: &Context<'_>,
    settings: &P::Settings,
    metric: &Metric<QueryOf<P>>,
    scope: &Scope,
    brought: &mut Brought,
) -> Result<Answer> {
    let asked = P::ask(cx, settings, metric, scope)?;
    brought.queries.push(Query::new(cx.now(), scope.side, scope.window, &asked.query, &asked.raw));
    brought.warnings.extend(asked.warnings);
    brought.notes.extend(asked.notes);
    if let Answer::Data(data) = &asked.answer
        && scope.window.is_some()
    {
        let points = data.points.iter().map(|point| (point.at, Some(point.value).filter(|value| value.is_finite())));
        let series = Series { side: scope.side.word().to_owned(), label: scope.label.clone(), points: points.collect() };
        brought.series.push(series);
    }
    Ok(asked.answer)
}

/// What a measurement looks back on; none for the moment.
fn window<P: Provider>(metric: &Metric<QueryOf<P>>, now: Timestamp) -> Option<Window> {
    let range = metric.range.or(P::RANGE)?;
    Some(Window { from: Timestamp(now.0.saturating_sub(range.as_millis())), to: now, step: metric.step })
}

/// What a comparison looks back on: its range, or everything since it began to measure.
fn compared_window<Q>(cx: &Context<'_>, metric: &Metric<Q>, now: Timestamp) -> Window {
    let from = match metric.range {
        Some(range) => Timestamp(now.0.saturating_sub(range.as_millis())),
        None => cx.run().started_at,
    };
    Window { from, to: now, step: metric.step }
}

/// Says how far it is.
fn tell<Q>(cx: &Context<'_>, record: &Record, metric: &Metric<Q>, metrics: usize) {
    let Some(last) = record.measurements.last() else { return };
    let (taken, count, name) = (record.taken, metric.count, &metric.name);
    let of = if metrics > 1 { format!("{name}: ") } else { String::new() };
    match last {
        Measurement { verdict: Some(Verdict::Inconclusive | Verdict::Skipped), text, .. } => {
            cx.progress(format!("{of}measurement {taken} of {count}: {text}"));
        }
        Measurement { verdict: Some(verdict), text, .. } if matches!(metric.goal, Goal::Compare(_)) => {
            cx.progress(format!("measurement {taken} of {count}: {name}: {text}: {verdict}"));
        }
        Measurement { verdict: Some(verdict), .. } => {
            cx.progress(format!("measurement {taken} of {count}: {name} is {}: {verdict}", record.last(metric)));
        }
        Measurement { verdict: None, text, .. } => cx.warn(format!("{of}the query went wrong: {text}")),
    }
}

/// The end of the whole, when it is over: a metric that fails or cannot be judged ends it, unless the score of all decides.
fn over<Q>(metrics: &[Metric<Q>], records: &[Record], score: Option<&Score>) -> Result<Option<(Verdict, String)>> {
    let counted = || metrics.iter().zip(records).filter(|(metric, _)| !metric.dry_run);
    let decides = |metric, record| score.is_none() || critical(metric, record);
    // What was measured counts before what could not be.
    for ends in [Some(Verdict::Fail), None, Some(Verdict::Inconclusive)] {
        for (metric, record) in counted() {
            let Some(end) = record.end.as_ref().filter(|end| end.verdict == ends) else { continue };
            let reason = named(metric, metrics.len(), &end.reason);
            match ends {
                None => return Err(StepError::backoff("measurement-errors", reason)),
                Some(verdict) if decides(metric, record) => return Ok(Some((verdict, reason))),
                Some(_) => {}
            }
        }
    }
    // Metrics that change nothing are waited for where there are no others.
    let alone = counted().next().is_none();
    let open = |(metric, record): (&Metric<Q>, &Record)| record.end.is_none() && (alone || !metric.dry_run);
    if metrics.iter().zip(records).any(open) {
        return Ok(None);
    }
    if alone {
        return Ok(Some((Verdict::Skipped, "every metric is a dry run, so nothing is decided".to_owned())));
    }
    if let Some(score) = score {
        return Ok(Some(score.decide(metrics, records)));
    }
    let ends: Vec<_> = counted().filter_map(|(metric, record)| Some((metric, record.end.as_ref()?))).collect();
    let warned = ends.iter().find(|(_, end)| end.verdict != Some(Verdict::Pass));
    Ok(Some(match (ends.as_slice(), warned) {
        ([(_, end)], _) => (end.verdict.unwrap_or(Verdict::Inconclusive), end.reason.clone()),
        (_, Some((metric, end))) => (Verdict::Warn, named(metric, metrics.len(), &end.reason)),
        (ends, None) => {
            let names: Vec<&str> = ends.iter().map(|(metric, _)| metric.name.as_str()).collect();
            (Verdict::Pass, format!("all {} metrics are good: {}", names.len(), names.join(", ")))
        }
    }))
}

/// A reason, with the metric's name where there are several.
pub(crate) fn named<Q>(metric: &Metric<Q>, metrics: usize, reason: &str) -> String {
    if metrics > 1 && !reason.contains(&metric.name) { format!("{}: {reason}", metric.name) } else { reason.to_owned() }
}

#[cfg(test)]
mod tests;
