//! The table of runs: which there are, their plans, and how they ended. An ending is terminal, except that a run that was
//! aborted or got stuck may be taken up again, and one that succeeded may be rolled back. Next: `crate::engine`, which drives them.

use std::sync::Arc;

use async_trait::async_trait;
use shiftgate_engine::{Runs, rollback_decided};
use shiftgate_model::{AccountId, AmiId, Ending, Family, RunId, StepId, StoreError, Timestamp};
use shiftgate_workflow::Plan;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Record, from_column, json_column, to_column, to_json};

/// A run to be recorded before anything else is done for it.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// Its id: letters, digits, `-`, `_` and `.`, since it also names a directory.
    pub id: RunId,
    /// The workflow's name.
    pub workflow: String,
    /// `basic`, `canary` or `blue-green`.
    pub strategy: String,
    /// The service's name.
    pub service: String,
    /// The environment's name.
    pub environment: String,
    /// The infrastructure's name.
    pub infrastructure: String,
    /// The image that is deployed.
    pub artifact: AmiId,
    /// The group family that it works on.
    pub family: Family,
    /// The Spot account.
    pub account: AccountId,
    /// The workflow file, as the user named it; `demo` and the like where there is none.
    pub file: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The run's own copy of its plan.
    pub plan: &'a Plan,
}

impl<'a> NewRun<'a> {
    /// A run of `plan`, which says the most of it.
    #[must_use]
    pub fn of(plan: &'a Plan, id: RunId, account: AccountId, file: impl Into<String>, created_at: Timestamp) -> Self {
        Self {
            id,
            workflow: plan.workflow.clone(),
            strategy: plan.strategy.as_str().to_owned(),
            service: plan.service.clone(),
            environment: plan.environment.clone(),
            infrastructure: plan.infrastructure.name.clone(),
            artifact: plan.artifact.clone(),
            family: plan.setup.family.clone(),
            account,
            file: file.into(),
            created_at,
            plan,
        }
    }
}

/// A run, as whoever lists runs sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The workflow's name.
    pub workflow: String,
    /// `basic`, `canary` or `blue-green`.
    pub strategy: String,
    /// The service's name.
    pub service: String,
    /// The environment's name.
    pub environment: String,
    /// The infrastructure's name.
    pub infrastructure: String,
    /// The image that is deployed.
    pub artifact: AmiId,
    /// The group family that it works on, as text.
    pub family: String,
    /// The Spot account.
    pub account: AccountId,
    /// The workflow file, as the user named it.
    pub file: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// How it ended; none while it runs, or stands.
    pub ending: Option<Ending>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The step in which it waits for a person; none when it does not.
    pub asked_in: Option<StepId>,
}

/// What the beginning of an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No run's id begins so.
    None,
    /// This run's only.
    One(Box<RunRow>),
    /// Several: the first ten, newest first.
    Many(Vec<RunId>),
}

const COLUMNS: &str = "id, workflow, strategy, service, environment, infrastructure, artifact, family, account, file, created_at, \
                       ending, ended_at, asked_in";

impl Record {
    /// Records a new run.
    ///
    /// # Errors
    /// The id is taken or cannot name a directory, or the file cannot be written.
    pub async fn create_run(&self, run: &NewRun<'_>) -> Result<(), StoreError> {
        let action = || format!("record run {}", run.id);
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let id = run.id.as_str();
        if id.is_empty() || id.starts_with('.') || !id.bytes().all(named) {
            return Err(self.refused(action(), "a run's id is made of letters, digits, `-`, `_` and `.`"));
        }
        let plan = to_json(run.plan).map_err(self.failed(action()))?;
        let inserted = sqlx::query(
            "INSERT INTO run (id, workflow, strategy, service, environment, infrastructure, artifact, family, account, file, \
             created_at, plan) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id)
        .bind(&run.workflow)
        .bind(&run.strategy)
        .bind(&run.service)
        .bind(&run.environment)
        .bind(&run.infrastructure)
        .bind(run.artifact.as_str())
        .bind(run.family.as_str())
        .bind(run.account.as_str())
        .bind(&run.file)
        .bind(to_column(run.created_at))
        .bind(plan)
        .execute(&self.pool)
        .await
        .map_err(self.failed(action()))?;
        if inserted.rows_affected() == 0 {
            return Err(self.refused(action(), "there is a run of that id already"));
        }
        self.tick();
        Ok(())
    }

    /// The newest `limit` runs, newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM run ORDER BY created_at DESC, id DESC LIMIT $1");
        let rows = sqlx::query(&query).bind(i64::from(limit)).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(run_row).collect()).map_err(self.failed("list the runs"))
    }

    /// One run; none when there is no such run.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn run(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM run WHERE id = $1");
        let row = sqlx::query(&query).bind(run.as_str()).fetch_optional(&self.pool).await;
        row.and_then(|row| row.as_ref().map(run_row).transpose()).map_err(self.failed(format!("read run {run}")))
    }

    /// The run whose id is `text`, or else begins with it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn find(&self, text: &str) -> Result<Found, StoreError> {
        if text.is_empty() {
            return Ok(Found::None);
        }
        if let Some(run) = self.run(&RunId::new(text)).await? {
            return Ok(Found::One(Box::new(run)));
        }
        let query = format!(
            "SELECT {COLUMNS} FROM run WHERE substr(id, 1, CAST($2 AS INTEGER)) = $1 ORDER BY created_at DESC, id DESC LIMIT 10"
        );
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let rows = sqlx::query(&query).bind(text).bind(length).fetch_all(&self.pool).await;
        let found = rows.and_then(|rows| rows.iter().map(run_row).collect::<Result<Vec<_>, _>>());
        let mut found = found.map_err(self.failed(format!("look for run `{text}`")))?;
        Ok(match (found.pop(), found.is_empty()) {
            (None, _) => Found::None,
            (Some(only), true) => Found::One(Box::new(only)),
            (Some(oldest), false) => Found::Many(found.into_iter().chain([oldest]).map(|run| run.id).collect()),
        })
    }

    /// Takes an aborted or stuck run up again, and one that succeeded when it is to be rolled back: it has no ending any more.
    /// Nothing happens to a run that has none or another.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn reopen(&self, run: &RunId) -> Result<(), StoreError> {
        let after_success = match rollback_decided(self, run).await? {
            Some(_) => Ending::Succeeded,
            None => Ending::Aborted,
        };
        sqlx::query("UPDATE run SET ending = NULL, ended_at = NULL WHERE id = $1 AND ending IN ($2, $3, $4)")
            .bind(run.as_str())
            .bind(word(Ending::Aborted))
            .bind(word(Ending::Stuck))
            .bind(word(after_success))
            .execute(&self.pool)
            .await
            .map_err(self.failed(format!("take run {run} up again")))?;
        self.tick();
        Ok(())
    }
}

#[async_trait]
impl Runs for Record {
    async fn plan(&self, run: &RunId) -> Result<Arc<Plan>, StoreError> {
        let action = || format!("read the plan of run {run}");
        let row = sqlx::query("SELECT plan FROM run WHERE id = $1").bind(run.as_str()).fetch_optional(&self.pool).await;
        let row = row.map_err(self.failed(action()))?.ok_or_else(|| self.refused(action(), "there is no such run"))?;
        json_column(&row, "plan").map(Arc::new).map_err(self.failed(action()))
    }

    async fn end(&self, run: &RunId, ending: Ending, at: Timestamp) -> Result<(), StoreError> {
        let action = || format!("record the end of run {run}");
        let updated =
            sqlx::query("UPDATE run SET ending = $2, ended_at = $3 WHERE id = $1 AND (ending IS NULL OR ending IN ($4, $5))")
                .bind(run.as_str())
                .bind(word(ending))
                .bind(to_column(at))
                .bind(word(Ending::Aborted))
                .bind(word(Ending::Stuck))
                .execute(&self.pool)
                .await
                .map_err(self.failed(action()))?;
        if updated.rows_affected() == 0 {
            let stands = self.run(run).await?.ok_or_else(|| self.refused(action(), "there is no such run"))?;
            return match stands.ending {
                Some(first) if first != ending => {
                    Err(self.refused(action(), format!("it is recorded as {first} already, and cannot become {ending}")))
                }
                _ => Ok(()),
            };
        }
        self.tick();
        Ok(())
    }
}

fn run_row(row: &AnyRow) -> Result<RunRow, sqlx::Error> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(RunRow {
        id: RunId::new(text("id")?),
        workflow: text("workflow")?,
        strategy: text("strategy")?,
        service: text("service")?,
        environment: text("environment")?,
        infrastructure: text("infrastructure")?,
        artifact: AmiId::new(text("artifact")?),
        family: text("family")?,
        account: AccountId::new(text("account")?),
        file: text("file")?,
        created_at: Timestamp(from_column(row, "created_at")?),
        ending: row.try_get::<Option<String>, _>("ending")?.as_deref().map(from_word).transpose()?,
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(|at| Timestamp(u64::try_from(at).unwrap_or(0))),
        asked_in: row.try_get::<Option<String>, _>("asked_in")?.map(StepId::new),
    })
}

/// An ending as the table holds it.
pub(super) const fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Succeeded => "succeeded",
        Ending::Failed => "failed",
        Ending::RolledBack => "rolled_back",
        Ending::Aborted => "aborted",
        Ending::Stuck => "stuck",
    }
}

fn from_word(text: &str) -> Result<Ending, sqlx::Error> {
    const ALL: [Ending; 5] = [Ending::Succeeded, Ending::Failed, Ending::RolledBack, Ending::Aborted, Ending::Stuck];
    ALL.into_iter()
        .find(|ending| word(*ending) == text)
        .ok_or_else(|| sqlx::Error::Decode(format!("`{text}` is not an ending that this program knows").into()))
}
