//! `#[derive(ConfigEnum)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Path, Result, Variant};

use crate::attributes::each;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new(input.span(), "a configuration enum is an enum"));
    };
    let mut ignore_case = false;
    let mut root = quote!(::millrace_config);
    each(&input.attrs, |meta| {
        if meta.path.is_ident("ignore_case") {
            ignore_case = true;
        } else if meta.path.is_ident("crate") {
            let path: Path = meta.value()?.parse::<LitStr>()?.parse()?;
            root = quote!(#path);
        } else {
            return Err(meta.error("expected `ignore_case` or `crate`"));
        }
        Ok(())
    })?;
    let pairs = data.variants.iter().map(pair).collect::<Result<Vec<_>>>()?;
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #root::ConfigEnum for #name {
            const NAMES: &'static [(&'static str, Self)] = &[#(#pairs),*];
            const IGNORE_CASE: bool = #ignore_case;
        }
    })
}

fn pair(variant: &Variant) -> Result<TokenStream> {
    if !matches!(variant.fields, Fields::Unit) {
        return Err(Error::new(
            variant.span(),
            "a variant of a configuration enum has no fields",
        ));
    }
    let ident = &variant.ident;
    let mut name = LitStr::new(&ident.to_string().to_lowercase(), ident.span());
    each(&variant.attrs, |meta| {
        if !meta.path.is_ident("name") {
            return Err(meta.error("expected `name`"));
        }
        name = meta.value()?.parse()?;
        Ok(())
    })?;
    Ok(quote!((#name, Self::#ident)))
}
