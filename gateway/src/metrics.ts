import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Outcome } from './data-plane/proxy-flight.ts';
import type { LiveRoom } from './queue/live-room.ts';
import { PaceMeter } from './queue/pace-meter.ts';
import type { RoomMetrics } from './queue/room-metrics.ts';
import type { Server } from './transport/http.ts';

/** What the process's parts tell, and where gauges look when they are read. Labels: rooms, lanes and fixed words. */
export type GatewayMetrics = {
  /** Of a room; its labels are resolved here, once. */
  readonly ofRoom: (room: string) => RoomMetrics;
  readonly observeScript: (script: string, seconds: number) => void;
  readonly observeJoinBatch: (joins: number) => void;
  readonly observeProxied: (outcome: Outcome) => void;
  /** From now on gauges of rooms and connections look here. */
  readonly watch: (watched: Watched) => void;
};

export type Watched = {
  readonly rooms: () => readonly LiveRoom[];
  readonly server: Pick<Server, 'connections' | 'sockets' | 'inFlight' | 'refused' | 'maxConnections'>;
};

const p = 'ropeline_gateway_';

/** Every metric of the gateway but Node's own (docs/metrics.md). */
export function createMetrics(registry: Registry): GatewayMetrics {
  const registers = [registry];
  let watched: Watched | undefined;
  watchConnections(registry, () => watched?.server);
  watchOutflow(registry, () => watched?.rooms() ?? []);

  const scripts = new Histogram({
    name: `${p}redis_script_duration_seconds`,
    help: 'Time from sending a script to its answer, by script',
    labelNames: ['script'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    registers,
  });
  const joinBatch = new Histogram({
    name: `${p}join_batch_joins`,
    help: 'Joins that went as one script call',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200],
    registers,
  });
  const proxied = new Histogram({
    name: `${p}proxy_duration_seconds`,
    help: "Time from asking for a connection to the head of the upstream's answer or its failure, by result and class of status",
    labelNames: ['result', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const proxyErrors = new Counter({
    name: `${p}proxy_errors_total`,
    help: 'Proxied requests that the gateway answered itself, by problem code',
    labelNames: ['code'],
    registers,
  });
  const roomMetrics = createRoomMetrics(registry);

  return {
    ofRoom: roomMetrics,
    observeScript: (script, seconds) => scripts.observe({ script }, seconds),
    observeJoinBatch: (joins) => joinBatch.observe(joins),
    observeProxied: ({ result, status, headMs }) => {
      const kind = status === undefined ? 'none' : `${Math.floor(status / 100)}xx`;
      proxied.observe({ result, status: kind }, headMs / 1_000);
      const code = errorCodes[result];
      if (code !== undefined && status === undefined) proxyErrors.inc({ code });
    },
    watch: (now) => {
      watched = now;
    },
  };
}

/** The problem that a client got for each result; none where it got the upstream's answer, or had gone. */
const errorCodes: Record<Outcome['result'], string | undefined> = {
  answered: undefined,
  aborted: undefined,
  refused: 'unavailable',
  failed: 'bad-gateway',
  timeout: 'gateway-timeout',
};

function createRoomMetrics(registry: Registry): (room: string) => RoomMetrics {
  const registers = [registry];
  const counter = (name: string, help: string): Counter<'room'> =>
    new Counter({ name: `${p}${name}`, help, labelNames: ['room'], registers });
  const depth = new Gauge({
    name: `${p}queue_depth`,
    help: 'Visitors who wait, by room and lane',
    labelNames: ['room', 'lane'],
    registers,
  });
  const active = new Gauge({
    name: `${p}active_sessions`,
    help: 'Sessions that live, by room',
    labelNames: ['room'],
    registers,
  });
  const joins = new Counter({
    name: `${p}joins_total`,
    help: 'Joins at this gateway by outcome: waiting, admitted, same place, or the refusal',
    labelNames: ['room', 'outcome'],
    registers,
  });
  const admissions = counter('admissions_total', "Turns given by this gateway's calls");
  const claims = counter('claims_total', 'Turns claimed at this gateway');
  const lapses = counter('lapses_total', "Turns that this gateway's ticks found lapsed");
  const departures = counter('departures_total', 'Places left or revoked through this gateway');
  const losses = counter('epochs_lost_total', 'Times this gateway found that Redis had lost the room');
  const ticks = new Histogram({
    name: `${p}tick_duration_seconds`,
    help: 'Time of one call of the tick, whether it found work or another gateway had done it',
    labelNames: ['room'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    registers,
  });
  const pacing = new Histogram({
    name: `${p}pacing_error_ratio`,
    help: 'Distance of the admissions of a second from what the rate allows, as a share of it',
    labelNames: ['room'],
    buckets: [0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    registers,
  });
  const promised = new Counter({
    name: `${p}promises_total`,
    help: 'Turns by how an estimate told before came out: before its median (early), up to its ninth decile (within), after it (late)',
    labelNames: ['room', 'promise', 'outcome'],
    registers,
  });
  const waits = new Histogram({
    name: `${p}wait_ratio`,
    help: 'Wait of a visitor until the turn, as a multiple of the median promised',
    labelNames: ['room', 'promise'],
    buckets: [0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5],
    registers,
  });

  return (room) => {
    const tick = ticks.labels({ room });
    const admitted = admissions.labels({ room });
    const lapsed = lapses.labels({ room });
    const claimed = claims.labels({ room });
    const left = departures.labels({ room });
    const lost = losses.labels({ room });
    const activeNow = active.labels({ room });
    const pacingError = pacing.labels({ room });
    const pace = new PaceMeter((error) => pacingError.observe(error));
    let lanesSeen: readonly string[] = [];
    let shown = false;
    return {
      tick: (seconds) => tick.observe(seconds),
      admitted: (count) => admitted.inc(count),
      lapsed: (count) => lapsed.inc(count),
      joined: (outcome) => joins.inc({ room, outcome }),
      claimed: () => claimed.inc(),
      left: () => left.inc(),
      lost: () => lost.inc(),
      counts: (lanes, sketches, sessions) => {
        // Rooms in which nobody has ever been are not in the output: there may be thousands.
        shown ||= sessions > 0 || sketches.some(({ waiting }) => waiting > 0);
        if (!shown) return;
        for (const lane of lanesSeen) if (!lanes.includes(lane)) depth.remove({ room, lane });
        lanesSeen = lanes;
        lanes.forEach((lane, i) => {
          depth.set({ room, lane }, sketches[i]?.waiting ?? 0);
        });
        activeNow.set(sessions);
      },
      pace: (facts, admission, serving) => pace.tick(facts, admission, serving),
      promise: (promise, { outcome, ratio }) => {
        promised.inc({ room, promise, outcome });
        waits.observe({ room, promise }, ratio);
      },
      heard: (event, now) => (event === 'admitted' ? pace.admitted(now) : pace.lapsed(now)),
      forget: () => {
        for (const lane of lanesSeen) depth.remove({ room, lane });
        for (const metric of [active, admissions, claims, lapses, departures, losses, ticks, pacing]) {
          metric.remove({ room });
        }
        lanesSeen = [];
        shown = false;
      },
    };
  };
}

function watchOutflow(registry: Registry, rooms: () => readonly LiveRoom[]): void {
  new Gauge({
    name: `${p}outflow_per_second`,
    help: 'Admissions a second, measured over the last minute over all gateways, by room',
    labelNames: ['room'],
    registers: [registry],
    collect() {
      this.reset();
      for (const room of rooms()) {
        const measured = room.outflow.perSecond(room.cursor.now());
        if (measured !== undefined) this.set({ room: room.name }, measured);
      }
    },
  });
}

function watchConnections(registry: Registry, server: () => Watched['server'] | undefined): void {
  const gauge = (name: string, help: string, read: (from: Watched['server']) => number): void => {
    new Gauge({
      name: `${p}${name}`,
      help,
      registers: [registry],
      collect() {
        const from = server();
        this.set(from === undefined ? 0 : read(from));
      },
    });
  };
  gauge('open_sockets', 'Open WebSockets', (from) => from.sockets);
  gauge('open_connections', 'Open client connections, sockets among them', (from) => from.connections);
  gauge('max_connections', 'Connections beyond which new ones are refused', (from) => from.maxConnections);
  gauge('requests_in_flight', 'Requests whose answer is not complete', (from) => from.inFlight);
  new Counter({
    name: `${p}connections_refused_total`,
    help: 'Connections turned away at the limit',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(server()?.refused ?? 0);
    },
  });
}
