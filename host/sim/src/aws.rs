//! The AWS listener. It speaks the shape of the query protocol and knows no action yet: each request is refused the way
//! ELBv2 refuses an action that it does not have.

use axum::body::{Body, Bytes};
use axum::extract::RawQuery;
use axum::http::{Response, StatusCode, header};

const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// Answers one request.
pub(crate) async fn serve(RawQuery(query): RawQuery, body: Bytes) -> Response<Body> {
    let action = parameter(&body, "Action").or_else(|| parameter(query.unwrap_or_default().as_bytes(), "Action"));
    let action = action.unwrap_or_default();
    let message = match action.as_str() {
        "" => "Missing Action".to_owned(),
        action => format!("Could not find operation {} for version 2015-12-01", escape(action)),
    };
    let text = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>InvalidAction</Code>\n    \
         <Message>{message}</Message>\n  </Error>\n  <RequestId>00000000-0000-4000-8000-000000000000</RequestId>\n</ErrorResponse>\n"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml"));
    response
}

fn parameter(form: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
