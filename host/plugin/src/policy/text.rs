//! A policy as TOML: read strictly, with the place of a mistake, and written so that what a person wrote around it stays.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shiftgate_model::{Digest, HttpGrant, Limit, Limits, Unit, size};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use super::{Entry, Policy, Wish};
use crate::budgets::Bounds;
use crate::grants::{Rule, granted_rule};

/// A larger file is no policy.
const LIMIT: u64 = 4 << 20;

/// A policy cannot be used. Nothing runs then.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("cannot read the policy {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Everybody could change it.
    #[error("the policy {} may be written by every user of this machine", file.display())]
    Open {
        /// The file.
        file: PathBuf,
    },
    /// It does not say what a policy says.
    #[error("the policy {} cannot be used: {reason}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// What is wrong, with its place.
        reason: String,
    },
    /// It cannot be changed.
    #[error("cannot write the policy {}: {source}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl PolicyError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "name a file that is there with --policy or SHIFTGATE_POLICY",
            Self::Open { .. } => "take the right to write from others: chmod o-w",
            Self::Wrong { .. } => "docs/security.md shows what a policy says",
            Self::Unwritable { .. } => "make the file and its folder writable for you, or edit it by hand",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    limits: BTreeMap<String, Figure>,
    #[serde(default)]
    plugin: Vec<PluginEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginEntry {
    name: String,
    sha256: Vec<String>,
    #[serde(default)]
    http: Vec<Http>,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    aws: Vec<String>,
    #[serde(default)]
    limits: BTreeMap<String, Figure>,
    #[serde(default)]
    asks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    url: String,
    methods: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Figure {
    Number(u64),
    Text(String),
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] when it cannot be read, is open to everybody, or does not say what a policy says.
    pub fn read(file: &Path) -> Result<Self, PolicyError> {
        let unreadable = |source| PolicyError::Unreadable { file: file.to_path_buf(), source };
        let found = fs::metadata(file).map_err(unreadable)?;
        if found.permissions().mode() & 0o002 != 0 {
            return Err(PolicyError::Open { file: file.to_path_buf() });
        }
        if found.len() > LIMIT {
            let reason = format!("it has {} bytes, and {LIMIT} are the most", found.len());
            return Err(PolicyError::Wrong { file: file.to_path_buf(), reason });
        }
        let text = fs::read_to_string(file).map_err(unreadable)?;
        Self::parse(file, &text).map_err(|reason| PolicyError::Wrong { file: file.to_path_buf(), reason })
    }

    /// Reads the text of a policy.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn parse(file: &Path, text: &str) -> Result<Self, String> {
        let read: File = toml_edit::de::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        if read.version != 1 {
            return Err(format!("this release reads version 1 of a policy, and this is version {}", read.version));
        }
        let every = Bounds::default().narrowed(&limits(read.limits)?);
        let entries = read.plugin.into_iter().map(|entry| entry.entry(&every)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { file: file.to_path_buf(), entries })
    }
}

impl PluginEntry {
    fn entry(self, every: &Bounds) -> Result<Entry, String> {
        let Self { name, sha256, http, secrets, aws, limits: figures, asks } = self;
        let of = |reason: String| format!("plugin `{}`: {reason}", name.escape_debug());
        if sha256.is_empty() {
            return Err(of("`sha256` names no component".to_owned()));
        }
        let digests = sha256.into_iter().map(digest).collect::<Result<_, _>>().map_err(of)?;
        let rule =
            |Http { url, methods, addresses }| granted_rule(&HttpGrant { url, methods, addresses, auth: None }).map_err(of);
        let http = http.into_iter().map(rule).collect::<Result<Vec<Rule>, _>>()?;
        let bounds = every.clone().narrowed(&limits(figures).map_err(of)?);
        Ok(Entry { name: name.clone(), sha256: digests, http, secrets, aws, bounds, asks })
    }
}

fn digest(text: String) -> Result<Digest, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(Digest(text.to_ascii_lowercase()));
    }
    Err(format!("`{}` is no SHA-256: that has 64 hexadecimal digits", text.escape_debug()))
}

fn limits(figures: BTreeMap<String, Figure>) -> Result<Limits, String> {
    let read = |(name, figure): (String, Figure)| {
        let limit = Limit::of_name(&name).ok_or_else(|| {
            let known = Limit::ALL.map(Limit::name).join(", ");
            format!("there is no limit `{}`; the limits are {known}", name.escape_debug())
        })?;
        let found = match (limit.unit(), &figure) {
            (Unit::Count, Figure::Number(number)) => Some(*number),
            (Unit::Bytes, Figure::Number(number)) => Some(*number),
            (Unit::Bytes, Figure::Text(text)) => size(text),
            (Unit::Time, Figure::Text(text)) => length(text),
            (Unit::Time, Figure::Number(_)) | (Unit::Count, Figure::Text(_)) => None,
        };
        let expected = match limit.unit() {
            Unit::Bytes => "a size such as \"64 MiB\"",
            Unit::Time => "a length of time such as \"30s\" or \"5m\"",
            Unit::Count => "a whole number",
        };
        found.map(|found| (limit, found)).ok_or_else(|| format!("the limit `{name}` has to be {expected}"))
    };
    figures.into_iter().map(read).collect()
}

/// `500ms`, `30s`, `5m`, `1h`, in milliseconds.
fn length(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Writes into the policy at `file` that the component of `digest` may be granted `wishes`, and what else it asked for then; the file
/// is made where there is none. An entry of the same name gets the digest and what it lacks; what stands around it stays.
pub(super) fn grant(file: &Path, name: &str, digest: &Digest, wishes: &[Wish], asks: &[&str]) -> Result<(), PolicyError> {
    let wrong = |reason| PolicyError::Wrong { file: file.to_path_buf(), reason };
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "version = 1\n".to_owned(),
        Err(source) => return Err(PolicyError::Unreadable { file: file.to_path_buf(), source }),
    };
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| wrong(error.to_string()))?;
    let plugins = document.entry("plugin").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let plugins = plugins.as_array_of_tables_mut().ok_or_else(|| wrong("`plugin` is no list of tables".to_owned()))?;
    let named = |table: &Table| table.get("name").and_then(Item::as_str) == Some(name);
    let known = plugins.iter().position(named);
    let at = known.unwrap_or(plugins.len());
    if known.is_none() {
        let mut table = Table::new();
        table.insert("name", value(name));
        plugins.push(table);
    }
    let entry = plugins.get_mut(at).ok_or_else(|| wrong("`plugin` cannot be changed".to_owned()))?;
    add(entry, "sha256", digest.0.as_str().into());
    for wish in wishes {
        add(entry, "http", Value::InlineTable(wish.inline()));
    }
    for ask in asks {
        add(entry, "asks", (*ask).into());
    }
    let text = document.to_string();
    Policy::parse(file, &text).map_err(wrong)?;
    let unwritable = |source| PolicyError::Unwritable { file: file.to_path_buf(), source };
    if let Some(dir) = file.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        fs::create_dir_all(dir).map_err(unwritable)?;
    }
    let beside = file.with_extension("toml.new");
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, file)).map_err(unwritable)
}

/// Adds to a list, one entry a line, what is not in it.
fn add(entry: &mut Table, key: &str, new: Value) {
    let item = entry.entry(key).or_insert_with(|| value(Array::new()));
    let Some(list) = item.as_array_mut() else { return };
    let same = |old: &Value| old.to_string().trim() == new.to_string().trim();
    if !list.iter().any(same) {
        let mut new = new;
        new.decor_mut().set_prefix("\n  ");
        list.push_formatted(new);
        list.set_trailing("\n");
        list.set_trailing_comma(true);
    }
}

impl Wish {
    fn inline(&self) -> InlineTable {
        let list = |texts: &[String]| texts.iter().map(String::as_str).collect::<Array>();
        let mut table = InlineTable::new();
        table.insert("url", self.url.as_str().into());
        table.insert("methods", Value::Array(list(&self.methods)));
        if !self.addresses.is_empty() {
            table.insert("addresses", Value::Array(list(&self.addresses)));
        }
        table
    }
}
