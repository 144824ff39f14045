//! The content face over a temporary database and store, whose rows are written by hand.

mod distributions;
mod lazy;
mod paths;
mod site;
mod wire;
