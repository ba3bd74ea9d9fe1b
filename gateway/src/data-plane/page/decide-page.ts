export type PageFacts = {
  /** The place cookie is there and its ticket belongs to this room's present run. */
  readonly hasPlace: boolean;
  /** The test cookie came back. */
  readonly hasTestCookie: boolean;
  /** The address carries `c=1`: the test cookie was set by the answer before this request. */
  readonly checked: boolean;
  readonly isPrefetch: boolean;
};

/**
 * What a GET of the queue page does:
 * - `show`: there is a place; show its status.
 * - `preview`: fetched ahead of a visit that may never come: joins nothing and sets nothing. Shown later after
 *   all, it asks again by itself.
 * - `test`: set the test cookie; the page comes back with `c=1`, or its script joins.
 * - `join`: the browser keeps cookies and is really here; take a place.
 * - `cookies-off`: a place would be lost at once and taken again by every refresh; explain instead.
 */
export type PageDecision = 'show' | 'preview' | 'test' | 'join' | 'cookies-off';

export function decidePage({ hasPlace, hasTestCookie, checked, isPrefetch }: PageFacts): PageDecision {
  if (hasPlace) return 'show';
  if (isPrefetch) return 'preview';
  if (hasTestCookie) return 'join';
  return checked ? 'cookies-off' : 'test';
}
