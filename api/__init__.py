"""The HTTP side of Folio: application, routes, problem details and the command line."""
