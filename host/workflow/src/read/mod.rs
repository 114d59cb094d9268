//! A workflow as it was typed: a tree of nodes, each with its place, and the names of the fields that may stand in it.
//!
//! Says nothing about what a field means, and resolves no expression. A mistake in the shape of the text is reported
//! here; the next module is `check`, which reads values out of the tree.

mod fields;
mod node;
mod yaml;

pub(crate) use fields::*;
pub(crate) use node::{Key, Node, Plain, Scalar, Tree};
pub(crate) use yaml::parse;
