/** What can happen to agents in a step, next to what can happen to guests. */
import { parseIpv4 } from '../../../broker/base/index.ts';
import type { Random } from '../../support/random.ts';
import { type Choice, onGuest, pickHome, type Step } from '../step.ts';
import type { AgentSet, System } from '../system.ts';
import { GRANTABLE } from '../topology.ts';
import type { AppVm } from './app-vm.ts';
import { AGENT_ATTACK_NAMES, attackAgents, PROXY_ATTACK_NAMES } from './attacks.ts';
import { POOL, ROUTED } from './inventory.ts';

export const AGENT_CHOICES: readonly Choice[] = [
  [14, play],
  [8, listen],
  [4, grantMicrophone],
  [2, revokeMicrophone],
  [6, changeRoutes],
  [1, breakTables],
  [6, askForAddress],
  [2, releaseAddress],
  [6, sendFrame],
  [1, busyCards],
  [2, restartSound],
  [3, killService],
  [2, stopService],
  [3, passSeconds],
  [5, attack],
];

/** Where there are stream proxies and a mixer. */
export const PROXY_CHOICES: readonly Choice[] = [
  [14, openStream],
  [4, endProgram],
  [3, slowPrograms],
  [8, mute],
  [4, attackProxies],
];

function agentsOf({ agents }: System): AgentSet {
  if (agents === null) throw new Error('a run without agents');
  return agents;
}

function pickApp(random: Random, system: System): AppVm {
  return random.pick(agentsOf(system).apps);
}

function play(random: Random, system: System): Step {
  const app = pickApp(random, system);
  const frames = 1 + random.below(random.oneIn(4) ? 20 : 4);
  return { label: `${app.name} plays ${frames} frames`, run: () => app.play(frames) };
}

function listen(random: Random, system: System): Step {
  const app = pickApp(random, system);
  const isListening = random.below(4) > 0;
  return { label: `${app.name} ${isListening ? 'listens' : 'listens no more'}`, run: () => app.listen(isListening) };
}

function grantMicrophone(random: Random, system: System): Step {
  const app = pickApp(random, system);
  const forMs = random.oneIn(2) ? null : 1 + random.below(2_000);
  const request = { domain: app.name, label: GRANTABLE, forMs, by: 'operator', reason: '', keep: false };
  return {
    label: `${app.name} is granted the microphone`,
    run: () => {
      for (const { broker } of system.homes) void broker?.grants.add(request);
    },
  };
}

function revokeMicrophone(random: Random, system: System): Step {
  const app = pickApp(random, system);
  const home = pickHome(random, system);
  const request = { domain: app.name, label: GRANTABLE, by: 'operator', reason: '' };
  return {
    label: `${app.name} loses the microphone at ${home.name}`,
    run: () => void home.broker?.grants.revoke(request),
  };
}

function changeRoutes(random: Random, system: System): Step {
  const prefix = random.pick(ROUTED);
  const isThere = random.below(3) > 0;
  const { net } = agentsOf(system);
  return {
    label: `the route to ${prefix} ${isThere ? 'is there' : 'goes'}`,
    run: () => net.table.set(prefix, isThere),
  };
}

function breakTables(random: Random, system: System): Step {
  const failOneIn = random.pick([0, 2, 8]);
  const missOneIn = random.pick([0, 2]);
  const { net, apps } = agentsOf(system);
  return {
    label: `ip fails once in ${failOneIn}, and its monitor misses one in ${missOneIn}`,
    run: () => {
      for (const { table } of [net, ...apps]) Object.assign(table, { failOneIn, missOneIn });
    },
  };
}

function askForAddress(random: Random, system: System): Step {
  const app = pickApp(random, system);
  const wish = random.oneIn(2) ? null : (parseIpv4(POOL.from) ?? 0) + random.below(3);
  const isRemembered = wish !== null && random.oneIn(2);
  return {
    label: `${app.name} ${isRemembered ? 'remembers' : 'asks for'} an address`,
    run: () => {
      if (isRemembered && wish !== null) app.client?.remember(wish);
      else app.client?.ask(wish);
    },
  };
}

function releaseAddress(random: Random, system: System): Step {
  const app = pickApp(random, system);
  return { label: `${app.name} releases its address`, run: () => app.release() };
}

/** With its own addresses, or with those of another. */
function sendFrame(random: Random, system: System): Step {
  const { net, apps } = agentsOf(system);
  const sender = random.pick([net, ...apps]);
  const victim = random.oneIn(2) ? sender : random.pick([net, ...apps]);
  const isArp = random.oneIn(2);
  const { mac } = (random.oneIn(2) ? sender : victim).member.agent ?? { mac: '' };
  const ipv4 = victim.member.agent?.ipv4 ?? null;
  const to = random.oneIn(2) ? null : random.pick(apps).member;
  return {
    label: `${sender.name} sends a frame as ${victim.name}`,
    run: () => {
      const claim = { mac, ipv4: isArp ? ipv4 : null };
      if (sender === net) net.sendFrame(claim, to);
      else (sender as AppVm).sendFrame(claim);
    },
  };
}

function busyCards(_random: Random, system: System): Step {
  const { net, apps } = agentsOf(system);
  return {
    label: 'the cards are busy',
    run: () => {
      for (const each of [net, ...apps]) each.beBusy();
    },
  };
}

function restartSound(_random: Random, system: System): Step {
  return { label: 'the sound server is started again', run: () => agentsOf(system).audio.sound?.restart() };
}

function openStream(random: Random, system: System): Step {
  const app = pickApp(random, system);
  const bytes = random.below(random.pick([2, 1_000, 60_000, 400_000]));
  const pieces = 1 + random.below(6);
  return { label: `${app.name} opens a stream for ${bytes} bytes`, run: () => void app.asker?.ask(bytes, pieces) };
}

function endProgram(random: Random, system: System): Step {
  const { net } = agentsOf(system);
  const { asker, name } = pickApp(random, system);
  const isApp = random.oneIn(2);
  return {
    label: `a program of ${isApp ? name : net.name} dies`,
    run: () => (isApp ? asker?.programs : net.programs)?.dieOne(random),
  };
}

function slowPrograms(random: Random, system: System): Step {
  const { net, apps } = agentsOf(system);
  const delayMs = random.pick([0, 20, 500]);
  return {
    label: `programs take ${delayMs} ms`,
    run: () => {
      for (const programs of [net.programs, ...apps.map(({ asker }) => asker?.programs)]) programs?.slow(delayMs);
    },
  };
}

function mute(random: Random, system: System): Step {
  const { apps } = agentsOf(system);
  const of = random.pick(apps).name;
  const isMuted = random.oneIn(2);
  return {
    label: `${of} shall be ${isMuted ? 'mute' : 'heard'}`,
    run: () => {
      for (const { mixing } of apps) mixing?.mute(of, isMuted);
    },
  };
}

function attackProxies(random: Random, system: System): Step {
  const { hostile } = system;
  const name = random.pick(PROXY_ATTACK_NAMES);
  return {
    label: `${hostile?.member.name ?? 'nobody'} ${name}`,
    run: () => {
      if (hostile?.isConnected !== true) hostile?.connect();
      else if (hostile.state.halfRecordBytes === null) attackAgents(name, hostile, agentsOf(system), random);
    },
  };
}

/** The AudioVM or the router: apps are killed as guests are. */
function killService(random: Random, { guests }: System): Step {
  const guest = random.pick(guests.slice(0, 2));
  return onGuest(guest, 'is killed, and starts again', () => {
    guest.kill();
    guest.start();
  });
}

function stopService(random: Random, { guests }: System): Step {
  return onGuest(random.pick(guests.slice(0, 2)), 'stops', (guest) => guest.stop());
}

/** Without a hostile VM the step is a pause. */
function attack(random: Random, system: System): Step {
  const { hostile } = system;
  const name = random.pick(AGENT_ATTACK_NAMES);
  return {
    label: `${hostile?.member.name ?? 'nobody'} ${name}`,
    run: () => {
      if (hostile?.isConnected !== true) hostile?.connect();
      else if (hostile.state.halfRecordBytes === null) attackAgents(name, hostile, agentsOf(system), random);
    },
  };
}

function passSeconds(random: Random, system: System): Step {
  const milliseconds = random.pick([1_000, 12_000, 50_000]);
  return { label: `${milliseconds} ms pass`, run: () => system.pass(milliseconds) };
}
