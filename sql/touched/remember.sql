-- What the marts are made of now. Bound: about. Reads `mart_days_now`.
DELETE FROM meta.mart_days;

INSERT INTO meta.mart_days SELECT source, tenant, day, version FROM mart_days_now;

DELETE FROM meta.mart_makers;

INSERT INTO meta.mart_makers SELECT $about, timezone, satisfied_from FROM meta.settings;
