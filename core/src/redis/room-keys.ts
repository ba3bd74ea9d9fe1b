/** Every key of the queue's Redis. All keys of a room share one hash slot. */
export const roomNamePattern = '^[a-z0-9-]{1,40}$';

export type RoomKeys = {
  readonly config: string;
  readonly pacer: string;
  readonly presence: string;
  readonly admitted: string;
  readonly active: string;
  readonly turns: string;
  readonly over: string;
  readonly ended: string;
  readonly arrivals: string;
  readonly audit: string;
  readonly holders: string;
  readonly roll: string;
  readonly drawn: string;
  readonly codes: string;
  readonly codeBatches: string;
  readonly history: string;
  /** Pub/sub channel of the room's broadcast. */
  readonly tick: string;
  readonly queue: (lane: string) => string;
  readonly away: (lane: string) => string;
};

export function roomKeys(room: string): RoomKeys {
  const at = (name: string): string => `ropeline:{${room}}:${name}`;
  return {
    config: at('config'),
    pacer: at('pacer'),
    presence: at('presence'),
    admitted: at('admitted'),
    active: at('active'),
    turns: at('turns'),
    over: at('over'),
    ended: at('ended'),
    arrivals: at('arrivals'),
    audit: at('audit'),
    holders: at('holders'),
    roll: at('roll'),
    drawn: at('drawn'),
    codes: at('codes'),
    codeBatches: at('code-batches'),
    history: at('history'),
    tick: at('tick'),
    queue: (lane) => at(`queue:${lane}`),
    away: (lane) => at(`away:${lane}`),
  };
}

/** Set of all room names; gateways read it at start and when the `rooms` channel says so. */
export const roomsKey = 'ropeline:rooms';
export const roomsChannel = 'ropeline:rooms:changed';

/** A random value that goes with the data set: another one tells that everything else may be gone too. */
export const dataSetKey = 'ropeline:data-set';

/** Channel of the gateways' beats: each publishes its id twice a second. */
export const gatewaysChannel = 'ropeline:gateways';
