-- The days that have anything to show, and what the marts mean by a day and by satisfied.
SELECT
    min(d.day) AS oldest,
    max(d.day) AS newest,
    max(s.timezone) AS timezone,
    max(s.satisfied_from) AS satisfied_from
FROM meta.settings AS s
LEFT JOIN (
    SELECT min(day) AS day FROM marts.rating_distribution
    UNION ALL
    SELECT max(day) FROM marts.rating_distribution
    UNION ALL
    SELECT min(day) FROM marts.quality_outcomes
    UNION ALL
    SELECT max(day) FROM marts.quality_outcomes
) AS d ON true;
