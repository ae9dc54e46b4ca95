//! Settings: flags over environment over `blotter.toml` over the user's file over what is built in.
