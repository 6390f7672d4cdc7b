//! The text that a scrape gets: Prometheus' text format 0.0.4, or OpenMetrics 1.0.
//!
//! ```text
//! # HELP name what it means
//! # TYPE name counter
//! name{label="value"} 17
//! ```
//!
//! The two differ in little: OpenMetrics leaves the `_total` of a counter out of the two comment lines, knows no counter
//! without it, and ends with `# EOF`.
//!
//! Facts: Prometheus' "Exposition formats", OpenMetrics 1.0.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::{Family, HistogramSnapshot, Kind, RecentTimes};

/// The most samples of one family: what a scrape may cost is bounded, whatever names clients invent.
pub const SERIES_MAX: usize = 50_000;

/// The quantiles that a summary shows: those of Kafka's histograms.
const QUANTILES: [(f64, &str); 6] = [
    (0.5, "0.50"),
    (0.75, "0.75"),
    (0.95, "0.95"),
    (0.98, "0.98"),
    (0.99, "0.99"),
    (0.999, "0.999"),
];

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    #[default]
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format that an `Accept` header asks for; Prometheus' own where it names none of the two.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let asks = accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_it = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("application/openmetrics-text"));
            is_it
                && parts
                    .all(|part| part.strip_prefix("q=").and_then(|q| q.parse().ok()) != Some(0.0))
        });
        if asks {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        }
    }

    /// Its media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The value of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A count.
    Unsigned(u64),
    /// A whole number.
    Signed(i64),
    /// Any number.
    Float(f64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unsigned(value) => value.fmt(f),
            Value::Signed(value) => value.fmt(f),
            Value::Float(value) if value.is_nan() => f.write_str("NaN"),
            Value::Float(value) if value.is_infinite() => {
                f.write_str(if *value > 0.0 { "+Inf" } else { "-Inf" })
            }
            Value::Float(value) => value.fmt(f),
        }
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Value::Unsigned(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Value::Unsigned(value as u64)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Signed(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

/// The text as it is written, family by family.
#[derive(Debug)]
pub struct Exposition {
    format: Format,
    text: String,
    left_out: u64,
}

impl Exposition {
    /// An empty text.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format,
            text: String::new(),
            left_out: 0,
        }
    }

    /// Begins a family; no other may be begun before all of its samples are added, and none twice.
    pub fn family<'a>(&'a mut self, family: &'a Family) -> Samples<'a> {
        let (name, kind) = self.declared(family);
        let help = escaped(family.help, false);
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Samples {
            exposition: self,
            family,
            count: 0,
        }
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, family: &Family, value: impl Into<Value>) {
        self.family(family).add(&[], value);
    }

    /// How many samples were left out because their families have too many.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The whole text.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a String takes all");
    }

    /// Name and kind as the comment lines say them.
    fn declared(&self, family: &Family) -> (&'static str, &'static str) {
        match (self.format, family.kind) {
            (Format::OpenMetrics, Kind::Counter) => match family.name.strip_suffix("_total") {
                Some(name) => (name, family.kind.name()),
                None => (family.name, "unknown"),
            },
            _ => (family.name, family.kind.name()),
        }
    }
}

/// The samples of a family.
#[derive(Debug)]
pub struct Samples<'a> {
    exposition: &'a mut Exposition,
    family: &'a Family,
    count: usize,
}

impl Samples<'_> {
    /// Adds a sample. `labels` are the values of the family's labels, in their order; an empty one is no label.
    pub fn add(&mut self, labels: &[&str], value: impl Into<Value>) {
        if self.has_room() {
            self.line("", labels, None, value.into());
        }
    }

    /// Adds a histogram of times, in seconds.
    pub fn histogram(&mut self, labels: &[&str], snapshot: &HistogramSnapshot) {
        if !self.has_room() {
            return;
        }
        let mut below = 0;
        for (index, bucket) in snapshot.buckets.iter().enumerate() {
            below += bucket;
            let bound = match snapshot.bounds.get(index) {
                Some(micros) => Value::Float(*micros as f64 / 1e6).to_string(),
                None => "+Inf".to_owned(),
            };
            self.line("_bucket", labels, Some(("le", &bound)), below.into());
        }
        let total = snapshot.total.as_secs_f64();
        self.line("_sum", labels, None, total.into());
        self.line("_count", labels, None, below.into());
    }

    /// Adds the recent quantiles of a histogram of times, with sum and count of all, in milliseconds.
    pub fn summary(&mut self, labels: &[&str], snapshot: &HistogramSnapshot, recent: &RecentTimes) {
        if !self.has_room() {
            return;
        }
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        for (quantile, text) in QUANTILES {
            let time = recent.quantile(quantile, snapshot.bounds);
            let value = time.map_or(f64::NAN, millis);
            self.line("", labels, Some(("quantile", text)), value.into());
        }
        self.line("_sum", labels, None, millis(snapshot.total).into());
        self.line("_count", labels, None, snapshot.count().into());
    }

    fn has_room(&mut self) -> bool {
        self.count += 1;
        if self.count > SERIES_MAX {
            self.exposition.left_out += 1;
        }
        self.count <= SERIES_MAX
    }

    fn line(&mut self, suffix: &str, labels: &[&str], extra: Option<(&str, &str)>, value: Value) {
        debug_assert!(
            labels.len() <= self.family.labels.len(),
            "{}",
            self.family.name
        );
        let text = &mut *self.exposition;
        text.put(format_args!("{}{suffix}", self.family.name));
        let named = self
            .family
            .labels
            .iter()
            .copied()
            .zip(labels.iter().copied());
        let mut separator = '{';
        for (name, value) in named.filter(|(_, value)| !value.is_empty()).chain(extra) {
            let value = escaped(value, true);
            text.put(format_args!("{separator}{name}=\"{value}\""));
            separator = ',';
        }
        let end = if separator == ',' { "}" } else { "" };
        text.put(format_args!("{end} {value}\n"));
    }
}

/// A text as it stands in a line: of a help or, in quotes, of a label.
fn escaped(text: &str, quoted: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quoted => escaped.push_str("\\\""),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Histogram;

    const REQUESTS: Family =
        Family::counter("requests_total", &["api", "error"], "Requests \\ by API");
    const ODD: Family = Family::counter("odd_count", &[], "Odd");
    const TIME: Family = Family::histogram("time_seconds", &["api"], "Time");

    fn text(format: Format) -> String {
        let mut exposition = Exposition::new(format);
        let mut requests = exposition.family(&REQUESTS);
        requests.add(&["a\"b\\c\nd", ""], 3_u64);
        requests.add(&[], -1_i64);
        exposition.single(&ODD, 0.5);
        let histogram = Histogram::new(&[500, 1_000_000]);
        histogram.observe(Duration::from_millis(2));
        exposition
            .family(&TIME)
            .histogram(&["x"], &histogram.snapshot());
        exposition.finish()
    }

    #[test]
    fn prometheus_text() {
        assert_eq!(
            text(Format::Prometheus),
            "# HELP requests_total Requests \\\\ by API\n\
             # TYPE requests_total counter\n\
             requests_total{api=\"a\\\"b\\\\c\\nd\"} 3\n\
             requests_total -1\n\
             # HELP odd_count Odd\n\
             # TYPE odd_count counter\n\
             odd_count 0.5\n\
             # HELP time_seconds Time\n\
             # TYPE time_seconds histogram\n\
             time_seconds_bucket{api=\"x\",le=\"0.0005\"} 0\n\
             time_seconds_bucket{api=\"x\",le=\"1\"} 1\n\
             time_seconds_bucket{api=\"x\",le=\"+Inf\"} 1\n\
             time_seconds_sum{api=\"x\"} 0.002\n\
             time_seconds_count{api=\"x\"} 1\n"
        );
    }

    #[test]
    fn open_metrics_text() {
        let text = text(Format::OpenMetrics);
        assert!(
            text.contains("# TYPE requests counter\nrequests_total{"),
            "{text}"
        );
        assert!(text.contains("# TYPE odd_count unknown\n"), "{text}");
        assert!(text.ends_with("\n# EOF\n"), "{text}");
    }

    #[test]
    fn the_header_chooses() {
        for (accept, expected) in [
            ("", Format::Prometheus),
            (
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Prometheus,
            ),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text; q=0", Format::Prometheus),
        ] {
            assert_eq!(Format::accepted(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_family_has_an_end() {
        let mut exposition = Exposition::new(Format::Prometheus);
        let mut requests = exposition.family(&REQUESTS);
        for api in 0..SERIES_MAX + 7 {
            requests.add(&[&api.to_string()], 1_u64);
        }
        assert_eq!(exposition.left_out(), 7);
        assert_eq!(exposition.finish().lines().count(), SERIES_MAX + 2);
    }
}
