//! A socket that answers ELBv2 calls with replies written beforehand, in the shape of AWS's own. For tests.

use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use shiftgate_model::{ListenerArn, Millis, RuleArn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Elb, ElbConfig, ElbRetry};

pub(super) const SECRET: &str = "reply-secret-0123456789";

/// Answers each call with the next reply, and keeps the calls' heads and forms.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) calls: Arc<Mutex<Vec<(String, String)>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(super) async fn new(replies: impl IntoIterator<Item = (u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let replies: Vec<_> = replies.into_iter().collect();
        let kept = Arc::clone(&calls);
        let task = tokio::spawn(async move {
            for (status, body) in replies {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let Some(call) = read_call(&mut stream).await else { return };
                kept.lock().unwrap().push(call);
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\nlocation: /x\r\n\r\n");
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        Self { url, calls, task }
    }

    pub(super) fn config(&self) -> ElbConfig {
        let mut config = ElbConfig::new("eu-west-1").with_static_credentials("AKIDREPLY", SecretString::from(SECRET.to_owned()));
        config.endpoint_url = Some(self.url.clone());
        config.retry = ElbRetry { attempts: 2, first_pause: Millis(1), longest_pause: Millis(2) };
        config
    }

    pub(super) async fn elb(&self) -> Elb {
        Elb::new(self.config()).await.unwrap()
    }

    pub(super) fn forms(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(_, form)| form.clone()).collect()
    }
}

async fn read_call(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length =
                lower.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |n| n.trim().parse().unwrap());
            if body.len() >= length {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

pub(super) fn reply(action: &str, result: &str) -> (u16, String) {
    let namespace = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
    let body = format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    );
    (200, body)
}

pub(super) fn refusal(status: u16, code: &str, message: &str) -> (u16, String) {
    let body = format!(
        "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    (status, body)
}

pub(super) const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/aaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbb";
pub(super) const RULE: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/aaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbb/cccccccccccccccc";
pub(super) const BLUE: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web-blue/1111111111111111";
pub(super) const GREEN: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web-green/2222222222222222";

pub(super) fn rules(list: &str, marker: &str) -> (u16, String) {
    reply("DescribeRules", &format!("<Rules>{list}</Rules>{marker}"))
}

pub(super) fn weighted() -> String {
    format!(
        "<member><RuleArn>{RULE}</RuleArn><Priority>10</Priority><IsDefault>false</IsDefault><Conditions><member><Field>path-pattern</Field><Values><member>/api/*</member></Values></member></Conditions><Actions><member><Type>forward</Type><Order>1</Order><ForwardConfig><TargetGroups><member><TargetGroupArn>{BLUE}</TargetGroupArn><Weight>90</Weight></member><member><TargetGroupArn>{GREEN}</TargetGroupArn><Weight>10</Weight></member></TargetGroups><TargetGroupStickinessConfig><Enabled>true</Enabled><DurationSeconds>600</DurationSeconds></TargetGroupStickinessConfig></ForwardConfig></member></Actions><Transforms><member><Type>url-rewrite</Type></member></Transforms></member>"
    )
}

pub(super) fn default_rule() -> String {
    format!(
        "<member><RuleArn>{RULE}d</RuleArn><Priority>default</Priority><IsDefault>true</IsDefault><Conditions/><Actions><member><Type>forward</Type><TargetGroupArn>{BLUE}</TargetGroupArn><Order>1</Order></member></Actions></member>"
    )
}

pub(super) fn listener() -> ListenerArn {
    ListenerArn::new(LISTENER)
}

pub(super) fn rule() -> RuleArn {
    RuleArn::new(RULE)
}
