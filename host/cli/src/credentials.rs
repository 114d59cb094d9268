//! Where the Spot token and account come from: the workflow's infrastructure, the variables that all of Spot's clients
//! read, and their credentials file; and what AWS's own chain is told. This file fetches the texts; `cloud` knows what they mean. A token is never shown.

use secrecy::SecretString;
use shiftgate_cloud::{
    ACCOUNT_VARIABLE, Credentials, CredentialsFile, ElbConfig, Lookup, SpotConfig, TOKEN_VARIABLE, find_credentials,
};
use shiftgate_model::{AccountId, SecretRef};
use shiftgate_workflow::{Infrastructure, Plan};

use crate::env::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wiring::CloudConfig;
use crate::{files, vault};

/// What the clients of a plan are built from. A run that is resumed names the account that it began with.
pub(crate) fn clouds(env: &Environment, plan: &Plan, account: Option<AccountId>) -> Result<CloudConfig, Failure> {
    let infrastructure = &plan.infrastructure;
    let aws = plan.setup.routing.as_ref().map(|_| {
        let profile = infrastructure.aws_profile.clone();
        ElbConfig { profile, ..ElbConfig::new(infrastructure.region.clone()) }
    });
    Ok(CloudConfig { spot: spot(env, infrastructure, account)?, aws })
}

/// The Spot account of a plan, for whoever hands its run over: the token is the workers' own.
pub(crate) fn account(env: &Environment, plan: &Plan) -> Result<AccountId, Failure> {
    if let Some(account) = &plan.infrastructure.account {
        return Ok(account.clone());
    }
    if let Some(account) = env.get(ACCOUNT_VARIABLE) {
        return Ok(AccountId::new(account));
    }
    Ok(spot(env, &plan.infrastructure, None)?.account)
}

/// What a Spot client is built from. A run that is resumed names the account that it began with.
fn spot(env: &Environment, infrastructure: &Infrastructure, account: Option<AccountId>) -> Result<SpotConfig, Failure> {
    let mut lookup = Lookup {
        token: infrastructure.token.as_ref().map(|at| token(env, at)).transpose()?,
        account: account.or_else(|| infrastructure.account.clone()),
        token_variable: env.get(TOKEN_VARIABLE).map(|token| SecretString::from(token.to_owned())),
        account_variable: env.get(ACCOUNT_VARIABLE).map(str::to_owned),
        file: None,
        profile: env.get("SPOTINST_PROFILE").map(str::to_owned),
    };
    let credentials = match find_credentials(&lookup) {
        Ok(found) => found,
        Err(_) => from_file(env, &mut lookup)?,
    };
    Ok(SpotConfig::new(credentials, env.get("SHIFTGATE_SPOT_URL"))?)
}

/// Looks into the credentials file too; only when something is missing, so that a file nobody needs is in nobody's way.
fn from_file(env: &Environment, lookup: &mut Lookup) -> Result<Credentials, Failure> {
    if let Some(path) = env.spot_credentials_file() {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Some(SecretString::from(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let why = files::reason(&error);
                return Err(Failure::new(
                    Exit::Credentials,
                    format!("cannot read the credentials file {}: {why}", path.display()),
                )
                .hint(format!("make it readable, or set {TOKEN_VARIABLE} and {ACCOUNT_VARIABLE}")));
            }
        };
        lookup.file = Some(CredentialsFile { path: path.display().to_string(), text });
    }
    Ok(find_credentials(lookup)?)
}

/// The Spot token that the workflow refers to.
fn token(env: &Environment, reference: &SecretRef) -> Result<SecretString, Failure> {
    vault::secret(env, reference).map_err(|why| {
        Failure::new(Exit::Credentials, format!("the workflow takes the Spot token from {reference}: {why}"))
            .hint("mend that, or change `infrastructure.spot.token` in the workflow file")
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn infrastructure(token: Option<SecretRef>) -> Infrastructure {
        Infrastructure {
            name: "east".into(),
            region: "us-east-1".into(),
            account: Some(AccountId::new("act-1")),
            token,
            aws_profile: None,
        }
    }

    fn told(variables: &[(&str, &str)], token: Option<SecretRef>) -> String {
        let env = Environment::of(variables, "/bin/shiftgate");
        match spot(&env, &infrastructure(token), None) {
            Ok(config) => format!("{} {} {}", config.base_url, config.account, config.token.expose_secret()),
            Err(Failure::Told { exit: Exit::Credentials, message, .. }) => message,
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn the_workflow_comes_before_the_environment() {
        let env = [
            ("MINE", "t1"),
            ("SPOTINST_TOKEN", "t2"),
            ("SPOTINST_ACCOUNT", "act-2"),
            ("SHIFTGATE_SPOT_URL", "http://127.0.0.1:1"),
        ];
        assert_eq!(told(&env, Some(SecretRef::Env("MINE".into()))), "http://127.0.0.1:1/ act-1 t1");
        assert_eq!(told(&env, None), "http://127.0.0.1:1/ act-1 t2");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            told(&[], Some(SecretRef::Env("MINE".into()))),
            "the workflow takes the Spot token from the variable MINE: the variable MINE is not set"
        );
        let file = told(&[("HOME", "/nonexistent")], None);
        assert!(file.contains("SPOTINST_TOKEN") && file.contains("/nonexistent/.spotinst/credentials"), "{file}");
        let file = told(&[], Some(SecretRef::File("/nonexistent/token".into())));
        assert!(file.contains("/nonexistent/token cannot be read: no such file"), "{file}");
    }

    #[test]
    fn a_resumed_run_keeps_its_account() {
        let env = Environment::of(&[("SPOTINST_TOKEN", "t")], "/bin/shiftgate");
        let config = spot(&env, &infrastructure(None), Some(AccountId::new("act-9"))).map(|config| config.account);
        assert_eq!(config.ok(), Some(AccountId::new("act-9")));
    }
}
