//! Tables of records before and after.
