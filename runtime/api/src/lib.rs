//! What a connector author needs, and nothing else: records and batches, schemas and values, the source, sink and
//! connector traits, converters, errors, and configuration by `#[derive(Config)]`.
//!
//! A source hands the worker a [`SourceBatch`], a sink receives a [`SinkBatch`]. Both are shared buffers plus packed
//! rows: a row says where its key, value and headers lie, so that a record costs no allocation and is never parsed
//! where no one asks for its contents. A step that does ask gets owned [`Value`]s.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![warn(missing_docs)]

mod backlog;
mod batch;
mod config_provider;
mod connector;
mod converter;
mod error;
mod event;
mod headers;
mod offset;
mod schema;
mod sink;
mod source;
mod text;
mod transform;
mod utf8;
mod value;

pub use backlog::{BACKLOG_PARTS_MAX, Backlog, BacklogListener, BacklogPart};
pub use batch::{
    Cell, Column, ConsumedRecord, FailedRecord, Needs, Origin, RecordMut, RecordView, Records, Row,
    Side, SinkBatch, SinkRow, SinkRun, SourceBatch, SourceRecord, SourceRun, Span, Stage,
};
pub use config_provider::{ConfigData, ConfigProvider};
pub use connector::{CONNECT_VERSION, ConnectorContext, Execution, Plugin, TaskId, TopicPartition};
pub use converter::{Converter, ConverterKind, HeaderConverter};
pub use error::{ConnectError, ErrorKind};
pub use event::EventListener;
pub use headers::{EncodedHeaders, Header, Headers, encode_header};
pub use millrace_config::{self as config, Properties};
pub use offset::{OffsetListener, OffsetMap, OffsetReader, SourcePartition, check_altered};
pub use schema::{Field, Schema, SchemaType, logical};
pub use sink::{
    ErrantRecord, ErrantRecordReporter, FailedPut, SinkConnector, SinkContext, SinkOffsets,
    SinkRequest, SinkTask,
};
pub use source::{BatchAcks, ExactlyOnceSupport, SourceConnector, SourceContext, SourceTask};
pub use text::decimal_text;
pub use transform::{Predicate, Transform};
pub use utf8::{append_utf8_lossy, utf8_lossy};
pub use value::{Datum, Struct, Value};
