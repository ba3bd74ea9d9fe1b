/** The same crowd, three ways: through the room, through it with tokens made before, straight at the shop. */
export const variants = ['surge', 'logged-in', 'direct'] as const;
export type Variant = (typeof variants)[number];
