//! `#[derive(Config)]`.

use std::collections::BTreeMap;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, LitStr, Result, Type};

use crate::attributes::{Check, FieldAttributes, StructAttributes, doc_comment};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = StructAttributes::parse(&input.attrs)?;
    let root = attributes.root();
    let mut places = BTreeMap::new();
    let (mut steps, mut reads) = (Vec::new(), Vec::new());
    for field in named_fields(input)? {
        let said = FieldAttributes::parse(&field.attrs)?;
        let layout = Layout::of(&said, &attributes, &mut places);
        steps.push(definition_step(field, &said, &layout, &root));
        reads.push(read_field(field, &said, &root));
    }
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #root::Config for #name #type_generics #where_clause {
            fn definition() -> #root::ConfigDef {
                #root::ConfigDef::new() #(#steps)*
            }

            fn from_values(
                values: &#root::Values,
            ) -> ::core::result::Result<Self, #root::ConfigErrors> {
                ::core::result::Result::Ok(Self { #(#reads),* })
            }
        }
    })
}

fn named_fields(input: &DeriveInput) -> Result<impl Iterator<Item = &Field>> {
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Ok(data.fields.iter()),
        _ => Err(Error::new(
            input.span(),
            "a configuration is a struct with named fields",
        )),
    }
}

/// Where a key is shown in a form.
struct Layout {
    group: Option<(LitStr, TokenStream)>,
}

impl Layout {
    fn of(
        said: &FieldAttributes,
        of_struct: &StructAttributes,
        places: &mut BTreeMap<String, i32>,
    ) -> Self {
        let Some(group) = said.group.clone().or_else(|| of_struct.group.clone()) else {
            return Self { group: None };
        };
        let place = places.entry(group.value()).or_insert(0);
        *place += 1;
        let order = match &said.order {
            Some(order) => quote!(#order),
            None => quote!(#place),
        };
        Self {
            group: Some((group, order)),
        }
    }
}

fn key_name(field: &Field, said: &FieldAttributes) -> LitStr {
    said.name.clone().unwrap_or_else(|| {
        let ident = field
            .ident
            .as_ref()
            .map(Ident::to_string)
            .unwrap_or_default();
        LitStr::new(
            &ident.trim_start_matches("r#").replace('_', "."),
            field.span(),
        )
    })
}

/// The call that adds the key, or the keys, of a field to the definition.
fn definition_step(
    field: &Field,
    said: &FieldAttributes,
    layout: &Layout,
    root: &TokenStream,
) -> TokenStream {
    let kind = &field.ty;
    if said.flatten {
        return quote!(.with(<#kind as #root::Config>::definition()));
    }
    let name = key_name(field, said);
    let key_type = match said.class {
        true => quote!(#root::Type::Class),
        false => quote!(<#kind as #root::FieldType>::KIND),
    };
    let default = match &said.default {
        Some(default) => quote!(let key = key.default(#default);),
        None => quote! {
            let key = match <#kind as #root::FieldType>::NULLABLE {
                true => key.optional(),
                false => key,
            };
        },
    };
    let validator = validator(kind, said, root);
    let refinements = refinements(field, said, layout, root);
    quote! {
        .key({
            let key = #root::ConfigKey::new(#name, #key_type);
            #default
            #validator
            key #refinements
        })
    }
}

fn validator(kind: &Type, said: &FieldAttributes, root: &TokenStream) -> TokenStream {
    let Some(check) = &said.validator else {
        return quote! {
            let key = match <#kind as #root::FieldType>::validator() {
                ::core::option::Option::Some(validator) => key.validator(validator),
                ::core::option::Option::None => key,
            };
        };
    };
    let validator = match check {
        Check::Range(range) => {
            let bound = |side: &Option<Box<syn::Expr>>| match side {
                Some(bound) => quote!(::core::option::Option::Some(#root::Value::from(#bound))),
                None => quote!(::core::option::Option::None),
            };
            let (min, max) = (bound(&range.start), bound(&range.end));
            quote!(#root::Validator::Range { min: #min, max: #max })
        }
        Check::OneOf(texts) => quote!(#root::Validator::one_of([#(#texts),*])),
        Check::OneOfIgnoreCase(texts) => {
            quote!(#root::Validator::one_of_ignore_case([#(#texts),*]))
        }
        Check::NonEmpty => quote!(#root::Validator::NonEmpty),
        Check::Function(path) => quote!(#root::Validator::custom(#path)),
    };
    let nullable = quote!(<#kind as #root::FieldType>::NULLABLE);
    quote! {
        let validator = #validator;
        let key = key.validator(match #nullable {
            true => validator.or_null(),
            false => validator,
        });
    }
}

fn refinements(
    field: &Field,
    said: &FieldAttributes,
    layout: &Layout,
    root: &TokenStream,
) -> TokenStream {
    let doc = match &said.doc {
        Some(doc) => quote!(#doc),
        None => {
            let text = doc_comment(&field.attrs);
            quote!(#text)
        }
    };
    let mut calls = vec![quote!(.doc(#doc))];
    let variant = |word: &Ident| {
        let text = word.to_string();
        let (first, rest) = text.split_at(1);
        Ident::new(
            &format!("{}{rest}", first.to_uppercase()),
            Span::call_site(),
        )
    };
    if let Some(word) = said.importance.as_ref().map(variant) {
        calls.push(quote!(.importance(#root::Importance::#word)));
    }
    if let Some(word) = said.width.as_ref().map(variant) {
        calls.push(quote!(.width(#root::Width::#word)));
    }
    if let Some((group, order)) = &layout.group {
        calls.push(quote!(.group(#group, #order)));
    }
    if let Some(display) = &said.display {
        calls.push(quote!(.display_name(#display)));
    }
    if !said.dependents.is_empty() {
        let names = &said.dependents;
        calls.push(quote!(.dependents([#(#names),*])));
    }
    quote!(#(#calls)*)
}

fn read_field(field: &Field, said: &FieldAttributes, root: &TokenStream) -> TokenStream {
    let (ident, kind) = (&field.ident, &field.ty);
    if said.flatten {
        return quote!(#ident: <#kind as #root::Config>::from_values(values)?);
    }
    let name = key_name(field, said);
    quote!(#ident: values.field::<#kind>(#name)?)
}
