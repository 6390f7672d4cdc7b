//! What each kind of record looks like.

use super::config::Kind;
use super::random::{Keys, Random};
use super::text::{hundredths, log_time, number, padded};

/// What the records of one batch share.
#[derive(Debug)]
pub(super) struct Moment {
    now_ms: i64,
    log_time: String,
}

impl Moment {
    pub(super) fn at(now_ms: i64) -> Self {
        Self {
            now_ms,
            log_time: log_time(now_ms),
        }
    }
}

/// Appends the key of a record and then its value; returns where the value begins.
pub(super) fn append(
    kind: Kind,
    keys: &Keys,
    mut random: Random,
    seqno: i64,
    moment: &Moment,
    out: &mut Vec<u8>,
) -> usize {
    let key = keys.pick(&mut random);
    append_key(kind, key, out);
    let value = out.len();
    match kind {
        Kind::AccessLog => access_log(key, &mut random, moment, out),
        Kind::Orders => order(key, &mut random, seqno, moment, out),
        Kind::Sensors => reading(key, &mut random, moment, out),
    }
    value
}

fn append_key(kind: Kind, key: u64, out: &mut Vec<u8>) {
    match kind {
        Kind::AccessLog => address(key, out),
        Kind::Orders => {
            out.extend_from_slice(b"customer-");
            padded(out, key, 6);
        }
        Kind::Sensors => {
            out.extend_from_slice(b"sensor-");
            padded(out, key, 6);
        }
    }
}

/// A private address (RFC 1918) a client.
fn address(client: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"10");
    for shift in [16, 8, 0] {
        out.push(b'.');
        number(out, (client >> shift) & 0xff);
    }
}

fn access_log(client: u64, random: &mut Random, moment: &Moment, out: &mut Vec<u8>) {
    address(client, out);
    out.extend_from_slice(b" - - [");
    out.extend_from_slice(moment.log_time.as_bytes());
    out.extend_from_slice(b"] \"");
    let method = random.mostly_first(&["GET", "POST", "GET", "HEAD", "PUT", "DELETE"]);
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    let path = random.any(&[
        "/",
        "/basket",
        "/search?q=",
        "/item/",
        "/img/",
        "/api/v1/orders/",
    ]);
    out.extend_from_slice(path.as_bytes());
    if path.len() > 1 && !path.ends_with('t') {
        number(out, random.below(100_000));
    }
    out.extend_from_slice(b" HTTP/1.1\" ");
    let status = random.mostly_first(&[200, 200, 304, 404, 302, 500, 503]);
    number(out, status);
    out.push(b' ');
    number(
        out,
        if status == 304 {
            0
        } else {
            200 + random.below(50_000)
        },
    );
    out.extend_from_slice(b" \"-\" \"");
    let agent = random.any(&[
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
        "curl/8.9.1",
        "kube-probe/1.31",
    ]);
    out.extend_from_slice(agent.as_bytes());
    out.push(b'"');
}

fn order(customer: u64, random: &mut Random, seqno: i64, moment: &Moment, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"order\":");
    number(out, seqno as u64);
    out.extend_from_slice(b",\"customer\":\"customer-");
    padded(out, customer, 6);
    out.extend_from_slice(b"\",\"item\":\"");
    let item = random.any(&[
        "kettle", "lamp", "chair", "notebook", "bicycle", "teapot", "scarf",
    ]);
    out.extend_from_slice(item.as_bytes());
    out.extend_from_slice(b"\",\"quantity\":");
    number(out, 1 + random.below(5));
    out.extend_from_slice(b",\"price\":");
    hundredths(out, 99 + random.below(50_000));
    out.extend_from_slice(b",\"state\":\"");
    let state = random.mostly_first(&["paid", "placed", "sent", "cancelled"]);
    out.extend_from_slice(state.as_bytes());
    out.extend_from_slice(b"\",\"time_ms\":");
    number(out, moment.now_ms as u64);
    out.push(b'}');
}

fn reading(sensor: u64, random: &mut Random, moment: &Moment, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"sensor\":\"sensor-");
    padded(out, sensor, 6);
    out.extend_from_slice(b"\",\"temperature\":");
    hundredths(out, 1500 + sensor % 500 + random.below(300));
    out.extend_from_slice(b",\"humidity\":");
    hundredths(out, 3000 + random.below(4000));
    out.extend_from_slice(b",\"battery\":");
    number(out, 100 - random.below(60));
    out.extend_from_slice(b",\"time_ms\":");
    number(out, moment.now_ms as u64);
    out.push(b'}');
}
