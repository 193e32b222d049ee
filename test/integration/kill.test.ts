import * as assert from 'uvu/assert';
import { tailAudit } from '../../broker/audit/index.ts';
import { parseCarrier } from '../../clients/sdk/carriers/carrier-spec.ts';
import { connectOver } from '../../clients/sdk/connect.ts';
import type { Vm } from '../../clients/sdk/index.ts';
import { resolveOptions } from '../../clients/sdk/options.ts';
import { NODE_PLATFORM } from '../../clients/sdk/platform.ts';
import { onEachCarrier } from '../support/installation/carriers.ts';
import { DATA_PORT, type Installation, nextEvent, withInstallation } from '../support/installation/installation.ts';
import { seededRandom } from '../support/seed.ts';

const kill = onEachCarrier('kill -9 of the broker');

/** What the carrier adds is seen in a few: the log and the broker's start are the same. */
const KILLS = { unix: 20, nats: 4 } as const;
/** Outcomes of sends between a start and the next kill, at most. */
const MAX_OUTCOMES = 400;
const BURST = 20;
/** No class claims it, and no row allows it. */
const UNCLASSIFIED_PORT = 5_000;

interface Tally {
  accepted: number;
  denied: number;
  /** The session ended before the answer. */
  unknown: number;
  other: string[];
}

/** Waits as a client does, but in a hundredth of the time: twenty restarts in a row are not what backoff is made for. */
const HASTY = { ...NODE_PLATFORM, random: () => Math.random() / 100 };

async function connectHasty(installation: Installation, domain: string): Promise<Vm> {
  const options = resolveOptions({
    carrier: installation.carrierOf(domain),
    identity: installation.identityOf(domain),
  });
  return installation.keep(await connectOver(parseCarrier(options.carrier), options, HASTY));
}

/** One client's endless traffic, allowed and denied mixed. */
class Traffic {
  readonly vm: Vm;
  readonly domain: string;
  readonly tally: Tally = { accepted: 0, denied: 0, unknown: 0, other: [] };
  readonly #targets: readonly { readonly domain: string | number; readonly port: number }[];
  readonly #onOutcome: () => void;
  #isStopped = false;

  constructor(
    vm: Vm,
    domain: string,
    targets: readonly { readonly domain: string | number; readonly port: number }[],
    onOutcome: () => void,
  ) {
    this.vm = vm;
    this.domain = domain;
    this.#targets = targets;
    this.#onOutcome = onOutcome;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Bursts as long as there is a session, then waits for the next one. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      if (this.vm.state !== 'connected') await nextEvent(this.vm, 'reconnected');
      const burst = Array.from({ length: BURST }, (_, index) => this.#send(index % this.#targets.length));
      await Promise.all(burst);
    }
  }

  async #send(index: number): Promise<void> {
    const to = this.#targets[index];
    if (to === undefined) return;
    try {
      await this.vm.sendv({ to, iov: new Uint8Array(64) });
      this.tally.accepted++;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      if (code === 'EACCES') this.tally.denied++;
      else if (code === 'ECONNRESET') this.tally.unknown++;
      // The receiver has not come back yet, or reads too slowly: an outcome like others, and no denial.
      else if (code !== 'ECONNREFUSED' && code !== 'EAGAIN' && code !== 'EBUSY') this.tally.other.push(code);
    }
    this.#onOutcome();
  }
}

/** Denials in the log by the domain that was denied, counted with what was collapsed into a record. */
async function recordedDenials(installation: Installation): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for await (const { parsed } of tailAudit(installation.audit, { lines: Number.MAX_SAFE_INTEGER })) {
    if (typeof parsed === 'string' || parsed.fields.decision !== 'deny') continue;
    const { src, count } = parsed.fields as { src?: { domain?: string }; count?: number };
    const domain = src?.domain ?? '?';
    counts.set(domain, (counts.get(domain) ?? 0) + (count ?? 1));
  }
  return counts;
}

kill('many times during traffic: the log verifies, no denial lacks its record, clients come back', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const random = seededRandom(9);
    let outcomes = 0;
    let target = Number.POSITIVE_INFINITY;
    let reached: () => void = () => {};
    const onOutcome = (): void => {
      if (++outcomes >= target) reached();
    };

    let broker = await installation.brokerProcess({ watchPolicy: false });
    const mail = await connectHasty(installation, 'mail-vm');
    const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 65_536 });
    const reading = (async () => {
      for await (const _ of ring);
    })();
    const allowed = { domain: 'mail-vm', port: DATA_PORT };
    const denied = { domain: 'mail-vm', port: UNCLASSIFIED_PORT };
    const traffic = [
      new Traffic(await connectHasty(installation, 'chrome-vm'), 'chrome-vm', [allowed, denied, allowed], onOutcome),
      new Traffic(await connectHasty(installation, 'audio-vm'), 'audio-vm', [allowed], onOutcome),
      new Traffic(
        await connectHasty(installation, 'rogue-vm'),
        'rogue-vm',
        [{ domain: 3, port: DATA_PORT }],
        onOutcome,
      ),
    ];
    const vms = [mail, ...traffic.map(({ vm }) => vm)];
    const running = traffic.map((each) => each.run());

    for (let round = 1; round <= KILLS[carrier]; round++) {
      target = outcomes + 1 + random.below(MAX_OUTCOMES);
      await new Promise<void>((resolve) => {
        reached = resolve;
      });
      target = Number.POSITIVE_INFINITY;
      const lost = vms.map((vm) => nextEvent(vm, 'disconnected'));
      const back = vms.map((vm) => nextEvent(vm, 'reconnected'));
      broker.kill();
      assert.equal(await broker.exited, { code: null, signal: 'SIGKILL' });
      // A socket closes with its process. A NATS server does not tell who has gone: the next broker does, on coming.
      if (carrier === 'unix') await Promise.all(lost);
      // Taken before the restart: what a client was told until now must be in what the killed broker left behind.
      const told = traffic.map(({ domain, tally }) => [domain, tally.denied] as const);
      broker = await installation.brokerProcess({ watchPolicy: false });
      await Promise.all([...lost, ...back]);

      const result = await installation.verify();
      assert.ok(result.ok, `round ${round}: ${JSON.stringify(result.problems.slice(0, 3))}`);
      assert.is(result.uncleanShutdowns, round);
      const recorded = await recordedDenials(installation);
      for (const [domain, count] of told) {
        const written = recorded.get(domain) ?? 0;
        assert.ok(written >= count, `round ${round}: ${domain} was denied ${count} times, ${written} are recorded`);
      }
    }

    for (const each of traffic) each.stop();
    await Promise.all(running);
    for (const { domain, tally } of traffic) {
      assert.equal(tally.other, [], domain);
      assert.is(tally.denied > 0, domain !== 'audio-vm', domain);
      assert.is(tally.accepted > 0, domain !== 'rogue-vm', domain);
    }
    assert.ok(
      traffic.some(({ tally }) => tally.unknown > 0),
      'some kill came in the middle of a send',
    );
    await ring.close();
    await reading;
  }),
);

kill.run();
