//! `shiftgate plugin grant`: names a component in the operator's policy, after a person has seen what it asks for.

use shiftgate_plugin::{Policy, Review, Wish};

use crate::app::{App, PolicyAt};
use crate::args::{Format, GrantPlugin};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wiring;

pub(super) fn run(app: &mut App, args: &GrantPlugin) -> Result<Exit, Failure> {
    let file = match app.policy_file() {
        Some(PolicyAt::Named(file) | PolicyAt::Usual(file)) => file,
        None => {
            return Err(Failure::new(Exit::Usage, "there is no place for a policy: neither HOME nor XDG_CONFIG_HOME is set")
                .hint("name a file with --policy or SHIFTGATE_POLICY"));
        }
    };
    let found = wiring::inspector(app)?.inspect(&args.file.display().to_string())?;
    if let Some(problem) = found.problems.first() {
        return Err(Failure::new(Exit::PluginRefused, problem.clone()).hint("`shiftgate plugin inspect` shows all of it"));
    }
    let policy = if wiring::is_there(&file) { Some(Policy::read(&file)?) } else { None };
    let given = args.http.iter().map(|text| destination(text)).collect::<Result<Vec<_>, _>>()?;
    let review = Review::of(&found, policy.as_ref(), &given).map_err(|why| Failure::new(Exit::PluginRefused, why))?;
    match args.output {
        Format::Text => app.screen.print(&review.to_string())?,
        Format::Json => app.screen.json(&review)?,
    }
    if args.review {
        let nothing_new = !review.asks_for_more() && (review.known || review.upgrade);
        return Ok(if nothing_new { Exit::Succeeded } else { Exit::PluginRefused });
    }
    if review.upgrade && review.asks_for_more() && !args.more {
        let message = format!("{} asks for more than the versions of it in {} have", review.name, file.display());
        return Err(Failure::new(Exit::PluginRefused, message).hint("--more grants the lines with a `+` too"));
    }
    review.grant(&file)?;
    app.screen.note(&format!("Written into {}; a workflow still has to grant it", file.display()));
    Ok(Exit::Succeeded)
}

/// `GET,POST https://api.example.com/v1 10.0.0.0/8`
fn destination(text: &str) -> Result<Wish, Failure> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let list = |text: &str| text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (methods, url, addresses) = match words.as_slice() {
        [methods, url] => (list(methods), *url, Vec::new()),
        [methods, url, ranges] => (list(methods), *url, list(ranges)),
        _ => {
            return Err(Failure::new(Exit::Usage, format!("`{}` is no destination", text.escape_debug()))
                .hint("write --http 'GET http://prometheus.internal:9090 10.0.0.0/8'; the ranges may be left out"));
        }
    };
    Ok(Wish { url: url.to_owned(), methods, addresses, reason: String::new() })
}
