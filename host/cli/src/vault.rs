//! Where secrets are: variables, files, programs. Fetched when a request needs one, and never shown.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use secrecy::SecretString;
use shiftgate_cloud::{AwsSigner, ToSign};
use shiftgate_model::{Clock as _, SecretRef};
use shiftgate_plugin::{Signer, Unsigned, Vault};
use shiftgate_store::SystemClock;

use crate::env::Environment;
use crate::files;

/// How long a program may take to print a secret.
const PATIENCE: Duration = Duration::from_secs(30);
/// A longer text is no secret.
const LONGEST: u64 = 64 << 10;

/// The secret at a place, without its last line break.
///
/// # Errors
/// Why it cannot be had, without anything of it.
pub(crate) fn secret(env: &Environment, at: &SecretRef) -> Result<SecretString, String> {
    let text = match at {
        SecretRef::Env(name) => env.get(name).map(str::to_owned).ok_or_else(|| format!("the variable {name} is not set"))?,
        SecretRef::File(path) => std::fs::read_to_string(Path::new(path))
            .map_err(|error| format!("the file {path} cannot be read: {}", files::reason(&error)))?,
        SecretRef::Command(words) => printed(words, PATIENCE)?,
    };
    let text = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text);
    if text.trim().is_empty() {
        return Err(format!("{at} holds nothing"));
    }
    Ok(SecretString::from(text.to_owned()))
}

/// What a program prints. Its standard error is the user's.
fn printed(words: &[String], patience: Duration) -> Result<String, String> {
    let (program, args) = words.split_first().ok_or("a secret's command has no words")?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the command `{program}` cannot be run: {}", files::reason(&error)))?;
    let output = read(&mut child, patience);
    if output.is_none() {
        // It may have ended just now.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| format!("the command `{program}` cannot be waited for: {error}"))?;
    let Some(output) = output else {
        return Err(format!("the command `{program}` had not ended after {} s", patience.as_secs()));
    };
    if output.len() as u64 > LONGEST {
        return Err(format!("the command `{program}` prints more than {LONGEST} bytes, which is no secret"));
    }
    if !status.success() {
        return Err(format!("the command `{program}` ended with {status}"));
    }
    String::from_utf8(output).map_err(|_| format!("the command `{program}` prints what is no text"))
}

/// What a child prints, up to one byte more than a secret may have; none when it takes too long.
fn read(child: &mut Child, patience: Duration) -> Option<Vec<u8>> {
    let stdout = child.stdout.take()?;
    let (done, read) = channel();
    std::thread::spawn(move || {
        let mut output = Vec::new();
        if stdout.take(LONGEST + 1).read_to_end(&mut output).is_ok() {
            let _ = done.send(output);
        }
    });
    read.recv_timeout(patience).ok()
}

/// How long what a program printed is good for: a verification may ask every few seconds for an hour.
const FRESH: Duration = Duration::from_secs(300);

/// The program's secrets, for the plugin host.
#[derive(Debug)]
pub(crate) struct Places {
    env: Environment,
    /// What programs printed, and when.
    printed: Mutex<BTreeMap<SecretRef, (Instant, SecretString)>>,
}

impl Places {
    pub(crate) const fn new(env: Environment) -> Self {
        Self { env, printed: Mutex::new(BTreeMap::new()) }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<SecretRef, (Instant, SecretString)>> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Vault for Places {
    async fn secret(&self, at: &SecretRef) -> Result<SecretString, String> {
        if let Some((_, secret)) = self.kept().get(at).filter(|(since, _)| since.elapsed() < FRESH) {
            return Ok(secret.clone());
        }
        let (env, place) = (self.env.clone(), at.clone());
        let found = tokio::task::spawn_blocking(move || secret(&env, &place)).await;
        let found = found.unwrap_or_else(|_| Err("a secret could not be looked for".to_owned()))?;
        if let SecretRef::Command(_) = at {
            self.kept().insert(at.clone(), (Instant::now(), found.clone()));
        }
        Ok(found)
    }
}

/// AWS's own chain of credentials, for the plugin host.
#[derive(Debug)]
pub(crate) struct Signing(pub(crate) AwsSigner);

#[async_trait]
impl Signer for Signing {
    async fn sign(&self, request: &Unsigned<'_>) -> Result<Vec<(String, String)>, String> {
        let Unsigned { method, url, headers, body, service, region, profile } = request;
        let now = std::time::UNIX_EPOCH + SystemClock.now().since(shiftgate_model::Timestamp(0)).duration();
        self.0.sign(&ToSign { method, url, headers, body, service, region, profile: *profile }, now).await
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn told(at: &SecretRef) -> String {
        match secret(&Environment::of(&[("KEY", "k1")], "/bin/shiftgate"), at) {
            Ok(secret) => secret.expose_secret().to_owned(),
            Err(why) => format!("error: {why}"),
        }
    }

    fn command(words: &[&str]) -> SecretRef {
        SecretRef::Command(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_secret_comes_from_its_place_without_its_last_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let file = |text: &str| {
            let path = dir.path().join("secret");
            std::fs::write(&path, text).unwrap();
            told(&SecretRef::File(path.display().to_string()))
        };
        assert_eq!(told(&SecretRef::Env("KEY".into())), "k1");
        assert_eq!(file("k2\n"), "k2");
        assert_eq!(file("two\nlines\r\n"), "two\nlines");
        assert!(file(" \n").contains("holds nothing"));
        assert_eq!(told(&command(&["printf", "k3\\n"])), "k3");
    }

    #[tokio::test]
    async fn a_program_is_asked_once_in_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        let script = format!("echo x >> '{0}'; wc -l < '{0}'; echo secret", count.display());
        let places = Places::new(Environment::of(&[], "/bin/shiftgate"));
        let at = command(&["sh", "-c", &script]);
        let first = places.secret(&at).await.unwrap();
        let second = places.secret(&at).await.unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
    }

    #[test]
    fn what_cannot_be_had_says_why() {
        assert_eq!(told(&SecretRef::Env("NONE".into())), "error: the variable NONE is not set");
        assert_eq!(told(&SecretRef::File("/nowhere/x".into())), "error: the file /nowhere/x cannot be read: no such file");
        assert!(told(&command(&["/nowhere/pass"])).contains("cannot be run"));
        assert_eq!(told(&command(&["false"])), "error: the command `false` ended with exit status: 1");
        let long = told(&command(&["head", "-c", "70000", "/dev/zero"]));
        assert_eq!(long, "error: the command `head` prints more than 65536 bytes, which is no secret");
        let endless = ["sleep".to_owned(), "60".to_owned()];
        assert!(printed(&endless, Duration::from_millis(20)).unwrap_err().contains("had not ended"));
    }
}
