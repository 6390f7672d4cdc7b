//! The members of a group, in the order they joined.

use std::collections::{BTreeMap, HashMap};

use super::member::Member;
use super::request::Protocol;

/// Members by id and, for static ones, by instance id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    by_order: BTreeMap<u64, Member>,
    order_of: HashMap<String, u64>,
    by_instance: HashMap<String, u64>,
    next: u64,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.by_order.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_order.is_empty()
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.order_of.contains_key(id)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Member> {
        self.by_order.get(self.order_of.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.by_order.get_mut(self.order_of.get(id)?)
    }

    /// The id of the static member `instance`.
    pub(crate) fn id_of_instance(&self, instance: &str) -> Option<&str> {
        let member = self.by_order.get(self.by_instance.get(instance)?)?;
        Some(&member.id)
    }

    /// Members in the order they joined.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_order.values()
    }

    /// Members in the order they joined.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.by_order.values_mut()
    }

    /// Adds a member behind the others.
    pub(crate) fn insert(&mut self, member: Member) {
        let order = self.next;
        self.next += 1;
        if let Some(instance) = &member.instance_id {
            self.by_instance.insert(instance.clone(), order);
        }
        self.order_of.insert(member.id.clone(), order);
        self.by_order.insert(order, member);
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Member> {
        let order = self.order_of.remove(id)?;
        let member = self.by_order.remove(&order)?;
        if let Some(instance) = &member.instance_id {
            self.by_instance.remove(instance);
        }
        Some(member)
    }

    /// Gives a member another id; it keeps its place.
    pub(crate) fn rename(&mut self, old: &str, new: &str) -> Option<&mut Member> {
        let order = self.order_of.remove(old)?;
        self.order_of.insert(new.to_owned(), order);
        let member = self.by_order.get_mut(&order)?;
        new.clone_into(&mut member.id);
        Some(member)
    }

    /// Whether some of `offers` is supported by every member.
    pub(crate) fn have_in_common(&self, offers: &[Protocol]) -> bool {
        offers
            .iter()
            .any(|offer| self.iter().all(|member| member.supports(&offer.name)))
    }

    /// The protocol with most votes. Each member votes for the first of its protocols that all support; among equals
    /// the one voted for first wins, so that the outcome does not depend on chance.
    pub(crate) fn elect_protocol(&self) -> Option<String> {
        let common = self.common_protocols();
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in self.iter() {
            let vote = member
                .protocols
                .iter()
                .find(|offer| common.contains(&offer.name.as_str()))?;
            match votes.iter_mut().find(|(name, _)| *name == vote.name) {
                Some((_, count)) => *count += 1,
                None => votes.push((&vote.name, 1)),
            }
        }
        let most = votes.iter().map(|&(_, count)| count).max()?;
        votes
            .into_iter()
            .find(|&(_, count)| count == most)
            .map(|(name, _)| name.to_owned())
    }

    fn common_protocols(&self) -> Vec<&str> {
        let Some(first) = self.iter().next() else {
            return Vec::new();
        };
        first
            .protocols
            .iter()
            .map(|offer| offer.name.as_str())
            .filter(|name| self.iter().all(|member| member.supports(name)))
            .collect()
    }
}
