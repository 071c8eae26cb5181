/**
 * Tables whose rows tell of people: who rode, where, and where drivers were; late and refused events as they were sent.
 * By a part of their names, which covers the views over them and what an older release has left.
 */
export const personalTables = [
  "ride_events",
  "driver_locations",
  "ride_facts",
  "late_events",
  "dead_letters",
] as const;
