//! A group whose members come, leave and are killed: partitions always find an owner, and no record is left out.

use anyhow::{Context as _, ensure};

use crate::{clients::Client, member::Member};

/// Partitions of the topic.
const PARTITIONS: usize = 4;

/// Runs a group through its life. `filler` writes; the first member stays while the second leaves and the third is
/// killed, and the fourth takes over when all are gone.
pub(crate) fn run(
    filler: &dyn Client,
    members: [&dyn Client; 4],
    server: &str,
    name: &str,
) -> anyhow::Result<()> {
    let (group, topic) = (format!("group-{name}"), format!("group-{name}"));
    let start = |client: &dyn Client| Member::start(client, server, &group, &topic);
    let [stayer, leaver, killed, heir] = members;

    filler
        .fill(server, &topic, 0..100)
        .context("first records")?;
    let mut first = start(stayer)?;
    first
        .await_partitions(PARTITIONS)
        .context("a first member alone")?;
    let mut second = start(leaver)?;
    await_halves(&first, &second).context("a second member")?;
    filler.fill(server, &topic, 100..200)?;
    Member::await_values(&[&first, &second], 0..200).context("two members")?;
    second.leave().context("a member leaves")?;
    first
        .await_partitions(PARTITIONS)
        .context("after a member has left")?;

    let mut third = start(killed)?;
    await_halves(&first, &third).context("a third member")?;
    third.kill()?;
    first
        .await_partitions(PARTITIONS)
        .context("after a member was killed")?;
    filler.fill(server, &topic, 200..300)?;
    Member::await_values(&[&first], 200..300).context("after a member was killed")?;
    first.leave().context("the last member leaves")?;

    filler.fill(server, &topic, 300..310)?;
    let mut last = start(heir)?;
    Member::await_values(&[&last], 300..310).context("a member after all have left")?;
    let again: Vec<_> = last
        .values()
        .into_iter()
        .filter(|value| *value < 300)
        .collect();
    ensure!(
        again.is_empty(),
        "committed records were read again: {again:?}"
    );
    last.leave().context("the heir leaves")
}

/// Waits until two members own half of the partitions each.
fn await_halves(one: &Member, other: &Member) -> anyhow::Result<()> {
    one.await_partitions(PARTITIONS / 2)?;
    other.await_partitions(PARTITIONS / 2)
}
