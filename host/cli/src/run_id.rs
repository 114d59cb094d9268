//! Run ids: short, sorted by start, easy to type. `20261123-214501-k3f9` is the start in UTC and four random characters.
//!
//! On the command line any unique beginning of one stands for it, and `last` for the newest run.

use shiftgate_model::{RunId, Timestamp};
use shiftgate_store::{Found, Record, RunRow};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::text;

/// Base 32 without the letters that look like digits (Crockford), lower case.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The word for the newest run.
const LAST: &str = "last";

/// A new id, as good as unique.
pub(crate) fn new(now: Timestamp) -> RunId {
    let [a, b, c, d, ..] = uuid::Uuid::new_v4().into_bytes();
    of(now, [a, b, c, d])
}

/// The run that `typed` stands for.
pub(crate) async fn find(record: &Record, typed: &str) -> Result<RunRow, Failure> {
    if typed == LAST {
        return record.runs(1).await?.pop().ok_or_else(|| {
            Failure::new(Exit::UnknownRun, "there is no last run: nothing has run yet with this state directory")
                .hint("start one with `shiftgate run`, or name another state directory with --state-dir")
        });
    }
    only(typed, record.find(typed).await?)
}

/// An id from five bits of each byte.
fn of(now: Timestamp, random: [u8; 4]) -> RunId {
    let mut id = text::moment(now, "%Y%m%d-%H%M%S-");
    id.extend(random.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 32))).map(|letter| char::from(*letter)));
    RunId::new(id)
}

fn only(typed: &str, found: Found) -> Result<RunRow, Failure> {
    match found {
        Found::One(row) => Ok(*row),
        Found::None => Err(Failure::new(Exit::UnknownRun, format!("no run has an id that begins with `{typed}`"))
            .hint("`shiftgate runs` lists them; they are recorded in the directory that --state-dir names")),
        Found::Many(ids) => {
            let names: Vec<String> = ids.iter().take(3).map(|id| format!("`{id}`")).collect();
            let more = if ids.len() > 3 { ", …" } else { "" };
            let message = format!("several runs begin with `{typed}`: {}{more}", names.join(", "));
            Err(Failure::new(Exit::UnknownRun, message).hint("type more of the id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_start_and_four_letters() {
        let id = of(Timestamp(1_795_470_301_000), [0, 31, 32, 255]);
        assert_eq!(id.as_str(), "20261123-214501-0z0z");
        assert!(of(Timestamp(1_795_470_302_000), [0; 4]) > id);
    }

    #[test]
    fn a_beginning_that_is_none_or_several_runs_says_so() {
        let words = |found| match only("2026", found) {
            Err(Failure::Told { exit: Exit::UnknownRun, message, .. }) => message,
            other => format!("{other:?}"),
        };
        assert_eq!(words(Found::None), "no run has an id that begins with `2026`");
        let ids = ["20261123-1", "20261123-2", "20261123-3", "20261123-4"].map(RunId::new);
        assert_eq!(
            words(Found::Many(ids.to_vec())),
            "several runs begin with `2026`: `20261123-1`, `20261123-2`, `20261123-3`, …"
        );
    }
}
