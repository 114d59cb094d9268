//! Whatever plugins, clouds and people write: a page that does nothing, a terminal that obeys nothing.

use anstream::adapter::strip_str;
use serde_json::{Value, json};
use shiftgate_model::{
    AmiId, Ballot, Capacity, Ending, ErrorClass, EventKind, Finding, GroupId, GroupName, Level, Metric, PluginKind,
    ReceiptAction, StepError, Timestamp, Verdict, Vote, is_hidden,
};

use super::fixture::{self, Tale};
use crate::{page, terminal};

/// Markup, schemes, quotes, line breaks, escapes of a terminal, marks that turn and hide text.
const EVIL: &str = "</title></style></pre></svg><script>alert(1)</script><img src=x onerror=alert(1)>\" onload=\"alert(2)' x='\
    javascript:alert(3) data:text/html,x &lt;b&gt; ]]> --> \u{1b}[2J\u{1b}]8;;http://evil\u{7} \u{9b}31m \u{202e}desrever\u{202c} \
    \u{200b}\u{feff}\u{e0041}\r\n\t\u{0} {{7*7}} ${x} `";

/// The tags and attributes that a page has.
const TAGS: &str = "html head meta title style body header main footer section article h1 h2 h3 h4 p span strong code pre ul li dl dt dd \
    div table caption thead tbody tr th td a details summary figure figcaption svg g path rect text desc defs pattern";
const ATTRIBUTES: &str = "lang charset http-equiv content name id class style href scope role viewBox aria-labelledby aria-label \
    aria-hidden d x y width height rx fill opacity text-anchor patternUnits patternTransform";

fn evil() -> String {
    EVIL.to_owned()
}

/// Every word of an analysis is the same; every number is at an end of its range.
fn analysis() -> Value {
    let points = json!([[0, 1e308], [1, -1e308], [2, null], [-5, 0.0], [1.9e19, 5e-324], [1e300, 1.0]]);
    let series = json!([{ "side": "canary", "label": EVIL, "points": points }, { "side": "baseline", "points": [] }]);
    let measurements = json!([
        { "at": 1e300, "verdict": "error", "value": -1e308, "text": EVIL },
        { "at": 0, "verdict": "skipped", "text": EVIL },
    ]);
    let query =
        json!({ "at": -1, "side": "value", "query": EVIL, "from": 9e18, "to": 1, "step": 1e308, "answer": EVIL, "cut": true });
    let judgement = json!({
        "method": EVIL, "label": EVIL, "samples": [1e308, -1], "u": 1e308, "p": -1e-308, "interval": [1e308, -1e308], "estimate": 0,
        "effect": { "measure": EVIL, "value": 1e308 }, "digest": EVIL,
    });
    let metric = |name: &str| {
        json!({
            "name": name, "unit": EVIL, "group": EVIL, "threshold": EVIL, "min": -1e308, "max": 1e308, "verdict": "warn", "reason": EVIL,
            "series": series, "measurements": measurements, "queries": [query], "judgement": judgement,
        })
    };
    let score = json!({ "total": 1e308, "pass": -1e308, "classification": EVIL, "groups": [{ "name": EVIL, "weight": -1, "score": 1e9 }] });
    json!({ "format": 1, "metrics": [metric(EVIL), metric("quiet"), { "name": 7 }, { "verdict": EVIL, "name": EVIL }], "score": score })
}

fn tale() -> Tale {
    let mut tale = Tale::new(EVIL);
    let group = GroupId::new(EVIL);
    let error = StepError::new(ErrorClass::Verification, EVIL).hint(EVIL);
    let ballot = Ballot { subject: evil(), vote: Vote::Reject, at: Timestamp(u64::MAX), comment: evil(), bound_digest: None };
    let metric = Metric { name: evil(), value: Some(f64::MAX), unit: evil(), threshold: evil(), verdict: Verdict::Fail };
    let capacity = Capacity { minimum: 0, target: u32::MAX, maximum: u32::MAX };
    let started = EventKind::RunStarted {
        workflow: evil(),
        strategy: evil(),
        service: evil(),
        environment: evil(),
        infrastructure: evil(),
        artifact: AmiId::new(EVIL),
    };
    let kinds = [
        started,
        EventKind::LockWaited { family: evil(), holder: shiftgate_model::RunId::new(EVIL), ahead: 1 },
        EventKind::PhaseStarted { phase: evil() },
        EventKind::StepStarted { title: evil() },
        EventKind::LiveGroupFound { id: GroupId::new("sig-1"), name: GroupName::new(EVIL), capacity },
        EventKind::GroupCreated { id: group.clone(), name: GroupName::new(EVIL), adopted: false },
        EventKind::CapacityRequested { group: group.clone(), capacity },
        EventKind::HealthSeen { group: group.clone(), desired: 1, total: u32::MAX, healthy: u32::MAX },
        EventKind::PluginLoaded { plugin: evil(), kind: PluginKind::Verification, digest: evil() },
        EventKind::PluginLogged { level: Level::Error, message: evil() },
        EventKind::PluginProgress { message: evil() },
        EventKind::Measured { metric },
        EventKind::Found { finding: Finding { verdict: Verdict::Warn, message: evil() } },
        EventKind::Verified { verdict: Verdict::Fail, summary: evil() },
        EventKind::ApprovalRequested { message: evil(), approvers: vec![evil()], quorum: 1, expires_at: Timestamp(u64::MAX) },
        EventKind::BallotRefused { ballot: ballot.clone(), reason: evil() },
        EventKind::BallotCast { ballot },
        EventKind::Rejected { by: evil(), comment: evil() },
        EventKind::InterventionRequested { error: error.clone(), expires_at: Timestamp(0), otherwise: evil() },
        EventKind::RetryOrdered { reason: evil() },
        EventKind::StepRetried { attempt: 2, after: shiftgate_model::Millis(u64::MAX), error: error.clone() },
        EventKind::StepFailed { error },
        EventKind::WrapUpActed { action: ReceiptAction::Failed(evil()) },
        EventKind::RollbackStarted { reason: evil() },
        EventKind::Left { what: evil() },
    ];
    for kind in kinds {
        tale.tell(1_000, EVIL, kind);
    }
    let mut report = fixture::report(Verdict::Fail, EVIL, &analysis(), f64::MAX);
    report.findings = vec![Finding { verdict: Verdict::Warn, message: evil() }];
    report.evidence.insert(evil(), json!({ EVIL: [EVIL] }));
    let mut call = fixture::call(EVIL, fixture::START, &report);
    call.plugin = evil();
    call.config = json!({ EVIL: EVIL });
    for exchange in &mut call.exchanges {
        (exchange.method, exchange.url, exchange.body) = (evil(), evil(), evil());
        exchange.request_headers = Some(vec![(evil(), evil())]);
        exchange.answer = Err(evil());
    }
    tale.evidence.push(call);
    tale.tell(5, "", EventKind::RunEnded { ending: Ending::Stuck, summary: evil() });
    tale
}

/// Each tag of a page with its attributes.
fn tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let style_free = page.split_once("<style>").and_then(|(head, rest)| Some((head, rest.split_once("</style>")?.1)));
    let page = style_free.map_or_else(|| page.to_owned(), |(head, rest)| format!("{head}{rest}"));
    let mut found = Vec::new();
    for after in page.split('<').skip(1) {
        let mut rest = after.trim_start_matches('/');
        let end = rest.find([' ', '>', '/', '\n']).expect("a tag ends");
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut attributes = Vec::new();
        while let Some(inside) = rest.strip_prefix(' ') {
            let equals = inside.find(['=', '>', ' ']).expect("an attribute ends");
            let key = inside[..equals].to_owned();
            match inside[equals..].strip_prefix("=\"") {
                Some(value) => {
                    let close = value.find('"').expect("a value ends");
                    attributes.push((key, value[..close].to_owned()));
                    rest = &value[close + 1..];
                }
                None => {
                    attributes.push((key, String::new()));
                    rest = &inside[equals..];
                }
            }
        }
        assert!(rest.starts_with(['>', '/']), "a tag ends with its attributes: {after:.80}");
        found.push((name, attributes));
    }
    found
}

#[test]
fn a_page_holds_no_markup_but_its_own() {
    let page = page(&tale().story());
    for (name, attributes) in tags(&page) {
        assert!(TAGS.split_whitespace().any(|known| known == name) || name == "!DOCTYPE", "<{name}>");
        for (key, value) in attributes {
            assert!(ATTRIBUTES.split_whitespace().any(|known| known == key) || name == "!DOCTYPE", "<{name} {key}>");
            assert!(key != "href" || value.starts_with('#'), "a link leads out of the page: {value}");
            assert!(key != "style" || value == "max-width:20rem", "{value}");
            assert!(!value.contains("NaN") && !value.contains("inf"), "<{name} {key}=\"{value}\">");
        }
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "what was written can be read");
    let hidden: Vec<char> = page.chars().filter(|character| is_hidden(*character) && *character != '\n').collect();
    assert_eq!(hidden, []);
    assert!(
        page.contains("metric 3 cannot be read") && page.contains("metric 4 cannot be read"),
        "and what could not be is told"
    );
}

#[test]
fn a_terminal_obeys_nothing() {
    for columns in [80, 120] {
        let text = terminal(&tale().story(), columns);
        for escape in text.split('\u{1b}').skip(1) {
            let colour = escape.strip_prefix('[').and_then(|rest| rest.split_once('m')).map(|(colour, _)| colour);
            assert!(colour.is_some_and(|colour| colour.chars().all(|c| c.is_ascii_digit() || c == ';')), "{escape:.20}");
        }
        let plain = strip_str(&text).to_string();
        let hidden: Vec<char> = plain.chars().filter(|character| is_hidden(*character) && *character != '\n').collect();
        assert_eq!(hidden, []);
        for line in plain.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}
