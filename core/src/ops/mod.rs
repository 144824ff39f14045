//! The verbs of core: what is done to repositories, versions, content and bytes. Verbs know neither status
//! codes nor addresses, and no format.

#[cfg(test)]
pub(crate) mod fixture;
pub mod modify;
pub mod versions;
