//! What `#[config(…)]` says on a struct and on a field.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprRange, Ident, Lit, LitInt, LitStr, Meta, Path, Result, Token};

/// `#[config(…)]` of a struct.
#[derive(Default)]
pub(crate) struct StructAttributes {
    pub(crate) group: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

impl StructAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        each(attributes, |meta| {
            if meta.path.is_ident("group") {
                parsed.group = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("crate") {
                parsed.krate = Some(meta.value()?.parse::<LitStr>()?.parse()?);
            } else {
                return Err(meta.error("expected `group` or `crate`"));
            }
            Ok(())
        })?;
        Ok(parsed)
    }

    /// The path of the configuration crate.
    pub(crate) fn root(&self) -> TokenStream {
        match &self.krate {
            Some(path) => quote!(#path),
            None => quote!(::millrace_config),
        }
    }
}

/// `#[config(…)]` of a field, and its documentation.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) default: Option<Expr>,
    pub(crate) importance: Option<Ident>,
    pub(crate) doc: Option<Expr>,
    pub(crate) group: Option<LitStr>,
    pub(crate) order: Option<LitInt>,
    pub(crate) width: Option<Ident>,
    pub(crate) display: Option<LitStr>,
    pub(crate) class: bool,
    pub(crate) flatten: bool,
    pub(crate) dependents: Vec<LitStr>,
    pub(crate) validator: Option<Check>,
}

/// A validator as it was written.
pub(crate) enum Check {
    Range(ExprRange),
    OneOf(Vec<LitStr>),
    OneOfIgnoreCase(Vec<LitStr>),
    NonEmpty,
    Function(Path),
}

impl FieldAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        each(attributes, |meta| parsed.take(&meta))?;
        Ok(parsed)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta
            .path
            .get_ident()
            .map(Ident::to_string)
            .unwrap_or_default();
        match name.as_str() {
            "name" => self.name = Some(meta.value()?.parse()?),
            "default" => self.default = Some(meta.value()?.parse()?),
            "importance" => self.importance = Some(word(meta, &["high", "medium", "low"])?),
            "doc" => self.doc = Some(meta.value()?.parse()?),
            "group" => self.group = Some(meta.value()?.parse()?),
            "order" => self.order = Some(meta.value()?.parse()?),
            "width" => self.width = Some(word(meta, &["none", "short", "medium", "long"])?),
            "display" => self.display = Some(meta.value()?.parse()?),
            "class" => self.class = true,
            "flatten" => self.flatten = true,
            "dependents" => self.dependents = texts(meta)?,
            "range" => self.check(meta, Check::Range(range(meta)?))?,
            "one_of" => self.check(meta, Check::OneOf(texts(meta)?))?,
            "one_of_ignore_case" => self.check(meta, Check::OneOfIgnoreCase(texts(meta)?))?,
            "non_empty" => self.check(meta, Check::NonEmpty)?,
            "validator" => self.check(meta, Check::Function(meta.value()?.parse()?))?,
            _ => return Err(meta.error("unknown attribute of a configuration field")),
        }
        Ok(())
    }

    fn check(&mut self, meta: &ParseNestedMeta<'_>, check: Check) -> Result<()> {
        match self.validator.replace(check) {
            None => Ok(()),
            Some(_) => Err(meta.error("a field has at most one validator")),
        }
    }
}

/// Calls `take` for each item of each `#[config(…)]`.
pub(crate) fn each(
    attributes: &[Attribute],
    mut take: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let ours = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("config"));
    for attribute in ours {
        attribute.parse_nested_meta(&mut take)?;
    }
    Ok(())
}

/// The documentation comment as one paragraph a blank line apart, single line ends made spaces.
pub(crate) fn doc_comment(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(literal) = &pair.value else {
            continue;
        };
        let Lit::Str(line) = &literal.lit else {
            continue;
        };
        if !pair.path.is_ident("doc") {
            continue;
        }
        let line = line.value();
        match line.trim() {
            "" => text.push_str("\n\n"),
            line => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push(' ');
                }
                text.push_str(line);
            }
        }
    }
    text.trim().to_owned()
}

fn word(meta: &ParseNestedMeta<'_>, allowed: &[&str]) -> Result<Ident> {
    let word: Ident = meta.value()?.parse()?;
    if allowed.iter().any(|known| word == known) {
        return Ok(word);
    }
    Err(syn::Error::new(
        word.span(),
        format!("expected one of: {}", allowed.join(", ")),
    ))
}

fn texts(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    let content;
    syn::parenthesized!(content in meta.input);
    let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(list.into_iter().collect())
}

fn range(meta: &ParseNestedMeta<'_>) -> Result<ExprRange> {
    let content;
    syn::parenthesized!(content in meta.input);
    let range: ExprRange = content.parse()?;
    match range.limits {
        syn::RangeLimits::HalfOpen(_) if range.end.is_some() => {
            Err(meta.error("bounds are inclusive: write `..=`"))
        }
        _ => Ok(range),
    }
}
