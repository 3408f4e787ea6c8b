//! Tables of decode.
