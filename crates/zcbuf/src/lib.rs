//! zcbuf
