//! Keys that are right are read beside those that are wrong.
#![allow(clippy::unwrap_used)]

use millrace_config::{Config, Properties, Sound};

#[derive(Debug, Config)]
struct Range {
    /// Its name.
    #[config(name = "name", non_empty)]
    name: String,
    /// Its beginning.
    #[config(name = "from", default = 1, range(0..))]
    from: i32,
    /// Its end.
    #[config(name = "to", default = 10, range(0..))]
    to: i32,
}

#[test]
fn keys_that_are_right_are_read_beside_those_that_are_wrong() {
    let given = Properties::from([("from".into(), "20".into()), ("to".into(), "x".into())]);
    assert!(Sound::<Range>::read(&given, &[]).is_none());
    let sound = Sound::<Range>::read(&given, &[("name", "a")]).unwrap();
    let range = sound.config();
    assert_eq!((range.name.as_str(), range.from, range.to), ("a", 20, 10));
    assert!(sound.are_sound(&["from"]));
    assert!(!sound.are_sound(&["from", "to"]) && !sound.are_sound(&["name"]));
}
