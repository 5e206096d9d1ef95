//! What is in a directory: names, in an order that stays.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::ops::Bound::{Excluded, Unbounded};

/// The cookies of `.` and `..`; those of the entries follow. 0 is where every listing starts.
const DOT: u64 = 1;
const DOT_DOT: u64 = 2;

/// The names in a directory, and the nodes that they lead to.
///
/// A listing comes in several READDIRs, and between two of them names come and go. So each entry has a
/// *cookie*, a number of its own that is never given again, and a listing goes on behind the last cookie
/// it has told. A position would not do: one name less in front of it, and the listing skips another.
#[derive(Debug)]
// ANCHOR: directory
pub struct Directory {
    /// The node that `..` leads to.
    pub parent: u64,
    /// Name → node and cookie.
    names: HashMap<OsString, (u64, u64)>,
    /// Cookie → name.
    order: BTreeMap<u64, OsString>,
    next_cookie: u64,
}
// ANCHOR_END: directory

impl Directory {
    /// An empty one.
    pub fn new(parent: u64) -> Directory {
        let (names, order) = (HashMap::new(), BTreeMap::new());
        Directory { parent, names, order, next_cookie: DOT_DOT + 1 }
    }

    /// The node that a name leads to.
    pub fn get(&self, name: &OsStr) -> Option<u64> {
        self.names.get(name).map(|(node, _)| *node)
    }

    /// Adds a name, which is not there yet.
    pub fn insert(&mut self, name: &OsStr, node: u64) {
        self.names.insert(name.to_owned(), (node, self.next_cookie));
        self.order.insert(self.next_cookie, name.to_owned());
        self.next_cookie += 1;
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &OsStr) {
        if let Some((_, cookie)) = self.names.remove(name) {
            self.order.remove(&cookie);
        }
    }

    /// How many names there are, `.` and `..` not counted.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Cookie, name and node of each entry behind `cookie`, of the directory whose own node is `own`.
    // ANCHOR: behind
    pub fn behind(&self, cookie: u64, own: u64) -> impl Iterator<Item = (u64, &OsStr, u64)> {
        let dots = [(DOT, OsStr::new("."), own), (DOT_DOT, OsStr::new(".."), self.parent)];
        let named = self
            .order
            .range((Excluded(cookie), Unbounded))
            .filter_map(|(cookie, name)| Some((*cookie, name.as_os_str(), self.get(name)?)));
        dots.into_iter().filter(move |(dot, ..)| *dot > cookie).chain(named)
    }
    // ANCHOR_END: behind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Directory, behind: u64) -> Vec<&str> {
        directory.behind(behind, 7).map(|(_, name, _)| name.to_str().unwrap()).collect()
    }

    #[test]
    fn a_listing_goes_on_where_it_was_while_names_come_and_go() {
        let mut directory = Directory::new(1);
        for (node, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            directory.insert(OsStr::new(name), node as u64 + 10);
        }
        assert_eq!(names(&directory, 0), [".", "..", "a", "b", "c", "d"]);
        let told: Vec<_> = directory.behind(0, 7).take(4).map(|(cookie, ..)| cookie).collect();
        directory.remove(OsStr::new("a"));
        directory.remove(OsStr::new("b"));
        directory.remove(OsStr::new("d"));
        directory.insert(OsStr::new("a"), 20);
        assert_eq!(names(&directory, *told.last().unwrap()), ["c", "a"]);
        assert_eq!(directory.len(), 2);
    }

    #[test]
    fn dot_and_dot_dot_lead_to_itself_and_its_parent() {
        let directory = Directory::new(1);
        let nodes: Vec<_> = directory.behind(0, 7).map(|(_, _, node)| node).collect();
        assert_eq!(nodes, [7, 1]);
        assert_eq!(names(&directory, 1), [".."]);
        assert_eq!(names(&directory, u64::MAX), [""; 0]);
    }
}
