-- Raw tables as readers want them: every row once, and only the days that are asked about.
--
-- Engine     Plain views over FINAL. They carry a setting that readers may not set themselves (readonly = 1, and the
--            read-only door): rows replace each other only within a ClickHouse partition, because the partition is a
--            function of the row's identity. Without it ClickHouse since 26.3 merges every day with every other before
--            it looks at WHERE: of 10 million ride events an hour read 9.2 million, with it and log_time bound 0.6.
-- Exact      As FINAL on the table. Bound log_time for speed: it chooses the partitions. No event is folded that is
--            more than a day ahead of its record's log time (WAYMARK_SKEW_MS), so event times from T on are in records
--            from T minus a day on; how late records come is not bounded.
-- When not   Where a query takes out copies by itself (LIMIT 1 BY ride_id, event_id) the table is faster: over FINAL a
--            skip index reads every granule that might hold another version, at 100 million rows 427 instead of 29.
-- Not here   city_windows and alerts: their partition follows from their key, and ClickHouse sees that by itself.
CREATE VIEW IF NOT EXISTS ride_events_final AS
SELECT * FROM ride_events FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS driver_locations_final AS
SELECT * FROM driver_locations FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS ride_facts_final AS
SELECT * FROM ride_facts FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS late_events_final AS
SELECT * FROM late_events FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS dead_letters_final AS
SELECT * FROM dead_letters FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;
