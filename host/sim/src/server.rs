//! Starts and stops the account: its listeners on loopback and the handle that tests and the program hold.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{Extension, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::account::{Account, Edit};
use crate::calls::Call;
use crate::data_plane::{self, Gate};
use crate::envelope::Refusal;
use crate::faults::Fault;
use crate::wire::{CuttableListener, Scissors};
use crate::world::World;
use crate::{GroupView, aws, control, query_api, spot};

/// What can go wrong with a simulated account.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A listener could not be opened.
    #[error("cannot listen on 127.0.0.1:{port} for the simulated {service}")]
    Listen {
        /// `Spot API`, `AWS API` or `data plane`.
        service: &'static str,
        /// The port that was asked for; 0 is any free one.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The world contradicts itself.
    #[error("the simulated world is not possible: {what}")]
    World {
        /// What is wrong, and where.
        what: String,
    },
    /// A change was refused, as the API would refuse it.
    #[error("the simulated account refuses: {message}")]
    Refused {
        /// Why.
        message: String,
    },
}

impl From<Refusal> for SimError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { message: refusal.message() }
    }
}

/// The ports to listen on; 0 is any free one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// For Spot's API, the metrics and the control endpoint.
    pub spot: u16,
    /// For AWS's API.
    pub aws: u16,
}

/// The account behind its lock.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<Account>>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running simulated account. It ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Sim {
    pub(crate) account: Shared,
    spot: SocketAddr,
    aws: SocketAddr,
    /// By load balancer and port, as [`data_plane::key`] has them.
    pub(crate) data_plane: BTreeMap<String, SocketAddr>,
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Sim {
    /// Opens the listeners on 127.0.0.1 and serves `world` there.
    ///
    /// # Errors
    /// [`SimError::Listen`] when a port is taken, [`SimError::World`] when the world contradicts itself.
    pub async fn start(world: World, ports: Ports) -> Result<Self, SimError> {
        let account = Shared(Arc::new(Mutex::new(Account::new(world)?)));
        let stop = CancellationToken::new();
        let (spot, spot_address) = listen("Spot API", ports.spot).await?;
        let (aws, aws_address) = listen("AWS API", ports.aws).await?;
        let spot_router = Router::new()
            .nest(control::PREFIX, control::router())
            .nest(query_api::PREFIX, query_api::router())
            .fallback(spot::serve)
            .layer(Extension(stop.clone()))
            .with_state(account.clone());
        let aws_router = Router::new().fallback(aws::serve).layer(Extension(stop.clone())).with_state(account.clone());
        let mut tasks = vec![serve(spot, spot_router, &stop), serve(aws, aws_router, &stop)];
        let mut data_plane = BTreeMap::new();
        for (key, gate) in gates(&account) {
            let (listener, address) = listen("data plane", 0).await?;
            tasks.push(serve(listener, data_plane::router(gate, stop.clone()), &stop));
            data_plane.insert(key, address);
        }
        Ok(Self { account, spot: spot_address, aws: aws_address, data_plane, stop, tasks: Mutex::new(tasks) })
    }

    /// The base URL of Spot's API.
    #[must_use]
    pub fn spot_url(&self) -> String {
        format!("http://{}", self.spot)
    }

    /// The base URL of AWS's API.
    #[must_use]
    pub fn aws_url(&self) -> String {
        format!("http://{}", self.aws)
    }

    /// What the metrics answer to a path with its query (`/api/v1/query?query=up`), where it is that time of day now, in seconds
    /// since 1970: a status and a body. For whoever lets time pass at will.
    #[must_use]
    pub fn metrics(&self, path_and_query: &str, wall: f64) -> (u16, String) {
        let (status, body) = query_api::answer(&self.account, path_and_query, wall);
        (status.as_u16(), body.to_string())
    }

    /// The base URL of the metrics: `/api/v1/query` and `/api/v1/query_range` stand below it, as with Prometheus, and `/metrics` to be
    /// scraped.
    #[must_use]
    pub fn metrics_url(&self) -> String {
        format!("http://{}{}", self.spot, query_api::PREFIX)
    }

    /// Makes calls go wrong from now on.
    ///
    /// # Errors
    /// [`SimError::World`] when the fault names a method or route that the API does not have.
    pub fn inject(&self, fault: Fault) -> Result<(), SimError> {
        self.account.lock().add_fault(fault)
    }

    /// Lets every call go well again, from now on.
    pub fn clear_faults(&self) {
        self.account.lock().faults.clear();
    }

    /// How many calls a fault has hit so far.
    #[must_use]
    pub fn faults_hit(&self) -> u64 {
        self.account.lock().faults.hits()
    }

    /// Takes one spot instance of a group away, as AWS does; the group asks for another. Returns the instance's id,
    /// none when the group has no running spot instance.
    ///
    /// # Errors
    /// [`SimError::Refused`] when there is no such group.
    pub fn interrupt(&self, group: &str) -> Result<Option<String>, SimError> {
        let mut account = self.account.lock();
        let now = account.now();
        Ok(account.interrupt(group, now)?)
    }

    /// Changes a group as another hand at the console would.
    ///
    /// # Errors
    /// [`SimError::Refused`] when there is no such group, or its capacity is out of order.
    pub fn edit(&self, group: &str, edit: &Edit) -> Result<(), SimError> {
        let mut account = self.account.lock();
        let now = account.now();
        Ok(account.edit(group, edit, now)?)
    }

    /// Merges `change`, an object of [`World`]'s fields without `groups` and `faults`, into the settings. Latencies and
    /// images count for instances requested from now on.
    ///
    /// # Errors
    /// [`SimError::World`] when a field is unknown or has the wrong type.
    pub fn set(&self, change: &Value) -> Result<(), SimError> {
        control::change_settings(&mut self.account.lock(), change)
    }

    /// Every group as it stands now, by name; deleted ones included.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupView> {
        control::look(&mut self.account.lock())
    }

    /// The calls on the Spot API so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.account.lock().calls.all()
    }

    /// Closes the listeners, lets open calls end, and waits for that.
    pub async fn stop(&self) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a listener of the simulated account did not end well");
            }
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Every listener of every load balancer.
fn gates(account: &Shared) -> Vec<(String, Gate)> {
    let gate = |balancer, listener| Gate { account: account.clone(), balancer, listener };
    let locked = account.lock();
    let balancers = locked.elb.balancers.iter().enumerate();
    let gates = balancers.flat_map(|(place, balancer)| {
        let listeners = balancer.listeners.iter().enumerate();
        listeners.map(move |(listener, one)| (data_plane::key(&balancer.name, one.port), gate(place, listener)))
    });
    gates.collect()
}

async fn listen(service: &'static str, port: u16) -> Result<(TcpListener, SocketAddr), SimError> {
    let failed = |source| SimError::Listen { service, port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn serve(listener: TcpListener, router: Router, stop: &CancellationToken) -> JoinHandle<()> {
    let service = router.into_make_service_with_connect_info::<Scissors>();
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        let served = axum::serve(CuttableListener(listener), service).with_graceful_shutdown(stopped).await;
        if let Err(error) = served {
            tracing::warn!(%error, "a listener of the simulated account ended");
        }
    })
}
