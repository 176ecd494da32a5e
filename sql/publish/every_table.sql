-- Every table of the warehouse, not the views: what a reader may find in the published file.
SELECT table_schema AS schema, table_name AS name
FROM information_schema.tables
WHERE table_schema IN ('core', 'marts', 'meta')
  AND table_type = 'BASE TABLE'
  AND table_catalog = current_database()
ORDER BY ALL;
