/** A VM whose peer returns every message: both ends of a stream or a request in one process. */
import { type DataFrame, encodeDataFrame, Op } from '../../../broker/wire/index.ts';
import type { ConnectOptions } from '../../../clients/sdk/options.ts';
import type { Vm } from '../../../clients/sdk/vm.ts';
import { BrokerDouble, PEER_DOMID, PEER_NAME } from './broker-double.ts';

export const OTHER_DOMID = 43;

export class Loopback {
  readonly broker: BrokerDouble;
  readonly vm: Vm;
  /** Returns false for a message that is accepted but not delivered. */
  passes: (frame: DataFrame) => boolean = () => true;
  /** The apparent sender. */
  source = PEER_DOMID;

  private constructor(broker: BrokerDouble, vm: Vm) {
    this.broker = broker;
    this.vm = vm;
    void this.#pump();
  }

  static async start(options: Partial<ConnectOptions> = {}): Promise<Loopback> {
    const broker = await BrokerDouble.start();
    const vm = await broker.connect(options);
    broker.session.say(
      { op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] },
      { op: Op.introduce, domid: OTHER_DOMID, name: 'other-vm', labels: [] },
    );
    return new Loopback(broker, vm);
  }

  async #pump(): Promise<void> {
    const { session } = this.broker;
    for (let taken = 0; ; ) {
      await session.until(Op.sendv, taken + 1);
      const sends = session.sends().slice(taken);
      taken += sends.length;
      for (const frame of sends) if (this.passes(frame)) session.sayBytes(this.#delivery(frame));
      session.say({ op: Op.ack, through: sends.at(-1)?.id ?? 0 });
    }
  }

  #delivery(frame: DataFrame): Uint8Array {
    const bytes = new Uint8Array(28 + frame.payload.length);
    const id = 100 + frame.destinationPort;
    encodeDataFrame(new DataView(bytes.buffer), 0, { ...frame, op: Op.deliver, flags: 0, id, source: this.source });
    return bytes;
  }
}
