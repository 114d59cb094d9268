//! Opens duroxide's own file. One whose making was cut short, by a full disk say, is made anew: duroxide would go on with the
//! tables that are there, for ever, and say only which column it misses. A file that holds anything of a run is left alone.
//! Next: `journal`.

use std::path::Path;

use duroxide::providers::sqlite::SqliteProvider;
use shiftgate_model::StoreError;
use sqlx::{AnyConnection, Connection, Executor};

use crate::{fault, file};

/// What duroxide says of a file that has not all of its tables.
const INCOMPLETE: [&str; 3] = ["no such column", "no such table", "duplicate column"];
const NOT_MADE: &str = "the file could not be made to its end, as happens when the disk is full; free some space, then try again";

/// What SQLite may keep of pages in the whole process, in bytes. duroxide gives each of its five connections a cache of 64 MB, and
/// whoever takes 10,000 runs up fills them all.
const PAGES_KEPT: i64 = 32 << 20;

/// The tables in which something lies as soon as a run was launched.
const OF_RUNS: [&str; 4] = ["instances", "history", "orchestrator_queue", "worker_queue"];

/// Opens the file, and makes it where it is missing.
pub(crate) async fn open(action: &str, path: &Path) -> Result<SqliteProvider, StoreError> {
    let provider = open_whole(action, path).await?;
    // The limit is the process's: it holds for connections that are made later too, and for the record's.
    let kept = sqlx::query(&format!("PRAGMA soft_heap_limit = {PAGES_KEPT}")).execute(provider.get_pool()).await;
    kept.map_err(|error| fault::of_database(action, path.display().to_string(), &error))?;
    Ok(provider)
}

async fn open_whole(action: &str, path: &Path) -> Result<SqliteProvider, StoreError> {
    let url = file::sqlite_url(action, path)?;
    let first = match SqliteProvider::new(&url, None).await {
        Ok(provider) => return Ok(provider),
        Err(error) => error,
    };
    let failed = |error: &sqlx::Error| {
        let found = fault::of_database(action, path.display().to_string(), error);
        let incomplete = INCOMPLETE.iter().any(|words| found.reason.contains(words));
        if incomplete { StoreError { reason: NOT_MADE.to_owned(), ..found } } else { found }
    };
    if !is_empty(&url).await {
        return Err(failed(&first));
    }
    remove(action, path)?;
    let second = match SqliteProvider::new(&url, None).await {
        Ok(provider) => return Ok(provider),
        Err(error) => failed(&error),
    };
    // The next one begins from nothing.
    remove(action, path)?;
    Err(second)
}

/// Whether this is a database that nothing of a run lies in. A file that cannot be read is not.
async fn is_empty(url: &str) -> bool {
    let Ok(mut connection) = AnyConnection::connect(url).await else { return false };
    if connection.execute("SELECT name FROM sqlite_master").await.is_err() {
        return false;
    }
    for table in OF_RUNS {
        // A table that is missing holds nothing.
        let found = connection.fetch_optional(format!("SELECT 1 FROM {table} LIMIT 1").as_str()).await;
        if found.is_ok_and(|row| row.is_some()) {
            return false;
        }
    }
    connection.close().await.is_ok()
}

fn remove(action: &str, path: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match std::fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(fault::of_file(action, path, &error)),
        }
    }
    file::touch(action, path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn made(path: &Path, statements: &[&str]) {
        file::touch("make", path).unwrap();
        file::try_database("make", path).await.unwrap();
        let mut connection = AnyConnection::connect(&file::sqlite_url("make", path).unwrap()).await.unwrap();
        for statement in statements {
            connection.execute(*statement).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_was_not_made_to_its_end_is_made_anew_unless_something_lies_in_it() {
        let directory = tempfile::TempDir::new().unwrap();
        // duroxide cannot go on with its own migrations, and makes what is missing beside what is there.
        let half = ["CREATE TABLE _sqlx_migrations (half)", "CREATE TABLE instances (instance_id TEXT PRIMARY KEY)"];
        let path = directory.path().join("half.db");
        made(&path, &half).await;
        let provider = open("open it", &path).await.unwrap();
        sqlx::query("SELECT parent_instance_id FROM instances").execute(provider.get_pool()).await.unwrap();
        provider.get_pool().close().await;

        let path = directory.path().join("used.db");
        made(&path, &[half[0], half[1], "INSERT INTO instances VALUES ('r1')"]).await;
        let error = open("open it", &path).await.err().unwrap();
        assert_eq!(error.reason, NOT_MADE);
        assert!(!is_empty(&file::sqlite_url("look", &path).unwrap()).await, "it is left as it is");
    }

    #[tokio::test]
    async fn whatever_is_opened_beside_a_journal_shares_its_bounded_cache() {
        let directory = tempfile::TempDir::new().unwrap();
        let provider = open("open it", &directory.path().join("engine.db")).await.unwrap();
        let path = directory.path().join("other.db");
        file::try_database("make", &path).await.unwrap();
        let mut other = AnyConnection::connect(&file::sqlite_url("make", &path).unwrap()).await.unwrap();
        let kept: i64 = sqlx::query_scalar("PRAGMA soft_heap_limit").fetch_one(&mut other).await.unwrap();
        assert_eq!(kept, PAGES_KEPT);
        provider.get_pool().close().await;
    }
}
