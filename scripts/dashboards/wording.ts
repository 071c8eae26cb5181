/** States in words and colours, the same on every dashboard. */

export const alertWords = {
  firing: ["firing", "red"],
  pending: ["watching", "orange"],
  no_data: ["no fresh data", "purple"],
  resolved: ["ok", "green"],
} as const;
