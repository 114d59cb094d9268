//! A database that takes this user over TLS only: the record and the engine, by the address that an operator writes.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::*;
use crate::PostgresUrl;
use crate::fixture::postgres::Server;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a database `runs` and its owner `ann`, whom it takes over TLS only, as `localhost`.
async fn server_of(authority: &Authority) -> Option<Server> {
    let server = Server::start().await?;
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    server.speak_tls(&certificate.pem(), &key.serialize_pem()).await;
    server.ask("hostnossl all ann all reject").await;
    server.execute("CREATE ROLE ann LOGIN").await;
    server.execute("CREATE DATABASE runs OWNER ann").await;
    Some(server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_and_the_engine_reach_their_database_over_tls() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let Some(server) = server_of(&ours).await else { return };
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| home.path().join(name);
    std::fs::write(file("ours.pem"), ours.pem()).unwrap();
    std::fs::write(file("theirs.pem"), theirs.pem()).unwrap();
    let port = server.port();
    let address = |host: &str, root: &str| {
        let root = file(root);
        let text = format!("postgres://ann@{host}:{port}/runs?sslmode=verify-full&sslrootcert={}", root.display());
        PostgresUrl::parse(&text).unwrap()
    };

    let mut seen = Vec::new();
    let unencrypted = PostgresUrl::parse(&format!("postgres://ann@localhost:{port}/runs?sslmode=disable")).unwrap();
    for url in
        [address("localhost", "theirs.pem"), address("127.0.0.1", "ours.pem"), address("localhost", "none.pem"), unencrypted]
    {
        let opened = Record::open_postgres(&url).await.err().map(|error| error.to_string());
        let started = Journal::open(&JournalAt::Postgres(url.clone()), Millis(1_000)).await.err();
        for error in [opened, started.map(|error| error.to_string())] {
            seen.push(error.unwrap_or_else(|| format!("{url} can be opened")).replace(&port.to_string(), "[PORT]"));
        }
    }
    insta::assert_snapshot!(seen.join("\n"), @r"
    cannot open the record in postgres://ann@localhost:[PORT]/runs: TLS could not be set up: the server's certificate was issued by no authority that is trusted here; name its root certificate (sslrootcert); look at `sslmode` and `sslrootcert` in the address
    cannot open the engine's journal in postgres://ann@localhost:[PORT]/runs: TLS could not be set up: the server's certificate was issued by no authority that is trusted here; name its root certificate (sslrootcert); look at `sslmode` and `sslrootcert` in the address
    cannot open the record in postgres://ann@127.0.0.1:[PORT]/runs: TLS could not be set up: the server's certificate is not for this host; a common name does not count, only subjectAltName does; look at `sslmode` and `sslrootcert` in the address
    cannot open the engine's journal in postgres://ann@127.0.0.1:[PORT]/runs: TLS could not be set up: the server's certificate is not for this host; a common name does not count, only subjectAltName does; look at `sslmode` and `sslrootcert` in the address
    cannot open the record in postgres://ann@localhost:[PORT]/runs: a file that the address names cannot be read (No such file or directory (os error 2)); look at `sslrootcert`, `sslcert` and `sslkey`
    cannot open the engine's journal in postgres://ann@localhost:[PORT]/runs: a file that the address names cannot be read (No such file or directory (os error 2)); look at `sslrootcert`, `sslcert` and `sslkey`
    cannot open the record in postgres://ann@localhost:[PORT]/runs: the server takes no unencrypted connection from here; take `sslmode=disable` out of the address, or ask for `sslmode=verify-full`
    cannot open the engine's journal in postgres://ann@localhost:[PORT]/runs: the server takes no unencrypted connection from here; take `sslmode=disable` out of the address, or ask for `sslmode=verify-full`
    ");

    let url = address("localhost", "ours.pem");
    let record = Record::open_postgres(&url).await.unwrap();
    let log = Log(file("log"));
    let options = EngineOptions { host: "test".to_owned(), ..EngineOptions::default() };
    let engine = Engine::start_with(&JournalAt::Postgres(url), &record, toys, log.handler(), options).await.unwrap();
    let run = create(&record, "r1", 0).await;
    engine.launch_text(&run, r#"["act one", "sleep 10", "act big"]"#.to_owned()).await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, engine.ended(&run)).await.expect("it ends"), Ok(Ending::Succeeded));
    assert_eq!(log.lines(), ["one", "big"]);
    engine.stop().await;
}
