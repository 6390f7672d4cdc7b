//! The suite that every connector passes, and what happens when the reader leaves.
#![allow(clippy::unwrap_used)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use millrace_api::{Properties, SinkBatch, SinkOffsets, TopicPartition};
use millrace_stdout::{Output, StdoutSink};
use millrace_testkit::conformance::{self, Refused, SinkFixture};
use millrace_testkit::{SinkRun, TextSinkBatch};

/// What was printed; after `left`, the reader is gone.
#[derive(Clone, Default)]
struct Screen {
    printed: Arc<Mutex<Vec<u8>>>,
    left: Arc<Mutex<bool>>,
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if *self.left.lock().unwrap() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.printed.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl SinkFixture for Screen {
    type Connector = StdoutSink;

    fn connector(&self) -> StdoutSink {
        StdoutSink::printing_to(Output::new(self.clone()))
    }

    async fn reset(&mut self) -> Properties {
        self.printed.lock().unwrap().clear();
        Properties::from([("topics".to_owned(), "topic".to_owned())])
    }

    async fn delivered(&mut self) -> Option<Vec<String>> {
        let printed = String::from_utf8(self.printed.lock().unwrap().clone()).unwrap();
        Some(printed.lines().map(str::to_owned).collect())
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let with = |key: &str, value: &str| Properties::from([(key.to_owned(), value.to_owned())]);
        vec![
            (with("format", "yaml"), "format".to_owned()),
            (with("print.key", "maybe"), "print.key".to_owned()),
        ]
    }
}

#[tokio::test]
async fn conforms() {
    conformance::sink(&mut Screen::default()).await;
}

#[tokio::test]
async fn nothing_is_committed_past_what_a_reader_saw() {
    let screen = Screen::default();
    let partition = TopicPartition {
        topic: "topic".into(),
        partition: 0,
    };
    let mut run = SinkRun::start(
        screen.connector(),
        &Properties::new(),
        std::slice::from_ref(&partition),
    )
    .await
    .unwrap();
    let mut batches = TextSinkBatch::new(partition.clone());
    run.put(&batches.next([Some("seen")])).await.unwrap();
    *screen.left.lock().unwrap() = true;
    let unseen = batches.next([Some("unseen")]);
    for batch in [&unseen, &SinkBatch::new()] {
        let error = run.put(batch).await.unwrap_err();
        assert!(
            error
                .trace()
                .contains("the reader of standard output is gone")
        );
        assert!(!error.is_retriable());
    }
    let safe = run.pre_commit(batches.offsets()).await.unwrap();
    assert_eq!(safe, SinkOffsets::from([(partition.clone(), 1)]));
    run.stop(&[partition]).await.unwrap();
}
