"""The service over HTTP. `app` puts it together; each other module serves one thing."""
