"""Who asks, and what they may: passwords, sessions, tokens, OpenID, and the rules of each route."""
