-- What the marts need to know of config.yaml. Bound: timezone, satisfied_from.
DELETE FROM meta.settings;
INSERT INTO meta.settings (timezone, satisfied_from) VALUES ($timezone, $satisfied_from);
