//! `#[derive(Config)]`: serde's `Deserialize` under the file's names, and the JSON Schema that goes with it.
//!
//! Both come from the same fields, so what the schema accepts is what the plugin can read.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, Field, Fields, GenericArgument, Ident, Meta, PathArguments, Result, Token, Type,
    punctuated::Punctuated,
};

use crate::text::{camel_case, doc, json_literal, json_string, kebab_case};

/// Keywords of JSON Schema that `#[config(…)]` may add, in Rust's spelling.
const KEYWORDS: [&str; 11] = [
    "minimum",
    "maximum",
    "exclusive_minimum",
    "exclusive_maximum",
    "min_length",
    "max_length",
    "pattern",
    "format",
    "min_items",
    "max_items",
    "min_properties",
];

/// What `#[config(…)]` says of a field or variant.
#[derive(Default)]
struct Options {
    rename: Option<String>,
    default: Option<Fallback>,
    /// Whether the fields of this field's struct stand among those of the outer one.
    flatten: bool,
    /// Keywords of JSON Schema with their JSON.
    keywords: Vec<(String, String)>,
}

/// What stands in for a missing field.
enum Fallback {
    /// `#[config(default)]`: the type's own.
    OfType,
    /// `#[config(default = …)]`.
    Literal(Expr),
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "a config has no type parameters"));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => of_struct(input, fields.named.iter()),
            other => Err(Error::new_spanned(other, "a config struct has named fields")),
        },
        Data::Enum(data) => of_enum(input, data),
        Data::Union(data) => Err(Error::new(data.union_token.span, "a config is a struct or an enum of names")),
    }
}

fn of_struct<'a>(input: &DeriveInput, fields: impl Iterator<Item = &'a Field>) -> Result<TokenStream> {
    let mut raw_fields = Vec::new();
    let mut moves = Vec::new();
    let mut properties = Vec::new();
    let mut required = Vec::new();
    let mut keys = Vec::new();
    let mut parts = Vec::new();
    for field in fields {
        let ident = field.ident.as_ref().ok_or_else(|| Error::new_spanned(field, "a config field has a name"))?;
        let options = options(&field.attrs)?;
        let ty = &field.ty;
        if options.flatten {
            properties.push(part_properties(ty, properties.is_empty()));
            moves.push(quote!(#ident: __rt::part::<#ty, D::Error>(&mut map)?));
            parts.push(ty);
            continue;
        }
        let key = options.rename.clone().unwrap_or_else(|| camel_case(&ident.to_string()));
        match &options.default {
            Some(default) => {
                let fallback = match default {
                    Fallback::OfType => quote!(::core::default::Default::default()),
                    Fallback::Literal(literal) => quote!(__rt::default_of::<#ty, _, D::Error>(#literal)?),
                };
                raw_fields.push(quote!(#[serde(rename = #key)] #ident: ::core::option::Option<#ty>));
                moves.push(quote!(#ident: match raw.#ident { Some(value) => value, None => #fallback }));
            }
            None => {
                raw_fields.push(quote!(#[serde(rename = #key)] #ident: #ty));
                moves.push(quote!(#ident: raw.#ident));
                if !is_option(ty) {
                    required.push(json_string(&key));
                }
            }
        }
        properties.push(property(&key, ty, &doc(&field.attrs), &options, properties.is_empty())?);
        keys.push(key);
    }
    let ident = &input.ident;
    let description = json_string(&doc(&input.attrs));
    let all_optional = required.is_empty();
    let required = format!("}},\"required\":[{}],\"additionalProperties\":false", required.join(","));
    // The parts take their fields first, so that what is left is this struct's own, or nobody's.
    let read = if parts.is_empty() {
        quote!(let raw = <Raw as __rt::serde::Deserialize>::deserialize(from)?;
            ::core::result::Result::Ok(Self { #(#moves),* }))
    } else {
        quote!(let mut map = __rt::object(from)?;
            let raw: Raw = __rt::own(&mut map, |name| !(false #(|| <#parts as __rt::Config>::takes(name))*))?;
            ::core::result::Result::Ok(Self { #(#moves),* }))
    };
    let takes = if keys.is_empty() { quote!(false) } else { quote!(matches!(name, #(#keys)|*)) };
    Ok(quote! {
        const _: () = {
            use ::shiftgate_sdk::__private as __rt;
            #[derive(__rt::serde::Deserialize)]
            #[serde(crate = "::shiftgate_sdk::__private::serde", deny_unknown_fields)]
            struct Raw { #(#raw_fields),* }
            impl<'de> __rt::serde::Deserialize<'de> for #ident {
                fn deserialize<D: __rt::serde::Deserializer<'de>>(from: D) -> ::core::result::Result<Self, D::Error> {
                    #read
                }
            }
            impl __rt::Schema for #ident {
                const KEYWORDS: __rt::Json = __rt::Json::All(&[
                    __rt::Json::Raw("\"type\":\"object\",\"properties\":{"),
                    <Self as __rt::Config>::PROPERTIES,
                    __rt::Json::Raw(#required),
                ]);
            }
            impl __rt::Config for #ident {
                const DESCRIPTION: __rt::Json = __rt::Json::Raw(#description);
                const PROPERTIES: __rt::Json = __rt::Json::All(&[#(#properties,)*]);
                const ALL_OPTIONAL: bool = #all_optional;
                fn takes(name: &str) -> bool {
                    #takes #(|| <#parts as __rt::Config>::takes(name))*
                }
            }
            #(const _: () = assert!(<#parts as __rt::Config>::ALL_OPTIONAL, "every field of a flattened config is optional");)*
        };
    })
}

/// The properties of a flattened field.
fn part_properties(ty: &Type, first: bool) -> TokenStream {
    let comma = if first { "" } else { "," };
    quote!(__rt::Json::All(&[__rt::Json::Raw(#comma), <#ty as __rt::Config>::PROPERTIES]))
}

/// `"key":{…}` of one field.
fn property(key: &str, ty: &Type, description: &str, options: &Options, first: bool) -> Result<TokenStream> {
    let open = format!("{}{}:{{", if first { "" } else { "," }, json_string(key));
    let mut rest = String::new();
    for (keyword, value) in &options.keywords {
        rest.push_str(&format!(",{}:{value}", json_string(keyword)));
    }
    if let Some(Fallback::Literal(literal)) = &options.default {
        rest.push_str(&format!(",\"default\":{}", json_literal(literal)?));
    }
    if !description.is_empty() {
        rest.push_str(&format!(",\"description\":{}", json_string(description)));
    }
    rest.push('}');
    // A bound of the field's own takes the place of its type's.
    let bound = |keyword: &str, name: &str| {
        let name = Ident::new(name, Span::call_site());
        let own = options.keywords.iter().any(|(k, _)| k == keyword);
        if own { quote!(__rt::Json::Raw("")) } else { quote!(<#ty as __rt::Schema>::#name) }
    };
    let minimum = bound("minimum", "MINIMUM");
    let maximum = bound("maximum", "MAXIMUM");
    Ok(quote!(__rt::Json::All(&[
        __rt::Json::Raw(#open), <#ty as __rt::Schema>::KEYWORDS, #minimum, #maximum, __rt::Json::Raw(#rest)
    ])))
}

fn of_enum(input: &DeriveInput, data: &syn::DataEnum) -> Result<TokenStream> {
    let mut raw_variants = Vec::new();
    let mut moves = Vec::new();
    let mut choices = Vec::new();
    let ident = &input.ident;
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a config enum is a list of names, without fields"));
        }
        let options = options(&variant.attrs)?;
        let name = &variant.ident;
        let key = options.rename.unwrap_or_else(|| kebab_case(&name.to_string()));
        let mut choice = format!("{{\"const\":{}", json_string(&key));
        let description = doc(&variant.attrs);
        if !description.is_empty() {
            choice.push_str(&format!(",\"description\":{}", json_string(&description)));
        }
        choice.push('}');
        choices.push(choice);
        raw_variants.push(quote!(#[serde(rename = #key)] #name));
        moves.push(quote!(Raw::#name => Self::#name));
    }
    let keywords = format!("\"oneOf\":[{}]", choices.join(","));
    let raw = format_ident!("Raw");
    Ok(quote! {
        const _: () = {
            use ::shiftgate_sdk::__private as __rt;
            #[derive(__rt::serde::Deserialize)]
            #[serde(crate = "::shiftgate_sdk::__private::serde")]
            enum #raw { #(#raw_variants),* }
            impl<'de> __rt::serde::Deserialize<'de> for #ident {
                fn deserialize<D: __rt::serde::Deserializer<'de>>(from: D) -> ::core::result::Result<Self, D::Error> {
                    ::core::result::Result::Ok(match <#raw as __rt::serde::Deserialize>::deserialize(from)? { #(#moves),* })
                }
            }
            impl __rt::Schema for #ident {
                const KEYWORDS: __rt::Json = __rt::Json::Raw(#keywords);
            }
        };
    })
}

fn options(attributes: &[Attribute]) -> Result<Options> {
    let mut options = Options::default();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("config")) {
        for meta in attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            match meta {
                Meta::Path(path) if path.is_ident("default") => options.default = Some(Fallback::OfType),
                Meta::Path(path) if path.is_ident("flatten") => options.flatten = true,
                Meta::NameValue(pair) => {
                    let name = pair.path.get_ident().map(ToString::to_string).unwrap_or_default();
                    let json = json_literal(&pair.value)?;
                    match name.as_str() {
                        "default" => options.default = Some(Fallback::Literal(pair.value)),
                        "rename" => options.rename = Some(json.trim_matches('"').to_owned()),
                        keyword if KEYWORDS.contains(&keyword) => options.keywords.push((camel_case(keyword), json)),
                        _ => return Err(unknown(&pair.path)),
                    }
                }
                other => return Err(unknown(other.path())),
            }
        }
    }
    Ok(options)
}

fn unknown(path: &syn::Path) -> Error {
    Error::new_spanned(path, format!("unknown option; there are: default, flatten, rename, {}", KEYWORDS.join(", ")))
}

/// Whether the type is written `Option<…>`. One that comes through a macro has an invisible group around it.
fn is_option(ty: &Type) -> bool {
    let path = match ty {
        Type::Group(group) => return is_option(&group.elem),
        Type::Path(path) => path,
        _ => return false,
    };
    path.path.segments.last().is_some_and(|last| {
        last.ident == "Option"
            && matches!(&last.arguments, PathArguments::AngleBracketed(args)
                if matches!(args.args.first(), Some(GenericArgument::Type(_))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> String {
        derive(&syn::parse_str(source).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn refuses_what_has_no_schema() {
        assert_eq!(error("struct S(u32);"), "a config struct has named fields");
        assert_eq!(error("enum E { A, B(u32) }"), "a config enum is a list of names, without fields");
        assert_eq!(error("struct S<T> { t: T }"), "a config has no type parameters");
        assert!(
            error("struct S { #[config(minimun = 1)] t: u32 }")
                .starts_with("unknown option; there are: default, flatten, rename")
        );
        assert_eq!(error("struct S { #[config(default = f())] t: u32 }"), "expected a literal: text, a number, true or false");
    }

    #[test]
    fn knows_an_option_when_it_sees_one() {
        let option = |text: &str| is_option(&syn::parse_str(text).unwrap());
        assert!(option("Option<u32>"));
        assert!(option("std::option::Option<String>"));
        assert!(!option("Vec<Option<u32>>"));
        let inner = quote!(Option<u32>);
        let through_a_macro = proc_macro2::Group::new(proc_macro2::Delimiter::None, inner);
        assert!(is_option(&syn::parse2(quote!(#through_a_macro)).unwrap()));
    }
}
