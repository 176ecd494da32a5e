-- Departments by what is certain: the lower bound of their satisfaction.
SELECT
    source,
    department_name AS name,
    evaluations,
    satisfaction_rate AS share,
    satisfaction_low AS low,
    satisfaction_high AS high
FROM marts.satisfaction_by_department
ORDER BY source, satisfaction_low DESC, department_name
LIMIT 12;
