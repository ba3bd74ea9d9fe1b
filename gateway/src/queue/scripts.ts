import { defineScript, type Script } from '@ropeline/core/redis/script.ts';
import { type Answered, answered } from './answer.ts';

/** Bindings of the room scripts. What they promise stands in the files' headers. */
export type Answer = Answered<{ readonly rest: readonly number[] }>;

export type Groups = Exclude<Answer, string>;

export function decodeAnswer(raw: unknown): Answer {
  return answered(raw, (rest) => ({ rest: rest as readonly number[] }));
}

const lanePair = ['queue', 'away'] as const;
const callerArgs = ['epochId', 'sequence'] as const;

export const joinVisitors: Script<Answer> = defineScript(
  {
    file: 'join_visitors',
    keys: [
      'config',
      'pacer',
      'presence',
      'admitted',
      'active',
      'turns',
      'over',
      'arrivals',
      'drawn',
      'codes',
      'codeBatches',
    ],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'lanes', 'channel'],
  },
  decodeAnswer,
);

export const tickRoom: Script<Answer> = defineScript(
  {
    file: 'tick_room',
    keys: [
      'config',
      'pacer',
      'presence',
      'admitted',
      'active',
      'turns',
      'over',
      'history',
      'holders',
      'roll',
      'drawn',
      'ended',
    ],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'lanes', 'channel', 'gateway'],
  },
  decodeAnswer,
);

export const claimTurns: Script<Answer> = defineScript(
  {
    file: 'claim_turns',
    keys: ['config', 'pacer', 'admitted', 'active', 'turns', 'over'],
    args: [...callerArgs, 'channel'],
  },
  decodeAnswer,
);

export const leavePlaces: Script<Answer> = defineScript(
  {
    file: 'leave_places',
    keys: ['config', 'pacer', 'presence', 'admitted', 'active', 'turns', 'over', 'drawn', 'ended'],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'lanes', 'channel'],
  },
  decodeAnswer,
);

export const renewSessions: Script<Answer> = defineScript(
  { file: 'renew_sessions', keys: ['config', 'pacer', 'active', 'turns'], args: [...callerArgs, 'channel'] },
  decodeAnswer,
);

/** Reply's `rest`: a code a visitor. */
export const enterAdmitted: Script<Answer> = defineScript(
  {
    file: 'enter_admitted',
    keys: ['config', 'pacer', 'presence', 'admitted', 'active', 'turns', 'over'],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'lanes', 'channel', 'run'],
  },
  decodeAnswer,
);

export const markPresence: Script<Answer> = defineScript(
  {
    file: 'mark_presence',
    keys: ['config', 'pacer', 'presence', 'roll'],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'lanes'],
  },
  decodeAnswer,
);

export const lookUpVisitors: Script<Answer> = defineScript(
  {
    file: 'look_up_visitors',
    keys: ['config', 'pacer', 'admitted', 'active', 'turns', 'over', 'drawn'],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'lanes'],
  },
  decodeAnswer,
);

/** Reply's `rest`: the new version; `'stale'` never. A version that was not the expected one is `conflict`. */
export const changeRoom: Script<Answer | 'occupied' | 'beacon-settled' | { readonly conflict: number }> =
  defineScript(
    {
      file: 'change_room',
      keys: ['config', 'pacer', 'audit'],
      repeatedKeys: lanePair,
      args: [...callerArgs, 'channel', 'expected', 'author', 'action', 'reason'],
    },
    (raw) => {
      const [code, version] = raw as number[];
      if (code === 4) return 'occupied';
      if (code === 5) return 'beacon-settled';
      return code === 3 ? { conflict: version as number } : decodeAnswer(raw);
    },
  );

export const signalRoom: Script<Answer> = defineScript(
  {
    file: 'signal_room',
    keys: ['config', 'pacer', 'audit'],
    args: [...callerArgs, 'channel', 'capacity', 'held', 'sold', 'author'],
  },
  decodeAnswer,
);

export const resetRoom: Script<Answer> = defineScript(
  {
    file: 'reset_room',
    keys: [
      'config',
      'pacer',
      'presence',
      'admitted',
      'active',
      'turns',
      'over',
      'arrivals',
      'history',
      'audit',
      'roll',
      'drawn',
      'ended',
    ],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'channel', 'author', 'reason'],
  },
  decodeAnswer,
);

const createOutcomes = ['existed', 'created', 'deleted'] as const;

export const createRoom: Script<(typeof createOutcomes)[number]> = defineScript(
  {
    file: 'create_room',
    keys: ['config', 'pacer', 'audit', 'roll'],
    repeatedKeys: ['part'],
    args: [
      'epochId',
      'lastEpoch',
      'run',
      'settle',
      'replaces',
      'author',
      'version',
      'turn',
      'firstTurn',
      'hold',
      'reason',
    ],
  },
  (raw) => createOutcomes[(raw as number[])[0] ?? 0] ?? 'existed',
);

export const deleteRoom: Script<Answer> = defineScript(
  {
    file: 'delete_room',
    keys: ['config', 'pacer', 'audit'],
    repeatedKeys: ['part'],
    args: [...callerArgs, 'channel', 'author', 'reason'],
  },
  decodeAnswer,
);

/** What `read_room` answers, undecoded but for its shape. */
export type RoomReading = {
  /** Redis time, and when it was asked for by our clock, Unix ms. */
  readonly now: number;
  readonly askedAt: number;
  readonly config: ReadonlyMap<string, string>;
  readonly pacer: ReadonlyMap<string, string>;
  readonly admitted: number;
  readonly active: number;
  /** Per lane, in the order of the keys given. */
  readonly lanes: readonly { readonly waiting: number; readonly away: number }[];
};

export const readRoom: Script<Omit<RoomReading, 'askedAt'>> = defineScript(
  {
    file: 'read_room',
    keys: ['config', 'pacer', 'admitted', 'active'],
    repeatedKeys: lanePair,
    args: [],
  },
  (raw) => {
    const [now, config, pacer, admitted, active, ...cards] = raw as [
      number,
      string[],
      string[],
      number,
      number,
      ...number[],
    ];
    const lanes = [];
    for (let i = 0; i + 1 < cards.length; i += 2) {
      lanes.push({ waiting: cards[i] as number, away: cards[i + 1] as number });
    }
    return { now, config: pairs(config), pacer: pairs(pacer), admitted, active, lanes };
  },
);

function pairs(flat: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) map.set(flat[i] as string, flat[i + 1] as string);
  return map;
}
