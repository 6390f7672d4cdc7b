//! What clients are told that they may do: everything, for nobody is refused anything. Each bit is the code of an
//! operation.

/// Read, write, create, delete, alter, describe, describe and alter configurations.
pub(super) const TOPIC: i32 = 0b1101_1111_1000;
/// Create, alter, describe, cluster action, describe and alter configurations, idempotent write.
pub(super) const CLUSTER: i32 = 0b1_1111_1010_0000;
/// Read, delete, describe, describe and alter configurations.
pub(super) const GROUP: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// The operations where they are asked for, what stands for "not asked" else.
pub(super) fn of(operations: i32, is_asked: bool) -> i32 {
    if is_asked { operations } else { i32::MIN }
}
