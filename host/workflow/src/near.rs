//! The name that was probably meant.

/// The nearest of `names` to `typed`, if one is near enough to be offered.
pub(crate) fn nearest<'n>(typed: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = simplify(typed);
    names
        .into_iter()
        .map(|name| {
            let candidate = simplify(name);
            let longest = plain.chars().count().max(candidate.chars().count());
            (strsim::damerau_levenshtein(&plain, &candidate), longest, name)
        })
        .filter(|(distance, longest, _)| distance * 3 <= *longest)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., name)| name)
}

/// `user_data`, `user-data` and `userData` are the same to a person.
fn simplify(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// `` `a`, `b`, `c` `` with at most 13 names: that is how many fields the largest mapping has.
pub(crate) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const MOST: usize = 13;
    let names: Vec<_> = names.into_iter().collect();
    let mut text = names.iter().take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_offered_and_another_word_is_not() {
        let names = ["userData", "userDataFile", "name", "steadyStateTimeout"];
        assert_eq!(nearest("user_data", names), Some("userData"));
        assert_eq!(nearest("naem", names), Some("name"));
        assert_eq!(nearest("steadystateTimout", names), Some("steadyStateTimeout"));
        assert_eq!(nearest("region", names), None);
        assert_eq!(listed(["a", "b"]), "`a`, `b`");
    }
}
