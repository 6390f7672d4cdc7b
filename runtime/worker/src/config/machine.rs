//! What the machine has, or the container that the worker runs in.

/// The bound of the control group (version 2) in which the process is, as a container sees it.
const GROUP_MAX: &str = "/sys/fs/cgroup/memory.max";

/// The memory that processes here can have together, in bytes.
pub(super) fn memory_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    let machine = (system.totalram as u64).saturating_mul(system.mem_unit.into());
    match group_max() {
        Some(group) => machine.min(group),
        None => machine,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "runs once, at the start; the file is the kernel's own and a line long"
)]
fn group_max() -> Option<u64> {
    // Without a bound it says `max`.
    std::fs::read_to_string(GROUP_MAX).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_machine_has_memory() {
        assert!(super::memory_bytes() > 64 << 20);
    }
}
