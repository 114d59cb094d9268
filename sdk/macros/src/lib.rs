//! Macros of the shiftgate SDK: `#[derive(Config)]` and `plugin!`. Both are used through `shiftgate_sdk`, where they are documented.
//!
//! Pure functions from tokens to tokens. The next room is `shiftgate_sdk`.

mod config;
mod plugin;
mod text;

use proc_macro::TokenStream;

/// A plugin's config: how it is read, and its JSON Schema.
#[proc_macro_derive(Config, attributes(config))]
pub fn config(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    config::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Exports a plugin and writes its manifest.
#[proc_macro]
pub fn plugin(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as plugin::Plugin);
    input.expand().into()
}
