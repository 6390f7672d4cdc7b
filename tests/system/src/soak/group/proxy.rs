//! A way between two processes that can be cut: a TCP proxy that, while it is cut, takes everything and passes nothing
//! on, as a network does that loses packets; or that closes what is open, as one does that refuses.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

/// How often a thread looks whether the way is open again, or the end has come.
const LOOK: Duration = Duration::from_millis(20);

const OPEN: u8 = 0;
const SILENT: u8 = 1;
const REFUSING: u8 = 2;
const GONE: u8 = 3;

/// A way that can be cut. It ends when dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    port: u16,
    state: Arc<AtomicU8>,
}

/// How a way is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nothing comes through, and nobody is told.
    Silent,
    /// Connections are closed, new ones too.
    Refusing,
}

impl Proxy {
    /// Opens a way from a free port to `to` (`host:port`), where somebody may listen later.
    pub(super) fn new(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a listener that does not block");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(AtomicU8::new(OPEN));
        let shared = Arc::clone(&state);
        thread::spawn(move || accept(&listener, &to, &shared));
        Self { port, state }
    }

    /// The port in front.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn cut(&self, how: Cut) {
        let state = match how {
            Cut::Silent => SILENT,
            Cut::Refusing => REFUSING,
        };
        self.state.store(state, Ordering::SeqCst);
    }

    pub(super) fn heal(&self) {
        self.state.store(OPEN, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.store(GONE, Ordering::SeqCst);
    }
}

fn accept(listener: &TcpListener, to: &str, state: &Arc<AtomicU8>) {
    loop {
        match (state.load(Ordering::SeqCst), listener.accept()) {
            (GONE, _) => return,
            (REFUSING, Ok(_)) => {}
            (_, Ok((front, _))) => {
                let (to, state) = (to.to_owned(), Arc::clone(state));
                thread::spawn(move || carry(front, &to, &state));
            }
            (_, Err(_)) => thread::park_timeout(LOOK / 4),
        }
    }
}

/// Carries a connection both ways until one side ends it.
fn carry(front: TcpStream, to: &str, state: &Arc<AtomicU8>) {
    if !passable(state) {
        return;
    }
    let Ok(back) = TcpStream::connect(to) else {
        return;
    };
    let both = || -> io::Result<_> {
        for side in [&front, &back] {
            side.set_nonblocking(false)?;
            side.set_nodelay(true)?;
            side.set_read_timeout(Some(LOOK))?;
        }
        Ok((front.try_clone()?, back.try_clone()?))
    };
    let Ok((front_again, back_again)) = both() else {
        return;
    };
    thread::scope(|scope| {
        scope.spawn(|| one_way(front, &back_again, state));
        one_way(back, &front_again, state);
    });
}

fn one_way(mut from: TcpStream, mut to: &TcpStream, state: &AtomicU8) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                match state.load(Ordering::SeqCst) {
                    REFUSING | GONE => break,
                    _ => continue,
                }
            }
            Err(_) => break,
        };
        if !passable(state) || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // The other side may have closed it already.
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}

/// Waits while nothing comes through; says whether anything may at all.
fn passable(state: &AtomicU8) -> bool {
    loop {
        match state.load(Ordering::SeqCst) {
            OPEN => return true,
            SILENT => thread::park_timeout(LOOK),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        time::Duration,
    };

    use super::{Cut, Proxy};

    #[test]
    fn a_cut_way_passes_nothing_and_goes_on_when_healed() {
        let behind = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::new(behind.local_addr().unwrap().to_string());
        let mut front = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        front.write_all(b"a").unwrap();
        let (mut back, _) = behind.accept().unwrap();
        let mut byte = [0];
        back.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"a");

        proxy.cut(Cut::Silent);
        front.write_all(b"b").unwrap();
        back.set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        assert!(back.read_exact(&mut byte).is_err());
        proxy.heal();
        back.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        back.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"b");

        proxy.cut(Cut::Refusing);
        assert_eq!(back.read(&mut byte).unwrap_or(0), 0);
    }
}
