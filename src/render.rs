//! Reports become words here; nothing here acts or reads.
