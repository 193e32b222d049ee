/** What can happen in a step, and how often: what guests do, what the operator does, and what goes wrong. */
import type { Random } from '../support/random.ts';
import { ATTACK_NAMES } from './actors/hostile.ts';
import { AGENT_CHOICES, PROXY_CHOICES } from './agents/steps.ts';
import { NatsLine, NO_FAULTS } from './engine/nats.ts';
import { type Choice, onGuest, pickHome, type Step } from './step.ts';
import type { System } from './system.ts';
import { GRANTABLE, SERVICES } from './topology.ts';

const RING_BYTES = [48, 256, 1_024, 16_384] as const;

const CHOICES: readonly Choice[] = [
  [30, sendBurst],
  [8, registerRing],
  [2, unregisterRing],
  [3, reloadPolicy],
  [2, grant],
  [2, revoke],
  [2, killGuest],
  [1, stopGuest],
  [4, startGuests],
  [1, killBroker],
  [3, startBroker],
  [2, cutLine],
  [2, holdLine],
  [3, releaseLine],
  [2, slowLine],
  [1, stopReading],
  [2, readAgain],
  [1, fillDisk],
  [1, failSync],
  [3, mendDisk],
  [1, setClock],
  [1, restartNats],
  [1, breakNats],
  [1, floodNats],
  [2, mendNats],
  [10, attack],
  [1, revokeKey],
  [2, renewKeys],
  [1, pauseLong],
];
/** Where there are several brokers. */
const BETWEEN_BROKERS: readonly Choice[] = [
  [3, partBroker],
  [4, joinBrokers],
  [1, slowBroker],
  [1, floodBrokers],
];

export function chooseStep(random: Random, system: System): Step {
  const choices = [
    ...CHOICES,
    ...(system.homes.length > 1 ? BETWEEN_BROKERS : []),
    ...(system.agents === null ? [] : AGENT_CHOICES),
    ...(system.agents?.net.programs == null ? [] : PROXY_CHOICES),
  ];
  let left = random.below(choices.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, draw] of choices) {
    left -= weight;
    if (left < 0) return draw(random, system);
  }
  throw new Error('the weights of the steps do not add up');
}

// What guests do

function sendBurst(random: Random, { guests, hostile }: System): Step {
  const from = random.pick(guests);
  const count = 1 + random.below(random.oneIn(4) ? 40 : 4);
  const deadlineMs = random.oneIn(2) ? null : random.pick([50, 500, 5_000]);
  const to = hostile !== null && random.oneIn(8) ? hostile.member : random.pick(guests).member;
  const { port, unitBytes } = random.pick(SERVICES);
  const length = random.below(random.pick([2, 64, 1_000])) * (random.oneIn(16) ? 1 : unitBytes);
  const payload = random.bytes(length);
  return {
    label: `${from.name} sends ${count} times to ${to.name}:${port}`,
    run: () => {
      for (let left = count; left > 0; left--) from.send({ to, port, payload, deadlineMs });
    },
  };
}

function registerRing(random: Random, { guests }: System): Step {
  const guest = random.pick(guests);
  const { port } = random.pick(SERVICES);
  const partner = random.oneIn(3) ? random.pick(guests).member : 'any';
  const length = random.pick(RING_BYTES);
  return {
    label: `${guest.name} registers ${port} for ${partner === 'any' ? 'any' : partner.name}, ${length} bytes`,
    run: () => guest.register(port, partner, length),
  };
}

function unregisterRing(random: Random, { guests }: System): Step {
  const guest = random.pick(guests);
  const place = random.below(4);
  return {
    label: `${guest.name} unregisters a ring`,
    run: () => {
      const key = [...guest.rings.keys()][place];
      if (key !== undefined) guest.unregister(key);
    },
  };
}

function killGuest(random: Random, { guests }: System): Step {
  return onGuest(random.pick(guests), 'is killed', (guest) => guest.kill());
}

function stopGuest(random: Random, { guests }: System): Step {
  return onGuest(random.pick(guests), 'stops', (guest) => guest.stop());
}

function stopReading(random: Random, { guests }: System): Step {
  return onGuest(random.pick(guests), 'reads no new ring', (guest) => guest.stopReading());
}

function readAgain(random: Random, { guests }: System): Step {
  return onGuest(random.pick(guests), 'reads', (guest) => guest.read());
}

function startGuests(_random: Random, { guests }: System): Step {
  return {
    label: 'guests start',
    run: () => {
      for (const guest of guests) guest.start();
    },
  };
}

/** A hostile VM does what a run has it do; without one the step is a pause. */
function attack(random: Random, { hostile }: System): Step {
  const name = random.pick(ATTACK_NAMES);
  const restarts = random.oneIn(6);
  return {
    label: `${hostile?.member.name ?? 'nobody'} ${name}`,
    run: () => {
      if (restarts) hostile?.kill();
      if (hostile?.isConnected === true) hostile.attack(name);
      else hostile?.connect();
    },
  };
}

// What the operator does

function revokeKey(random: Random, system: System): Step {
  const guest = random.pick(system.guests);
  return { label: `the key of ${guest.name} is revoked`, run: () => system.revokeKey(guest) };
}

function renewKeys(_random: Random, system: System): Step {
  return { label: 'new keys are brought', run: () => system.renewKeys() };
}

function reloadPolicy(random: Random, system: System): Step {
  const home = pickHome(random, system);
  return {
    label: `a new policy at ${home.name}`,
    run: async () => {
      if (await system.writePolicy(random, home)) void home.broker?.reload.run();
    },
  };
}

function grant(random: Random, system: System): Step {
  const home = pickHome(random, system);
  const { member } = random.pick(system.guests);
  const forMs = random.oneIn(2) ? null : 1 + random.below(500);
  const request = { domain: member.name, label: GRANTABLE, forMs, by: 'operator', reason: '', keep: random.oneIn(4) };
  return { label: `${member.name} is granted`, run: () => void home.broker?.grants.add(request) };
}

function revoke(random: Random, system: System): Step {
  const home = pickHome(random, system);
  const { member } = random.pick(system.guests);
  const request = { domain: member.name, label: GRANTABLE, by: 'operator', reason: '' };
  return { label: `${member.name} is revoked`, run: () => void home.broker?.grants.revoke(request) };
}

function killBroker(random: Random, system: System): Step {
  const home = pickHome(random, system);
  return { label: `${home.name} is killed`, run: () => home.kill() };
}

function startBroker(_random: Random, { homes }: System): Step {
  return {
    label: 'the brokers start',
    run: () => {
      for (const home of homes) home.start();
    },
  };
}

// What goes wrong

function cutLine(random: Random, { guests }: System): Step {
  return onGuest(random.pick(guests), 'loses its connection', ({ line }) => line.cut());
}

function holdLine(random: Random, { guests }: System): Step {
  return onGuest(random.pick(guests), 'is cut off', ({ line }) => line.hold(true));
}

function releaseLine(_random: Random, { guests }: System): Step {
  return {
    label: 'all lines are back',
    run: () => {
      for (const { line } of guests) line.hold(false);
    },
  };
}

function slowLine(random: Random, { guests }: System): Step {
  const state = {
    minDelayMs: random.below(3),
    maxDelayMs: 2 + random.below(200),
    highWaterBytes: random.pick([64, 4_096, 262_144]),
    splitOneIn: random.pick([1, 4, 64]),
  };
  return onGuest(random.pick(guests), 'has a slow line', ({ line }) => void Object.assign(line.state, state));
}

function restartNats(_random: Random, { nats }: System): Step {
  return { label: 'the NATS server is started again', run: () => nats.restart() };
}

function breakNats(random: Random, { nats }: System): Step {
  const faults = {
    lostOneIn: random.pick([0, 0, 20]),
    repeatedOneIn: random.pick([0, 4]),
    overtakenOneIn: random.pick([0, 0, 10]),
  };
  return { label: `the NATS server: ${JSON.stringify(faults)}`, run: () => void Object.assign(nats, { faults }) };
}

/** A domain over the NATS server says rubbish in many small messages. Its pipe ends, and its session with it. */
function floodNats(random: Random, { guests }: System): Step {
  const pieces = random.pick([100, 4_000]);
  return onGuest(random.pick(guests), `says ${pieces} pieces of one byte`, ({ line }) => {
    if (line instanceof NatsLine) line.flood(pieces);
  });
}

function mendNats(_random: Random, { nats }: System): Step {
  return { label: 'the NATS server works', run: () => void Object.assign(nats, { faults: { ...NO_FAULTS } }) };
}

/** The connections of a broker to the NATS server stand still, and with them its sessions with other brokers. */
function partBroker(random: Random, system: System): Step {
  const home = pickHome(random, system);
  return { label: `${home.name} is cut off from the others`, run: () => system.holdBroker(home, true) };
}

function joinBrokers(_random: Random, system: System): Step {
  return {
    label: 'all brokers reach the others',
    run: () => {
      for (const home of system.homes) system.holdBroker(home, false);
    },
  };
}

function slowBroker(random: Random, system: System): Step {
  const home = pickHome(random, system);
  const state = { minDelayMs: random.below(3), maxDelayMs: 2 + random.below(400) };
  return { label: `${home.name} has a slow line`, run: () => void Object.assign(home.machine.serverLine, state) };
}

/** A broker that was taken over says to all others, again and again, that a domain of its has no session. */
function floodBrokers(random: Random, system: System): Step {
  const home = pickHome(random, system);
  const frames = random.pick([300, 8_000]);
  return {
    label: `${home.name} says ${frames} frames to the others`,
    run: () => {
      const { broker } = home;
      const [idle] = [...(broker?.argo.domains() ?? [])].filter(
        (state) => state.remote === null && state.sink === null,
      );
      for (let left = idle === undefined ? 0 : frames; left > 0; left--)
        if (idle !== undefined) broker?.federation.tell(idle);
    },
  };
}

function fillDisk(random: Random, system: System): Step {
  const { disk } = pickHome(random, system);
  const roomBytes = random.below(2_000);
  return { label: `the disk takes ${roomBytes} bytes`, run: () => void Object.assign(disk, { roomBytes }) };
}

function failSync(random: Random, system: System): Step {
  const { disk } = pickHome(random, system);
  const fault = random.oneIn(2) ? { isSyncFailing: true } : { isWriteFailing: true };
  return { label: `the disk fails: ${JSON.stringify(fault)}`, run: () => void Object.assign(disk, fault) };
}

function mendDisk(random: Random, system: System): Step {
  const { disk } = pickHome(random, system);
  const healthy = { roomBytes: Number.POSITIVE_INFINITY, isSyncFailing: false, isWriteFailing: false };
  return { label: 'the disk works', run: () => void Object.assign(disk, healthy) };
}

/** An administrator or NTP sets the wall clock; credentials tolerate a minute. */
function setClock(random: Random, { host }: System): Step {
  const wallOffsetMs = random.pick([-50_000, -1_000, 0, 1_000, 50_000]);
  return { label: `the wall clock is ${wallOffsetMs} ms off`, run: () => void Object.assign(host, { wallOffsetMs }) };
}

function pauseLong(random: Random, system: System): Step {
  const milliseconds = random.pick([1_000, 5_000, 30_000]);
  return { label: `${milliseconds} ms pass`, run: () => system.pass(milliseconds) };
}
