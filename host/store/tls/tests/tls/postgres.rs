//! sqlx, this crate and a real PostgreSQL: the modes of `sslmode` as an operator writes them.
//!
//! It needs PostgreSQL's programs, and runs where an environment variable says which folder holds them; in CI a missing variable
//! is a failure. As root, which PostgreSQL refuses, the server runs as the user `postgres`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, thread};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::authority::{Authority, Issued};

const PROGRAMS: &str = "SHIFTGATE_POSTGRES_BIN";

const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "ssl=on",
    "ssl_cert_file=server.pem",
    "ssl_key_file=server.key",
    "ssl_ca_file=clients.pem",
    "shared_buffers=1MB",
    "max_connections=5",
    "fsync=off",
];

const WHO_MAY_COME: &str = "\
hostssl all deployer 127.0.0.1/32 trust clientcert=verify-full
hostssl all postgres 127.0.0.1/32 trust
";

#[expect(clippy::disallowed_methods, reason = "where PostgreSQL's programs are is known to the environment only")]
fn programs() -> Option<PathBuf> {
    let place = std::env::var(PROGRAMS).ok().filter(|place| !place.is_empty());
    if place.is_none() {
        assert!(std::env::var("NEXTEST_PROFILE").as_deref() != Ok("ci"), "{PROGRAMS} is not set, and CI runs PostgreSQL");
        println!("skipped: {PROGRAMS} is not set; it names the folder of PostgreSQL's programs (initdb, postgres)");
    }
    place.map(PathBuf::from)
}

/// A server of its own, ended with the test, also when that fails.
struct Postgres {
    server: Child,
    port: u16,
    folder: TempDir,
}

impl Postgres {
    fn start(programs: &Path, shown: &Issued, clients_of: &Authority) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a folder");
        let as_root = fs::metadata(folder.path()).expect("the folder").uid() == 0;
        let give_away = || {
            if as_root {
                run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(folder.path()))
            }
        };
        give_away();
        let program = |name: &str| {
            let path = programs.join(name);
            let mut command = if as_root { Command::new("setpriv") } else { Command::new(&path) };
            if as_root {
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(&path);
            }
            command.arg("-D").arg(&data).current_dir(folder.path());
            command
        };
        run(program("initdb").args(["-U", "postgres", "-A", "reject", "-E", "UTF8", "--no-locale", "-N"]));
        let key = data.join("server.key");
        fs::write(&key, shown.key.serialize_pem()).expect("written");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("private");
        fs::write(data.join("server.pem"), &shown.chain_pem).expect("written");
        fs::write(data.join("clients.pem"), clients_of.pem()).expect("written");
        fs::write(data.join("pg_hba.conf"), WHO_MAY_COME).expect("written");
        give_away();
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = program("postgres");
        command.args(["-p", &port.to_string()]).args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let mut server = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut log = BufReader::new(server.stderr.take().expect("its log")).lines().map_while(Result::ok);
        let started = Self { server, port, folder };
        let mut read = Vec::new();
        while !read.last().is_some_and(|line: &String| line.ends_with("ready to accept connections")) {
            read.push(log.next().unwrap_or_else(|| panic!("the server did not start: {read:#?}")));
        }
        // Its log has to be read, or it stops when the pipe is full.
        thread::spawn(move || log.for_each(drop));
        started
    }

    /// A file for a connection string.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.to_str().expect("a path").to_owned()
    }

    async fn connect(&self, user: &str, host: &str, settings: &str) -> Result<PgConnection, sqlx::Error> {
        let url = format!("postgres://{user}@{host}:{}/postgres?{settings}", self.port);
        url.parse::<PgConnectOptions>().expect("a connection string").connect().await
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT: at once, its children too. A kill would leave them behind.
        let told = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        if !told.is_ok_and(|told| told.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// TLS's version and the subject of the client's certificate, as the server sees this connection.
async fn seen(connection: &mut PgConnection) -> (String, Option<String>) {
    let seen = "SELECT version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    sqlx::query_as(seen).fetch_one(connection).await.expect("an encrypted connection")
}

async fn refusal(postgres: &Postgres, user: &str, host: &str, settings: &str) -> String {
    postgres.connect(user, host, settings).await.map(drop).expect_err("refused").to_string()
}

async fn encrypts_and_checks_what_the_mode_says(postgres: &Postgres, ours: &str, theirs: &str) {
    for (host, settings) in [
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={theirs}")),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ours}")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={ours}")),
        ("127.0.0.1", "sslmode=prefer".to_owned()),
    ] {
        let mut connection = postgres.connect("postgres", host, &settings).await.expect("connected");
        assert_eq!(seen(&mut connection).await, ("TLSv1.3".to_owned(), None), "{settings}");
        connection.close().await.expect("closed");
    }
    for mode in ["verify-ca", "verify-full"] {
        let refused = refusal(postgres, "postgres", "localhost", &format!("sslmode={mode}&sslrootcert={theirs}")).await;
        assert!(refused.contains("issued by no authority that is trusted here"), "{refused}");
        let refused = refusal(postgres, "postgres", "localhost", &format!("sslmode={mode}")).await;
        let whether_or_not_the_machine_has_roots = "name its root certificate (sslrootcert)";
        assert!(refused.contains(whether_or_not_the_machine_has_roots) || refused.contains("the system has none"), "{refused}");
    }
    let refused = refusal(postgres, "postgres", "127.0.0.1", &format!("sslmode=verify-full&sslrootcert={ours}")).await;
    assert!(refused.contains("not for this host"), "{refused}");
    let refused = refusal(postgres, "postgres", "127.0.0.1", "sslmode=disable").await;
    assert!(refused.contains("no encryption"), "{refused}");
}

async fn moves_large_values_both_ways(postgres: &Postgres, ours: &str) {
    let settings = format!("sslmode=verify-full&sslrootcert={ours}");
    let mut connection = postgres.connect("postgres", "localhost", &settings).await.expect("connected");
    let large = "0123456789abcdef".repeat(1 << 20);
    let back: String = sqlx::query_scalar("SELECT $1 || '!'").bind(&large).fetch_one(&mut connection).await.expect("16 MiB");
    assert!(back.len() == large.len() + 1 && back.starts_with(&large) && back.ends_with('!'));
    connection.close().await.expect("closed");
}

async fn shows_the_clients_certificate(postgres: &Postgres, ours: &str, authority: &Authority) {
    let mut admin = postgres.connect("postgres", "localhost", "sslmode=require").await.expect("connected");
    admin.execute("CREATE ROLE deployer LOGIN").await.expect("a role");
    let own = |name: &str, issued: &Issued| {
        let chain = postgres.file(&format!("{name}.pem"), &issued.chain_pem);
        let key = postgres.file(&format!("{name}.key"), &issued.key.serialize_pem());
        format!("sslmode=verify-full&sslrootcert={ours}&sslcert={chain}&sslkey={key}")
    };
    let settings = own("deployer", &authority.client("deployer"));
    let mut connection = postgres.connect("deployer", "localhost", &settings).await.expect("connected");
    assert_eq!(seen(&mut connection).await, ("TLSv1.3".to_owned(), Some("/CN=deployer".to_owned())));
    connection.close().await.expect("closed");
    let none = refusal(postgres, "deployer", "localhost", &format!("sslmode=verify-full&sslrootcert={ours}")).await;
    assert!(none.contains("connection requires a valid client certificate"), "{none}");
    let other = refusal(postgres, "deployer", "localhost", &own("other", &authority.client("other"))).await;
    assert!(other.contains("authentication failed for user \"deployer\""), "{other}");
    let stranger = own("stranger", &Authority::new("theirs").client("deployer"));
    let refused = refusal(postgres, "deployer", "localhost", &stranger).await;
    assert!(refused.contains("the server refuses the client's certificate"), "{refused}");
}

/// A certificate in the text of the connection, as sqlx allows, and not as a file.
async fn takes_certificates_from_memory(postgres: &Postgres, authority: &Authority) {
    let options = PgConnectOptions::new_without_pgpass().host("localhost").port(postgres.port).username("postgres");
    let options = options.database("postgres").ssl_mode(PgSslMode::VerifyFull);
    let mut connection = options.ssl_root_cert_from_pem(authority.pem().into()).connect().await.expect("connected");
    connection.ping().await.expect("an answer");
    connection.close().await.expect("closed");
}

/// One server for all of it: it takes seconds to start.
#[tokio::test]
async fn sqlx_reaches_postgresql_as_the_connection_string_says() {
    let Some(programs) = programs() else { return };
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let postgres = Postgres::start(&programs, &ours.server(&["localhost"]), &ours);
    let (our_root, their_root) = (postgres.file("ours.pem", &ours.pem()), postgres.file("theirs.pem", &theirs.pem()));
    encrypts_and_checks_what_the_mode_says(&postgres, &our_root, &their_root).await;
    moves_large_values_both_ways(&postgres, &our_root).await;
    shows_the_clients_certificate(&postgres, &our_root, &ours).await;
    takes_certificates_from_memory(&postgres, &ours).await;
}
