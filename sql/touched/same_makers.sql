-- Whether the marts that are there were made by the same SQL, with the same settings. Bound: about.
SELECT count(*) > 0
FROM meta.mart_makers AS made
INNER JOIN meta.settings AS asked ON asked.timezone = made.timezone AND asked.satisfied_from = made.satisfied_from
WHERE made.about = $about;
