//! DescribeAlarms: how many of some alarms ring.
//!
//! An alarm that is not there is an error, and one without data leaves the answer open, unless another rings. `wire` makes the call.

use std::collections::BTreeMap;

use analysis::answer::{Answer, Asked, Data};
use analysis::scope::Scope;
use serde::Deserialize;
use shiftgate_sdk::prelude::*;

use crate::config::Settings;
use crate::wire::{Called, Operation, call};

/// The most pages of an answer; one has room for all alarms that can be named.
const PAGES: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_alarms: Vec<Alarm>,
    #[serde(default)]
    composite_alarms: Vec<Alarm>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_name: String,
    state_value: State,
    #[serde(default)]
    state_reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum State {
    Ok,
    Alarm,
    InsufficientData,
    #[serde(other)]
    Unknown,
}

/// Asks.
///
/// # Errors
/// [`StepError`] for what no later call can mend, a missing alarm among it.
pub(crate) fn ask(cx: &Context<'_>, settings: &Settings, alarms: &[String], scope: &Scope) -> Result<Asked> {
    let names = alarms.iter().map(|name| scope.fill(name)).collect::<Result<Vec<_>>>()?;
    let text = format!("alarms {}", names.join(", "));
    // Composite alarms are left out by CloudWatch where nobody asks for them.
    let mut body = json!({ "AlarmNames": names, "AlarmTypes": ["CompositeAlarm", "MetricAlarm"], "MaxRecords": 100 });
    let mut found = BTreeMap::new();
    let mut first = None;
    for _ in 0..PAGES {
        let page: Page = match call(cx, settings, Operation::DescribeAlarms, &body, &text)? {
            Called::Trouble(why, raw) => return Ok(Asked::new(Answer::Error(why), text, raw)),
            Called::Answer(page, raw) => {
                first.get_or_insert(raw);
                page
            }
        };
        let alarms = page.metric_alarms.into_iter().chain(page.composite_alarms);
        found.extend(alarms.map(|alarm| (alarm.alarm_name.clone(), alarm)));
        let Some(token) = page.next_token else {
            let (answer, warnings) = answer(&names, &found, settings, scope.now)?;
            return Ok(Asked { warnings, ..Asked::new(answer, text, first.unwrap_or_default()) });
        };
        if let Some(fields) = body.as_object_mut() {
            fields.insert("NextToken".to_owned(), token.into());
        }
    }
    let message = format!("{}: the states of {} alarms do not end after {PAGES} pages", settings.url, names.len());
    Err(StepError::never("too-much-data", message))
}

/// How many ring, and what they say.
fn answer(
    names: &[String],
    found: &BTreeMap<String, Alarm>,
    settings: &Settings,
    now: Timestamp,
) -> Result<(Answer, Vec<String>)> {
    let missing: Vec<&str> = names.iter().filter(|name| !found.contains_key(*name)).map(String::as_str).collect();
    if !missing.is_empty() {
        let message = format!(
            "{} has no alarm `{}` that the plugin may see; names are exact, and an alarm is of one region",
            settings.url,
            missing.join("`, `")
        );
        return Err(StepError::never("no-alarm", message));
    }
    // Beyond the names nothing was asked for.
    let asked: Vec<&Alarm> = names.iter().filter_map(|name| found.get(name)).collect();
    let of = |state: State| asked.iter().filter(move |alarm| alarm.state_value == state);
    let ringing = of(State::Alarm).count();
    let told: Vec<String> =
        of(State::Alarm).map(|alarm| format!("`{}` is in ALARM: {}", alarm.alarm_name, alarm.state_reason)).collect();
    let open = of(State::InsufficientData).chain(of(State::Unknown)).next();
    let answer = match open {
        Some(alarm) if ringing == 0 => Answer::NoData(format!("the alarm `{}` has not enough data", alarm.alarm_name)),
        _ => Answer::Data(Data::number(now, ringing as f64)),
    };
    Ok((answer, told))
}
