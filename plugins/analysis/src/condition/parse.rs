//! Text to expression: a parser by precedence, bounded in length and depth.

/// The longest condition, in bytes.
const LENGTH: usize = 2_000;
/// How deep expressions nest.
const DEPTH: u32 = 40;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// A number, text, `true`, `false`, `nil`.
    Literal(super::Val),
    /// `[1, 2]`.
    List(Vec<Expression>),
    /// `result`.
    Result,
    /// `#`: the item that `all`, `any`, `none` and `count` look at.
    Item,
    /// `a.b`.
    Field(Box<Expression>, String),
    /// `a[0]`; a negative index counts from the end.
    Index(Box<Expression>, Box<Expression>),
    /// `len(a)`.
    Call(String, Vec<Expression>),
    /// `!a`.
    Not(Box<Expression>),
    /// `-a`.
    Minus(Box<Expression>),
    /// `a < b`.
    Binary(Operator, Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Whether a function of one of these names is called anywhere in it.
    pub(super) fn calls(&self, names: &[&str]) -> bool {
        match self {
            Self::Literal(_) | Self::Result | Self::Item => false,
            Self::List(items) => items.iter().any(|item| item.calls(names)),
            Self::Field(inner, _) | Self::Not(inner) | Self::Minus(inner) => inner.calls(names),
            Self::Index(left, right) | Self::Binary(_, left, right) => left.calls(names) || right.calls(names),
            Self::Call(name, arguments) => names.contains(&name.as_str()) || arguments.iter().any(|one| one.calls(names)),
        }
    }
}

/// What stands between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Contains,
    Plus,
    Minus,
    Times,
    Over,
    Modulo,
}

impl Operator {
    /// As it is written, longest first, and how strongly it binds.
    const ALL: [(&str, Self, u8); 17] = [
        ("||", Self::Or, 1),
        ("or", Self::Or, 1),
        ("&&", Self::And, 2),
        ("and", Self::And, 2),
        ("==", Self::Equal, 3),
        ("!=", Self::Unequal, 3),
        ("<=", Self::LessOrEqual, 3),
        (">=", Self::GreaterOrEqual, 3),
        ("<", Self::Less, 3),
        (">", Self::Greater, 3),
        ("in", Self::In, 3),
        ("contains", Self::Contains, 3),
        ("+", Self::Plus, 4),
        ("-", Self::Minus, 4),
        ("*", Self::Times, 5),
        ("/", Self::Over, 5),
        ("%", Self::Modulo, 5),
    ];
}

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    if text.len() > LENGTH {
        return Err(format!("it has {} bytes; {LENGTH} is the most", text.len()));
    }
    let mut parser = Parser { rest: text, depth: 0 };
    let expression = parser.binary(0)?;
    parser.space();
    if parser.rest.is_empty() { Ok(expression) } else { Err(parser.expected("an operator")) }
}

struct Parser<'a> {
    rest: &'a str,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expected(&self, what: &str) -> String {
        match self.rest.chars().next() {
            None => format!("expected {what} at the end"),
            Some(_) => format!("expected {what} at `{}`", self.rest.chars().take(20).collect::<String>()),
        }
    }

    /// Takes a mark if it is next.
    fn take(&mut self, mark: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn need(&mut self, mark: &str) -> Result<(), String> {
        if self.take(mark) { Ok(()) } else { Err(self.expected(&format!("`{mark}`"))) }
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// The operator that is next, if it binds at least so strongly.
    fn operator(&mut self, least: u8) -> Option<(Operator, u8)> {
        self.space();
        let (mark, operator, strength) = Operator::ALL.into_iter().find(|(mark, ..)| {
            let after = self.rest.strip_prefix(mark).and_then(|rest| rest.chars().next());
            let letters = mark.bytes().all(|byte| byte.is_ascii_alphabetic());
            self.rest.starts_with(mark) && !(letters && after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_'))
        })?;
        if strength < least {
            return None;
        }
        self.rest = self.rest.strip_prefix(mark).unwrap_or_default();
        Some((operator, strength))
    }

    fn binary(&mut self, least: u8) -> Result<Expression, String> {
        self.deeper()?;
        let mut left = self.unary()?;
        while let Some((operator, strength)) = self.operator(least) {
            let right = self.binary(strength + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH { Err(format!("it nests deeper than {DEPTH}")) } else { Ok(()) }
    }

    fn unary(&mut self) -> Result<Expression, String> {
        self.deeper()?;
        self.space();
        let not = self.rest.starts_with('!') && !self.rest.starts_with("!=");
        let expression = if not && self.take("!") {
            Expression::Not(Box::new(self.unary()?))
        } else if self.take("-") {
            Expression::Minus(Box::new(self.unary()?))
        } else {
            let first = self.primary()?;
            self.postfix(first)?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn postfix(&mut self, mut expression: Expression) -> Result<Expression, String> {
        loop {
            if self.take("[") {
                let index = self.binary(0)?;
                self.need("]")?;
                expression = Expression::Index(Box::new(expression), Box::new(index));
            } else if self.take(".") {
                let name = self.word();
                if name.is_empty() {
                    return Err(self.expected("the name of a field"));
                }
                expression = Expression::Field(Box::new(expression), name.to_owned());
            } else {
                return Ok(expression);
            }
        }
    }

    fn primary(&mut self) -> Result<Expression, String> {
        self.space();
        match self.rest.chars().next() {
            Some('(') => {
                self.need("(")?;
                let inner = self.binary(0)?;
                self.need(")")?;
                Ok(inner)
            }
            Some('[') => {
                self.need("[")?;
                Ok(Expression::List(self.items("]")?))
            }
            Some('#') => {
                self.need("#")?;
                Ok(Expression::Item)
            }
            Some(quote @ ('"' | '\'')) => self.text(quote),
            Some(c) if c.is_ascii_digit() => self.number(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.name(),
            _ => Err(self.expected("a value")),
        }
    }

    /// Expressions with commas between, up to a mark that is taken too.
    fn items(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        while !self.take(end) {
            if !items.is_empty() {
                self.need(",")?;
            }
            // Argo's users write `all(result, {# < 1})`.
            let braced = self.take("{");
            items.push(self.binary(0)?);
            if braced {
                self.need("}")?;
            }
        }
        Ok(items)
    }

    fn text(&mut self, quote: char) -> Result<Expression, String> {
        let body = self.rest.strip_prefix(quote).unwrap_or_default();
        let mut text = String::new();
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, c)) => text.push(c),
                    None => break,
                },
                c if c == quote => {
                    self.rest = body.get(at + c.len_utf8()..).unwrap_or_default();
                    return Ok(Expression::Literal(super::Val::Text(text)));
                }
                c => text.push(c),
            }
        }
        Err("a text has no end".to_owned())
    }

    fn number(&mut self) -> Result<Expression, String> {
        let mut end = 0;
        let bytes = self.rest.as_bytes();
        while let Some(byte) = bytes.get(end) {
            let signed = matches!(byte, b'+' | b'-') && matches!(bytes.get(end.wrapping_sub(1)), Some(b'e' | b'E'));
            if !(byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E') || signed) {
                break;
            }
            end += 1;
        }
        let (digits, rest) = self.rest.split_at(end);
        let number = digits.parse().map_err(|_| format!("`{digits}` is no number"))?;
        self.rest = rest;
        Ok(Expression::Literal(super::Val::Number(number)))
    }

    fn name(&mut self) -> Result<Expression, String> {
        let before = self.rest;
        let name = self.word();
        if name != "not" && self.take("(") {
            if !super::eval::FUNCTIONS.contains(&name) {
                return Err(format!("there is no function `{name}`; there are: {}", super::eval::FUNCTIONS.join(", ")));
            }
            return Ok(Expression::Call(name.to_owned(), self.items(")")?));
        }
        Ok(match name {
            "result" => Expression::Result,
            "true" => Expression::Literal(super::Val::Bool(true)),
            "false" => Expression::Literal(super::Val::Bool(false)),
            "nil" | "null" => Expression::Literal(super::Val::Nil),
            "not" => Expression::Not(Box::new(self.unary()?)),
            _ => {
                self.rest = before;
                return Err(format!("there is no `{name}`; a condition knows `result`"));
            }
        })
    }
}
