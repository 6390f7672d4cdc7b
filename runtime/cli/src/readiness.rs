//! Tells systemd that the start is done (`Type=notify`): a datagram to the socket that `NOTIFY_SOCKET` names, as
//! `sd_notify(3)` describes it. Without the variable nothing happens.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// It runs.
pub(crate) fn ready() {
    tell("READY=1");
}

/// It was told to stop.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

fn tell(state: &str) {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(path.as_bytes(), state) {
        log::warn!("cannot tell systemd {state}: {error}");
    }
}

/// A path that begins with `@` is a name outside the file system.
fn send(path: &[u8], state: &str) -> io::Result<()> {
    let address = match path.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(state.as_bytes(), &address)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::{ffi::OsStrExt as _, net::UnixDatagram};

    use super::send;

    #[test]
    fn a_datagram_reaches_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str().as_bytes(), "READY=1").unwrap();
        let mut bytes = [0; 16];
        let count = socket.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..count], b"READY=1");
        let nobody = folder.path().join("nobody");
        assert!(send(nobody.as_os_str().as_bytes(), "READY=1").is_err());
    }
}
