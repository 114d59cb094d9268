//! Where a value is in a JSON answer: the part of JSONPath (RFC 9535) that leads to values by names, indices and `*`.
//!
//! Pure. What it does not know it says: `..`, slices, filters and functions. A library for all of it makes the component
//! 80 KB larger, an eighth.

use std::iter::Peekable;
use std::str::CharIndices;

use shiftgate_sdk::prelude::Value;

/// A path that can be read.
#[derive(Debug, PartialEq)]
pub struct Path(Vec<Segment>);

/// One step of a path.
#[derive(Debug, PartialEq)]
enum Segment {
    /// The field of an object.
    Name(String),
    /// An item of a list; below 0 from its end.
    Index(i64),
    /// All items of a list, or all fields of an object.
    All,
}

/// A path as it is read.
struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, rest: text.char_indices().peekable() };
        if !reader.takes('$') {
            return Err(reader.wrong("expected `$`, which is the whole answer"));
        }
        let mut segments = Vec::new();
        while reader.rest.peek().is_some() {
            segments.push(if reader.takes('.') {
                reader.after_dot()?
            } else if reader.takes('[') {
                reader.in_brackets()?
            } else {
                return Err(reader.wrong("expected `.` or `[`"));
            });
        }
        Ok(Self(segments))
    }

    /// All values that it leads to, in their order; none where a step leads nowhere.
    pub fn find<'a>(&self, json: &'a Value) -> Vec<&'a Value> {
        self.0.iter().fold(vec![json], |found, segment| found.into_iter().flat_map(|json| segment.of(json)).collect())
    }
}

impl Segment {
    fn of<'a>(&self, json: &'a Value) -> Vec<&'a Value> {
        match (self, json) {
            (Self::Name(name), Value::Object(fields)) => fields.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(items)) => item(items, *index).into_iter().collect(),
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            _ => Vec::new(),
        }
    }
}

fn item(items: &[Value], index: i64) -> Option<&Value> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    let place = if index < 0 { items.len().checked_sub(distance)? } else { distance };
    items.get(place)
}

impl Reader<'_> {
    fn takes(&mut self, wanted: char) -> bool {
        self.rest.next_if(|(_, letter)| *letter == wanted).is_some()
    }

    /// What is wrong at the next letter.
    fn wrong(&mut self, what: &str) -> String {
        let text = self.text;
        match self.rest.peek() {
            Some((at, _)) => {
                let before = text.get(..*at).unwrap_or_default();
                format!("`{text}` is no path: {what}, behind `{before}`; write it as `$.data[0].value`")
            }
            None => format!("`{text}` is no path: {what}, at its end; write it as `$.data[0].value`"),
        }
    }

    fn while_is(&mut self, fits: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some((_, letter)) = self.rest.next_if(|(_, letter)| fits(*letter)) {
            taken.push(letter);
        }
        taken
    }

    fn after_dot(&mut self) -> Result<Segment, String> {
        if self.takes('*') {
            return Ok(Segment::All);
        }
        if self.rest.peek().is_some_and(|(_, letter)| *letter == '.') {
            return Err(self.wrong("`..` is not known here; name the way"));
        }
        let name = self.while_is(|letter| letter.is_alphanumeric() || letter == '_');
        match name.chars().next() {
            None => Err(self.wrong("expected a name")),
            Some(first) if first.is_ascii_digit() => {
                Err(self.wrong("a name that begins with a digit stands in brackets: `['1st']`"))
            }
            Some(_) if self.rest.peek().is_some_and(|(_, letter)| *letter == '-') => {
                Err(self.wrong("a name with `-` stands in brackets: `['a-b']`"))
            }
            Some(_) => Ok(Segment::Name(name)),
        }
    }

    fn in_brackets(&mut self) -> Result<Segment, String> {
        self.while_is(char::is_whitespace);
        let segment = match self.rest.peek().map(|(_, letter)| *letter) {
            Some('*') => {
                self.rest.next();
                Segment::All
            }
            Some(quote @ ('\'' | '"')) => {
                self.rest.next();
                Segment::Name(self.quoted(quote)?)
            }
            Some('?') => return Err(self.wrong("filters are not known here; take all items with `[*]`")),
            _ => {
                let number = self.while_is(|letter| letter.is_ascii_digit() || letter == '-');
                match number.parse() {
                    Ok(index) => Segment::Index(index),
                    Err(_) => return Err(self.wrong("expected a number, `*`, or a name in quotes")),
                }
            }
        };
        self.while_is(char::is_whitespace);
        if self.takes(']') {
            return Ok(segment);
        }
        Err(match self.rest.peek().map(|(_, letter)| *letter) {
            Some(':') => self.wrong("slices are not known here; take all items with `[*]`"),
            Some(',') => self.wrong("several at once are not known here; take all items with `[*]`"),
            _ => self.wrong("expected `]`"),
        })
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut name = String::new();
        while let Some((_, letter)) = self.rest.next() {
            match letter {
                '\\' => match self.rest.next() {
                    Some((_, escaped @ ('\\' | '\'' | '"' | '/'))) => name.push(escaped),
                    _ => return Err(self.wrong("only quotes, `/` and `\\` may stand behind a `\\`")),
                },
                letter if letter == quote => return Ok(name),
                letter => name.push(letter),
            }
        }
        Err(self.wrong(&format!("expected {quote}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::prelude::json;

    fn found(path: &str) -> Vec<Value> {
        let json = json!({"data": [{"value": 1, "a b": [{"v": 2}, {"v": null}]}, {"value": "3"}], "o'k": true, "größe": 4});
        Path::parse(path).unwrap().find(&json).into_iter().cloned().collect()
    }

    #[test]
    fn a_path_leads_to_values() {
        assert_eq!(found("$.data[0].value"), [json!(1)]);
        assert_eq!(found("$['data'][*].value"), [json!(1), json!("3")]);
        assert_eq!(found("$.data[0][\"a b\"][*].v"), [json!(2), json!(null)]);
        assert_eq!(found("$.data[ -1 ].value"), [json!("3")]);
        assert_eq!(found("$.data.*.value"), [json!(1), json!("3")]);
        assert_eq!(found(r"$['o\'k']"), [json!(true)]);
        assert_eq!(found("$.größe"), [json!(4)]);
        assert_eq!(found("$").len(), 1);
    }

    #[test]
    fn a_path_that_leads_nowhere_finds_nothing() {
        for path in ["$.nothing.there", "$.data[2]", "$.data[-3]", "$.data.value", "$.größe[*]", "$[0]"] {
            assert_eq!(found(path), [Value::Null; 0], "{path}");
        }
    }

    #[test]
    fn a_path_that_is_none_is_told_with_its_place() {
        let cases = [
            ("data.value", "expected `$`, which is the whole answer, behind ``"),
            ("$data", "expected `.` or `[`, behind `$`"),
            ("$.data[0", "expected `]`, at its end"),
            ("$.data[]", "expected a number, `*`, or a name in quotes, behind `$.data[`"),
            ("$.a['b]", "expected ', at its end"),
            ("$..value", "`..` is not known here; name the way, behind `$.`"),
            ("$.a[1:2]", "slices are not known here; take all items with `[*]`, behind `$.a[1`"),
            ("$.a[0,1]", "several at once are not known here; take all items with `[*]`, behind `$.a[0`"),
            ("$.a[?@.b]", "filters are not known here; take all items with `[*]`, behind `$.a[`"),
            ("$.a-b", "a name with `-` stands in brackets: `['a-b']`, behind `$.a`"),
            ("$.", "expected a name, at its end"),
        ];
        for (path, what) in cases {
            let told = Path::parse(path).unwrap_err();
            assert_eq!(told, format!("`{path}` is no path: {what}; write it as `$.data[0].value`"));
        }
    }
}
