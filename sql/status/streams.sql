-- The state of every stream that has run, as the newest snapshot has it.
SELECT * FROM marts.sync_health ORDER BY source, stream;
