//! `plugin!`: the manifest as a custom section, and the exports of the kind's world.
//!
//! Exports only exist when compiling to WebAssembly: their names carry `:` and `#`, which break a native build.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, Expr, ExprLit, Ident, Lit, LitStr, Path, Result, Token, braced, bracketed,
    parse::{Parse, ParseStream},
};

use crate::text::json_string;

/// The contract, compiled in, so that a plugin needs no copy of it beside its source.
const CONTRACT: [&str; 8] = [
    include_str!("../../../wit/types.wit"),
    include_str!("../../../wit/host.wit"),
    include_str!("../../../wit/http.wit"),
    include_str!("../../../wit/config.wit"),
    include_str!("../../../wit/verification.wit"),
    include_str!("../../../wit/approval.wit"),
    include_str!("../../../wit/wrap-up.wit"),
    include_str!("../../../wit/worlds.wit"),
];

/// The line that opens each of the files.
const PACKAGE: &str = "package shiftgate:step@0.1.0;";

/// The arguments of `plugin!`.
pub(crate) struct Plugin {
    kind: Kind,
    plugin: Path,
    name: Option<LitStr>,
    summary: Option<LitStr>,
    /// A JSON array.
    http: String,
}

/// The worlds.
#[derive(Clone, Copy)]
enum Kind {
    Verification,
    Approval,
    WrapUp,
}

impl Kind {
    fn of(ident: &Ident) -> Option<Self> {
        match ident.to_string().as_str() {
            "verification" => Some(Self::Verification),
            "approval" => Some(Self::Approval),
            "wrap_up" => Some(Self::WrapUp),
            _ => None,
        }
    }

    /// The kind in a manifest.
    const fn name(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Approval => "approval",
            Self::WrapUp => "wrap-up",
        }
    }
}

impl Parse for Plugin {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut plugin = None;
        let mut name = None;
        let mut summary = None;
        let mut http = String::from("[]");
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![:]>()?;
            if let Some(kind) = Kind::of(&key) {
                if plugin.is_some() {
                    return Err(Error::new(key.span(), "a plugin is of one kind"));
                }
                plugin = Some((kind, input.parse()?));
            } else {
                match key.to_string().as_str() {
                    "name" => name = Some(input.parse()?),
                    "summary" => summary = Some(input.parse()?),
                    "http" => http = destinations(input)?,
                    _ => {
                        let keys = "there are: verification, approval, wrap_up, name, summary, http";
                        return Err(Error::new(key.span(), format!("unknown argument; {keys}")));
                    }
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let (kind, plugin) = plugin
            .ok_or_else(|| input.error("name the plugin by its kind: `verification: MyPlugin`, `approval:` or `wrap_up:`"))?;
        Ok(Self { kind, plugin, name, summary, http })
    }
}

/// `[{ from_config: "/url", methods: ["GET"], reason: "…" }]` as JSON.
fn destinations(input: ParseStream<'_>) -> Result<String> {
    let list;
    bracketed!(list in input);
    let mut entries = Vec::new();
    while !list.is_empty() {
        entries.push(destination(&list)?);
        if !list.is_empty() {
            list.parse::<Token![,]>()?;
        }
    }
    Ok(format!("[{}]", entries.join(",")))
}

fn destination(list: ParseStream<'_>) -> Result<String> {
    let entry;
    let brace = braced!(entry in list);
    let mut place = None;
    let mut methods = None;
    let mut reason = None;
    while !entry.is_empty() {
        let key: Ident = entry.parse()?;
        entry.parse::<Token![:]>()?;
        let value: Expr = entry.parse()?;
        match key.to_string().as_str() {
            "url" | "from_config" => {
                let text = string(&value)?;
                if key == "from_config" && !text.starts_with('/') {
                    return Err(Error::new_spanned(&value, "expected a JSON pointer into the config: `/url`"));
                }
                place = Some(format!("{}:{}", json_string(&key.to_string()), json_string(&text)));
            }
            "methods" => {
                let Expr::Array(array) = &value else {
                    return Err(Error::new_spanned(&value, "expected a list of methods: `[\"GET\"]`"));
                };
                let list: Result<Vec<String>> = array.elems.iter().map(|m| string(m).map(|m| json_string(&m))).collect();
                methods = Some(list?.join(","));
            }
            "reason" => reason = Some(json_string(&string(&value)?)),
            _ => return Err(Error::new(key.span(), "unknown key; there are: url, from_config, methods, reason")),
        }
        if !entry.is_empty() {
            entry.parse::<Token![,]>()?;
        }
    }
    match (place, methods, reason) {
        (Some(place), Some(methods), Some(reason)) => Ok(format!("{{{place},\"methods\":[{methods}],\"reason\":{reason}}}")),
        _ => Err(Error::new(brace.span.join(), "a destination has `url` or `from_config`, `methods` and `reason`")),
    }
}

fn string(expr: &Expr) -> Result<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        other => Err(Error::new_spanned(other, "expected text")),
    }
}

impl Plugin {
    /// The manifest in every build, the exports in a WebAssembly build.
    pub(crate) fn expand(&self) -> TokenStream {
        let manifest = self.manifest();
        let exports = self.exports();
        quote! {
            #manifest
            #[cfg(target_family = "wasm")]
            #[expect(unsafe_code, reason = "the generated exports cross the component boundary")]
            mod __shiftgate {
                #exports
            }
        }
    }

    fn manifest(&self) -> TokenStream {
        let plugin = &self.plugin;
        let kind_trait = self.kind_trait();
        let head = format!(",\"kind\":\"{}\",\"contract\":\"0.1.0\",\"summary\":", self.kind.name());
        let http = format!("}},\"requests\":{{\"http\":{},\"secrets\":[]}},\"limits\":{{}}}}", self.http);
        let name = self.name.as_ref().map_or_else(|| quote!(env!("CARGO_PKG_NAME")), |name| quote!(#name));
        let summary = self.summary.as_ref().map_or_else(|| quote!(env!("CARGO_PKG_DESCRIPTION")), |summary| quote!(#summary));
        quote! {
            /// What the plugin says of itself: the JSON of its custom section `shiftgate:manifest`.
            pub const SHIFTGATE_MANIFEST: &str = {
                use ::shiftgate_sdk::__private as __rt;
                const MANIFEST: __rt::Json = __rt::Json::All(&[
                    __rt::Json::Raw("{\"name\":"),
                    __rt::Json::Text(#name),
                    __rt::Json::Raw(",\"version\":"),
                    __rt::Json::Text(env!("CARGO_PKG_VERSION")),
                    __rt::Json::Raw(#head),
                    __rt::Json::Text(#summary),
                    __rt::Json::Raw(",\"license\":"),
                    __rt::Json::Text(env!("CARGO_PKG_LICENSE")),
                    __rt::Json::Raw(",\"source\":"),
                    __rt::Json::Text(env!("CARGO_PKG_REPOSITORY")),
                    __rt::Json::Raw(",\"config\":"),
                    __rt::root_schema::<<#plugin as #kind_trait>::Config>(),
                    __rt::Json::Raw(",\"state\":{\"writes\":"),
                    __rt::Json::Numbers(&[<#plugin as #kind_trait>::STATE_VERSION]),
                    __rt::Json::Raw(",\"reads\":["),
                    __rt::Json::Numbers(<#plugin as #kind_trait>::STATE_READS),
                    __rt::Json::Raw("]"),
                    __rt::Json::Raw(#http),
                ]);
                const BYTES: [u8; __rt::json_len(&MANIFEST)] = __rt::json_bytes(&MANIFEST);
                __rt::json_str(&BYTES)
            };
        }
    }

    fn kind_trait(&self) -> TokenStream {
        match self.kind {
            Kind::Verification => quote!(::shiftgate_sdk::Verification),
            Kind::Approval => quote!(::shiftgate_sdk::Approval),
            Kind::WrapUp => quote!(::shiftgate_sdk::WrapUp),
        }
    }

    fn exports(&self) -> TokenStream {
        let plugin = &self.plugin;
        let contract = contract();
        let (world, glue) = match self.kind {
            Kind::Verification => ("verification-plugin", quote!(::shiftgate_sdk::__export_verification!)),
            Kind::Approval => ("approval-plugin", quote!(::shiftgate_sdk::__export_approval!)),
            Kind::WrapUp => ("wrap-up-plugin", quote!(::shiftgate_sdk::__export_wrap_up!)),
        };
        quote! {
            use super::*;
            ::shiftgate_sdk::__private::wit_bindgen::generate!({
                inline: #contract,
                world: #world,
                runtime_path: "::shiftgate_sdk::__private::wit_bindgen::rt",
                with: {
                    "shiftgate:step/types@0.1.0": ::shiftgate_sdk::__private::bindings::types,
                    "shiftgate:step/host@0.1.0": ::shiftgate_sdk::__private::bindings::host,
                    "shiftgate:step/http@0.1.0": ::shiftgate_sdk::__private::bindings::http,
                },
            });
            #[used]
            #[unsafe(link_section = "shiftgate:manifest")]
            static MANIFEST: [u8; super::SHIFTGATE_MANIFEST.len()] =
                ::shiftgate_sdk::__private::section(super::SHIFTGATE_MANIFEST);
            struct Exports;
            #glue(#plugin, Exports, exports::shiftgate::step);
            export!(Exports);
        }
    }
}

/// The files of the contract as one text with one package line.
fn contract() -> String {
    let mut text = String::from(PACKAGE);
    for file in CONTRACT {
        text.push('\n');
        // A doc comment of the package would stand before no item.
        text.push_str(file.split_once(PACKAGE).map_or(file, |(_, rest)| rest));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> String {
        syn::parse_str::<Plugin>(source).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_contract_has_one_package_line() {
        assert_eq!(contract().matches("package ").count(), 1);
        assert_eq!(contract().matches("\ninterface ").count(), 7);
        assert_eq!(contract().matches("\nworld ").count(), 3);
    }

    #[test]
    fn arguments_are_checked() {
        assert!(error("").contains("name the plugin by its kind"));
        assert!(error("verification: A, approval: B").contains("of one kind"));
        assert!(error("verification: A, htpp: []").contains("unknown argument"));
        assert!(error("verification: A, http: [{ url: \"https://a\" }]").contains("`methods` and `reason`"));
        assert!(error("verification: A, http: [{ from_config: \"url\", methods: [], reason: \"r\" }]").contains("JSON pointer"));
    }

    #[test]
    fn destinations_become_json() {
        let plugin: Plugin = syn::parse_str(
            "verification: a::B, http: [{ from_config: \"/url\", methods: [\"GET\", \"HEAD\"], reason: \"asks \\\"it\\\"\" }]",
        )
        .unwrap();
        assert_eq!(plugin.http, r#"[{"from_config":"/url","methods":["GET","HEAD"],"reason":"asks \"it\""}]"#);
    }
}
