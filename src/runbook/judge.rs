//! From a probe's answer to verdict, readings and one line for people.
