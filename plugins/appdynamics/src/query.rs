//! One query of metric data: how it is asked, and the samples that its answer holds.
//!
//! Pure but for the request itself. What the samples mean is the business of the crate `analysis`.

use analysis::answer::{Answer, Asked, Data, Point};
use analysis::exchange;
use analysis::scope::{Scope, Window};
use analysis::series::{Aggregate, combined};
use analysis::terms::Metric;
use serde::Deserialize;
use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

use crate::config::{Field, Query, Settings};

const NAME: &str = "AppDynamics";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What a metric that does not exist is called in an answer.
const NOT_FOUND: &str = "METRIC DATA NOT FOUND";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    metric_name: String,
    #[serde(default)]
    metric_path: String,
    #[serde(default)]
    frequency: String,
    #[serde(default)]
    metric_values: Vec<Sample>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    start_time_in_millis: u64,
    #[serde(default)]
    value: Option<f64>,
    #[serde(default)]
    min: Option<f64>,
    #[serde(default)]
    max: Option<f64>,
    #[serde(default)]
    current: Option<f64>,
    #[serde(default)]
    sum: Option<f64>,
    #[serde(default)]
    count: Option<f64>,
}

impl Sample {
    fn point(&self, field: Field) -> Option<Point> {
        let value = match field {
            Field::Value => self.value,
            Field::Min => self.min,
            Field::Max => self.max,
            Field::Current => self.current,
            Field::Sum => self.sum,
            Field::Count => self.count,
        };
        value.map(|value| Point { at: Timestamp(self.start_time_in_millis), value })
    }
}

/// Asks.
///
/// # Errors
/// [`StepError`] for what no later query can mend: a refused request, a path that AppDynamics cannot read, an application that is not
/// there, missing rights, several metrics without `aggregate`.
pub fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope, window: &Window) -> Result<Asked> {
    let query = &metric.query;
    let base = settings.url.trim_end_matches('/');
    let application = exchange::encoded(&scope.fill(query.application.as_deref().unwrap_or_default())?, b"");
    let path = scope.fill(query.metric_path.as_deref().unwrap_or_default())?;
    // What `output` says nothing of comes as XML, and with `rollup` all samples come as one.
    let request = cx
        .get(&format!("{base}/controller/rest/applications/{application}/metric-data"))
        .query("metric-path", &path)
        .query("time-range-type", "BETWEEN_TIMES")
        .query("start-time", &window.from.0.to_string())
        .query("end-time", &window.to.0.to_string())
        .query("rollup", "false")
        .query("output", "JSON");
    let request = exchange::dressed(request, &settings.headers, settings.timeout);
    let response = match exchange::send(request, &settings.url)? {
        Ok(response) => response,
        Err(why) => return Ok(Asked::new(Answer::Error(why), path, "")),
    };
    let raw = response.text();
    if response.status != 200 {
        let answer = refused(&response, settings, query, &path)?;
        return Ok(Asked::new(answer, path, raw));
    }
    let Ok(found) = response.json::<Vec<Found>>() else {
        let what = match raw.trim_start() {
            text if text.starts_with("<?xml") || text.starts_with("<metric-datas") => {
                "the answer is XML, though JSON was asked for; does something between here and the controller drop `output=JSON`?"
            }
            _ => "the answer is not that of the controller's metric API",
        };
        return Ok(Asked::new(Answer::Error(format!("{}: {what}", settings.url)), path, raw));
    };
    let warning = settings.step_of(metric).and_then(|step| coarser(step, &found, window));
    let answer = samples(found, query, &path)?;
    Ok(Asked { warnings: warning.into_iter().collect(), ..Asked::new(answer, path, raw) })
}

fn refused(response: &Response, settings: &Settings, query: &Query, path: &str) -> Result<Answer> {
    let status = response.status;
    let text = response.text();
    let words = text.trim();
    let words = if words.is_empty() || words.starts_with('<') { String::new() } else { format!(" {words}") };
    let application = query.application.as_deref().unwrap_or_default();
    if status == 404 || (status == 400 && words.contains("nvalid application")) {
        let message =
            format!("{}: there is no application `{application}`, or no controller: HTTP {status}{words}", settings.url);
        return Err(StepError::never("no-application", message));
    }
    Ok(Answer::Error(exchange::refused(NAME, &settings.url, path, status, &format!("HTTP {status}{words}"))?))
}

/// The samples of all metrics as one series.
fn samples(found: Vec<Found>, query: &Query, path: &str) -> Result<Answer> {
    let field = query.field.unwrap_or_default();
    let unknown = found.is_empty() || found.iter().all(|metric| metric.metric_name == NOT_FOUND);
    let found: Vec<Found> = found.into_iter().filter(|metric| !metric.metric_values.is_empty()).collect();
    if let ([first, second, ..], None) = (found.as_slice(), query.aggregate) {
        let message = format!(
            "`{path}` names {} metrics, `{}` and `{}` among them, and one is wanted; name one, or set `aggregate`",
            found.len(),
            first.metric_path,
            second.metric_path
        );
        return Err(StepError::never("several-series", message));
    }
    let series: Vec<Vec<Point>> =
        found.iter().map(|metric| metric.metric_values.iter().filter_map(|sample| sample.point(field)).collect()).collect();
    let points = combined(series, query.aggregate.unwrap_or(Aggregate::Max));
    Ok(match points.is_empty() {
        false => Answer::Data(Data::series(points)),
        true if unknown => Answer::NoData(format!("AppDynamics has no data of a metric `{path}`; is it spelt so, and reported?")),
        true => Answer::NoData("the metric has no samples in this time".to_owned()),
    })
}

/// A warning when samples are farther apart than asked for: one a minute, then one in ten, then one an hour, by how long the time is.
fn coarser(step: Duration, found: &[Found], window: &Window) -> Option<String> {
    let told = found.iter().find_map(|metric| match metric.frequency.as_str() {
        "ONE_MIN" => Some(MINUTE),
        "TEN_MIN" => Some(MINUTE * 10),
        "SIXTY_MIN" => Some(HOUR),
        _ => None,
    });
    let by_length = match window.length() {
        length if length <= HOUR * 24 => MINUTE,
        length if length <= HOUR * 49 => MINUTE * 10,
        _ => HOUR,
    };
    let has = told.unwrap_or(by_length);
    (step < has).then(|| format!("`step` is {step}, and there is one sample every {has} for a range of {}", window.length()))
}
