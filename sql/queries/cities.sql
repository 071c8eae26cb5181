-- The cities to choose from: those with windows in the chosen time. For the variable `city`.
SELECT DISTINCT city
FROM city_windows
WHERE $__timeFilter(window_start)
ORDER BY city
