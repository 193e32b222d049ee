/** The agents of a topology, each with the member that it runs in. */
import type { Random } from '../../support/random.ts';
import type { AgentSet } from '../system.ts';
import type { Member } from '../topology.ts';
import type { Witness } from '../witness.ts';
import { AppVm } from './app-vm.ts';
import { AudioVm } from './audio-vm.ts';
import type { GuestAgent } from './guest-agent.ts';
import type { Agent } from './inventory.ts';
import { NetVm } from './net-vm.ts';

export interface CreatedAgents {
  readonly set: AgentSet;
  of(member: Member): GuestAgent | null;
}

export function createAgents(
  members: readonly Member[],
  witness: Witness,
  randomOf: (index: number) => Random,
  hasProxies: boolean,
): CreatedAgents {
  const [audioMember, netMember, ...appMembers] = members;
  if (audioMember === undefined || netMember === undefined) throw new Error('no AudioVM or no router');
  const audio = new AudioVm(audioMember, agentOf(audioMember), witness);
  const net = new NetVm(netMember, agentOf(netMember), witness, randomOf(0), appMembers, hasProxies);
  const apps = appMembers.map(
    (member, index) => new AppVm(member, agentOf(member), witness, randomOf(1 + index), hasProxies),
  );
  const all: readonly GuestAgent[] = [audio, net, ...apps];
  return { set: { audio, net, apps }, of: (member) => all.find((each) => each.member === member) ?? null };
}

function agentOf({ name, agent }: Member): Agent {
  if (agent === null) throw new Error(`${name} has no agent`);
  return agent;
}
