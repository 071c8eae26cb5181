/** The address of a city's page. */
export const cityPath = (city: string): string => `/cities/${encodeURIComponent(city)}`;
