use millrace_testkit::properties;

use super::*;

#[test]
fn everything_wrong_is_told_together_with_key_value_and_remedy() {
    let told = SpoolConfig::read(&properties(&[
        ("folder", ""),
        ("include", "a[,b"),
        ("format", "xml"),
        ("csv.separator", "::"),
        ("headers", "file,size"),
        ("stable.ms", "-1"),
        ("max.record.bytes", "1"),
    ]));
    let told = told.unwrap_err().to_string();
    for mention in [
        "folder",
        "cannot read the glob a[",
        "xml for configuration format",
        ":: for configuration csv.separator: expected one ASCII character",
        "there is no header 'size'; choose of file, path, offset",
        "-1 for configuration stable.ms",
        "1 for configuration max.record.bytes",
        "topic",
    ] {
        assert!(told.contains(mention), "{mention}: {told}");
    }
}

#[test]
fn keys_that_contradict_one_another() {
    let told = SpoolConfig::read(&properties(&[
        ("folder", "/in"),
        ("topic", "t"),
        ("when.done", "delete"),
        ("done.folder", "/in"),
        ("on.invalid", "fail"),
        ("failed.folder", "/failed"),
        ("csv.separator", ";"),
    ]));
    let told = told.unwrap_err().to_string();
    assert_eq!(told.lines().count(), 4, "{told}");
}

#[test]
fn names_that_are_read() {
    let read = |keys: &[(&str, &str)], name: &str| {
        let mut all = properties(&[("folder", "/in"), ("topic", "t")]);
        all.extend(properties(keys));
        SpoolConfig::read(&all)
            .unwrap()
            .names()
            .unwrap()
            .are_read(name)
    };
    assert!(read(&[], "a.csv") && !read(&[], ".a.csv") && !read(&[], "a.tmp"));
    assert!(read(&[], "a.COMPLETED"));
    assert!(!read(&[("when.done", "mark")], "a.COMPLETED"));
    let braces = [("include", "*.{csv,txt},log")];
    assert!(read(&braces, "a.csv") && read(&braces, "a.txt") && read(&braces, "log"));
    assert!(!read(&braces, "a.log"));
    let csv = [("include", "*.csv"), ("exclude", "b*")];
    assert!(read(&csv, "a.csv") && !read(&csv, "b.csv") && !read(&csv, "a.txt"));
}

#[test]
fn names_and_marks_by_which_nothing_would_be_read() {
    let mark = ("when.done", "mark");
    for (keys, mention) in [
        (&[("include", "")][..], "include: there is none"),
        (&[("include", "a/*.csv")], "include: 'a/*.csv' has a slash"),
        (&[("exclude", "a/*.csv")], "exclude: 'a/*.csv' has a slash"),
        (&[("include", ".*")], "include: '.*' begins with a dot"),
        (
            &[("include", "*.csv"), ("exclude", "*.csv")],
            "*.csv for configuration include: exclude",
        ),
        (&[("exclude", "*")], "* for configuration include: exclude"),
        (&[("headers", "file,file")], "'file' is there twice"),
        (
            &[("done.suffix", ".x")],
            ".x for configuration done.suffix: it is for when.done=mark",
        ),
        (
            &[mark, ("done.suffix", "")],
            "configuration done.suffix: it is empty",
        ),
        (
            &[mark, ("done.suffix", "/done")],
            "/done for configuration done.suffix: no name has a slash",
        ),
        (
            &[mark, ("done.suffix", "a\0b")],
            "done.suffix: no name has a slash or a NUL",
        ),
        (
            &[mark, ("include", "*.csv"), ("done.suffix", ".csv")],
            ".csv for configuration done.suffix: all files",
        ),
        (&[("folder", "a\0b")], "configuration folder: no path"),
        (
            &[("done.folder", "")],
            "configuration done.folder: it is empty",
        ),
        (
            &[("failed.folder", "")],
            "configuration failed.folder: it is empty",
        ),
    ] {
        let mut all = properties(&[("folder", "/in"), ("topic", "t")]);
        all.extend(properties(keys));
        let told = SpoolConfig::read(&all).unwrap_err().to_string();
        assert!(
            told.contains(mention) && told.lines().count() == 1,
            "{keys:?}: {told}"
        );
    }
    let long = "x".repeat(101);
    for (suffix, is_right) in [(&long[..], false), (&long[1..], true), (".csv", true)] {
        let all = properties(&[
            ("folder", "/in"),
            ("topic", "t"),
            mark,
            ("done.suffix", suffix),
        ]);
        assert_eq!(SpoolConfig::read(&all).is_ok(), is_right, "{suffix}");
    }
}

#[tokio::test]
async fn folders_that_cannot_be_are_told_beside_the_rest() {
    let keys = properties(&[
        ("folder", "/no/such"),
        ("format", "xml"),
        ("done.folder", ""),
    ]);
    let told = SpoolConfig::impossibilities(&keys).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let (key, why) = &told[0];
    assert_eq!(key, "folder");
    assert!(
        why.starts_with("Invalid value /no/such for configuration folder: "),
        "{why}"
    );
}
