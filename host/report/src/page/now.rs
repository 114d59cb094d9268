//! The head of the page: what was deployed where, how it ended, and what is where now. Pure.

use maud::{Markup, html};
use shiftgate_model::{Capacity, Verdict};

use super::marks::state_tone;
use super::room::Room;
use super::section;
use crate::story::{Group, Role, State, Story};
use crate::text::Text;
use crate::words::{date_time, length};

pub(super) fn head(story: &Story) -> Markup {
    html! {
        header {
            p.over { "Run " code { (story.run) } }
            @match &story.head {
                Some(head) => h1 { (head.service) " " span { "to " (head.environment) } },
                None => h1 { "A run of which nothing is recorded yet" },
            }
            p.end {
                strong.badge.(state_tone(story.state)) { (story.state.word()) }
                " " (sentence(story))
            }
            dl.facts {
                @if let Some(head) = &story.head {
                    (fact("Workflow", html! { (head.workflow) }))
                    (fact("Strategy", html! { (head.strategy) }))
                    (fact("Infrastructure", html! { (head.infrastructure) }))
                    (fact("Artifact", html! { code { (head.artifact) } }))
                }
                (fact("Began", html! { (date_time(story.began)) }))
                @match story.ended {
                    Some(ended) => {
                        (fact("Ended", html! { (date_time(ended)) }))
                        (fact("Took", html! { (length(ended.since(story.began))) }))
                    },
                    None => (fact("Seen until", html! { (date_time(story.until)) })),
                }
                @if !story.verifications.is_empty() { (fact("Verified", html! { a href="#verifications" { (verdicts(story)) } })) }
            }
        }
    }
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn sentence(story: &Story) -> Text {
    match (&story.rollback, story.summary.is_empty()) {
        (_, false) => story.summary.clone(),
        (Some(rollback), true) if story.state == State::RollingBack => rollback.reason.clone(),
        _ => Text::default(),
    }
}

/// `2 pass, 1 fail`.
pub(crate) fn verdicts(story: &Story) -> String {
    const ALL: [Verdict; 5] = [Verdict::Pass, Verdict::Warn, Verdict::Fail, Verdict::Inconclusive, Verdict::Skipped];
    let known = ALL.map(|verdict| (story.verdicts(verdict), verdict.to_string()));
    let open = story.verifications.iter().filter(|verification| verification.verdict.is_none()).count();
    let parts = known.into_iter().chain([(open, "without a verdict".to_owned())]);
    parts.filter(|(many, _)| *many > 0).map(|(many, word)| format!("{many} {word}")).collect::<Vec<_>>().join(", ")
}

/// What is where now.
pub(super) fn place(story: &Story, room: &Room) -> Markup {
    if story.groups.is_empty() && story.left.is_empty() {
        return html! {};
    }
    let heading = if story.ended.is_some() { "What is where" } else { "What is where now" };
    let (groups, more_groups) = room.all("group", story.groups.iter().map(group));
    let (left, more_left) = room.all("line", story.left.iter().map(|what| html! { li { (what) } }));
    let routes = story.routes.iter().map(|route| {
        html! {
            tr {
                th scope="row" { (route.load_balancer) ", port " (route.port) }
                td { (route.now) }
                td { @if route.now == route.before { span.soft { "as before" } } @else { (route.before) } }
            }
        }
    });
    let (routes, more_routes) = room.all("route", routes);
    let body = html! {
        @if !groups.is_empty() {
            div.wide { table {
                thead { tr { th scope="col" { "Group" } th scope="col" { "Name" } th scope="col" { "Capacity" } th scope="col" { "Healthy" } th scope="col" { "Before" } } }
                tbody { @for group in groups { (group) } }
            } }
            @if let Some(more) = more_groups { (more) }
        }
        @if !routes.is_empty() {
            div.wide { table {
                thead { tr { th scope="col" { "Load balancer" } th scope="col" { "Sends requests to" } th scope="col" { "Before" } } }
                tbody { @for route in routes { (route) } }
            } }
            @if let Some(more) = more_routes { (more) }
        }
        @if !left.is_empty() {
            h3 { "Left behind" }
            ul { @for line in left { (line) } }
            @if let Some(more) = more_left { (more) }
        }
    };
    section("place", heading, &body)
}

fn group(group: &Group) -> Markup {
    let tone = match group.role {
        Role::New => "new",
        Role::Old | Role::Older => "old",
    };
    html! {
        tr {
            th scope="row" { span.dot.(tone) {} (group.role.word()) " " code { (group.id) } }
            td { (group.name) }
            @match group.deleted {
                Some(_) => td { "deleted" },
                None => td { (group.capacity.map(|capacity| capacity.to_string()).unwrap_or_default()) },
            }
            td { (healthy(group)) }
            td { (before(group.original, group.role)) }
        }
    }
}

fn before(original: Option<Capacity>, role: Role) -> String {
    match (original, role) {
        (Some(original), _) => original.to_string(),
        (None, Role::New) => "not there".to_owned(),
        (None, Role::Old | Role::Older) => String::new(),
    }
}

/// `3 of 4`.
pub(crate) fn healthy(group: &Group) -> String {
    match (group.deleted, group.healthy_now(), group.total) {
        (None, Some(_), Some(0)) => "no instances".to_owned(),
        (None, Some(healthy), Some(total)) => format!("{healthy} of {total}"),
        _ => String::new(),
    }
}
