//! What each verification found, and why: the sentence first, then its score, its metrics, and what it asked. Pure.

use maud::{Markup, html};

use super::marks::{badge, tone};
use super::metric;
use super::room::Room;
use super::section;
use crate::analysis::{Mark, Score};
use crate::story::{Asked, Measured, Story, Verification};
use crate::text::{count, number};
use crate::words::{clock, length};

pub(super) fn verifications(story: &Story, room: &Room) -> Markup {
    if story.verifications.is_empty() {
        return html! {};
    }
    let body = html! {
        @for (index, verification) in story.verifications.iter().enumerate() {
            (room.or_say("A verification", frame(verification, index)))
            (room.whole(|| details(verification, index, room)))
        }
    };
    section("verifications", "Verifications", &body)
}

/// Who judged, and how.
fn frame(verification: &Verification, index: usize) -> Markup {
    let took = verification.ended.map(|ended| length(ended.since(verification.began)));
    html! {
        h3 id=(format!("verification-{}", index + 1)) {
            @if let Some(phase) = &verification.phase { (phase) " · " }
            (verification.plugin) " " (badge(verification.verdict))
        }
        @match (&verification.error, verification.verdict) {
            (Some(error), None) => p { "It failed: " (error) },
            (None, None) => p { "It has not judged." },
            (_, Some(_)) => p { (verification.summary) },
        }
        p.note {
            code { (verification.step) }
            @if verification.attempt > 1 { ", attempt " (verification.attempt) }
            ", began " (clock(verification.began))
            @if let Some(took) = took { ", took " (took) }
            @if verification.calls > 0 { ", " (count(verification.calls as usize, "call")) }
            @if !verification.digest.is_empty() { ", sha256 " code { (verification.digest.short(13)) } }
        }
    }
}

fn details(verification: &Verification, index: usize, room: &Room) -> Markup {
    let findings = verification.findings.iter();
    let (findings, more_findings) =
        room.all("finding", findings.map(|(verdict, text)| html! { li { (badge(Some(*verdict))) " " (text) } }));
    let (metrics, more_metrics, unread) = match &verification.analysis {
        Some(analysis) => {
            // Each within itself takes what room it needs.
            let metrics: Vec<Markup> = analysis
                .metrics
                .iter()
                .enumerate()
                .map_while(|(number, one)| metric::metric(one, &format!("v{}m{}", index + 1, number + 1), room))
                .collect();
            let left = analysis.metrics.len() - metrics.len();
            (metrics, left, analysis.unread.as_slice())
        }
        None => (Vec::new(), 0, [].as_slice()),
    };
    let (unread, more_unread) = room.all("entry", unread.iter().map(|text| html! { p.note { (text) "." } }));
    html! {
        article {
            @if let Some(score) = verification.analysis.as_ref().and_then(|analysis| analysis.score.as_ref()) {
                (room.or_say("The score", score_of(score)))
            }
            @if !findings.is_empty() { ul.findings { @for finding in findings { (finding) } } }
            @if let Some(more) = more_findings { (more) }
            @for metric in &metrics { (metric) }
            @if more_metrics > 0 { p.note { "The page is full: " (count(more_metrics, "metric")) " more left out." } }
            @for text in unread { (text) }
            @if let Some(more) = more_unread { (more) }
            @if metrics.is_empty() && !verification.measured.is_empty() { (measured(&verification.measured, room)) }
            (asides(verification, room))
        }
    }
}

/// What a plugin measured that draws nothing.
fn measured(all: &[Measured], room: &Room) -> Markup {
    let rows = all.iter().map(|one| {
        let (verdict, tone) = (one.verdict, tone(one.verdict.into()));
        html! {
            tr {
                th scope="row" { (one.name) }
                td.number { (one.value.map_or_else(|| "no data".to_owned(), number)) " " (one.unit) }
                td { (one.threshold) }
                td { span.(tone) { (verdict.to_string()) } }
            }
        }
    });
    let (rows, more) = room.all("metric", rows);
    html! {
        div.wide { table {
            thead { tr { th scope="col" { "Metric" } th.number scope="col" { "Value" } th scope="col" { "Wanted" } th scope="col" { "Verdict" } } }
            tbody { @for row in rows { (row) } }
        } }
        @if let Some(more) = more { (more) }
    }
}

fn score_of(score: &Score) -> Markup {
    let x = |value: f64| value.clamp(0.0, 100.0) * 3.0;
    let limits = [(score.marginal, "marginal"), (score.pass, "pass")];
    let classification = score.classification.to_string();
    let class = match classification.as_str() {
        "pass" => Mark::Pass,
        "marginal" => Mark::Warn,
        "fail" => Mark::Fail,
        _ => Mark::Inconclusive,
    };
    let limit = limits.iter().filter_map(|(value, word)| value.map(|value| format!("{word} from {}", number(value))));
    let words: Vec<String> = limit.collect();
    html! {
        h4 { "Score " (number(score.total)) " of 100 " @if !score.classification.is_empty() { span.badge.(tone(class)) { (score.classification) } } }
        svg style="max-width:20rem" role="img" aria-label=(format!("Score {} of 100; {}", number(score.total), words.join(", "))) viewBox="0 0 300 20" {
            rect.track x="0" y="4" width="300" height="8" rx="4" {}
            g.(tone(class)) { rect.bar x="0" y="4" width=(format!("{:.1}", x(score.total))) height="8" rx="4" {} }
            @for (value, word) in limits {
                @if let Some(value) = value { path.tick d=(format!("M{:.1} 1V15", x(value))) { title { (word) " from " (number(value)) } } }
            }
        }
        p.note { (words.join(", ")) }
        @if !score.groups.is_empty() {
            div.wide { table.small {
                thead { tr { th scope="col" { "Group" } th.number scope="col" { "Weight" } th.number scope="col" { "Score" } } }
                tbody {
                    @for group in score.groups.iter().take(100) {
                        tr {
                            th scope="row" { (group.name) }
                            td.number { (group.weight.map(number).unwrap_or_default()) }
                            td.number { (group.score.map_or_else(|| "none".to_owned(), number)) }
                        }
                    }
                }
            } }
        }
    }
}

/// What was asked and what it was configured with.
fn asides(verification: &Verification, room: &Room) -> Markup {
    let many = verification.exchanges.len();
    let (exchanges, more) = room.all_raw("exchange", verification.exchanges.iter().map(|asked| exchange(asked, room)));
    let named = verification.evidence.iter();
    let named = named.map(|(name, value)| html! { details { summary { "Evidence " code { (name) } } (room.raw(value, false)) } });
    let (evidence, more_evidence) = room.all_raw("piece", named);
    let config = Some(&verification.config).filter(|config| !config.is_empty());
    let config = config.into_iter().map(|config| html! { details { summary { "Configuration" } (room.raw(config, false)) } });
    let (config, _) = room.all_raw("configuration", config);
    html! {
        @if many > 0 {
            details {
                summary { (count(many, "exchange")) " with the outside" }
                @for exchange in exchanges { (exchange) }
                @if let Some(more) = more { (more) }
                @if verification.left_out > 0 { p.note { (count(verification.left_out as usize, "exchange")) " more were not kept." } }
            }
        }
        @for part in evidence { (part) }
        @if let Some(more) = more_evidence { (more) }
        @for part in config { (part) }
    }
}

fn exchange(asked: &Asked, room: &Room) -> Markup {
    html! {
        p { code { (asked.request) } }
        p.note { (clock(asked.at)) ", " (asked.status) ", after " (length(asked.took)) }
        @if !asked.headers.is_empty() { (room.raw(&asked.headers, false)) }
        @if !asked.body.is_empty() { (room.raw(&asked.body, false)) }
        @if !asked.answer.is_empty() { (room.raw(&asked.answer, asked.cut)) }
    }
}
