//! Finds token and account among values that were handed in. Pure: who reads flags, variables and files is `cli`.
//!
//! Each of the two is looked for on its own, in this order: given outright, the vendor's variables, the vendor's
//! credentials file (YAML or INI, a profile each). A text of only spaces counts as absent. No error shows a token.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use shiftgate_model::{AccountId, CloudError, Origin, Retry, Service};

/// The variable that all of Spot's clients read the token from.
pub const TOKEN_VARIABLE: &str = "SPOTINST_TOKEN";
/// The variable that all of Spot's clients read the account from.
pub const ACCOUNT_VARIABLE: &str = "SPOTINST_ACCOUNT";
/// The profile of the credentials file when none is named.
pub const DEFAULT_PROFILE: &str = "default";

/// What a call is made with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The API token.
    pub token: SecretString,
    /// The account.
    pub account: AccountId,
}

/// The text of a credentials file (`~/.spotinst/credentials`).
#[derive(Clone, Debug)]
pub struct CredentialsFile {
    /// Its path, for errors.
    pub path: String,
    /// Its text; none when there is no such file.
    pub text: Option<SecretString>,
}

/// Everything that may hold a token or an account.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    /// A token given outright, by the workflow or a flag.
    pub token: Option<SecretString>,
    /// An account given outright.
    pub account: Option<AccountId>,
    /// The value of [`TOKEN_VARIABLE`].
    pub token_variable: Option<SecretString>,
    /// The value of [`ACCOUNT_VARIABLE`].
    pub account_variable: Option<String>,
    /// The credentials file; none when its place is not known.
    pub file: Option<CredentialsFile>,
    /// The profile in it; none for [`DEFAULT_PROFILE`].
    pub profile: Option<String>,
}

/// Finds the credentials.
///
/// # Errors
/// `NoCredentials`, naming what is missing, where it was looked for and what to do.
pub fn find_credentials(lookup: &Lookup) -> Result<Credentials, CloudError> {
    let profile = lookup.profile.as_deref().and_then(said).unwrap_or(DEFAULT_PROFILE);
    let text = lookup.file.as_ref().and_then(|file| file.text.as_ref());
    let in_file = text.map_or(Ok(None), |text| parse(text.expose_secret(), profile));
    let from_file = |pick: fn(&Profile) -> Option<&String>| {
        let profile = in_file.as_ref().ok().and_then(Option::as_ref)?;
        pick(profile).and_then(|text| said(text))
    };
    let token = [&lookup.token, &lookup.token_variable].into_iter().flatten().find_map(|token| said(token.expose_secret()));
    let token = token.or_else(|| from_file(|profile| profile.token.as_ref()));
    let account = lookup.account.as_ref().and_then(|account| said(account.as_str()));
    let account = account.or_else(|| lookup.account_variable.as_deref().and_then(said));
    let account = account.or_else(|| from_file(|profile| profile.account.as_ref()));
    match (token, account) {
        (Some(token), Some(account)) => {
            Ok(Credentials { token: SecretString::from(token.to_owned()), account: AccountId::new(account) })
        }
        (token, account) => {
            let file = file_state(lookup, &in_file, profile);
            Err(missing(token.is_none(), account.is_none(), &file))
        }
    }
}

/// The part of a text that says something.
fn said(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn missing(token: bool, account: bool, file: &str) -> CloudError {
    let mut why = String::new();
    let mut say = |what: &str, variable: &str| {
        let and = if why.is_empty() { "" } else { "; " };
        // Writing to a String does not fail.
        let _ = write!(why, "{and}no Spot {what}: none was given, and {variable} is not set");
    };
    if token {
        say("token", TOKEN_VARIABLE);
    }
    if account {
        say("account id", ACCOUNT_VARIABLE);
    }
    let set = match (token, account) {
        (true, true) => "SPOTINST_TOKEN and SPOTINST_ACCOUNT",
        (true, false) => TOKEN_VARIABLE,
        (false, _) => ACCOUNT_VARIABLE,
    };
    let why = format!("{why}; {file}; set {set}, or add to that file");
    CloudError {
        service: Service::Spot,
        operation: "FindCredentials".to_owned(),
        subject: None,
        origin: Origin::NoCredentials(why),
        retry: Retry::Never,
    }
}

/// What the credentials file had to say, for an error.
fn file_state(lookup: &Lookup, parsed: &Result<Option<Profile>, Unreadable>, profile: &str) -> String {
    let Some(CredentialsFile { path, text }) = &lookup.file else {
        return "no credentials file was looked for, as its place is not known".to_owned();
    };
    match (text, parsed) {
        (None, _) => format!("there is no file {path}"),
        (Some(_), Err(Unreadable)) => format!("{path} is neither the YAML nor the INI that Spot's clients read"),
        (Some(_), Ok(None)) => format!("{path} has no profile `{profile}`"),
        (Some(_), Ok(Some(_))) => format!("{path} does not have it in profile `{profile}`"),
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Profile {
    token: Option<String>,
    account: Option<String>,
}

impl Profile {
    const fn is_empty(&self) -> bool {
        self.token.is_none() && self.account.is_none()
    }
}

/// The file is in neither shape. No reason: a parser's message may quote the line with the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unreadable;

/// A profile of a credentials file; none when it has no such profile. Keys outside of any profile are the default one's.
fn parse(text: &str, profile: &str) -> Result<Option<Profile>, Unreadable> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Ok(None);
    }
    if is_ini(text) { Ok(ini(text, profile)) } else { yaml(text, profile) }
}

/// Whether the first line that says something is a `[section]` or a `key = value`.
fn is_ini(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let Some(line) = lines.next() else { return true };
    let equals = line.find('=');
    section(line).is_some() || equals.is_some_and(|equals| line.find(':').is_none_or(|colon| equals < colon))
}

fn section(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']').map(str::trim)
}

fn ini(text: &str, profile: &str) -> Option<Profile> {
    let mut current = DEFAULT_PROFILE.to_owned();
    let mut found: Option<Profile> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = section(line) {
            name.clone_into(&mut current);
            if current == profile {
                found.get_or_insert_default();
            }
        } else if current == profile
            && let Some((key, value)) = line.split_once(['=', ':'])
        {
            let value = Some(unquoted(value.trim()).to_owned());
            let found = found.get_or_insert_default();
            match key.trim().to_ascii_lowercase().as_str() {
                "token" => found.token = value,
                "account" => found.account = value,
                _ => {}
            }
        }
    }
    found
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

fn yaml(text: &str, profile: &str) -> Result<Option<Profile>, Unreadable> {
    // Profiles first: `{default: {token, account}}`; else the older flat file, `{token, account}`.
    if let Ok(mut profiles) = serde_saphyr::from_str::<BTreeMap<String, Option<Profile>>>(text) {
        return Ok(profiles.remove(profile).map(Option::unwrap_or_default));
    }
    let flat: Profile = serde_saphyr::from_str(text).map_err(|_| Unreadable)?;
    Ok(Some(flat).filter(|flat| profile == DEFAULT_PROFILE && !flat.is_empty()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> Option<SecretString> {
        Some(SecretString::from(text.to_owned()))
    }

    fn file(text: Option<&str>) -> Option<CredentialsFile> {
        Some(CredentialsFile { path: "~/.spotinst/credentials".to_owned(), text: text.and_then(secret) })
    }

    fn found(lookup: &Lookup) -> (String, String) {
        let credentials = find_credentials(lookup).unwrap();
        (credentials.token.expose_secret().to_owned(), credentials.account.as_str().to_owned())
    }

    fn from_file(text: &str, profile: Option<&str>) -> Result<(String, String), String> {
        let lookup = Lookup { file: file(Some(text)), profile: profile.map(str::to_owned), ..Lookup::default() };
        let found = find_credentials(&lookup).map_err(|error| error.to_string())?;
        Ok((found.token.expose_secret().to_owned(), found.account.as_str().to_owned()))
    }

    #[test]
    fn what_is_given_outright_comes_first_then_variables_then_the_file() {
        let mut lookup = Lookup {
            token: secret("t1"),
            account: Some(AccountId::new("act-1")),
            token_variable: secret("t2"),
            account_variable: Some("act-2".to_owned()),
            file: file(Some("default:\n  token: t3\n  account: act-3\n")),
            profile: None,
        };
        let pair = |token: &str, account: &str| (token.to_owned(), account.to_owned());
        assert_eq!(found(&lookup), pair("t1", "act-1"));
        lookup.token = secret("  ");
        assert_eq!(found(&lookup), pair("t2", "act-1"));
        (lookup.account, lookup.token_variable) = (None, None);
        assert_eq!(found(&lookup), pair("t3", "act-2"));
        lookup.account_variable = Some(String::new());
        assert_eq!(found(&lookup), pair("t3", "act-3"));
        lookup.token = secret(" padded\n");
        assert_eq!(found(&lookup).0, "padded");
    }

    #[test]
    fn both_shapes_of_the_file_are_read_with_their_profiles() {
        let yaml = "default: # profile\n  token: foo\n  account: 'bar'\ndev:\n  token: foo2\n  account: bar2\nempty:\n";
        let ini = "; a comment\n[default]\ntoken   = foo\naccount = \"bar\"\n\n[ dev ]\nToken: foo2\naccount=bar2\n[empty]\n";
        for text in [yaml, ini] {
            assert_eq!(from_file(text, None), Ok(("foo".to_owned(), "bar".to_owned())));
            assert_eq!(from_file(text, Some("dev")), Ok(("foo2".to_owned(), "bar2".to_owned())));
            assert!(from_file(text, Some("empty")).unwrap_err().contains("does not have it in profile `empty`"));
            assert!(from_file(text, Some("prod")).unwrap_err().contains("has no profile `prod`"));
        }
    }

    #[test]
    fn files_of_older_clients_are_read_too() {
        let wanted = Ok(("foo".to_owned(), "act-1".to_owned()));
        for text in ["token: foo\naccount: act-1\n", r#"{"token": "foo", "account": "act-1"}"#, "token = foo\naccount = act-1"] {
            assert_eq!(from_file(text, None), wanted, "{text}");
        }
    }

    #[test]
    fn a_token_of_digits_stays_text() {
        let token = |text: &str| from_file(text, None).map(|found| found.0);
        assert_eq!(token("default:\n  token: 0012345\n  account: a\n"), Ok("0012345".to_owned()));
        assert_eq!(token("default:\n  token: 1e5\n  account: a\n"), Ok("1e5".to_owned()));
    }

    #[test]
    fn an_error_names_what_is_missing_and_where_it_was_looked_for() {
        let error = |lookup: &Lookup| find_credentials(lookup).unwrap_err().to_string();
        insta::assert_snapshot!(
            error(&Lookup { file: file(None), ..Lookup::default() }),
            @"Spot FindCredentials: no Spot token: none was given, and SPOTINST_TOKEN is not set; no Spot account id: none was given, and SPOTINST_ACCOUNT is not set; there is no file ~/.spotinst/credentials; set SPOTINST_TOKEN and SPOTINST_ACCOUNT, or add to that file"
        );
        insta::assert_snapshot!(
            error(&Lookup { token: secret("t0p-s3cret"), file: file(Some("[default]\ntoken = x")), ..Lookup::default() }),
            @"Spot FindCredentials: no Spot account id: none was given, and SPOTINST_ACCOUNT is not set; ~/.spotinst/credentials does not have it in profile `default`; set SPOTINST_ACCOUNT, or add to that file"
        );
    }

    #[test]
    fn no_debug_form_and_no_error_shows_a_token() {
        let lookup = Lookup {
            token_variable: secret("t0p-s3cret"),
            file: file(Some("default: {token: t0p-s3cret\n  broken: ] yaml")),
            ..Lookup::default()
        };
        let error = find_credentials(&lookup).unwrap_err();
        assert!(error.to_string().contains("neither the YAML nor the INI"), "{error}");
        for text in [format!("{lookup:?}"), format!("{error:?}"), error.to_string()] {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_of_a_file_makes_it_panic(text in "\\PC{0,200}", lines in "([\\[\\]a-z:=#'\"{} \n-]){0,200}") {
            let _ = parse(&text, DEFAULT_PROFILE);
            let _ = parse(&lines, DEFAULT_PROFILE);
        }
    }
}
