/** What the VM that keeps no rules says to agents: genuine messages of their protocols, from somebody who may not say them. */
import { addressBytes, parseIpv4, parseMac } from '../../../broker/base/index.ts';
import { DOMID_ANY } from '../../../broker/wire/index.ts';
import { CAPTURE_PORT, Code, encodeCode, MIXER_PORT, PLAYBACK_PORT } from '../../../clients/agents/audio/codes.ts';
import { encodeCommand } from '../../../clients/agents/audio/mixer/mixer-messages.ts';
import { FRAME_BYTES } from '../../../clients/agents/audio/pcm/pcm.ts';
import { BOOTREPLY, BOOTREQUEST, MessageType, Option } from '../../../clients/agents/network/dhcp/constants.ts';
import { encodeDhcp, ethernetMessage, u32Option } from '../../../clients/agents/network/dhcp/message.ts';
import {
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  ETHERNET_PORT,
  ROUTE_PORT,
} from '../../../clients/agents/network/limits.ts';
import { encodeRoutes } from '../../../clients/agents/network/routes/message.ts';
import { parsePrefix } from '../../../clients/agents/network/routes/prefix.ts';
import { encodeStream, StreamType } from '../../../clients/agents/network/stream/message.ts';
import type { Random } from '../../support/random.ts';
import type { Hostile } from '../actors/hostile.ts';
import type { AgentSet } from '../system.ts';
import type { Member } from '../topology.ts';
import { frameOf } from './frames.ts';
import { POOL, ROUTED } from './inventory.ts';
import { REPLY_PORT, STREAM_PORT } from './streams.ts';

type Say = (to: Member, port: number, payload: Uint8Array) => void;
type Attack = (agents: AgentSet, random: Random, self: Member, say: Say) => void;

const MAX_DHCP_BYTES = 548;

const ATTACKS: Readonly<Record<string, Attack>> = {
  'plays, and asks for the microphone': ({ audio }, _random, self, say) => {
    say(audio.member, PLAYBACK_PORT, new Uint8Array(FRAME_BYTES).fill(self.domid));
    say(audio.member, CAPTURE_PORT, Uint8Array.from(encodeCode(Code.sourceStart)));
  },
  'announces a route through the router': ({ net, apps }, random, _self, say) => {
    const prefix = parsePrefix(ROUTED[0]);
    if (prefix === null) return;
    const gateway4 = addressBytes(net.member.agent?.ipv4 ?? '', 4);
    const operation = random.oneIn(2) ? 'announce-default' : 'withdraw';
    const routes = operation === 'withdraw' ? [] : [{ prefix, metric: 0 }];
    const bytes = encodeRoutes({ operation, generation: 1, gateway4, gateway6: null, routes });
    say(random.pick(apps).member, ROUTE_PORT, bytes);
  },
  'gives out an address': ({ apps }, random, _self, say) => {
    const { member } = random.pick(apps);
    say(member, DHCP_CLIENT_PORT, dhcpOf(member, BOOTREPLY, MessageType.ack, random));
  },
  'releases and asks for the address of another': ({ net, apps }, random, self, say) => {
    const { member } = random.oneIn(3) ? { member: self } : random.pick(apps);
    const type = random.pick([MessageType.request, MessageType.release, MessageType.decline]);
    say(net.member, DHCP_SERVER_PORT, dhcpOf(member, BOOTREQUEST, type, random));
  },
  'sends a frame with the address of another': ({ net, apps }, random, self, say) => {
    const mac = random.pick(apps).addresses.mac;
    const ipv4 = random.oneIn(2) ? null : '10.9.0.3';
    say(net.member, ETHERNET_PORT, frameOf(self.domid, 0, { mac, ipv4 }, null));
  },
};

const PROXY_ATTACKS: Readonly<Record<string, Attack>> = {
  'speaks in the streams of others': ({ net, apps }, random, _self, say) => {
    const { member } = random.oneIn(2) ? net : random.pick(apps);
    const port = member === net.member ? STREAM_PORT : REPLY_PORT;
    const type = 1 + random.below(StreamType.reset);
    const bytes = type === StreamType.data ? new Uint8Array(1 + random.below(64)).fill(0xee) : new Uint8Array(0);
    const header = encodeStream(type, 1 + random.below(4), random.below(3) * 8);
    say(member, port, Buffer.concat([header, bytes]));
  },
  'mutes another': ({ audio, apps }, random, _self, say) => {
    const { domid } = random.pick(apps).member;
    say(audio.member, MIXER_PORT, encodeCommand({ kind: 'mute', domid, isMuted: random.oneIn(2) }));
  },
};

export const AGENT_ATTACK_NAMES: readonly string[] = Object.keys(ATTACKS);
export const PROXY_ATTACK_NAMES: readonly string[] = Object.keys(PROXY_ATTACKS);

export function attackAgents(name: string, hostile: Hostile, agents: AgentSet, random: Random): void {
  const say: Say = (to, port, payload) => hostile.write(hostile.seal(hostile.message(to, port, payload, DOMID_ANY)));
  (ATTACKS[name] ?? PROXY_ATTACKS[name])?.(agents, random, hostile.member, say);
}

function dhcpOf({ agent }: Member, op: number, type: number, random: Random): Uint8Array {
  const address = (parseIpv4(POOL.from) ?? 0) + random.below(3);
  const options = new Map<number, Uint8Array>([
    [Option.messageType, Uint8Array.of(type)],
    [Option.requestedAddress, u32Option(address)],
  ]);
  const chaddr = parseMac(agent?.mac ?? '') ?? new Uint8Array(6);
  const ciaddr = type === MessageType.release ? address : 0;
  const yiaddr = op === BOOTREPLY ? address : 0;
  return encodeDhcp(ethernetMessage({ op, xid: random.below(8), chaddr, options, ciaddr, yiaddr }), MAX_DHCP_BYTES);
}
