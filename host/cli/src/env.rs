//! The environment, read once. No other file of the program asks for a variable, the home directory or the program's
//! own place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the surroundings say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    exe: Option<PathBuf>,
}

impl Environment {
    /// Reads it. Variables that are not UTF-8 count as unset.
    pub(crate) fn read() -> Self {
        let text =
            |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { variables: std::env::vars_os().filter_map(text).collect(), exe: std::env::current_exe().ok() }
    }

    /// A variable; one that is set to nothing counts as unset.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where runs are kept: the flag, SHIFTGATE_STATE_DIR, `$XDG_STATE_HOME/shiftgate`, `~/.local/state/shiftgate`.
    pub(crate) fn state_dir(&self, flag: Option<&Path>) -> Option<PathBuf> {
        flag.map(Path::to_path_buf)
            .or_else(|| self.get("SHIFTGATE_STATE_DIR").map(PathBuf::from))
            .or_else(|| self.absolute("XDG_STATE_HOME").map(|base| base.join("shiftgate")))
            .or_else(|| self.absolute("HOME").map(|home| home.join(".local/state/shiftgate")))
    }

    /// Where compiled plugins are kept: SHIFTGATE_CACHE_DIR, `$XDG_CACHE_HOME/shiftgate`, `~/.cache/shiftgate`.
    pub(crate) fn cache_dir(&self) -> Option<PathBuf> {
        self.get("SHIFTGATE_CACHE_DIR")
            .map(PathBuf::from)
            .or_else(|| self.absolute("XDG_CACHE_HOME").map(|base| base.join("shiftgate")))
            .or_else(|| self.absolute("HOME").map(|home| home.join(".cache/shiftgate")))
    }

    /// Where plugins of a bare name are looked for, first match first: the flag alone, or SHIFTGATE_PLUGIN_DIR alone, or
    /// the places beside the program.
    pub(crate) fn plugin_dirs(&self, flag: Option<&Path>) -> Vec<PathBuf> {
        if let Some(dir) = flag.map(Path::to_path_buf).or_else(|| self.get("SHIFTGATE_PLUGIN_DIR").map(PathBuf::from)) {
            return vec![dir];
        }
        let Some(beside) = self.exe.as_deref().and_then(Path::parent) else { return Vec::new() };
        ["plugins", "../plugins", "../lib/shiftgate/plugins"].iter().map(|place| beside.join(place)).collect()
    }

    /// Spot's own credentials file: SPOTINST_SHARED_CREDENTIALS_FILE, `~/.spotinst/credentials`.
    pub(crate) fn spot_credentials_file(&self) -> Option<PathBuf> {
        self.get("SPOTINST_SHARED_CREDENTIALS_FILE")
            .map(PathBuf::from)
            .or_else(|| self.absolute("HOME").map(|home| home.join(".spotinst/credentials")))
    }

    /// Where an operator's policy for plugins usually is: `$XDG_CONFIG_HOME/shiftgate`, `~/.config/shiftgate`.
    pub(crate) fn policy_file(&self) -> Option<PathBuf> {
        let base = self.absolute("XDG_CONFIG_HOME").or_else(|| self.absolute("HOME").map(|home| home.join(".config")));
        base.map(|base| base.join("shiftgate/policy.toml"))
    }

    /// This program.
    pub(crate) fn exe(&self) -> Option<&Path> {
        self.exe.as_deref()
    }

    /// Who is at the keyboard, for a vote without `--as`.
    pub(crate) fn user(&self) -> Option<&str> {
        self.get("USER").or_else(|| self.get("LOGNAME"))
    }

    /// A variable that names a directory; a relative one is no base, as the XDG specification says.
    fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

#[cfg(test)]
impl Environment {
    /// Surroundings of a test.
    pub(crate) fn of(variables: &[(&str, &str)], exe: &str) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { variables, exe: Some(exe.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory_is_the_nearest_that_is_named() {
        let all = [("SHIFTGATE_STATE_DIR", "/a"), ("XDG_STATE_HOME", "/b"), ("HOME", "/c")];
        let dir = |from: usize| Environment::of(&all[from..], "/bin/shiftgate").state_dir(None);
        assert_eq!(dir(0), Some("/a".into()));
        assert_eq!(dir(1), Some("/b/shiftgate".into()));
        assert_eq!(dir(2), Some("/c/.local/state/shiftgate".into()));
        assert_eq!(dir(3), None);
        let flag = Some(Path::new("here"));
        assert_eq!(Environment::of(&all, "/bin/shiftgate").state_dir(flag), Some("here".into()));
        let relative = Environment::of(&[("XDG_STATE_HOME", "b"), ("HOME", "/c")], "/bin/shiftgate");
        assert_eq!(relative.state_dir(None), Some("/c/.local/state/shiftgate".into()));
    }

    #[test]
    fn plugins_lie_where_they_are_named_or_beside_the_program() {
        let beside = Environment::of(&[], "/opt/shiftgate/bin/shiftgate").plugin_dirs(None);
        assert_eq!(beside.first(), Some(&"/opt/shiftgate/bin/plugins".into()));
        assert_eq!(beside.len(), 3);
        let named = Environment::of(&[("SHIFTGATE_PLUGIN_DIR", "/p")], "/bin/shiftgate");
        assert_eq!(named.plugin_dirs(None), [PathBuf::from("/p")]);
        assert_eq!(named.plugin_dirs(Some(Path::new("q"))), [PathBuf::from("q")]);
    }
}
