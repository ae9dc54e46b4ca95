//! Which runbook is it: signals ranked.
