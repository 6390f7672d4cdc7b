//! How far a group is behind, by administrative calls: what it has committed, and where the logs end.

use std::collections::BTreeMap;

use anyhow::Result;
use millrace_client::Cluster;
use millrace_client::admin::{Admin, OffsetSpec};

pub(crate) async fn run(cluster: &Cluster, group: &str) -> Result<()> {
    let admin = Admin::new(cluster);
    let described = admin.describe_group(group).await?;
    println!(
        "{group} is {} with {} members",
        described.state,
        described.members.len()
    );
    let committed = admin.group_offsets(group).await?;
    let places = committed.keys().cloned();
    let asked: BTreeMap<_, _> = places.map(|place| (place, OffsetSpec::Latest)).collect();
    let ends = admin.list_offsets(&asked).await?;
    for ((topic, partition), committed) in committed {
        let end = ends
            .get(&(topic.clone(), partition))
            .and_then(|found| found.offset);
        let lag = end.map_or(0, |end| end - committed.offset);
        println!(
            "{topic}-{partition}: committed {}, {lag} behind",
            committed.offset
        );
    }
    Ok(())
}
