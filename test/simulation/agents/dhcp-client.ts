/** A DHCP client, as small as one can be: it asks until it has an address, and gives it back when it is told to. */
import { parseMac } from '../../../broker/base/index.ts';
import { BOOTREQUEST, MessageType, Option } from '../../../clients/agents/network/dhcp/constants.ts';
import {
  addressOption,
  decodeDhcp,
  encodeDhcp,
  ethernetMessage,
  messageTypeOf,
  u32Option,
} from '../../../clients/agents/network/dhcp/message.ts';
import { dhcpFrame, dhcpOf } from '../../../clients/agents/network/link/dhcp-frame.ts';
import type { Process } from '../engine/process.ts';

const ASK_AGAIN_MS = 2_000;
const MAX_BYTES = 548;

export interface DhcpClientEvents {
  readonly leased: (ipv4: number) => void;
  readonly released: (ipv4: number) => void;
}

export class DhcpClient {
  readonly #process: Process;
  readonly #chaddr: Uint8Array;
  readonly #send: (frame: Uint8Array) => void;
  readonly #events: DhcpClientEvents;
  #xid = 0;
  #wish: number | null = null;
  #isAsking = false;
  #cancel = (): void => {};
  address: number | null = null;

  constructor(process: Process, mac: string, send: (frame: Uint8Array) => void, events: DhcpClientEvents) {
    this.#process = process;
    this.#chaddr = parseMac(mac) ?? new Uint8Array(6);
    this.#send = send;
    this.#events = events;
  }

  /** DISCOVER, until it has an address. */
  ask(wish: number | null): void {
    this.#wish = wish;
    this.#isAsking = true;
    this.address = null;
    this.#xid++;
    const options = new Map<number, Uint8Array>([[Option.messageType, Uint8Array.of(MessageType.discover)]]);
    if (wish !== null) options.set(Option.requestedAddress, u32Option(wish));
    this.#say(options, 0);
    this.#cancel();
    this.#cancel = this.#process.schedule(ASK_AGAIN_MS, 'asks again for an address', () => {
      if (this.#isAsking) this.ask(this.#wish);
    });
  }

  /** INIT-REBOOT: it says that it had this address, which may never have been so. */
  remember(ipv4: number): void {
    this.#xid++;
    this.#say(
      new Map<number, Uint8Array>([
        [Option.messageType, Uint8Array.of(MessageType.request)],
        [Option.requestedAddress, u32Option(ipv4)],
      ]),
      0,
    );
  }

  release(server: number): void {
    const { address } = this;
    if (address === null) return;
    this.address = null;
    this.#events.released(address);
    this.#say(
      new Map<number, Uint8Array>([
        [Option.messageType, Uint8Array.of(MessageType.release)],
        [Option.serverIdentifier, u32Option(server)],
      ]),
      address,
    );
  }

  /** A frame that has arrived; those of others are not looked at. */
  take(frame: Uint8Array): void {
    const message = decodeDhcp(dhcpOf(frame)?.message ?? new Uint8Array(0));
    if (message === null || message.xid !== this.#xid) return;
    const type = messageTypeOf(message);
    if (type === MessageType.offer && this.#isAsking) {
      this.#say(
        new Map<number, Uint8Array>([
          [Option.messageType, Uint8Array.of(MessageType.request)],
          [Option.requestedAddress, u32Option(message.yiaddr)],
          [Option.serverIdentifier, u32Option(addressOption(message, Option.serverIdentifier) ?? 0)],
        ]),
        0,
      );
    } else if (type === MessageType.ack) {
      this.#isAsking = false;
      this.address = message.yiaddr;
      this.#events.leased(message.yiaddr);
    }
  }

  #say(options: Map<number, Uint8Array>, ciaddr: number): void {
    const message = ethernetMessage({ op: BOOTREQUEST, xid: this.#xid, chaddr: this.#chaddr, options, ciaddr });
    const destination = new Uint8Array(6).fill(0xff);
    this.#send(
      dhcpFrame({
        destination,
        source: this.#chaddr,
        from: ciaddr,
        to: null,
        toPort: 67,
        message: encodeDhcp(message, MAX_BYTES),
      }),
    );
  }
}
