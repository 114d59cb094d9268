//! XML replies of the Query protocol from JSON: a field is an element, a list has `<member>` children, a map `<entry>`
//! ones. Writes only, and only names that [`is_name`] accepts may come in.

use serde_json::Value;

use super::refusal::Refusal;

/// The namespace of every reply.
pub(crate) const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// Whether a text can be the name of an element.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The reply to an accepted call.
pub(crate) fn response(action: &str, result: &Value, request: &str) -> String {
    let mut text = format!("<{action}Response xmlns=\"{NAMESPACE}\">\n");
    element(&mut text, 1, &format!("{action}Result"), result);
    text.push_str("  <ResponseMetadata>\n");
    leaf(&mut text, 2, "RequestId", request);
    text.push_str("  </ResponseMetadata>\n");
    text.push_str(&format!("</{action}Response>\n"));
    text
}

/// The reply to a refused call.
pub(crate) fn error(refusal: &Refusal, request: &str) -> String {
    let mut text = format!("<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n");
    leaf(&mut text, 2, "Type", refusal.blame());
    leaf(&mut text, 2, "Code", &refusal.code);
    leaf(&mut text, 2, "Message", &refusal.message);
    text.push_str("  </Error>\n");
    leaf(&mut text, 1, "RequestId", request);
    text.push_str("</ErrorResponse>\n");
    text
}

fn element(text: &mut String, depth: usize, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => leaf(text, depth, name, &flag.to_string()),
        Value::Number(number) => leaf(text, depth, name, &number.to_string()),
        Value::String(value) => leaf(text, depth, name, value),
        Value::Array(list) => {
            nested(text, depth, name, list.is_empty(), |text| {
                list.iter().for_each(|item| element(text, depth + 1, "member", item))
            });
        }
        Value::Object(fields) => nested(text, depth, name, fields.is_empty(), |text| {
            for (key, value) in fields {
                match value {
                    Value::Array(list) if key == "entry" => list.iter().for_each(|item| element(text, depth + 1, key, item)),
                    value => element(text, depth + 1, key, value),
                }
            }
        }),
    }
}

fn nested(text: &mut String, depth: usize, name: &str, empty: bool, children: impl FnOnce(&mut String)) {
    let indent = "  ".repeat(depth);
    if empty {
        text.push_str(&format!("{indent}<{name}/>\n"));
        return;
    }
    text.push_str(&format!("{indent}<{name}>\n"));
    children(text);
    text.push_str(&format!("{indent}</{name}>\n"));
}

fn leaf(text: &mut String, depth: usize, name: &str, value: &str) {
    text.push_str(&format!("{}<{name}>{}</{name}>\n", "  ".repeat(depth), escape(value)));
}

/// Escapes text; characters that XML cannot carry are replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\r' => escaped.push_str("&#13;"),
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_maps_and_text_have_the_shape_of_the_service() {
        let result = serde_json::json!({
            "Rules": [{"Priority": "10", "Conditions": [], "None": null, "Extra": {"entry": [{"key": "a", "value": "<&>"}]}}],
        });
        insta::assert_snapshot!(response("DescribeRules", &result, "r"), @r#"
        <DescribeRulesResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
          <DescribeRulesResult>
            <Rules>
              <member>
                <Priority>10</Priority>
                <Conditions/>
                <Extra>
                  <entry>
                    <key>a</key>
                    <value>&lt;&amp;&gt;</value>
                  </entry>
                </Extra>
              </member>
            </Rules>
          </DescribeRulesResult>
          <ResponseMetadata>
            <RequestId>r</RequestId>
          </ResponseMetadata>
        </DescribeRulesResponse>
        "#);
    }
}
