//! FileStreamSource and FileStreamSink: lines of a file to a topic and back.
