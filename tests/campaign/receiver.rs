//! Who is told by wrap-ups: keeps the idempotency key of each delivery, and takes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How often each key came.
type Keys = Arc<Mutex<BTreeMap<String, u32>>>;

/// A receiver on loopback; it ends when it is dropped.
pub(crate) struct Receiver {
    keys: Keys,
    url: String,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let keys = Keys::default();
        let router = Router::new().route("/hook", post(take)).with_state(Arc::clone(&keys));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { keys, url, serving }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(keys): State<Keys>, headers: HeaderMap) {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or("none").to_owned();
    *keys.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
}
