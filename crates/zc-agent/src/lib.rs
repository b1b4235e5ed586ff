//! zc-agent
