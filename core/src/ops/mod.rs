//! The verbs of core: what is done to repositories, versions, content and bytes. Verbs know neither status
//! codes nor addresses, and no format.

pub mod content;
#[cfg(test)]
pub(crate) mod fixture;
pub mod modify;
pub mod publish;
pub mod remote;
mod stores;
pub mod sync;
pub mod versions;

pub use stores::Stores;
