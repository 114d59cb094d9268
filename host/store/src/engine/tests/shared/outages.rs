//! A database that goes away, and one that cannot be used.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_comes_back_is_waited_for_and_one_that_does_not_is_told() {
    let Some(mut server) = Server::start().await else { return };
    let url = server.database("runs").await;
    let works = Works::new(url.clone(), 1, |_| Vec::new()).await;
    let (run, log) = (RunId::new("r0"), works.log());
    let handler = works_as(&works, "one");
    let patient = EngineOptions { patience: Millis(30_000), ..options() };
    let engine = Engine::start_with(&JournalAt::Postgres(url.clone()), &works.record, toys, handler, patient).await.unwrap();
    let orders = ["act first", "act long:1", "act again", "act last:r0"];
    engine.launch_text(&run, serde_json::to_string(&orders).unwrap()).await.unwrap();
    log.has("one begins long:1").await;
    server.stop();
    let ended = engine.ended(&run);
    let away = async {
        log.has("one ends long:1").await;
        server.up().await;
        Instant::now()
    };
    let (ended, back) = tokio::join!(ended, away);
    assert_eq!(ended, Ok(Ending::Succeeded));
    println!("ended {:?} after the database was back: {:?}", back.elapsed(), log.lines());
    assert_eq!(works.ends("first"), 1);
    engine.stop().await;

    let handler = works_as(&works, "two");
    let hasty = EngineOptions { patience: Millis(2_000), ..options() };
    let engine = Engine::start_with(&JournalAt::Postgres(url.clone()), &works.record, toys, handler, hasty).await.unwrap();
    let run = create(&works.record, "r1", 0).await;
    engine.launch_text(&run, r#"["wait go 60000"]"#.to_owned()).await.unwrap();
    server.stop();
    let error = tokio::time::timeout(PATIENCE, engine.ended(&run)).await.expect("the patience ends").unwrap_err();
    let text = error.to_string().replace(&url.to_string(), "[URL]");
    insta::assert_snapshot!(text, @"cannot read how r1 stands in [URL]: nothing listens there (connection refused); look at host and port, and whether the database runs");
    let stopping = Instant::now();
    engine.stop().await;
    println!("stopped without a database in {:?}", stopping.elapsed());
    assert!(stopping.elapsed() < Duration::from_secs(10), "an engine can be stopped while the database is away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_of_a_database_is_said_in_words() {
    let Some(server) = Server::start().await else { return };
    let good = server.database("runs").await;
    let record = Record::open_postgres(&good).await.unwrap();
    let standby = server.standby().await;
    server.ask("host all ann 127.0.0.1/32 scram-sha-256\nhostssl all eve 127.0.0.1/32 trust\nhost all eve all reject").await;
    server.execute("CREATE ROLE ann LOGIN PASSWORD 'right'").await;
    let (port, nobody) = (server.port(), url(1, "runs"));
    let other = |text: &str| PostgresUrl::parse(&format!("postgres://{text}")).unwrap();
    let mut seen = Vec::new();
    for url in [
        url(standby.port(), "runs"),
        url(port, "none"),
        nobody,
        other(&format!("ann:wrong@127.0.0.1:{port}/runs?sslmode=disable")),
        other(&format!("bob@127.0.0.1:{port}/runs?sslmode=disable")),
        other(&format!("ann:right@127.0.0.1:{port}/postgres?sslmode=disable")),
        other(&format!("postgres@127.0.0.1:{port}/runs?sslmode=require")),
        other(&format!("eve@127.0.0.1:{port}/runs?sslmode=disable")),
    ] {
        let opened = Record::open_postgres(&url).await.err().map(|error| error.to_string());
        let started = Journal::open(&JournalAt::Postgres(url.clone()), Millis(1_000)).await.err();
        for error in [opened, started.map(|error| error.to_string())] {
            let error = error.unwrap_or_else(|| format!("{url} can be opened"));
            seen.push(error.replace(&port.to_string(), "[PORT]").replace(&standby.port().to_string(), "[STANDBY]"));
        }
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
    cannot prepare the record in postgres://postgres@127.0.0.1:[STANDBY]/runs: this server takes reads only, as a standby does; name the primary, or an address that follows it
    cannot open the engine's journal in postgres://postgres@127.0.0.1:[STANDBY]/runs: this server takes reads only, as a standby does; name the primary, or an address that follows it
    cannot open the record in postgres://postgres@127.0.0.1:[PORT]/none: database "none" does not exist; make it first: `createdb`
    cannot open the engine's journal in postgres://postgres@127.0.0.1:[PORT]/none: database "none" does not exist; make it first: `createdb`
    cannot open the record in postgres://postgres@127.0.0.1:1/runs: nothing listens there (connection refused); look at host and port, and whether the database runs
    cannot open the engine's journal in postgres://postgres@127.0.0.1:1/runs: nothing listens there (connection refused); look at host and port, and whether the database runs
    cannot open the record in postgres://ann@127.0.0.1:[PORT]/runs: the database refuses the password of this user; look at the address or at the secret that it comes from
    cannot open the engine's journal in postgres://ann@127.0.0.1:[PORT]/runs: the database refuses the password of this user; look at the address or at the secret that it comes from
    cannot open the record in postgres://bob@127.0.0.1:[PORT]/runs: the database refuses this user from here (role "bob" does not exist); look at its pg_hba.conf
    cannot open the engine's journal in postgres://bob@127.0.0.1:[PORT]/runs: the database refuses this user from here (role "bob" does not exist); look at its pg_hba.conf
    cannot open the record in postgres://ann@127.0.0.1:[PORT]/postgres: permission denied for database postgres; the user needs CREATE on the database, or a schema `shiftgate` of its own
    cannot open the engine's journal in postgres://ann@127.0.0.1:[PORT]/postgres: permission denied for database postgres; the user needs CREATE on the database, or a schema `shiftgate` of its own
    cannot open the record in postgres://postgres@127.0.0.1:[PORT]/runs: TLS could not be set up: server does not support TLS; look at `sslmode` and `sslrootcert` in the address
    cannot open the engine's journal in postgres://postgres@127.0.0.1:[PORT]/runs: TLS could not be set up: server does not support TLS; look at `sslmode` and `sslrootcert` in the address
    cannot open the record in postgres://eve@127.0.0.1:[PORT]/runs: the server takes no unencrypted connection from here; take `sslmode=disable` out of the address, or ask for `sslmode=verify-full`
    cannot open the engine's journal in postgres://eve@127.0.0.1:[PORT]/runs: the server takes no unencrypted connection from here; take `sslmode=disable` out of the address, or ask for `sslmode=verify-full`
    "#);
    sqlx_newer(&record).await;
    let error = Record::open_postgres(&good).await.err().unwrap().to_string().replace(&port.to_string(), "[PORT]");
    insta::assert_snapshot!(error, @"cannot prepare the record in postgres://postgres@127.0.0.1:[PORT]/runs: a newer shiftgate wrote this database (its schema is 99); use that program, or choose another database");
}

async fn sqlx_newer(record: &Record) {
    record
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'x', TRUE, '', 0)",
        )
        .await;
}
