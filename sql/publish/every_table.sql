-- Every table of the warehouse, not the views, but those of core that were `read`: what a reader may find in the
-- published file. Bound: read, a list of names.
SELECT table_schema AS schema, table_name AS name
FROM information_schema.tables
WHERE table_schema IN ('core', 'marts', 'meta')
  AND table_type = 'BASE TABLE'
  AND table_catalog = current_database()
  AND NOT (table_schema = 'core' AND list_contains($read, table_name))
ORDER BY ALL;
