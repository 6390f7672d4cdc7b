//! Reads Prometheus' text format 0.0.4 as strictly as its specification allows.

use std::collections::{BTreeMap, BTreeSet};

/// The families of a scrape, by name.
pub type Exposition = BTreeMap<String, Family>;

/// The labels of a sample, by name.
pub type Labels = BTreeMap<String, String>;

/// A family: what its comment lines say, and its samples.
#[derive(Debug, Default)]
pub struct Family {
    /// What it means.
    pub help: String,
    /// counter, gauge, histogram or summary.
    pub kind: String,
    /// Its samples, in order.
    pub samples: Vec<Sample>,
}

/// A sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name: the family's, or that with a suffix.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// Parses a scrape.
///
/// # Errors
/// The first line that is wrong, and why; or what is wrong with a family.
pub fn parse(text: &str) -> Result<Exposition, String> {
    let complete = text.strip_suffix('\n').ok_or("the last line has no end")?;
    let mut families = Exposition::new();
    let mut current = String::new();
    for line in complete.split('\n') {
        parse_line(line, &mut families, &mut current).map_err(|why| format!("{why}: {line}"))?;
    }
    for (name, family) in &families {
        check(name, family).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(families)
}

/// The value of the sample with this name and all of these labels; none where there is none.
///
/// # Panics
/// If several samples fit.
pub fn value(exposition: &Exposition, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let all = exposition.values().flat_map(|family| &family.samples);
    let mut fitting = all.filter(|sample| {
        sample.name == name
            && labels
                .iter()
                .all(|(label, value)| sample.labels.get(*label).map(String::as_str) == Some(value))
    });
    let found = fitting.next()?;
    assert!(
        fitting.next().is_none(),
        "{name}{labels:?} is not one sample"
    );
    Some(found.value)
}

fn parse_line(line: &str, families: &mut Exposition, current: &mut String) -> Result<(), String> {
    if let Some(comment) = line.strip_prefix("# HELP ") {
        let (name, help) = comment.split_once(' ').ok_or("a help without a text")?;
        check_name(name, true)?;
        let family = Family {
            help: unescaped(help)?,
            ..Family::default()
        };
        if families.insert(name.to_owned(), family).is_some() {
            return Err("a second family of the name".to_owned());
        }
        name.clone_into(current);
        return Ok(());
    }
    let family = families.get_mut(current).ok_or("no family yet")?;
    if let Some(comment) = line.strip_prefix("# TYPE ") {
        let (name, kind) = comment.split_once(' ').ok_or("a type without a kind")?;
        if name != current || !family.kind.is_empty() || !family.samples.is_empty() {
            return Err("a type out of place".to_owned());
        }
        if !["counter", "gauge", "histogram", "summary"].contains(&kind) {
            return Err("an unknown type".to_owned());
        }
        kind.clone_into(&mut family.kind);
        return Ok(());
    }
    let sample = parse_sample(line)?;
    let suffix = sample.name.strip_prefix(current.as_str());
    let suffixes: &[&str] = match family.kind.as_str() {
        "histogram" => &["_bucket", "_sum", "_count"],
        "summary" => &["", "_sum", "_count"],
        "" => return Err("a sample before its type".to_owned()),
        _ => &[""],
    };
    if !suffix.is_some_and(|suffix| suffixes.contains(&suffix)) {
        return Err("a sample of another family".to_owned());
    }
    family.samples.push(sample);
    Ok(())
}

fn parse_sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("a sample without a value")?;
    let (name, mut rest) = line.split_at(end);
    check_name(name, true)?;
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = parse_labels(inner, &mut labels)?;
    }
    let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    let is_number = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if !is_number && !["NaN", "+Inf", "-Inf"].contains(&value) {
        return Err("a value that is no number".to_owned());
    }
    Ok(Sample {
        name: name.to_owned(),
        labels,
        value: value.parse().map_err(|_| "a value that is no number")?,
    })
}

/// Reads labels up to the closing brace; gives what is behind it.
fn parse_labels<'a>(mut text: &'a str, labels: &mut Labels) -> Result<&'a str, String> {
    loop {
        let (name, rest) = text.split_once("=\"").ok_or("a label without a value")?;
        check_name(name, false)?;
        let end = closing_quote(rest).ok_or("a label's value without an end")?;
        let value = unescaped(&rest[..end])?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err("a label twice".to_owned());
        }
        let rest = &rest[end + 1..];
        match rest.strip_prefix(',') {
            Some(next) => text = next,
            None => return rest.strip_prefix('}').ok_or_else(|| "no brace".to_owned()),
        }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, character)| {
        let closes = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        closes.then_some(at)
    })
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some(escaped @ ('\\' | '"')) => escaped,
                _ => return Err("an unknown escape".to_owned()),
            },
            character => character,
        });
    }
    Ok(plain)
}

fn check_name(name: &str, of_metric: bool) -> Result<(), String> {
    let fits = |at: usize, character: char| match character {
        'a'..='z' | 'A'..='Z' | '_' => true,
        '0'..='9' => at > 0,
        ':' => of_metric,
        _ => false,
    };
    let is_valid = !name.is_empty() && name.char_indices().all(|(at, c)| fits(at, c));
    if is_valid {
        Ok(())
    } else {
        Err(format!("'{name}' is no name"))
    }
}

fn check(name: &str, family: &Family) -> Result<(), String> {
    if family.kind.is_empty() {
        return Err("it has no type".to_owned());
    }
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        if !seen.insert((&sample.name, &sample.labels)) {
            return Err(format!("twice {sample:?}"));
        }
        if family.kind == "counter" && (sample.value.is_nan() || sample.value < 0.0) {
            return Err(format!("a counter below nothing: {sample:?}"));
        }
    }
    match family.kind.as_str() {
        "histogram" => check_parts(name, family, "le"),
        "summary" => check_parts(name, family, "quantile"),
        _ => Ok(()),
    }
}

/// Checks that the parts of each histogram or summary belong together.
fn check_parts(name: &str, family: &Family, part_label: &str) -> Result<(), String> {
    let mut parts: BTreeMap<Labels, Vec<&Sample>> = BTreeMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.remove(part_label);
        parts.entry(labels).or_default().push(sample);
    }
    for (labels, samples) in parts {
        let find = |suffix: &str| {
            let wanted = format!("{name}{suffix}");
            let found = samples.iter().find(|sample| sample.name == wanted);
            found
                .map(|sample| sample.value)
                .ok_or(format!("no {wanted} of {labels:?}"))
        };
        let (count, _sum) = (find("_count")?, find("_sum")?);
        if part_label == "le" {
            check_buckets(&samples, count).map_err(|why| format!("{why} in {labels:?}"))?;
        }
    }
    Ok(())
}

fn check_buckets(samples: &[&Sample], count: f64) -> Result<(), String> {
    let mut last = (f64::NEG_INFINITY, 0.0);
    for sample in samples {
        let Some(bound) = sample.labels.get("le") else {
            continue;
        };
        let bound: f64 = bound.parse().map_err(|_| "a bound that is no number")?;
        if bound <= last.0 || sample.value < last.1 {
            return Err("buckets that do not ascend".to_owned());
        }
        last = (bound, sample.value);
    }
    if last == (f64::INFINITY, count) {
        Ok(())
    } else {
        Err("the last bucket is not all".to_owned())
    }
}
