-- Departments by what is certain: the lower bound of their satisfaction.
SELECT source, department_name, evaluations, satisfaction_rate, satisfaction_low, satisfaction_high
FROM marts.satisfaction_by_department
ORDER BY source, satisfaction_low DESC, department_name
LIMIT 12;
