//! The page: one HTML file that needs nothing else and runs nothing. Pure.
//!
//! `now` is its head, `timeline` the time axis, `verification` and `metric` what was judged, `record` who decided and what happened.
//! maud escapes, `Text` makes visible what hides, and the policy in the head lets a browser load and run nothing, should both fail.
//! However much a run left, the page stays readable: `Room` ends it before it gets heavy, and says so.

mod marks;
mod metric;
mod now;
mod record;
mod room;
mod timeline;
mod verification;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use self::now::{healthy, verdicts};

use self::room::Room;
use crate::story::Story;
use crate::words::date_time;

const STYLE: &str = include_str!("style.css");

/// What a browser may do with the page: show it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page of a run.
#[must_use]
pub fn page(story: &Story) -> String {
    let room = Room::new();
    // In the order of what a reader needs most: what comes first finds room first.
    let head = now::head(story);
    let time = timeline::timeline(story, &room);
    let errors = record::errors(story, &room);
    let verifications = verification::verifications(story, &room);
    let questions = record::questions(story, &room);
    let receipts = record::receipts(story, &room);
    let place = now::place(story, &room);
    let events = record::events(story, &room);
    let name = story.head.as_ref().map(|head| format!("{} to {}", head.service, head.environment));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (name.unwrap_or_else(|| "A run".to_owned())) " · " (story.state.word()) " · " (story.run) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head)
                main { (place) (time) (verifications) (questions) (receipts) (errors) (events) }
                footer { "Run " (story.run) ", drawn by shiftgate with what was recorded until " (date_time(story.until)) "." }
            }
        }
    }
    .into_string()
}

/// A part of the page under a heading.
fn section(id: &str, heading: &str, body: &Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (heading) }
            (body)
        }
    }
}
