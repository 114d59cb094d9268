//! Small conversions between Rust's and JSON's spelling of names and literals.

use std::fmt::Write as _;

use syn::{Attribute, Error, Expr, ExprLit, ExprUnary, Lit, Meta, Result, UnOp};

/// `initial_delay` as `initialDelay`; `r#for` as `for`.
pub(crate) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.trim_start_matches("r#").chars() {
        match c {
            '_' => upper = !camel.is_empty(),
            c if upper => {
                camel.extend(c.to_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}

/// `AlmostDone` as `almost-done`.
pub(crate) fn kebab_case(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 2);
    for c in name.chars() {
        if c.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
    }
    kebab
}

/// A JSON string.
pub(crate) fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            c if u32::from(c) < 0x20 => {
                // Writing to a string does not fail.
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// A literal, perhaps with a minus sign, as JSON.
pub(crate) fn json_literal(expr: &Expr) -> Result<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(json_string(&text.value())),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Ok(number.base10_digits().to_owned()),
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => Ok(number.base10_digits().to_owned()),
        Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => Ok(flag.value.to_string()),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Ok(format!("-{}", json_literal(expr)?)),
        other => Err(Error::new_spanned(other, "expected a literal: text, a number, true or false")),
    }
}

/// The doc comment, its paragraphs joined by newlines; empty when there is none.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value
        {
            lines.push(text.value().trim().to_owned());
        }
    }
    let paragraphs: Vec<String> =
        lines.split(String::is_empty).filter(|lines| !lines.is_empty()).map(|lines| lines.join(" ")).collect();
    paragraphs.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_of_the_workflow_file() {
        assert_eq!(camel_case("consecutive_error_limit"), "consecutiveErrorLimit");
        assert_eq!(camel_case("r#for"), "for");
        assert_eq!(camel_case("url"), "url");
        assert_eq!(kebab_case("AlmostDone"), "almost-done");
        assert_eq!(kebab_case("Max"), "max");
    }

    #[test]
    fn literals_become_json() {
        let json = |text: &str| json_literal(&syn::parse_str(text).unwrap()).unwrap();
        assert_eq!(json("-1"), "-1");
        assert_eq!(json("0.5"), "0.5");
        assert_eq!(json("2_000u32"), "2000");
        assert_eq!(json("true"), "true");
        assert_eq!(json(r#""a \"b\"\n""#), r#""a \"b\"\n""#);
        assert!(json_literal(&syn::parse_str("f()").unwrap()).is_err());
    }

    #[test]
    fn a_doc_comment_becomes_text() {
        let item: syn::ItemStruct = syn::parse_str("/// One\n/// line.\n///\n/// Another.\nstruct S;").unwrap();
        assert_eq!(doc(&item.attrs), "One line.\nAnother.");
    }
}
