//! The eager division: everything anew in every rebalance, in turns.

use std::collections::BTreeMap;

use super::work::{Item, Work};

/// Deals connectors, then tasks, to the members in the order of their ids, one running turn for both.
pub(crate) fn divide<'a>(
    members: impl Iterator<Item = &'a str>,
    configured: &Work,
) -> BTreeMap<String, Work> {
    let mut ids: Vec<&str> = members.collect();
    ids.sort_unstable();
    let mut shares: BTreeMap<String, Work> = ids
        .iter()
        .map(|id| ((*id).to_owned(), Work::new()))
        .collect();
    let (connectors, tasks): (Vec<&Item>, Vec<&Item>) =
        configured.iter().partition(|item| item.is_connector());
    let turns = ids.iter().cycle();
    for (item, id) in connectors.into_iter().chain(tasks).zip(turns) {
        if let Some(share) = shares.get_mut(*id) {
            share.insert(item.clone());
        }
    }
    shares
}
