//! What a connector author needs: records, batches, schemas, configuration and the connector traits.
