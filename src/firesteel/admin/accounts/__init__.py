"""Who may use the admin port: users, sessions, links, tokens; no HTTP here."""
