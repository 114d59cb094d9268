//! `limits:`: how much a plugin may use up, where that differs from the defaults.

use shiftgate_model::{Limit, Limits, Millis, Unit};

use crate::expression::Scope;
use crate::read::{LIMITS, Node};
use crate::session::Session;

pub(super) fn limits(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<Limits> {
    let table = s.table(node, &LIMITS)?;
    let given: Vec<_> = Limit::ALL.into_iter().filter_map(|limit| Some((limit, table.get(limit.name())?))).collect();
    let read: Vec<_> = given.into_iter().map(|(limit, node)| Some((limit, figure(s, limit, node, scope)?))).collect();
    read.into_iter().collect()
}

fn figure(s: &mut Session<'_>, limit: Limit, node: &Node, scope: &Scope) -> Option<u64> {
    match limit.unit() {
        Unit::Time => s.duration(node, scope.now(), Millis(1)).map(|length| length.0),
        Unit::Count => s.integer(node, scope.now(), 1..=u32::MAX).map(u64::from),
        Unit::Bytes => {
            let text = s.text(node, scope.now())?;
            let size = shiftgate_model::size(&text);
            if size.is_none() {
                let message = format!("{} is `{text}`, which is no size", node.called());
                s.error_hint("malformed-size", node.place, message, "a size is expected", "write it as `512 KiB` or `128 MiB`");
            }
            size
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_its_field() {
        assert_eq!(LIMITS.keys, Limit::ALL.map(Limit::name));
    }
}
