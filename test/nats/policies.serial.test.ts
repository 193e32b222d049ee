/** Policies over a real NATS server: two brokers, an admin, and a server that is lost, empty, or rolled back. */
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeClock } from '../../broker/base/index.ts';
import { loadNatsEnd, NatsCarrierError, openBucket, parseNatsAddress } from '../../broker/carrier/index.ts';
import type { Broker } from '../../broker/index.ts';
import { lagInBucket } from '../../clients/cli/commands/running/cluster-bucket.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { loadIdentity } from '../../keys/index.ts';
import { encodeBundle, makeBundle, readPolicyFiles, signBundle } from '../../policy/index.ts';
import { codeOfRun, runCommand } from '../policy/run-policy.ts';
import { NatsInstallation } from '../support/nats/installation.ts';
import { needs } from '../support/needs.ts';

const withNats = needs('nats-server', 'nats-server');
const MEMBERS = [
  { name: 'a', home: 'one' },
  { name: 'b', home: 'two' },
];

const policies = suite('policies over a NATS server');

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Version in force, and why the bundle of the bucket is not. */
function stateOf(broker: Broker): readonly [number | undefined, string | undefined] {
  const { bundle, refusal } = broker.status().policy;
  return [bundle?.version, refusal?.code];
}

const stands = (broker: Broker, version: number, code?: string) => (): boolean => {
  const [present, refusal] = stateOf(broker);
  return present === version && refusal === code;
};

class Site {
  readonly installation: NatsInstallation;
  readonly admin: string;

  constructor(installation: NatsInstallation) {
    this.installation = installation;
    this.admin = installation.path('alice');
  }

  /** A signed bundle of the policy directory, each with another comment. */
  async bundle(version: number): Promise<string> {
    const policy = this.installation.path('policy');
    appendFileSync(join(policy, 'policy.csv'), `# ${version}\n`);
    const issuedAt = Math.floor(Date.now() / 1_000);
    const made = makeBundle(await readPolicyFiles(policy), { version, issuedAt, expiresAt: issuedAt + 3_600 });
    const path = this.installation.path(`${version}.bundle`);
    writeFileSync(path, encodeBundle(await signBundle(made, 'policy', await loadIdentity(this.admin))));
    return path;
  }

  async argus(...words: readonly string[]) {
    return runCommand(await argusProgram(words[0]), words);
  }

  async publish(bundle: string): Promise<void> {
    const { address } = this.installation;
    const { error } = await this.argus('policy', 'publish', bundle, '--nats', address, '--identity', this.admin);
    assert.is(error, null, String(error));
  }

  async broker(name: string): Promise<Broker> {
    const { thumbprint } = await loadIdentity(this.admin);
    return this.installation.startBroker(name, { source: 'nats', keys: [thumbprint] });
  }

  lag() {
    return lagInBucket(this.installation.address, this.admin);
  }

  /** The code that the server's refusal has, for a line with this broker's nkey. */
  async refused(name: string, key: string): Promise<string> {
    const end = await loadNatsEnd(parseNatsAddress(this.installation.address), this.installation.path(name));
    const nothing = (): void => undefined;
    const bucket = await openBucket(end, { role: 'broker', name }, nodeClock, {
      onPublished: nothing,
      onClosed: nothing,
    });
    try {
      await bucket.write(key, Buffer.from('x'));
      return 'none';
    } catch (error) {
      return error instanceof NatsCarrierError ? error.code : String(error);
    } finally {
      bucket.close();
    }
  }
}

withNats(
  policies,
  'all brokers take the same bundle, keep it whatever becomes of the server, and say who lags',
  async () => {
    const installation = await NatsInstallation.set({ bundles: true });
    const site = new Site(installation);
    try {
      await installation.enrol(MEMBERS, ['one', 'two']);
      await installation.startServer();
      const [first, second] = [await site.bundle(1), await site.bundle(2)];
      await site.publish(first);
      const [one, two] = [await site.broker('one'), await site.broker('two')];
      assert.equal(
        [stateOf(one), stateOf(two)],
        [
          [1, undefined],
          [1, undefined],
        ],
      );

      await site.publish(second);
      await until(() => stands(one, 2)() && stands(two, 2)());
      await until(async () => (await site.lag()).isEven);
      assert.is(one.status().policy.hash, two.status().policy.hash);
      const older = await site.argus(
        ...['policy', 'publish', first, '--nats', installation.address, '--identity', site.admin],
      );
      assert.is(codeOfRun(older), 'ERR_POLICY_BUNDLE_OLD');

      assert.is(await site.refused('one', 'head'), 'ERR_NATS_DENIED', 'a broker writes no bundle');
      assert.is(await site.refused('one', 'piece.a.0'), 'ERR_NATS_DENIED');
      assert.is(await site.refused('one', 'status.two'), 'ERR_NATS_DENIED', 'nor the row of another broker');
      assert.is(await site.refused('one', 'status.one'), 'none');

      await two.close();
      await installation.stopServer();
      await until(stands(one, 2, 'ERR_POLICY_BUCKET'));
      const again = await site.broker('two');
      assert.equal(stateOf(again), [2, 'ERR_POLICY_BUCKET'], 'a start without the server');

      rmSync(join(installation.server.path, 'jetstream'), { recursive: true });
      await installation.startServer();
      const empty = await site.lag();
      assert.equal([empty.isEven, empty.bucket.bundle], [false, null]);
      // An admin could be made to do this by a server that hides what it holds.
      await site.publish(first);
      await until(() => stands(one, 2, 'ERR_POLICY_BUNDLE_OLD')() && stands(again, 2, 'ERR_POLICY_BUNDLE_OLD')());
      await until(async () => {
        const { newest, notes, brokers } = await site.lag();
        return newest === 2 && notes.length === 1 && brokers.every(({ state }) => state === 'refuses');
      });
      await site.publish(second);
      await until(() => stands(one, 2)() && stands(again, 2)());
      await until(async () => (await site.lag()).isEven);
    } finally {
      await installation.strike();
    }
  },
);

policies.run();
