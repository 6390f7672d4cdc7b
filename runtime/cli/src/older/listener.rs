//! Host and port in keys of their own, as they were before `listeners`: `rest.host.name` and `rest.port` of a worker,
//! `host.name` and `port` of a broker, and what the broker advertised.

use millrace_config::Properties;

use super::{
    Place,
    table::{Part, Remedy, TABLE},
};

/// Puts the parts together under today's key and takes the older ones away. Where today's key is there too, it
/// counts, and the older ones are noted.
pub(super) fn join(place: Place, properties: &mut Properties) -> Vec<String> {
    let (scheme, port) = match place {
        Place::Worker => ("http", "8083"),
        Place::Broker => ("PLAINTEXT", "9092"),
        Place::Producer | Place::Consumer | Place::Client => return Vec::new(),
    };
    let mut problems = Vec::new();
    let mut parts = |part: Part| take(place, part, properties, &mut problems);
    let own = (parts(Part::Host), parts(Part::Port));
    let advertised = (parts(Part::AdvertisedHost), parts(Part::AdvertisedPort));
    let port = own.1.clone().unwrap_or_else(|| port.to_owned());
    set(properties, "listeners", scheme, own, &port);
    set(
        properties,
        "advertised.listeners",
        scheme,
        advertised,
        &port,
    );
    problems
}

/// Takes one part out; a port has to be one.
fn take(
    place: Place,
    part: Part,
    properties: &mut Properties,
    problems: &mut Vec<String>,
) -> Option<String> {
    let row = TABLE
        .iter()
        .find(|row| row.place == place && row.remedy == Remedy::Listener(part))?;
    let text = properties.remove(row.old)?.trim().to_owned();
    let today = match part {
        Part::Host | Part::Port => "listeners",
        Part::AdvertisedHost | Part::AdvertisedPort => "advertised.listeners",
    };
    if matches!(part, Part::Port | Part::AdvertisedPort) && text.parse::<u16>().is_err() {
        problems.push(format!(
            "{}={text}: not a port; and it is part of {today} today",
            row.old
        ));
        return None;
    }
    if properties.contains_key(today) {
        log::warn!("{} has no effect: {today} is there too", row.old);
        return None;
    }
    log::warn!("{} is part of {today} today", row.old);
    Some(text)
}

fn set(
    properties: &mut Properties,
    key: &str,
    scheme: &str,
    (host, port): (Option<String>, Option<String>),
    default_port: &str,
) {
    if host.is_none() && port.is_none() {
        return;
    }
    let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = port.unwrap_or_else(|| default_port.to_owned());
    properties.insert(key.to_owned(), format!("{scheme}://{host}:{port}"));
}

#[cfg(test)]
mod tests {
    use millrace_config::Properties;
    use millrace_testkit::properties;

    use super::{Place, join};

    fn joined(place: Place, pairs: &[(&str, &str)]) -> (Properties, Vec<String>) {
        let mut properties = properties(pairs);
        let problems = join(place, &mut properties);
        (properties, problems)
    }

    #[test]
    fn host_and_port_become_listeners() {
        let (worker, _) = joined(Place::Worker, &[("rest.port", "8084")]);
        assert_eq!(worker["listeners"], "http://127.0.0.1:8084");
        assert_eq!(worker.len(), 1);
        let (worker, _) = joined(
            Place::Worker,
            &[("rest.host.name", "0.0.0.0"), ("rest.port", "1")],
        );
        assert_eq!(worker["listeners"], "http://0.0.0.0:1");
        let (broker, _) = joined(
            Place::Broker,
            &[("port", "9093"), ("advertised.host.name", "kafka")],
        );
        assert_eq!(broker["listeners"], "PLAINTEXT://127.0.0.1:9093");
        assert_eq!(broker["advertised.listeners"], "PLAINTEXT://kafka:9093");
    }

    #[test]
    fn todays_key_counts() {
        let pairs = [("rest.port", "1"), ("listeners", "http://:2")];
        let (worker, problems) = joined(Place::Worker, &pairs);
        assert_eq!(worker["listeners"], "http://:2");
        assert!(worker.len() == 1 && problems.is_empty());
    }

    #[test]
    fn a_port_that_is_none_is_a_problem() {
        let (_, problems) = joined(Place::Broker, &[("port", "x")]);
        assert!(problems[0].starts_with("port=x"), "{problems:?}");
    }
}
