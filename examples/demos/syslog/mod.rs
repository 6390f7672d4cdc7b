//! Messages of both formats by both transports, into topics by severity.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "syslog",
    about: "Syslog takes the messages of hosts and devices, and writes them into topics by what they say.",
    files: &[
        ("syslog.properties", include_str!("syslog.properties")),
        ("print.properties", include_str!("print.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

/// Where the source listens, as it says in the log.
fn address(stage: &mut Stage, kind: &str) -> Result<String> {
    let label = format!("listens on {kind}://");
    stage.until(&format!("the port of {kind}"), |stage| {
        let said = stage.read("stderr");
        let (_, address) = said.split_once(&label)?;
        let (address, _) = address.split_once('\n')?;
        Some(address.trim().to_owned())
    })
}

fn run(stage: &mut Stage) -> Result<()> {
    let datagrams = address(stage, "udp")?;
    stage.say(&format!("A datagram to {datagrams}, as RFC 3164 has it:"));
    let message = "<30>Nov 22 02:14:15 web systemd[1]: Started the shop.";
    println!("{message}");
    UdpSocket::bind("127.0.0.1:0")?.send_to(message.as_bytes(), &datagrams)?;
    let lines = stage.show_output(1)?;
    ensure!(
        lines[0] == "app:systemd,facility:daemon\tweb\tStarted the shop.",
        "{lines:?}"
    );
    let stream = address(stage, "tcp")?;
    stage.say(&format!(
        "A connection to {stream}, and RFC 5424 with a length before the message:"
    ));
    let message = "<187>1 2026-11-22T02:14:15Z switch link 7 ID - port 4 is down";
    println!("{} {message}", message.len());
    let mut stream = TcpStream::connect(&stream)?;
    write!(stream, "{} {message}", message.len())?;
    let lines = stage.show_output(1)?;
    ensure!(
        lines[0] == "app:link,facility:local7\tswitch\tport 4 is down",
        "{lines:?}"
    );
    Ok(())
}
