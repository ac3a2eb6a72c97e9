"""What the admin port does with a body, in this order: ``length`` bounds how long it may be,
``outline`` what it is made of, before anything parses it, and ``exact_json`` reads it."""
