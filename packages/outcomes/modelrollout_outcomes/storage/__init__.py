"""What is kept, in PostgreSQL or SQLite. `database` opens it, the other modules each do one thing in a transaction."""
