//! Splunk's HTTP event collector: JSON events, one after the other.
//!
//! When the collector refuses a batch it says which event is at fault; those before it are indexed.

use std::io::{self, Write};

use millrace_api::ConnectError;
use serde_json::Value as Json;

use super::config::PresetConfig;
use crate::client::Answer;
use crate::sink::json::{self, DecimalFormat};
use crate::sink::render;
use crate::sink::verdict::{ItemVerdict, Verdict};
use crate::sink::view::{Place, View};
use crate::template::{Escape, Template};

/// Writes events.
#[derive(Debug)]
pub(crate) struct Events {
    /// Names of metadata and what they are.
    metadata: Vec<(&'static str, Template<Place>)>,
}

impl Events {
    pub(super) fn new(config: &PresetConfig) -> Result<Self, String> {
        let given = [
            ("host", config.splunk_host.as_deref()),
            ("source", Some(config.splunk_source.as_str())),
            ("sourcetype", config.splunk_sourcetype.as_deref()),
            ("index", config.splunk_index.as_deref()),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)));
        let metadata = given.map(|(name, text)| Ok((name, Template::read(text, Place::read)?)));
        Ok(Self {
            metadata: metadata.collect::<Result<_, String>>()?,
        })
    }

    pub(super) fn render(
        &self,
        view: &View<'_>,
        out: &mut Vec<u8>,
        decimals: DecimalFormat,
    ) -> Result<(), ConnectError> {
        let mut texts = Vec::with_capacity(self.metadata.len());
        for (name, template) in &self.metadata {
            let mut text = String::new();
            template
                .fill(&mut text, Escape::None, |place, text| {
                    view.fill(place, text)
                })
                .map_err(|error| {
                    ConnectError::data(format!("cannot set the event's {name}")).caused_by(error)
                })?;
            texts.push((*name, text));
        }
        write_event(out, view, &texts, decimals).map_err(|error| {
            ConnectError::data("cannot write the record as an event").caused_by(error)
        })
    }
}

fn write_event(
    out: &mut Vec<u8>,
    view: &View<'_>,
    texts: &[(&str, String)],
    decimals: DecimalFormat,
) -> io::Result<()> {
    out.push(b'{');
    if let Some(timestamp) = view.row.timestamp() {
        write!(
            out,
            "\"time\":{}.{:03},",
            timestamp / 1000,
            timestamp % 1000
        )?;
    }
    for (name, text) in texts {
        write!(out, "\"{name}\":")?;
        json::string(out, text)?;
        out.push(b',');
    }
    out.extend_from_slice(b"\"event\":");
    render::document(out, view.row.value(), decimals)?;
    out.push(b'}');
    Ok(())
}

/// What became of each of `count` events of a refused request; none if the collector does not say.
pub(crate) fn judge(answer: &Answer, count: usize) -> Option<Verdict> {
    if answer.status.as_u16() != 400 {
        return None;
    }
    let parsed: Json = serde_json::from_slice(&answer.body).ok()?;
    let at_fault = usize::try_from(parsed.get("invalid-event-number")?.as_u64()?).ok()?;
    if at_fault >= count {
        return None;
    }
    let reason = format!("answered 400: {}", answer.excerpt());
    let verdicts = (0..count).map(|event| match event.cmp(&at_fault) {
        std::cmp::Ordering::Less => ItemVerdict::Delivered,
        std::cmp::Ordering::Equal => ItemVerdict::Refused(reason.clone()),
        std::cmp::Ordering::Greater => ItemVerdict::Again,
    });
    Some(Verdict::Items(verdicts.collect()))
}
