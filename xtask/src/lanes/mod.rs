//! What each step of the table does.

pub(crate) mod checks;
pub(crate) mod coverage;
pub(crate) mod edges;
pub(crate) mod endurance;
pub(crate) mod fuzz;
pub(crate) mod instructions;
pub(crate) mod models;
pub(crate) mod mutants;
pub(crate) mod programs;
pub(crate) mod sanitizers;
pub(crate) mod seeds;
pub(crate) mod suites;
