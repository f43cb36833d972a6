//! What a package will look like once unpacked, as a tree; and whether that is safe.
//!
//! The tree is complete before anything is written. An entry cannot lead out of it, nothing can be two things at
//! once, nothing is written through a link, and no chain of links leaves the package.

use std::collections::BTreeMap;

use super::PackageError;
use super::archive::{Archive, Entry, EntryKind, MOST_ENTRIES};
use super::name;

/// The longest target of a link, in bytes (Linux: PATH_MAX less its NUL).
const LONGEST_TARGET: usize = 4095;
/// Links followed in one path before it counts as a loop, as Linux does.
const MOST_LINKS: usize = 40;

/// The root's place among the nodes.
const ROOT: usize = 0;

/// The tree of a package.
#[derive(Debug)]
pub(super) struct Plan {
    nodes: Vec<Node>,
}

/// A file, folder or link of the tree.
#[derive(Debug)]
pub(super) enum Node {
    /// A folder, with its children by name.
    Folder(BTreeMap<Vec<u8>, usize>),
    /// A file.
    File(PlannedFile),
    /// A symbolic link to this target.
    Link(Vec<u8>),
}

/// A file of the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedFile {
    /// The entry that holds its content.
    pub(super) entry: usize,
    /// Whether it may be executed.
    pub(super) executable: bool,
}

impl Plan {
    /// Plans a zip; reads its directory, and the targets of its links.
    pub(super) fn of(archive: &mut Archive<'_>) -> Result<Self, PackageError> {
        let mut plan = Self { nodes: vec![Node::Folder(BTreeMap::new())] };
        let mut links = Vec::new();
        for index in 0..archive.len() {
            let entry = archive.entry(index)?;
            if let Some(link) = plan.add(archive, &entry)? {
                links.push((link, entry));
            }
        }
        for (parents, entry) in links {
            plan.check_link(&parents, &entry)?;
        }
        Ok(plan)
    }

    /// Its files.
    pub(super) fn files(&self) -> impl Iterator<Item = PlannedFile> {
        self.nodes.iter().filter_map(|node| if let Node::File(file) = node { Some(*file) } else { None })
    }

    /// The children of its root.
    pub(super) fn root(&self) -> &Node {
        &self.nodes[ROOT]
    }

    /// A child that a folder names.
    pub(super) fn node(&self, id: usize) -> &Node {
        &self.nodes[id]
    }

    /// Adds an entry. For a link it gives the folders from the root that the link is in.
    fn add(&mut self, archive: &mut Archive<'_>, entry: &Entry) -> Result<Option<Vec<usize>>, PackageError> {
        let refused = |problem: &str| Err(PackageError::entry(&entry.raw_name, problem));
        let parts = name::components(&entry.raw_name, &entry.name)?;
        let Some((last, folders)) = parts.split_last() else {
            return if entry.kind == EntryKind::Folder { Ok(None) } else { refused("has no name") };
        };
        let mut trail = vec![ROOT];
        for part in folders {
            let parent = trail[trail.len() - 1];
            trail.push(self.folder(parent, part, entry)?);
        }
        let parent = trail[trail.len() - 1];
        let node = match entry.kind {
            EntryKind::Folder => {
                self.folder(parent, last, entry)?;
                return Ok(None);
            }
            EntryKind::File { executable } => Node::File(PlannedFile { entry: entry.index, executable }),
            EntryKind::Link => {
                let mut target = Target(Vec::new());
                archive.read(entry.index, &mut target).map_err(|error| match error {
                    PackageError::Failed { .. } => {
                        PackageError::entry(&entry.raw_name, "links to too long a path")
                    }
                    error => error,
                })?;
                Node::Link(target.0)
            }
        };
        let is_link = matches!(node, Node::Link(_));
        if self.child(parent, last).is_some() {
            return refused("is there twice");
        }
        self.insert(parent, last, node, entry)?;
        Ok(is_link.then_some(trail))
    }

    /// The folder `name` in `parent`, made where it is not there.
    fn folder(&mut self, parent: usize, name: &[u8], entry: &Entry) -> Result<usize, PackageError> {
        match self.child(parent, name) {
            Some(id) if matches!(self.nodes[id], Node::Folder(_)) => Ok(id),
            Some(_) => {
                Err(PackageError::entry(&entry.raw_name, "needs a folder where another entry is not one"))
            }
            None => self.insert(parent, name, Node::Folder(BTreeMap::new()), entry),
        }
    }

    fn child(&self, parent: usize, name: &[u8]) -> Option<usize> {
        if let Node::Folder(children) = &self.nodes[parent] { children.get(name).copied() } else { None }
    }

    fn insert(
        &mut self,
        parent: usize,
        name: &[u8],
        node: Node,
        entry: &Entry,
    ) -> Result<usize, PackageError> {
        // Folders that entries only imply count too: long paths must not multiply without bound.
        if self.nodes.len() > MOST_ENTRIES {
            return Err(PackageError::entry(&entry.raw_name, "is in more folders than are allowed"));
        }
        let id = self.nodes.len();
        if let Node::Folder(children) = &mut self.nodes[parent] {
            children.insert(name.to_vec(), id);
        }
        self.nodes.push(node);
        Ok(id)
    }

    /// Follows a link as the kernel would, links in its way included, and refuses what leaves the package.
    ///
    /// `parents` are the folders from the root that the link is in. A link to nothing is harmless and stays.
    fn check_link(&self, parents: &[usize], entry: &Entry) -> Result<(), PackageError> {
        let refused = |problem: &str| Err(PackageError::entry(&entry.raw_name, problem));
        let parts = name::components(&entry.raw_name, &entry.name)?;
        let Some(own) = parts.last() else { return refused("has no name") };
        // Folders from the root to where the walk is; none for a folder that is not there.
        let mut place: Vec<Option<usize>> = parents.iter().copied().map(Some).collect();
        let mut ahead: Vec<&[u8]> = vec![own];
        let mut followed = 0;
        while let Some(part) = ahead.pop() {
            match part {
                b"" | b"." => {}
                b".." => {
                    place.pop();
                    if place.is_empty() {
                        return refused("links out of the package");
                    }
                }
                part => {
                    let here = place.last().copied().flatten();
                    let child = here.and_then(|folder| self.child(folder, part));
                    if let Some(Node::Link(target)) = child.map(|id| &self.nodes[id]) {
                        followed += 1;
                        if followed > MOST_LINKS {
                            return refused("links in a circle");
                        }
                        match target.as_slice() {
                            [] => return refused("links to nothing"),
                            [b'/', ..] => return refused("links to an absolute path"),
                            target if target.contains(&0) => return refused("has a NUL in its target"),
                            target => ahead.extend(target.split(|byte| *byte == b'/').rev()),
                        }
                    } else {
                        place.push(child);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Takes the target of a link, up to what the system takes.
struct Target(Vec<u8>);

impl std::io::Write for Target {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + data.len() > LONGEST_TARGET {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        self.0.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
