//! Reading: finding, verifying, views and copies.

pub(crate) mod copy;
pub(crate) mod verify;
pub(crate) mod view;
