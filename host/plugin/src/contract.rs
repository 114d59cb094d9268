//! Names of the contract: its version, the interfaces of each kind, and every import that a plugin may have.
//!
//! Knows names only, no code; `component.rs` reads the names that a file has.

use shiftgate_model::PluginKind;

/// The contract that this host serves.
pub(crate) const VERSION: &str = "0.1.0";

/// The package of the contract.
const PACKAGE: &str = "shiftgate:step";

/// Every kind, with the interface that its world exports.
const KINDS: [(PluginKind, &str); 3] =
    [(PluginKind::Verification, "verification"), (PluginKind::Approval, "approval"), (PluginKind::WrapUp, "wrap-up")];

/// What of the contract a plugin may import.
const IMPORTS: [&str; 3] = ["types", "host", "http"];

/// The WASI 0.2 interfaces that are linked, all without power: no arguments, environment, files or sockets.
const WASI: [(&str, &[&str]); 6] = [
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:filesystem", &["preopens", "types"]),
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:random", &["insecure", "insecure-seed", "random"]),
    ("wasi:sockets", &["instance-network", "ip-name-lookup", "network", "tcp", "tcp-create-socket", "udp", "udp-create-socket"]),
];

/// Whose an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportOwner {
    /// The contract's, in this host's version.
    Contract,
    /// WASI 0.2, linked without power.
    Wasi,
    /// The contract's, in another version.
    OtherContract,
    /// Nobody's that this host knows.
    Foreign,
}

/// An interface name in its parts: `wasi:cli`, `exit`, `0.2.6`.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (package, rest) = name.split_once('/')?;
    let (interface, version) = rest.split_once('@')?;
    Some((package, interface, version))
}

/// Says whose the import `name` is.
pub(crate) fn import_owner(name: &str) -> ImportOwner {
    let Some((package, interface, version)) = parts(name) else { return ImportOwner::Foreign };
    if package == PACKAGE && IMPORTS.contains(&interface) {
        return if version == VERSION { ImportOwner::Contract } else { ImportOwner::OtherContract };
    }
    let linked = WASI.iter().any(|(wasi, interfaces)| *wasi == package && interfaces.contains(&interface));
    if linked && is_wasi_0_2(version) { ImportOwner::Wasi } else { ImportOwner::Foreign }
}

fn is_wasi_0_2(version: &str) -> bool {
    version.strip_prefix("0.2.").is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()))
}

/// The kind that the export `name` makes a component, with the contract's version that it was built for.
pub(crate) fn exported_kind(name: &str) -> Option<(PluginKind, &str)> {
    let (package, interface, version) = parts(name)?;
    let (kind, _) = KINDS.iter().find(|(_, exported)| package == PACKAGE && *exported == interface)?;
    Some((*kind, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contract_and_inert_wasi_may_be_imported() {
        let owners = [
            ("shiftgate:step/http@0.1.0", ImportOwner::Contract),
            ("shiftgate:step/types@0.1.0", ImportOwner::Contract),
            ("shiftgate:step/http@0.2.0", ImportOwner::OtherContract),
            ("shiftgate:step/secrets@0.1.0", ImportOwner::Foreign),
            ("wasi:cli/stderr@0.2.6", ImportOwner::Wasi),
            ("wasi:sockets/tcp@0.2.0", ImportOwner::Wasi),
            ("wasi:cli/stderr@0.3.0", ImportOwner::Foreign),
            ("wasi:cli/stderr@0.2.0-rc1", ImportOwner::Foreign),
            ("wasi:http/outgoing-handler@0.2.6", ImportOwner::Foreign),
            ("wasi:keyvalue/store@0.2.0", ImportOwner::Foreign),
            ("env", ImportOwner::Foreign),
        ];
        for (name, owner) in owners {
            assert_eq!(import_owner(name), owner, "{name}");
        }
    }

    #[test]
    fn an_export_tells_kind_and_version() {
        assert_eq!(exported_kind("shiftgate:step/wrap-up@0.1.0"), Some((PluginKind::WrapUp, "0.1.0")));
        assert_eq!(exported_kind("shiftgate:step/verification@0.9.0"), Some((PluginKind::Verification, "0.9.0")));
        assert_eq!(exported_kind("shiftgate:step/config@0.1.0"), None);
        assert_eq!(exported_kind("other:step/verification@0.1.0"), None);
    }
}
