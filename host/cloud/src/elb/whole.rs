//! A success of AWS is one whole document of XML; anything else is no answer, and the call is made again.
//!
//! The SDK reads half a document as far as it goes: a list that was cut off in between would be a shorter list. It does not
//! ask again for an answer that it cannot read, either. Both are mended here; what a call may do is none of this module's
//! business. Every call of this client may be repeated.

use aws_sdk_elasticloadbalancingv2::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_elasticloadbalancingv2::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_elasticloadbalancingv2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;

/// A 200 that is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Garbled {
    /// Not AWS's XML.
    #[error("HTTP {0} with a body that is not AWS's XML: is the AWS endpoint right, and is a proxy in between?")]
    Foreign(u16),
    /// XML without its end.
    #[error("HTTP {0} with XML that is cut off")]
    CutOff(u16),
}

/// Looks at the text of every reply, and asks again for one that is no answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole;

#[dyn_dispatch_hint]
impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "WholeAnswers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let reply = context.response();
        match reply.body().bytes() {
            Some(body) if reply.status().is_success() => Ok(check(reply.status().as_u16(), &String::from_utf8_lossy(body))?),
            Some(_) | None => Ok(()),
        }
    }
}

impl ClassifyRetry for Whole {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let success = context.response().is_some_and(|reply| reply.status().is_success());
        match context.output_or_error() {
            Some(Err(_)) if success => RetryAction::transient_error(),
            Some(_) | None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "WholeAnswers"
    }
}

/// Whether a text is `<XyzResponse ...>...</XyzResponse>`, behind whatever XML begins with.
fn check(status: u16, text: &str) -> Result<(), Garbled> {
    let mut rest = text.trim();
    while rest.starts_with("<?") || rest.starts_with("<!--") {
        rest = rest.split_once('>').map_or("", |(_, rest)| rest.trim_start());
    }
    let root = rest.strip_prefix('<').unwrap_or_default();
    let name = root.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next().unwrap_or_default();
    if name.len() < root.len() && !name.ends_with("Response") {
        return Err(Garbled::Foreign(status));
    }
    if name.is_empty() {
        return Err(Garbled::Foreign(status));
    }
    let open = rest.strip_suffix('>').and_then(|rest| rest.strip_suffix(name)).is_some_and(|rest| rest.ends_with("</"));
    if open { Ok(()) } else { Err(Garbled::CutOff(status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_whole_response() {
        for whole in [
            "<ModifyRuleResponse xmlns=\"x\"><ResponseMetadata/></ModifyRuleResponse>",
            "<?xml version=\"1.0\"?>\n<!-- c --><DescribeRulesResponse>\n</DescribeRulesResponse>\n",
        ] {
            assert_eq!(check(200, whole), Ok(()), "{whole}");
        }
        for foreign in ["", "OK", "<html><body>upstream</body></html>", "{}", "<!DOCTYPE html><html></html>"] {
            assert_eq!(check(200, foreign), Err(Garbled::Foreign(200)), "{foreign}");
        }
        let text = "<DescribeRulesResponse><Rules><member></member></Rules></DescribeRulesResponse>";
        for end in 1..text.len() {
            assert!(matches!(check(200, &text[..end]), Err(Garbled::CutOff(_) | Garbled::Foreign(_))), "{}", &text[..end]);
        }
    }
}
