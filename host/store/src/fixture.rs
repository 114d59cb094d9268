//! What the tests of this room share: a plan, a run, a clock that stands still until it is moved.

#[cfg(feature = "postgres")]
pub(crate) mod postgres;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shiftgate_model::{
    AccountId, AmiId, Capacity, Clock, ElastigroupTemplate, Family, Millis, RunId, Sizing, StoreError, Timestamp,
};
use shiftgate_workflow::{FailurePolicy, Infrastructure, Plan, Setup, Strategy};

use crate::{NewRun, PostgresUrl, Record};

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub(crate) struct StoppedClock(AtomicU64);

impl StoppedClock {
    pub(crate) fn advance(&self, by: Millis) {
        self.0.fetch_add(by.0, Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn family() -> Family {
    Family::new("web").unwrap()
}

/// A plan without any step.
pub(crate) fn plan() -> Plan {
    let template = serde_json::json!({"group": {"compute": {"launchSpecification": {}}}});
    Plan {
        version: 1,
        workflow: "web".to_owned(),
        strategy: Strategy::Basic,
        service: "web".to_owned(),
        environment: "prod".to_owned(),
        infrastructure: Infrastructure {
            name: "eu".to_owned(),
            region: "eu-west-1".to_owned(),
            account: None,
            token: None,
            aws_profile: None,
        },
        artifact: AmiId::new("ami-1"),
        setup: Setup {
            family: family(),
            sizing: Sizing::Fixed(Capacity::pinned(2)),
            template: ElastigroupTemplate::parse(template, false).unwrap(),
            user_data: None,
            steady_state_timeout: Millis::minutes(1),
            keep_old_groups: 1,
            routing: None,
        },
        phases: Vec::new(),
        rollback: Vec::new(),
        wrap_up: Vec::new(),
        on_failure: FailurePolicy::default(),
        inputs: BTreeMap::new(),
        agreed: None,
    }
}

pub(crate) async fn create(record: &Record, id: &str, created_at: u64) -> RunId {
    let plan = plan();
    let run = NewRun::of(&plan, RunId::new(id), AccountId::new("act-1"), "web.yaml", Timestamp(created_at));
    record.create_run(&run).await.unwrap();
    run.id
}

/// A record of a test's own: in a directory, or in a database.
pub(crate) struct Home {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) clock: Arc<StoppedClock>,
    database: Option<PostgresUrl>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: Arc::default(), database: None }
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn in_database(url: PostgresUrl) -> Self {
        Self { database: Some(url), ..Self::new() }
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.database.is_none()
    }

    pub(crate) async fn open(&self) -> Record {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        match &self.database {
            None => Record::open_with(&self.directory.path().join("state"), clock).await.unwrap(),
            Some(url) => Record::open_postgres_with(url, clock).await.unwrap(),
        }
    }
}

/// The error's text, with the directory of the test taken out; a database is shown as the file would be.
pub(crate) fn shown(home: &Home, error: &StoreError) -> String {
    let text = match &home.database {
        None => error.to_string(),
        Some(url) => error.to_string().replace(&url.to_string(), "[HOME]/state/state.db"),
    };
    text.replace(&home.directory.path().display().to_string(), "[HOME]")
}
