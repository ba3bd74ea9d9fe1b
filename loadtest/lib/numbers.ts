import { Counter, Rate, Trend } from 'k6/metrics';

/** Every visitor passes some of these once; in the order of the path. */
export const steps = {
  joined: new Counter('visitors_joined'),
  admitted: new Counter('visitors_admitted'),
  entered: new Counter('visitors_entered'),
  loggedIn: new Counter('visitors_logged_in'),
  reserved: new Counter('orders_reserved'),
  completed: new Counter('orders_completed'),
  declined: new Counter('orders_declined'),
  /** Told while waiting that all is sold. */
  toldSoldOut: new Counter('visitors_told_sold_out'),
  /** Told at the reserve: all sold, or all held by others. */
  refused: new Counter('orders_refused'),
  /** Visitors who got an answer, whichever. */
  answered: new Counter('visitors_answered'),
} as const;

/** By kind (tag `kind`): what went wrong for a visitor, whether or not a retry mended it. */
export const errors = new Counter('visitor_errors');

/** 503 with Retry-After, which is an answer when a retry resolves it. */
export const toldLater = new Counter('requests_told_later');

/**
 * Requests that had no valid answer: no connection, an unexpected status, a 503 without Retry-After or one that
 * no retry resolved. Stricter than `http_req_failed`, which cannot know what becomes of a 503.
 */
export const unresolved = new Rate('requests_unresolved');

/** From the admission (the room's clock) to the moment the visitor knows of it. */
export const admittedToTold = new Trend('admitted_to_told', true);

/** From the visitor's arrival to the last answer: entry and order, or that all is sold. */
export const arrivalToAnswer = new Trend('arrival_to_answer', true);

/** Reconnects of sockets that closed before the visitor had an answer. */
export const socketsReopened = new Counter('sockets_reopened');
