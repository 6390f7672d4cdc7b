//! Short names of classes: the simple name, with and without the end that says what kind of plugin it is.

/// Whether `name` is a short name of `class`, whose kind may be left out as `suffix`.
pub(super) fn matches(class: &str, suffix: &str, name: &str) -> bool {
    let simple = simple_name(class);
    simple == name || (!name.is_empty() && simple.strip_suffix(suffix) == Some(name))
}

/// The part of a class name behind the last dot.
pub(crate) fn simple_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn short_names_leave_package_and_kind_out() {
        let class = "org.apache.kafka.connect.file.FileStreamSourceConnector";
        assert!(matches(class, "Connector", "FileStreamSourceConnector"));
        assert!(matches(class, "Connector", "FileStreamSource"));
        assert!(!matches(class, "Connector", "filestreamsource"));
        assert!(!matches(class, "Connector", "FileStream"));
        assert!(!matches("Connector", "Connector", ""));
    }
}
