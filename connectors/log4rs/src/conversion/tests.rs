use super::translate_pattern;

#[test]
fn conversions_become_those_of_log4rs() {
    for (log4j, log4rs) in [
        ("%m%n", "{m}{n}"),
        ("%-5p %c", "{l:<5} {t}"),
        (
            "%5p|%.10c|%-20.30c|%20.30c",
            "{l:>5}|{t:-.10}|{({t:-.30}):<20}|{({t:-.30}):>20}",
        ),
        (
            "[%d{ISO8601}] %p %m (%c)%n",
            r"[{d(%Y-%m-%d %H:%M:%S,%3f)}] {l} {m} \({t}\){n}",
        ),
        ("%d", "{d(%Y-%m-%d %H:%M:%S,%3f)}"),
        ("%d{ABSOLUTE}", "{d(%H:%M:%S,%3f)}"),
        ("%d{dd MMM yyyy 'at' HH''mm}", "{d(%d %b %Y at %H'%M)}"),
        (
            "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}",
            "{d(%Y-%m-%dT%H:%M:%S.%3f%:z)}",
        ),
        ("%X{user} %F:%L %C %t", "{X(user)} {f}:{L} {M} {T}"),
        ("100%% {x} \\", r"100% \{x\} \\"),
        ("%-9l|%d{(HH)}", r"{({M}\({f}:{L}\)):<9}|{d(\(%H\))}"),
        ("%monkey", "{m}onkey"),
    ] {
        assert_eq!(translate_pattern(log4j).as_deref(), Ok(log4rs), "{log4j}");
    }
}

#[test]
fn what_cannot_be_translated_is_named_all_at_once() {
    let problems = translate_pattern("%r %x %M %c{2} %q %d{yyyy 'W'w} %X %12.2c %").unwrap_err();
    for (problem, begin) in problems.iter().zip([
        "%r ",
        "%x ",
        "%M ",
        "%c ",
        "%q ",
        "%d{",
        "%X ",
        "%c has a least",
        "the pattern",
    ]) {
        assert!(problem.starts_with(begin), "{problem}");
    }
    assert_eq!(problems.len(), 9);
    assert!(problems[5].contains("field w"), "{}", problems[5]);
}

#[test]
fn log4rs_writes_what_log4j_would() {
    use log::{Level, Record};
    use log4rs::encode::Encode as _;
    use log4rs::encode::pattern::PatternEncoder;
    use log4rs::encode::writer::simple::SimpleWriter;

    for (pattern, written) in [
        ("%-6p|%6p|%m", "WARN  |  WARN|a {b} (c)"),
        (
            "%.4c|%-12c|%10.12c|%-10.12c|%2.4c|",
            "shop|web.shop    |  web.shop|web.shop  |shop|",
        ),
        ("%l %F", "???(???:???) ???"),
        ("%% {} () \\ %m%n", "% {} () \\ a {b} (c)\n"),
    ] {
        let encoder = PatternEncoder::new(&translate_pattern(pattern).unwrap());
        let mut out = SimpleWriter(Vec::new());
        let message = format_args!("a {{b}} (c)");
        let record = Record::builder()
            .level(Level::Warn)
            .target("web.shop")
            .args(message)
            .build();
        encoder.encode(&mut out, &record).unwrap();
        assert_eq!(String::from_utf8(out.0).unwrap(), written, "{pattern}");
    }
}
