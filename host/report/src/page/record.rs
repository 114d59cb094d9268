//! Who decided, what was done at the end, what went wrong, and everything that happened. Pure.

use maud::{Markup, html};
use shiftgate_model::Vote;

use super::room::Room;
use super::section;
use crate::story::{Answer, Cast, Line, Question, Receipt, Story, Trouble};
use crate::text::count;
use crate::words::{clock, date_time, length};

/// The events that are listed: so many of the beginning, and so many of the end.
const FIRST: usize = 500;
const LAST: usize = 1_500;

pub(super) fn questions(story: &Story, room: &Room) -> Markup {
    if story.questions.is_empty() {
        return html! {};
    }
    let (questions, more) = room.all("question", story.questions.iter().map(question));
    let body = html! { @for question in questions { (question) } @if let Some(more) = more { (more) } };
    section("approvals", "Approvals", &body)
}

fn question(question: &Question) -> Markup {
    let tone = match question.answer {
        Answer::Approved(_) | Answer::Retried(_) => "pass",
        Answer::Rejected(_) => "fail",
        Answer::Open | Answer::Expired(_) | Answer::Dropped => "warn",
    };
    let word = question.answer.word();
    html! {
        h3 { (question.what) }
        p {
            strong.(tone) { (word.chars().next().map(|first| first.to_uppercase().to_string()).unwrap_or_default()) (word.chars().skip(1).collect::<String>()) }
            @if let Some(answered) = question.answered { span.soft { ", after " (length(answered.since(question.at))) } }
        }
        p.note {
            code { (question.step) } ", asked " (date_time(question.at)) ", " (question.terms)
            @if question.answered.is_none() { ", until " (date_time(question.expires)) }
        }
        @if !question.votes.is_empty() {
            div.wide { table {
                thead { tr { th scope="col" { "Who" } th scope="col" { "Vote" } th scope="col" { "When, UTC" } th scope="col" { "Why" } } }
                tbody { @for cast in question.votes.iter().take(200) { (vote(cast)) } }
            } }
        }
    }
}

fn vote(cast: &Cast) -> Markup {
    let word = match cast.vote {
        Vote::Approve => "approves",
        Vote::Reject => "rejects",
    };
    html! {
        tr {
            th scope="row" { (cast.by) }
            td { (word) @if let Some(refused) = &cast.refused { span.soft { ", does not count: " (refused) } } }
            td { (clock(cast.at)) }
            td { (cast.comment) }
        }
    }
}

pub(super) fn receipts(story: &Story, room: &Room) -> Markup {
    if story.receipts.is_empty() {
        return html! {};
    }
    let row = |receipt: &Receipt| {
        html! {
            tr {
                td { (clock(receipt.at)) }
                th scope="row" { code { (receipt.step) } }
                td { span.fail[receipt.failed] { (receipt.what) } }
            }
        }
    };
    let (rows, more) = room.all("action", story.receipts.iter().map(row));
    let body = html! {
        div.wide { table {
            thead { tr { th scope="col" { "Time, UTC" } th scope="col" { "Step" } th scope="col" { "What was done" } } }
            tbody { @for row in rows { (row) } }
        } }
        @if let Some(more) = more { (more) }
    };
    section("wrap-up", "Wrap-up", &body)
}

pub(super) fn errors(story: &Story, room: &Room) -> Markup {
    if story.errors.is_empty() {
        return html! {};
    }
    let one = |trouble: &Trouble| {
        html! {
            h3 { (trouble.message) }
            @if let Some(hint) = &trouble.hint { p { span.soft { "Next: " } (hint) } }
            p.note { code { (trouble.step) } ", " (clock(trouble.at)) ", " (trouble.class.to_string()) "; " (trouble.then) }
        }
    };
    let (errors, more) = room.all("error", story.errors.iter().map(one));
    let body = html! { @for error in errors { (error) } @if let Some(more) = more { (more) } };
    section("errors", "Errors", &body)
}

pub(super) fn events(story: &Story, room: &Room) -> Markup {
    if story.events.is_empty() {
        return html! {};
    }
    let many = story.events.len();
    let left_out = many.saturating_sub(FIRST + LAST);
    let (first, last) = if left_out == 0 { (many, 0) } else { (FIRST, LAST) };
    let line = |line: &Line| html! { tr { td { (clock(line.at)) } td { (line.step) } td { (line.what) } } };
    // The end tells more than the beginning, so it finds room first.
    let (end, no_room) = room.all("event", story.events.iter().skip(many - last).map(line));
    let (beginning, more) = room.all("event", story.events.iter().take(first).map(line));
    let head = html! { thead { tr { th scope="col" { "Time, UTC" } th scope="col" { "Step" } th scope="col" { "What" } } } };
    let body = html! {
        details {
            summary { (count(many, "event")) }
            div.wide { table.events { (head) tbody { @for line in beginning { (line) } } } }
            @if let Some(more) = more { (more) }
            @if left_out > 0 { p.note { (count(left_out, "event")) " between are left out; " code { "shiftgate logs" } " has them." } }
            @if !end.is_empty() { div.wide { table.events { (head) tbody { @for line in end { (line) } } } } }
            @if let Some(more) = no_room { (more) }
        }
    };
    section("events", "Events", &body)
}
