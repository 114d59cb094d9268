//! Names of groups: a family `P`, its revisions `P__1`, `P__2`, …, and in a blue/green deployment `P` and `P__STAGE__Harness`.

use serde::{Deserialize, Serialize};

use crate::GroupName;

/// What the name of a stage group ends in, unless the workflow says otherwise: estates that exist are taken over as they are.
pub const STAGE_SUFFIX: &str = "__STAGE__Harness";

/// Characters that a name given to Spot does not carry.
const REPLACED: [char; 12] = ['-', '|', '+', '*', '/', '\\', ' ', '&', '$', '"', '\'', '.'];

/// The name that all revisions of one deployment share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Family(String);

/// A name that cannot name a family.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left of it.
    #[error("the group name is empty")]
    Empty,
    /// An expression was not resolved.
    #[error("the group name `{0}` still holds an unresolved expression")]
    Unresolved(String),
}

impl Family {
    /// Replaces what Spot names should not carry, each such character by `__`.
    ///
    /// # Errors
    /// [`NameError`] for an empty name, or one that holds `${`.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.contains("${") {
            return Err(NameError::Unresolved(name.to_owned()));
        }
        if name.trim().is_empty() {
            return Err(NameError::Empty);
        }
        let mut text = String::with_capacity(name.len());
        for character in name.trim().chars() {
            if REPLACED.contains(&character) {
                text.push_str("__");
            } else {
                text.push(character);
            }
        }
        Ok(Self(text))
    }

    /// The family of a service in an environment on an infrastructure, when the user gave no name.
    ///
    /// # Errors
    /// As [`Family::new`].
    pub fn generated(service: &str, environment: &str, infrastructure: &str) -> Result<Self, NameError> {
        Self::new(&format!("{service}__{environment}__{infrastructure}"))
    }

    /// The family's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `P__`, what every revision's name starts with.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{}__", self.0)
    }

    /// `P`, the group that serves in a blue/green deployment.
    #[must_use]
    pub fn production(&self) -> GroupName {
        GroupName::new(self.0.clone())
    }

    /// `P` and a suffix, the group that is about to serve or has served in a blue/green deployment.
    #[must_use]
    pub fn stage(&self, suffix: &str) -> GroupName {
        GroupName::new(format!("{}{suffix}", self.0))
    }

    /// The name of one revision.
    #[must_use]
    pub fn revision(&self, number: u64) -> GroupName {
        GroupName::new(format!("{}__{number}", self.0))
    }

    /// The revision number of `name`; none when the name is not of this family. Only `P__` and digits are.
    #[must_use]
    pub fn revision_of(&self, name: &GroupName) -> Option<u64> {
        let digits = name.as_str().strip_prefix(&self.0)?.strip_prefix("__")?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_spot_names_do_not_carry_become_two_underscores() {
        let family = Family::new("my app/web-1.2").map(|f| f.as_str().to_owned());
        assert_eq!(family, Ok("my__app__web__1__2".to_owned()));
        assert_eq!(Family::new("${service.name}"), Err(NameError::Unresolved("${service.name}".to_owned())));
        assert_eq!(Family::new("  "), Err(NameError::Empty));
    }

    #[test]
    fn only_digits_behind_the_prefix_make_a_revision() {
        let family = Family::new("web").unwrap();
        let number = |name: &str| family.revision_of(&GroupName::new(name));
        assert_eq!(number("web__7"), Some(7));
        assert_eq!([number("web__"), number("web__STAGE__Harness"), number("web__7b"), number("webs__7")], [None; 4]);
        assert_eq!(number("web__99999999999999999999"), None);
    }
}
