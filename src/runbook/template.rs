//! Placeholders: `{{vars.x}}`, `{{probe.ID.EXPR}}`, `{{deploy.…}}`, `{{incident.number}}`.
