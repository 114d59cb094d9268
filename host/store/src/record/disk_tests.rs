//! The record and the disk under it: who may read it, what stands in the way of opening it, what happens when it is full.

use shiftgate_model::{EventKind, Events, Ledger, StepId};

use super::*;
use crate::fixture::{Home, create, shown};

#[tokio::test]
async fn only_the_owner_may_read_the_state() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let record = home.open().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(record.directory().unwrap()), 0o700);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        assert_eq!(mode(&record.directory().unwrap().join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_in_words() {
    let home = Home::new();
    let path = home.directory.path();
    let refused = async |name: &str| shown(&home, &Record::open(&path.join(name)).await.err().unwrap());
    std::fs::write(path.join("file"), "").unwrap();
    std::fs::create_dir_all(path.join("occupied/state.db")).unwrap();
    std::fs::create_dir(path.join("damaged")).unwrap();
    std::fs::write(path.join("damaged/state.db"), "no database, but some text ".repeat(400)).unwrap();
    let newer = Record::open(&path.join("newer")).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'x', 1, x'00', 0)",
    )
    .execute(&newer.pool)
    .await
    .unwrap();
    newer.close().await;
    let mut seen = Vec::new();
    for name in ["file", "file/below", "occupied", "damaged", "newer"] {
        seen.push(refused(name).await);
    }
    insta::assert_snapshot!(seen.join("\n"), @r"
    cannot make the state directory in [HOME]/file: a file stands where a directory should be; choose another state directory
    cannot make the state directory in [HOME]/file/below: a file stands where a directory should be; choose another state directory
    cannot open the record in [HOME]/occupied/state.db: a directory stands where a file should be; move it away
    cannot open the record in [HOME]/damaged/state.db: the file is damaged or is not a database of shiftgate; move it away or restore it from a backup
    cannot prepare the record in [HOME]/newer/state.db: a newer shiftgate wrote this file (its schema is 99); use that program, or choose another state directory
    ");
}

#[tokio::test]
async fn a_path_may_hold_any_character() {
    let home = Home::new();
    let path = home.directory.path().join("a b?mode=memory#%41:é");
    Record::open(&path).await.unwrap().close().await;
    assert!(path.join("state.db").is_file());
}

#[tokio::test]
async fn a_full_disk_is_said_and_passes() {
    let home = Home::new();
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    // What SQLite does when the disk has no more room, without filling one.
    sqlx::query("PRAGMA max_page_count = 30").execute(&record.pool).await.unwrap();
    let mut written = 0;
    let error = loop {
        match record.append(&run, None, None, said(&"x".repeat(4_000))).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    insta::assert_snapshot!(shown(&home, &error), @"cannot record an event of run r1 in [HOME]/state/state.db: the disk is full; free some space, then try again");
    sqlx::query("PRAGMA max_page_count = 1000").execute(&record.pool).await.unwrap();
    record.append(&run, None, None, said("room again")).await.unwrap();
    assert_eq!(record.read(&run, 0).await.unwrap().len(), written + 1);
}

#[tokio::test]
async fn a_file_that_was_moved_or_deleted_takes_no_more_promises() {
    let home = Home::new();
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    let (step, intent) = (StepId::new("setup"), serde_json::json!({}));
    record.intend(&run, &step, "create", &intent).await.unwrap();
    let state = home.directory.path().join("state");
    let (file, aside) = (state.join("state.db"), state.join("aside.db"));
    std::fs::rename(&file, &aside).unwrap();
    for other in [false, true] {
        if other {
            std::fs::write(&file, "another file").unwrap();
        }
        let error = record.intend(&run, &step, "delete", &intent).await.unwrap_err();
        assert_eq!(
            shown(&home, &error),
            "cannot record the intent `delete` of setup in [HOME]/state/state.db: the file was moved or deleted while it was in \
             use; put it back, then `shiftgate resume` the run, or look what is where"
        );
        record.settle(&run, &step, "create", &intent).await.unwrap_err();
        record.append(&run, None, None, said("nobody reads this")).await.unwrap_err();
    }
    std::fs::rename(&aside, &file).unwrap();
    record.settle(&run, &step, "create", &intent).await.unwrap();
    assert_eq!(record.record(&run).await.unwrap().len(), 1, "nothing was promised meanwhile");
}

fn said(message: &str) -> EventKind {
    EventKind::PluginProgress { message: message.to_owned() }
}
