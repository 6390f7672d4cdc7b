//! Brokers that are named by their ids.

use anyhow::bail;
use millrace_client::admin::Admin;

/// Sees that the cluster has these brokers.
///
/// # Errors
/// Names those that it does not have, and those that it has.
pub(crate) async fn check(admin: &Admin, wanted: &[i32]) -> anyhow::Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let nodes = admin.describe_cluster().await?.nodes;
    let mut there: Vec<i32> = nodes.iter().map(|node| node.id).collect();
    there.sort_unstable();
    match unknown(wanted, &there) {
        None => Ok(()),
        Some(text) => bail!("{text}"),
    }
}

fn unknown(wanted: &[i32], there: &[i32]) -> Option<String> {
    let listed = |ids: &[i32]| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.join(", ")
    };
    let mut missing = wanted.to_vec();
    missing.retain(|id| !there.contains(id));
    (!missing.is_empty()).then(|| {
        format!(
            "there is no broker {}: the cluster has {}",
            listed(&missing),
            listed(there)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn missing_brokers_are_named() {
        assert_eq!(unknown(&[1, 2], &[1, 2, 3]), None);
        assert_eq!(
            unknown(&[9, 1, 7], &[1, 2]).unwrap(),
            "there is no broker 9, 7: the cluster has 1, 2"
        );
    }
}
