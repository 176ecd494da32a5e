-- The tables and views that are published whole, one file each.
SELECT table_schema AS schema, table_name AS name
FROM information_schema.tables
WHERE table_schema IN ('marts', 'meta')
  AND table_catalog = current_database()
ORDER BY ALL;
