-- What the marts need to know of config.yaml: one row. Bound: timezone, satisfied_from.
MERGE INTO meta.settings AS old
USING (SELECT $timezone AS timezone, CAST($satisfied_from AS TINYINT) AS satisfied_from) AS new
ON true
WHEN MATCHED THEN UPDATE SET timezone = new.timezone, satisfied_from = new.satisfied_from
WHEN NOT MATCHED THEN INSERT (timezone, satisfied_from) VALUES (new.timezone, new.satisfied_from);
