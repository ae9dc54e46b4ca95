//! Takes secrets out of outside text before it is kept.
