//! How many datagrams the system has dropped of a socket because nobody read them in time: the last column of
//! `/proc/net/udp`, in the line of the socket's inode (Linux, net/ipv4/udp.c).

use std::path::Path;

use rustix::fs::fstat;
use tokio::net::UdpSocket;

const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];
/// The columns of a line.
const INODE: usize = 9;
const DROPS: usize = 12;

/// What the system has dropped of one socket.
#[derive(Debug)]
pub(super) struct Drops {
    inode: Option<u64>,
    /// As many were counted.
    seen: u64,
}

impl Drops {
    pub(super) fn of(socket: &UdpSocket) -> Self {
        Self {
            inode: fstat(socket).ok().map(|stat| stat.st_ino),
            seen: 0,
        }
    }

    /// How many were dropped since the last look; none where the system does not say.
    pub(super) async fn new_ones(&mut self) -> u64 {
        let Some(inode) = self.inode else { return 0 };
        let found = tokio::task::spawn_blocking(move || look_up(inode)).await;
        let Ok(Some(now)) = found else { return 0 };
        let new = now.saturating_sub(self.seen);
        self.seen = now;
        new
    }
}

fn look_up(inode: u64) -> Option<u64> {
    let tables = TABLES.map(Path::new);
    tables.into_iter().find_map(|path| {
        #[expect(
            clippy::disallowed_methods,
            reason = "a file of the system's, read on the blocking pool"
        )]
        let table = std::fs::read_to_string(path).ok()?;
        dropped(&table, inode)
    })
}

fn dropped(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_this = columns.get(INODE)?.parse() == Ok(inode);
        is_this.then(|| columns.get(DROPS)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_socket() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             \x20 351: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81351 2 0000000000000000 17\n\
             \x20 352: 0100007F:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81352 2 0000000000000000 0\n";
        assert_eq!(dropped(table, 81351), Some(17));
        assert_eq!(dropped(table, 81352), Some(0));
        assert_eq!(dropped(table, 81353), None);
        assert_eq!(dropped("", 1), None);
    }

    #[tokio::test]
    async fn a_real_socket_is_found() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let inode = fstat(&socket).unwrap().st_ino;
        assert_eq!(look_up(inode), Some(0));
    }
}
