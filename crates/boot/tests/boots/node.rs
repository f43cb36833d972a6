//! The Node boot.
