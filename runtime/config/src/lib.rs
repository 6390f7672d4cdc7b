//! Configuration definitions, parsing, verdicts, secrets and properties files.
