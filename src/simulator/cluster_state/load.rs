//! How full the nodes are, sorted, so that the emptiest is found without looking at all of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// The nodes by the number of their pods.
#[derive(Debug, Default)]
pub struct Loads {
    of: HashMap<String, usize>,
    /// Number of pods → the nodes with so many, in an order that tells nothing: see [`lot`].
    nodes: BTreeMap<usize, BTreeSet<(u64, String)>>,
}

impl Loads {
    /// Notes how many pods a node has; `None`: there is no such node.
    pub fn set(&mut self, node: &str, pods: Option<usize>) {
        let before = self.of.get(node).copied();
        if before == pods {
            return;
        }
        let place = (lot(node), node.to_owned());
        if let Some(before) = before
            && let Some(nodes) = self.nodes.get_mut(&before)
        {
            nodes.remove(&place);
            if nodes.is_empty() {
                self.nodes.remove(&before);
            }
        }
        match pods {
            Some(pods) => {
                self.of.insert(node.to_owned(), pods);
                self.nodes.entry(pods).or_default().insert(place);
            }
            None => drop(self.of.remove(node)),
        }
    }

    /// All nodes, those with fewer pods first; of equally empty ones the one that `seed` draws, so that pods which come
    /// at once are spread.
    pub fn emptiest_first(&self, seed: &str) -> impl Iterator<Item = &str> {
        let from = (lot(seed), String::new());
        self.nodes.values().flat_map(move |nodes| {
            let after = nodes.range(from.clone()..);
            let before = nodes.range(..from.clone());
            after.chain(before).map(|(_, node)| node.as_str())
        })
    }
}

fn lot(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emptier_nodes_come_first_and_equals_are_drawn() {
        let mut loads = Loads::default();
        for node in 0..100 {
            loads.set(&format!("full-{node}"), Some(3));
            loads.set(&format!("empty-{node}"), Some(1));
        }
        loads.set("full-7", Some(0));
        loads.set("empty-7", None);
        let order: Vec<&str> = loads.emptiest_first("pod").collect();
        assert_eq!(order.len(), 199);
        assert_eq!(order[0], "full-7");
        assert!(order[1..100].iter().all(|node| node.starts_with("empty-")));
        let drawn: BTreeSet<&str> = (0..50)
            .filter_map(|pod| loads.emptiest_first(&format!("pod-{pod}")).nth(1))
            .collect();
        assert!(drawn.len() > 20, "{drawn:?}");
    }
}
