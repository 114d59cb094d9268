//! The names that an expression may use, and what they stand for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What a run knows and a plan does not, in the order that messages list them.
pub(crate) const FACTS: [&str; 5] =
    ["setup.newGroup.id", "setup.newGroup.name", "setup.oldGroup.id", "setup.oldGroup.name", "run.id"];

/// The spaces that names live in.
pub(crate) const SPACES: [&str; 8] =
    ["input", "service", "env", "infra", "workflow", "artifact", "workflow.variables", "serviceVariable"];

/// Names and their values. A value that is none depends on an input that is not given, or is a mistake that is reported
/// already: an expression that uses it is known, and has no value either.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// By space and name: `artifact.metadata` and `harness`.
    names: BTreeMap<(String, String), Option<Value>>,
    /// Spaces that are resolved later than the text that is read now.
    later: Vec<&'static str>,
    context: minijinja::Value,
}

/// What a dotted path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A name with a value.
    Known,
    /// A name without one.
    Unknown,
    /// A whole space of names, all of them with values.
    Space,
    /// A space, some of whose names have no value.
    PartlyUnknown,
    /// A name of a space that is resolved later.
    Later,
    /// Nothing.
    Nothing,
}

impl Scope {
    /// A scope without names.
    pub(crate) fn empty() -> Self {
        Self { later: SPACES.to_vec(), ..Self::default() }
    }

    /// The same with more names in a space; a name that is there already gets the new value.
    #[must_use]
    pub(crate) fn with(&self, space: &'static str, names: impl IntoIterator<Item = (String, Option<Value>)>) -> Self {
        let mut scope = self.clone();
        scope.later.retain(|later| *later != space);
        scope.names.extend(names.into_iter().map(|(name, value)| ((space.to_owned(), name), value)));
        scope.context = scope.context();
        scope
    }

    /// The names as minijinja takes them.
    pub(crate) const fn values(&self) -> &minijinja::Value {
        &self.context
    }

    fn context(&self) -> minijinja::Value {
        let mut root = Map::new();
        for space in SPACES {
            descend(&mut root, space);
        }
        for ((space, name), value) in &self.names {
            if let (Some(value), Some(map)) = (value, descend(&mut root, space)) {
                map.insert(name.clone(), value.clone());
            }
        }
        minijinja::Value::from(minijinja::value::Serde(root))
    }

    /// Every name that may be used, dotted.
    pub(crate) fn dotted(&self) -> impl Iterator<Item = String> {
        self.names.keys().map(|(space, name)| format!("{space}.{name}"))
    }

    /// Looks a dotted path up.
    pub(crate) fn find(&self, path: &str) -> Found {
        let within = |dotted: &str| {
            dotted.len() > path.len() && dotted.starts_with(path) && dotted.get(path.len()..).is_some_and(|r| r.starts_with('.'))
        };
        let mut inside = self.names.iter().filter(|((space, name), _)| within(&format!("{space}.{name}"))).peekable();
        let exact = self
            .names
            .iter()
            .find(|((space, name), _)| path.strip_prefix(space.as_str()).and_then(|rest| rest.strip_prefix('.')) == Some(name));
        match exact {
            Some((_, Some(_))) => return Found::Known,
            Some((_, None)) => return Found::Unknown,
            None => {}
        }
        if inside.peek().is_some() {
            return if inside.any(|(_, value)| value.is_none()) { Found::PartlyUnknown } else { Found::Space };
        }
        let in_space = |space: &str| path == space || path.strip_prefix(space).is_some_and(|rest| rest.starts_with('.'));
        if self.later.iter().any(|space| in_space(space)) {
            return Found::Later;
        }
        if SPACES.contains(&path) { Found::Space } else { Found::Nothing }
    }
}

/// The map that a dotted space stands for, made when it is not there.
fn descend<'m>(root: &'m mut Map<String, Value>, space: &str) -> Option<&'m mut Map<String, Value>> {
    let mut map = root;
    for part in space.split('.') {
        map = map.entry(part).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
    }
    Some(map)
}

/// Whether a name can be written in an expression as it is: letters, digits and `_`.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_to_a_name_a_space_or_nothing() {
        let scope = Scope::empty()
            .with("input", [("ami".to_owned(), Some(json!("ami-1"))), ("later".to_owned(), None)])
            .with("service", [("name".to_owned(), Some(json!("web")))])
            .with("artifact.metadata", [("a.b".to_owned(), Some(json!("1")))]);
        let found =
            ["input.ami", "input.later", "input", "service", "service.nme", "serviceVariable.x", "artifact.metadata.a.b", "HOME"];
        use Found::{Known, Later, Nothing, PartlyUnknown, Space, Unknown};
        assert_eq!(found.map(|path| scope.find(path)), [Known, Unknown, PartlyUnknown, Space, Nothing, Later, Known, Nothing]);
    }
}
