//! The body of a request, as it grows by one record after the other.

use bytes::Bytes;

use super::presets::Framing;

/// What stands before the streams of Loki's push API.
const STREAMS: &[u8] = b"{\"streams\":[";

/// A body that may take further records.
#[derive(Debug, Default)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    records: usize,
    /// Bytes of the records, without what stands between them.
    payload: usize,
    /// Labels, and the entries of the stream that has them.
    streams: Vec<(String, Vec<u8>)>,
}

impl Body {
    /// An empty body with room for `bytes`.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// Adds the record that `render` writes; it returns what the record shares with others, where the framing groups them. False
    /// if the record is not the first and would make the records longer than `max`; nothing is added then.
    ///
    /// # Errors
    /// Those of `render`; nothing is added then.
    pub(crate) fn add<E>(
        &mut self,
        framing: &Framing,
        max: usize,
        render: impl FnOnce(&mut Vec<u8>) -> Result<Option<String>, E>,
    ) -> Result<bool, E> {
        let before = self.bytes.len();
        if let Framing::Text {
            prefix, separator, ..
        } = framing
        {
            let between = if self.records == 0 { prefix } else { separator };
            self.bytes.extend_from_slice(between.as_bytes());
        }
        let start = self.bytes.len();
        let group = match render(&mut self.bytes) {
            Ok(group) => group,
            Err(error) => {
                self.bytes.truncate(before);
                return Err(error);
            }
        };
        let length = self.bytes.len() - start;
        if self.records > 0 && self.payload + length > max {
            self.bytes.truncate(before);
            return Ok(false);
        }
        if *framing == Framing::Streams {
            self.move_into_stream(start, group);
        }
        self.records += 1;
        self.payload += length;
        Ok(true)
    }

    /// Adds values as they are, behind a record and with `separator` before each, and says how many: up to the first one that would make the
    /// records longer than `max`, or that is none.
    pub(crate) fn add_values<'a>(
        &mut self,
        separator: &str,
        max: usize,
        values: impl Iterator<Item = Option<&'a [u8]>>,
    ) -> usize {
        let before = self.records;
        for value in values.map_while(|value| value) {
            if self.payload + value.len() > max {
                break;
            }
            self.payload += value.len();
            self.bytes.extend_from_slice(separator.as_bytes());
            self.bytes.extend_from_slice(value);
            self.records += 1;
        }
        self.records - before
    }

    fn move_into_stream(&mut self, start: usize, labels: Option<String>) {
        let labels = labels.unwrap_or_else(|| "{}".to_owned());
        let entry = self.bytes.get(start..).unwrap_or_default();
        match self.streams.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, entries)) => {
                entries.push(b',');
                entries.extend_from_slice(entry);
            }
            None => self.streams.push((labels, entry.to_vec())),
        }
        self.bytes.truncate(start);
    }

    /// The whole body.
    pub(crate) fn finish(mut self, framing: &Framing) -> Bytes {
        let bytes = &mut self.bytes;
        match framing {
            Framing::Text { suffix, .. } => bytes.extend_from_slice(suffix.as_bytes()),
            Framing::Streams => {
                bytes.extend_from_slice(STREAMS);
                for (index, (labels, entries)) in self.streams.iter().enumerate() {
                    if index > 0 {
                        bytes.push(b',');
                    }
                    bytes.extend_from_slice(b"{\"stream\":");
                    bytes.extend_from_slice(labels.as_bytes());
                    bytes.extend_from_slice(b",\"values\":[");
                    bytes.extend_from_slice(entries);
                    bytes.extend_from_slice(b"]}");
                }
                bytes.extend_from_slice(b"]}");
            }
        }
        self.bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(body: &mut Body, framing: &Framing, text: &str, group: Option<&str>) -> bool {
        let render = |out: &mut Vec<u8>| {
            out.extend_from_slice(text.as_bytes());
            Ok::<_, ()>(group.map(str::to_owned))
        };
        body.add(framing, 6, render).unwrap()
    }

    #[test]
    fn what_does_not_fit_leaves_no_trace() {
        let framing = Framing::Text {
            prefix: "[".to_owned(),
            separator: ", ".to_owned(),
            suffix: "]".to_owned(),
        };
        let mut body = Body::default();
        assert!(add(&mut body, &framing, "abc", None));
        let failed = body.add(&framing, 6, |out| {
            out.extend_from_slice(b"half");
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        assert!(!add(&mut body, &framing, "defg", None), "over the limit");
        assert!(add(&mut body, &framing, "def", None));
        assert_eq!(body.finish(&framing), "[abc, def]");
        let mut alone = Body::default();
        assert!(add(&mut alone, &framing, "longer than the limit", None));
        assert_eq!(alone.finish(&framing), "[longer than the limit]");
    }

    #[test]
    fn values_are_added_as_long_as_there_are_some_and_they_fit() {
        let framing = Framing::Text {
            prefix: "[".to_owned(),
            separator: ",".to_owned(),
            suffix: "]".to_owned(),
        };
        for (values, expected) in [
            (vec![Some("b"), Some(""), Some("cd")], "[a,b,,cd]"),
            (vec![Some("b"), None, Some("c")], "[a,b]"),
            (vec![Some("bcdef"), Some("g")], "[a,bcdef]"),
            (vec![Some("bcdefg"), Some("h")], "[a]"),
            (vec![], "[a]"),
        ] {
            let mut body = Body::default();
            assert!(add(&mut body, &framing, "a", None));
            let values = values.into_iter().map(|value| value.map(str::as_bytes));
            let added = body.add_values(",", 6, values);
            assert_eq!(added, expected.matches(',').count());
            assert_eq!(body.finish(&framing), expected);
        }
    }

    #[test]
    fn entries_of_a_stream_stand_together() {
        let framing = Framing::Streams;
        let mut body = Body::default();
        for (entry, labels) in [("1", "{a}"), ("2", "{b}"), ("3", "{a}")] {
            assert!(add(&mut body, &framing, entry, Some(labels)));
        }
        assert_eq!(
            body.finish(&framing),
            r#"{"streams":[{"stream":{a},"values":[1,3]},{"stream":{b},"values":[2]}]}"#
        );
    }
}
