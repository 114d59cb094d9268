//! The client against a real socket that misbehaves: what a well-behaved simulated account does not do.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use secrecy::SecretString;
use shiftgate_model::{AccountId, Capacity, CloudError, ErrorClass, GroupId, Groups, Millis, Origin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::{Credentials, RetryPolicy, Spot, SpotConfig, Timeouts};

const TOKEN: &str = "0123456789abcdef-socket-token";

/// What the server does with a call.
#[derive(Clone)]
enum Act {
    /// Answers and keeps the connection.
    Answers(String),
    /// Answers, keeps the connection by its word, and closes it.
    AnswersAndCloses(String),
    /// Closes without an answer.
    Closes,
    /// Never answers.
    Hangs,
}

struct Server {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let mut acts = acts.into_iter().collect::<Vec<_>>().into_iter();
        let seen = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                while let Some(head) = read_call(&mut stream).await {
                    seen.lock().unwrap().push(head);
                    let Some(act) = acts.next() else { break };
                    match act {
                        Act::Answers(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                        Act::AnswersAndCloses(text) => {
                            stream.write_all(text.as_bytes()).await.unwrap();
                            break;
                        }
                        Act::Closes => break,
                        Act::Hangs => {
                            held.push(stream);
                            break;
                        }
                    }
                }
            }
        });
        Self { port, heads, task }
    }

    fn spot(&self) -> Spot {
        spot(self.port, Millis::seconds(20))
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn spot(port: u16, read: Millis) -> Spot {
    let credentials = Credentials { token: SecretString::from(TOKEN.to_owned()), account: AccountId::new("act-12345678") };
    let mut config = SpotConfig::new(credentials, Some(&format!("http://127.0.0.1:{port}"))).unwrap();
    config.timeouts = Timeouts { read, ..Timeouts::default() };
    config.retry = RetryPolicy { attempts: 2, first_pause: Millis(1), longest_pause: Millis(2), ..RetryPolicy::default() };
    Spot::new(config).unwrap()
}

/// Reads one call, body included; returns its head. None when the client is gone.
async fn read_call(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |n| n.trim().parse().unwrap());
            if body.len() >= length {
                return Some(head);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

fn empty() -> String {
    answer("200 OK", "", r#"{"response":{"status":{"code":200},"items":[]}}"#)
}

fn id() -> GroupId {
    GroupId::new("sig-0a1b2c3d")
}

async fn list_error(act: Act) -> (CloudError, usize) {
    let server = Server::new([act.clone(), act]).await;
    let error = server.spot().list().await.unwrap_err();
    (error, server.heads().len())
}

#[tokio::test]
async fn every_call_carries_account_token_and_type() {
    let server = Server::new([Act::Answers(empty()), Act::Answers(empty()), Act::Answers(empty())]).await;
    let spot = server.spot();
    spot.list().await.unwrap();
    spot.set_capacity(&id(), Capacity::pinned(2)).await.unwrap();
    spot.delete(&id()).await.unwrap();
    let heads = server.heads();
    let lines: Vec<_> = heads.iter().filter_map(|head| head.lines().next()).collect();
    assert_eq!(
        lines,
        [
            "get /aws/ec2/group?accountid=act-12345678 http/1.1",
            "put /aws/ec2/group/sig-0a1b2c3d/capacity?accountid=act-12345678 http/1.1",
            "delete /aws/ec2/group/sig-0a1b2c3d?accountid=act-12345678 http/1.1",
        ]
    );
    for head in heads {
        for line in [&format!("authorization: bearer {TOKEN}"), "content-type: application/json", "user-agent: shiftgate/0.1.0"] {
            assert!(head.contains(line), "{line} is not in\n{head}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_an_error_and_the_token_stays_here() {
    let other = Server::new([Act::Answers(empty())]).await;
    let location = format!("location: http://127.0.0.1:{}/aws/ec2/group\r\n", other.port);
    let (error, calls) = list_error(Act::Answers(answer("302 Found", &location, ""))).await;
    assert!(matches!(error.origin, Origin::Remote { status: 302, .. }), "{error}");
    assert_eq!((calls, other.heads().len()), (1, 0));
}

#[tokio::test]
async fn a_token_that_the_server_echoes_is_not_shown() {
    let body =
        format!(r#"{{"response":{{"errors":[{{"code":"{TOKEN}","message":"bad header Authorization: Bearer {TOKEN}"}}]}}}}"#);
    let (error, calls) = list_error(Act::Answers(answer("401 Unauthorized", "", &body))).await;
    assert_eq!((error.class(), calls), (ErrorClass::Authentication, 1));
    for text in
        [error.to_string(), format!("{error:?}"), serde_json::to_string(&error).unwrap(), format!("{:?}", spot(1, Millis(1)))]
    {
        assert!(!text.contains("0123456789abcdef"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_left_in_time() {
    let begun = Instant::now();
    let server = Server::new([Act::Hangs, Act::Hangs]).await;
    let error = spot(server.port, Millis(150)).list().await.unwrap_err();
    assert_eq!((error.class(), server.heads().len()), (ErrorClass::Connectivity, 2));
    assert!(error.to_string().ends_with("no answer: no whole answer within 150ms"), "{error}");
    assert!(begun.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn garbage_is_no_answer_and_is_asked_for_again() {
    for body in ["<html>welcome to the hotel</html>", "", "{\"response\":", "\u{0}\u{1}"] {
        let garbage = || Act::Answers(answer("200 OK", "", body));
        let server = Server::new([garbage(), Act::Answers(empty())]).await;
        assert_eq!(server.spot().list().await, Ok(vec![]));
        let server = Server::new([garbage(), garbage()]).await;
        let error = server.spot().list().await.unwrap_err();
        assert!(matches!(error.origin, Origin::Decode(_)), "{error}");
        assert_eq!(server.heads().len(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_asked_for_again() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"response\":{".to_owned();
    for act in [Act::AnswersAndCloses(cut), Act::Closes, Act::Answers(answer("502 Bad Gateway", "", "<html>nginx</html>"))] {
        let server = Server::new([act, Act::Answers(empty())]).await;
        assert_eq!(server.spot().list().await, Ok(vec![]));
        assert_eq!(server.heads().len(), 2);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_does_no_harm() {
    let server = Server::new([Act::AnswersAndCloses(empty()), Act::AnswersAndCloses(empty()), Act::Answers(empty())]).await;
    let spot = server.spot();
    for _ in 0..3 {
        assert_eq!(spot.list().await, Ok(vec![]));
    }
}

#[tokio::test]
async fn nobody_there_is_said_as_it_is() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = spot(port, Millis::seconds(20)).list().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Connectivity);
    assert!(error.to_string().contains("Connection refused") && !error.to_string().contains("http://"), "{error}");
}

#[tokio::test]
async fn the_headers_of_the_limit_are_read_from_the_wire() {
    let headers = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 0.1\r\n";
    let limited =
        answer("429 Too Many Requests", headers, r#"{"response":{"status":{"code":429},"data":"Rate limit exceeded"}}"#);
    let server = Server::new([Act::Answers(limited), Act::Answers(empty())]).await;
    let begun = Instant::now();
    assert_eq!(server.spot().list().await, Ok(vec![]));
    assert!(begun.elapsed().as_millis() >= 100);
}
